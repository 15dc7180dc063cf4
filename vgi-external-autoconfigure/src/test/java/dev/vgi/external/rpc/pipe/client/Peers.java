package dev.vgi.external.rpc.pipe.client;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.time.Uninterruptibles;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;

/**
 * The peers of a test, and what they share. Closing it shows that nothing is left.
 */
final class Peers implements AutoCloseable {

	/** Takes so long that only a failing test meets it. */
	static final Duration LONG = Duration.ofSeconds(60);

	final BufferAllocator allocator = new RootAllocator();

	final TransferTimer timer;

	private final List<Thread> threads = new ArrayList<>();

	private final List<AutoCloseable> open = new ArrayList<>();

	Peers() {
		this(TransferTimer.system());
	}

	Peers(TransferTimer timer) {
		this.timer = timer;
	}

	static PeerSettings settings() {
		return new PeerSettings(LONG, LONG, Duration.ofSeconds(10), 1L << 30, ReadLimits.defaults());
	}

	static PeerSettings callTimeout(Duration callTimeout) {
		return new PeerSettings(LONG, callTimeout, Duration.ofSeconds(10), 1L << 30, ReadLimits.defaults());
	}

	/**
	 * Return a worker that is a program.
	 * @param settings timeouts and limits
	 * @param command the program
	 * @return the worker
	 */
	WorkerProcess program(PeerSettings settings, String... command) {
		return new WorkerProcess("model", List.of(command), null, Map.of(), settings, this.allocator, this.timer);
	}

	/**
	 * Return a worker that is {@link FakeService} in a process of its own.
	 * @param settings timeouts and limits
	 * @return the worker
	 */
	WorkerProcess fake(PeerSettings settings) {
		return program(settings, fakeCommand().toArray(String[]::new));
	}

	static List<String> fakeCommand() {
		return List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xshare:auto",
				"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx64m", "--add-opens=java.base/java.nio=ALL-UNNAMED",
				"-cp", System.getProperty("java.class.path"), FakeService.class.getName());
	}

	/**
	 * Serve connections on a socket, one after the other.
	 * @param path the socket
	 * @param service serves one connection, and closes it
	 * @throws IOException if the socket cannot be bound
	 */
	void serve(Path path, Consumer<SocketChannel> service) throws IOException {
		ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
		server.bind(UnixDomainSocketAddress.of(path));
		this.open.add(server);
		Thread thread = new Thread(() -> {
			try {
				while (true) {
					service.accept(server.accept());
				}
			}
			catch (IOException ex) {
				// closed
			}
		});
		thread.start();
		this.threads.add(thread);
	}

	/**
	 * Return a service in this process, behind a socket.
	 * @param settings timeouts and limits
	 * @param directory where the socket is made
	 * @return the service
	 * @throws IOException if the socket cannot be bound
	 */
	UnixPeer unix(PeerSettings settings, Path directory) throws IOException {
		return unix(settings, directory, (socket) -> FakeService.serve(Pipe.of(socket, socket), this.allocator));
	}

	UnixPeer unix(PeerSettings settings, Path directory, Consumer<SocketChannel> service) throws IOException {
		Path path = Files.createTempFile(directory, "s", ".sock");
		Files.delete(path);
		serve(path, service);
		return new UnixPeer(path, settings, this.allocator, this.timer);
	}

	/**
	 * Create a request.
	 * @param method the method
	 * @param values values of the only column
	 * @param metadata further keys and values, one after the other
	 * @return the request; the caller closes it
	 */
	AnnotatedBatch request(String method, int values, String... metadata) {
		BatchMetadata all = BatchMetadata.of(MetadataKeys.METHOD, method).with(MetadataKeys.REQUEST_VERSION, "1");
		for (int i = 0; i < metadata.length; i += 2) {
			all = all.with(metadata[i], metadata[i + 1]);
		}
		BigIntVector vector = new BigIntVector("value", this.allocator);
		for (int i = 0; i < values; i++) {
			vector.setSafe(i, i);
		}
		vector.setValueCount(values);
		return new AnnotatedBatch(VectorSchemaRoot.of(vector), new DictionaryProvider.MapDictionaryProvider(), all);
	}

	/**
	 * Return what this process has open.
	 * @return the number of its files
	 * @throws IOException if it cannot be found out
	 */
	static long files() throws IOException {
		try (var files = Files.list(Path.of("/proc/self/fd"))) {
			return files.count();
		}
	}

	@Override
	public void close() throws Exception {
		for (AutoCloseable each : this.open) {
			each.close();
		}
		this.threads.forEach(Uninterruptibles::join);
		this.timer.close();
		this.allocator.close();
	}

}
