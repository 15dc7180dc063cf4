package dev.vgi.external;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.fetch.ExternalFetcher;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.storage.local.LocalAccessException;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.AllowedUrlValidator;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * A program without Spring Boot, and without any Spring context: the one that
 * docs/plain-java.md shows.
 */
public final class PlainJava {

	private PlainJava() {
	}

	public static void main(String[] args) throws Exception {
		HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
		server.start();
		try {
			run(Path.of(args[0]), server);
		}
		finally {
			server.stop(0);
		}
	}

	private static void run(Path folder, HttpServer server) {
		// [program]
		URI baseUrl = URI.create("http://127.0.0.1:" + server.getAddress().getPort());
		LocalStorage storage = new LocalStorage(LocalStorageSettings.of(folder), () -> baseUrl, Clock.systemUTC());
		server.createContext(LocalStorage.PATH, (exchange) -> serve(storage, exchange));

		TransferBudget budget = new TransferBudget(256L << 20, 64);
		try (BufferAllocator allocator = new RootAllocator();
				SlabPool slabs = new SlabPool(64L << 20, Duration.ofMinutes(1));
				StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null)) {
			// Who sends: stores what is larger than 64 KB and sends a pointer instead.
			ExternalLocationConfig sending = ExternalLocationConfig.defaults()
				.withStorage(storage)
				.withExternalizeThreshold(64 << 10)
				.withCompression(Compression.defaults());
			Externalizer externalizer = new Externalizer(sending, allocator, slabs, budget, TransferThreads.platform(),
					TransferListener.none());

			// Who receives: fetches from the sender's host and from nowhere else.
			UrlValidator policy = AllowedUrlValidator.builder().schemes("http").hosts("127.0.0.1").build();
			ExternalLocationConfig receiving = ExternalLocationConfig.defaults().withUrlValidator(policy);
			LocationResolver resolver = new LocationResolver(receiving,
					new ExternalFetcher(receiving.fetchConfig(), transport, policy, null, budget, slabs),
					TransferListener.none());

			OutputCycle outgoing = externalizer.externalize(OutputCycle.of(numbers(allocator, 100_000)));
			// Here it travels: IpcStreamWriter writes it, IpcStreamReader reads it.
			AnnotatedBatch pointer = outgoing.data();
			System.out.println("sent " + pointer.rowCount() + " rows");
			try (AnnotatedBatch received = resolver.resolve(pointer, allocator, LogSink.discarding())) {
				System.out.println("received " + received.rowCount() + " rows from "
						+ received.metadata().get(MetadataKeys.LOCATION_SOURCE));
			}
		}
		// [program]
	}

	private static AnnotatedBatch numbers(BufferAllocator allocator, int rows) {
		BigIntVector vector = new BigIntVector("n", allocator);
		vector.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			vector.set(i, i);
		}
		vector.setValueCount(rows);
		return AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
	}

	// [server]
	static void serve(LocalStorage storage, HttpExchange exchange) throws IOException {
		String key = exchange.getRequestURI().getPath().substring(LocalStorage.PATH.length() + 1);
		String[] query = String.valueOf(exchange.getRequestURI().getRawQuery()).split("[=&]");
		try (exchange; StoredObject object = storage.read(key, query[1], query[3])) {
			if (object.contentCoding() != null) {
				exchange.getResponseHeaders().set("Content-Encoding", object.contentCoding());
			}
			exchange.sendResponseHeaders(200, object.length());
			try (OutputStream body = exchange.getResponseBody()) {
				Channels.newInputStream(object.channel()).transferTo(body);
			}
		}
		catch (LocalAccessException ex) {
			exchange.sendResponseHeaders(ex.reason().status(), -1);
		}
	}
	// [server]

}
