package dev.vgi.external.rpc.pipe.client;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.rpc.pipe.Pipe;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * A service with good and bad manners, which speaks the protocol in the plainest way: on
 * any pipe, or on the standard streams of a process of its own.
 */
public final class FakeService {

	private static final Schema NO_COLUMNS = new Schema(List.of());

	private final Pipe pipe;

	private final BufferAllocator allocator;

	private final boolean answersQuestions;

	private FakeService(Pipe pipe, BufferAllocator allocator, boolean answersQuestions) {
		this.pipe = pipe;
		this.allocator = allocator;
		this.answersQuestions = answersQuestions;
	}

	/**
	 * Serve the standard streams.
	 * @param args what else the process does: nothing
	 */
	public static void main(String[] args) {
		System.setOut(System.err);
		try (BufferAllocator allocator = new RootAllocator()) {
			serve(Pipe.of(new FileInputStream(FileDescriptor.in), new FileOutputStream(FileDescriptor.out)), allocator);
		}
	}

	/**
	 * Serve a pipe until the end of its input.
	 * @param pipe the pipe; taken over
	 * @param allocator the owner of the memory
	 */
	static void serve(Pipe pipe, BufferAllocator allocator) {
		serve(pipe, allocator, true, () -> {
		});
	}

	/**
	 * Serve a pipe until the end of its input.
	 * @param pipe the pipe; taken over
	 * @param allocator the owner of the memory
	 * @param answersQuestions whether it knows the question for the transport's options
	 * @param pause done before each request is read but the first
	 */
	static void serve(Pipe pipe, BufferAllocator allocator, boolean answersQuestions, Runnable pause) {
		try (pipe) {
			FakeService service = new FakeService(pipe, allocator, answersQuestions);
			while (service.serveOne()) {
				pause.run();
			}
		}
		catch (IOException | UncheckedIOException | CorruptStreamException | InterruptedException ex) {
			// the client is gone
		}
	}

	private IpcStreamReader reader() {
		return this.pipe.reader(Long.MAX_VALUE, this.allocator, ReadOptions.defaults());
	}

	private boolean serveOne() throws IOException, InterruptedException {
		try (IpcStreamReader reader = reader()) {
			if (!reader.nextStream()) {
				return false;
			}
			AnnotatedBatch request = reader.next();
			reader.endStream();
			if (request == null) {
				refuse("no method");
				return true;
			}
			try (request) {
				String method = request.metadata().get(MetadataKeys.METHOD);
				return handle((method != null) ? method : "", request);
			}
		}
	}

	private boolean handle(String method, AnnotatedBatch request) throws IOException, InterruptedException {
		switch (method) {
			case "__transport_options__" -> answer(NO_COLUMNS, this.answersQuestions
					? BatchMetadata.of("vgi_rpc.transport.shm", "false") : error("There is no such method"));
			case "echo" -> {
				try (GatheredStream answer = IpcStreamWriter.gather(request, List.of(), request, List.of())) {
					this.pipe.send(answer);
				}
			}
			case "logs" -> logs(Integer.parseInt(argument(request)), request);
			case "fail" -> refuse("it failed");
			case "fail_opening" -> {
				refuse("it does not open");
				try (IpcStreamReader input = reader()) {
					input.nextStream();
					input.endStream();
				}
			}
			case "produce", "exchange" -> stream(request, Integer.parseInt(argument(request)));
			case "text" -> this.pipe.output()
				.write(ByteBuffer
					.wrap("Traceback: https://a.example/b?X-Amz-Signature=secret\n".getBytes(StandardCharsets.UTF_8)));
			case "twice" -> {
				for (int i = 0; i < 2; i++) {
					answer(NO_COLUMNS, BatchMetadata.empty());
				}
			}
			case "chatty" -> {
				answer(NO_COLUMNS, BatchMetadata.empty());
				this.pipe.output().write(ByteBuffer.wrap("done".getBytes(StandardCharsets.UTF_8)));
			}
			case "silent" -> {
				// says nothing
			}
			case "half" -> {
				half(request);
				return false;
			}
			case "exit" -> {
				System.err.println("about to end\u0007");
				System.err.flush();
				System.exit(Integer.parseInt(argument(request)));
			}
			case "end" -> {
				return false;
			}
			case "close_output" -> {
				new FileOutputStream(FileDescriptor.out).close();
				Thread.currentThread().join();
			}
			case "close_input" -> {
				new FileInputStream(FileDescriptor.in).close();
				answer(NO_COLUMNS, BatchMetadata.empty());
				Thread.currentThread().join();
			}
			default -> refuse("There is no method " + method);
		}
		return true;
	}

