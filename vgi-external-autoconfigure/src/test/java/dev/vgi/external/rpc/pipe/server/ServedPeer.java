package dev.vgi.external.rpc.pipe.server;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;
import dev.vgi.external.rpc.pipe.Pipe;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;

import org.springframework.util.ReflectionUtils;

/**
 * The peer of a served connection: bytes out, bytes in. Its own memory is none of the
 * server's.
 */
@NullUnmarked
final class ServedPeer implements AutoCloseable {

	static final ReadOptions OPTIONS = ReadOptions.of(ReadLimits.defaults().withLogBatches(1_000_000));

	private static final RpcMethods METHODS = new RpcMethods();

	final BufferAllocator allocator = new RootAllocator();

	final Pipe pipe;

	private final Pipe serverEnd;

	final CompletableFuture<Void> served = new CompletableFuture<>();

	private ServedPeer(Pipe pipe, Pipe serverEnd) {
		this.pipe = pipe;
		this.serverEnd = serverEnd;
	}

	static ServedPeer of(PipeServer server, PipeServer.Activity activity) throws IOException {
		java.nio.channels.Pipe there = java.nio.channels.Pipe.open();
		java.nio.channels.Pipe back = java.nio.channels.Pipe.open();
		ServedPeer peer = new ServedPeer(Pipe.of(back.source(), there.sink()), Pipe.of(there.source(), back.sink()));
		Thread thread = new Thread(() -> {
			try {
				server.serve(peer.serverEnd, "unix", "peer", activity);
				peer.served.complete(null);
			}
			catch (Throwable ex) {
				peer.served.completeExceptionally(ex);
			}
		});
		thread.setDaemon(true);
		thread.start();
		return peer;
	}

	static RpcMethodDescriptor method(String name) {
		for (java.lang.reflect.Method method : ReflectionUtils.getAllDeclaredMethods(CalcService.class)) {
			RpcMethodDescriptor descriptor = METHODS.find(method);
			if (descriptor != null && descriptor.name().equals(name)) {
				return descriptor;
			}
		}
		throw new IllegalArgumentException(name);
	}

	static BatchMetadata metadata(String method) {
		Map<String, String> entries = new LinkedHashMap<>();
		entries.put(MetadataKeys.METHOD, method);
		entries.put(MetadataKeys.REQUEST_VERSION, "1");
		entries.put(MetadataKeys.PROTOCOL, "Calc");
		entries.put(MetadataKeys.PROTOCOL_VERSION, "2.1.7");
		entries.put(MetadataKeys.REQUEST_ID, "feedface");
		return BatchMetadata.of(entries);
	}

	/** Return the batch of a request; closed by the caller. */
	AnnotatedBatch request(String method, Object... arguments) {
		List<AutoCloseable> taken = new ArrayList<>();
		AnnotatedBatch batch = method(method).parameters()
			.write(arguments, metadata(method), this.allocator, taken::add);
		taken.forEach((each) -> {
			try {
				each.close();
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
		});
		return batch;
	}

	byte[] bytes(String method, Object... arguments) throws IOException {
		return bytes(request(method, arguments));
	}

	/** Encode a batch, which is closed. */
	static byte[] bytes(AnnotatedBatch batch) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (OutputCycle cycle = OutputCycle.of(batch); GatheredStream stream = IpcStreamWriter.gather(cycle)) {
			stream.writeTo(Channels.newChannel(bytes));
		}
		return bytes.toByteArray();
	}

	void write(byte[] bytes) throws IOException {
		ByteBuffer buffer = ByteBuffer.wrap(bytes);
		while (buffer.hasRemaining()) {
			this.pipe.output().write(buffer);
		}
	}

	Answer call(String method, Object... arguments) throws IOException {
		write(bytes(method, arguments));
		return answer();
	}

	/** Read one complete stream. */
	Answer answer() {
		try (IpcStreamReader reader = reader()) {
			return answer(reader);
		}
	}

	IpcStreamReader reader() {
		return this.pipe.reader(Long.MAX_VALUE, this.allocator, OPTIONS);
	}

	private static Answer answer(IpcStreamReader reader) {
		if (!reader.nextStream()) {
			throw new IllegalStateException("no stream");
		}
		Answer answer = new Answer(reader.schema());
		while (read(reader, answer)) {
			// One batch after the other.
		}
		if (reader.isBrokenOff()) {
			throw new IllegalStateException("no end");
		}
		return answer;
	}