	private static String argument(AnnotatedBatch request) {
		String argument = request.metadata().get("argument");
		return (argument != null) ? argument : "0";
	}

	private void logs(int count, AnnotatedBatch request) throws IOException {
		try (IpcStreamWriter writer = new IpcStreamWriter(this.pipe.output(), request.schema(),
				request.dictionaries())) {
			for (int i = 0; i < count; i++) {
				writer.writeEmpty(new LogMessage("INFO", "log " + i, Map.of()).toMetadata());
			}
			writer.write(new AnnotatedBatch(request.root(), request.dictionaries(), BatchMetadata.empty()));
			writer.end();
		}
	}

	// every turn is answered with its input; with a header and an end after as many turns
	private void stream(AnnotatedBatch request, int turns) throws IOException {
		if (request.metadata().contains("header")) {
			try (GatheredStream header = IpcStreamWriter.gather(request, List.of(), request, List.of())) {
				this.pipe.send(header);
			}
		}
		int logs = request.metadata().contains("logs") ? Integer.parseInt(request.metadata().get("logs")) : 0;
		try (IpcStreamReader input = reader()) {
			if (!input.nextStream()) {
				return;
			}
			try (IpcStreamWriter output = new IpcStreamWriter(this.pipe.output(),
					input.schema().getFields().isEmpty() ? request.schema() : input.schema(),
					new DictionaryProvider.MapDictionaryProvider())) {
				for (int turn = 0;; turn++) {
					AnnotatedBatch batch = input.next();
					if (batch == null) {
						break;
					}
					try (batch) {
						if (batch.metadata().contains(MetadataKeys.CANCEL)) {
							break;
						}
						if (turn == turns) {
							if (request.metadata().contains("error")) {
								output.writeEmpty(error("it went wrong"));
							}
							break;
						}
						if (request.metadata().contains("silent")) {
							continue;
						}
						for (int i = 0; i < logs; i++) {
							output.writeEmpty(new LogMessage("INFO", "turn " + turn, Map.of()).toMetadata());
						}
						AnnotatedBatch data = batch.schema().getFields().isEmpty() ? request : batch;
						for (int i = 0; i < (request.metadata().contains("twice") ? 2 : 1); i++) {
							output.write(new AnnotatedBatch(data.root(), data.dictionaries(), BatchMetadata.empty()));
						}
						if (request.metadata().contains("exit")) {
							System.exit(9);
						}
					}
				}
				output.end();
			}
			input.endStream();
		}
	}

	private void half(AnnotatedBatch request) throws IOException {
		try (GatheredStream answer = IpcStreamWriter.gather(request, List.of(), request, List.of())) {
			for (ByteBuffer segment : answer.segments()) {
				this.pipe.output().write(segment.limit(segment.limit() - 40));
				return;
			}
		}
	}

	/**
	 * Stop reading once a request has begun, and say why.
	 * @param socket the connection; left open
	 */
	static void complain(SocketChannel socket) {
		try {
			socket.read(ByteBuffer.allocate(8));
			socket.shutdownInput();
			answer(socket, NO_COLUMNS, error("too much"));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private void answer(Schema schema, BatchMetadata metadata) throws IOException {
		answer(this.pipe.output(), schema, metadata);
	}

	private static void answer(WritableByteChannel output, Schema schema, BatchMetadata metadata) throws IOException {
		try (IpcStreamWriter writer = new IpcStreamWriter(output, schema,
				new DictionaryProvider.MapDictionaryProvider())) {
			writer.writeEmpty(metadata);
			writer.end();
		}
	}

	private void refuse(String message) throws IOException {
		answer(NO_COLUMNS, error(message));
	}

	private static BatchMetadata error(String message) {
		return new LogMessage(LogMessage.EXCEPTION, "ValueError: " + message,
				Map.of("exception_type", "ValueError", "exception_message", message))
			.toMetadata();
	}

}