	/** Read one batch of any kind. */
	static boolean read(IpcStreamReader reader, Answer answer) {
		AnnotatedBatch batch = reader.next();
		if (batch == null) {
			return false;
		}
		try (batch) {
			BatchKind kind = BatchKind.of(batch.rowCount(), batch.metadata());
			switch (kind) {
				case ERROR -> {
					answer.error = ErrorBatchException.from(batch.metadata());
					answer.errorMetadata = batch.metadata();
				}
				case LOG -> answer.logs.add(LogMessage.from(batch.metadata()).message());
				default -> {
					answer.data.add(batch.metadata());
					for (int i = 0; i < batch.rowCount() && !batch.root().getFieldVectors().isEmpty(); i++) {
						answer.values.add(batch.root().getVector(0).getObject(i));
					}
				}
			}
			return true;
		}
	}

	Stream open(String method, Object... arguments) throws IOException {
		write(bytes(method, arguments));
		return new Stream();
	}

	/** The server has seen the end of the connection and has returned. */
	void ends() throws InterruptedException, ExecutionException, TimeoutException {
		this.served.get(20, TimeUnit.SECONDS);
	}

	@Override
	public void close() throws Exception {
		this.pipe.close();
		ends();
		this.allocator.close();
	}

	/**
	 * What a stream held.
	 */
	static final class Answer {

		final Schema schema;

		final List<String> logs = new ArrayList<>();

		final List<Object> values = new ArrayList<>();

		final List<BatchMetadata> data = new ArrayList<>();

		ErrorBatchException error;

		BatchMetadata errorMetadata;

		Answer(Schema schema) {
			this.schema = schema;
		}

		String code() {
			return this.errorMetadata.get(MetadataKeys.ERROR_CODE);
		}

		String kind() {
			return this.errorMetadata.get(MetadataKeys.ERROR_KIND);
		}

	}

	/**
	 * An open stream: its input and its output.
	 */
	final class Stream implements AutoCloseable {

		private IpcStreamWriter input;

		private IpcStreamReader output;

		/** Send one batch, which is closed. */
		void send(AnnotatedBatch batch) throws IOException {
			if (this.input == null) {
				this.input = new IpcStreamWriter(ServedPeer.this.pipe.output(), batch.schema(), batch.dictionaries());
			}
			try (batch) {
				this.input.write(batch);
			}
		}

		void sendNumbers(long... values) throws IOException {
			send(AnnotatedBatch.of(CalcController.numbers(ServedPeer.this.allocator, values)));
		}

		/** Send a batch without columns, and the metadata. */
		void tick(BatchMetadata metadata) throws IOException {
			send(AnnotatedBatch.empty(new Schema(List.of()), metadata, ServedPeer.this.allocator));
		}

		/** Read up to and including one batch that is no log. */
		Answer next() {
			if (this.output == null) {
				this.output = reader();
				if (!this.output.nextStream()) {
					throw new IllegalStateException("no output");
				}
			}
			Answer answer = new Answer(this.output.schema());
			while (answer.error == null && answer.data.isEmpty() && read(this.output, answer)) {
				// Logs come first.
			}
			return answer;
		}

		Answer tick() throws IOException {
			tick(BatchMetadata.empty());
			return next();
		}

		Answer exchange(long... values) throws IOException {
			sendNumbers(values);
			return next();
		}

		/** End the input. */
		void end() throws IOException {
			if (this.input == null) {
				this.input = new IpcStreamWriter(ServedPeer.this.pipe.output(), new Schema(List.of()),
						new org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider());
			}
			this.input.end();
		}

		/** End the input and read the rest of the output. */
		Answer finish() throws IOException {
			end();
			return rest();
		}

		Answer rest() {
			Answer all = new Answer(null);
			Answer next = next();
			while (next.error != null || !next.data.isEmpty() || !next.logs.isEmpty()) {
				all.logs.addAll(next.logs);
				all.values.addAll(next.values);
				all.data.addAll(next.data);
				all.error = (next.error != null) ? next.error : all.error;
				all.errorMetadata = (next.error != null) ? next.errorMetadata : all.errorMetadata;
				next = next();
			}
			if (this.output.isBrokenOff()) {
				throw new IllegalStateException("no end");
			}
			return all;
		}

		@Override
		public void close() {
			if (this.input != null) {
				this.input.close();
			}
			if (this.output != null) {
				this.output.close();
			}
		}

	}

}
