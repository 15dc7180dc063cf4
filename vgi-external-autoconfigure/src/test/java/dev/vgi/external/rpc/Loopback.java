package dev.vgi.external.rpc;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.OutputCycle;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * A client of the wire: bytes out, bytes in.
 */
public final class Loopback {

	public static final String ARROW = "application/vnd.apache.arrow.stream";

	private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	private final String base;

	private final BufferAllocator allocator;

	public Loopback(int port, String prefix, BufferAllocator allocator) {
		this.base = "http://127.0.0.1:" + port + prefix;
		this.allocator = allocator;
	}

	public String base() {
		return this.base;
	}

	public HttpResponse<byte[]> post(String path, @Nullable String contentType, byte[] body, String... headers) {
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(this.base + path))
			.header("X-Request-ID", "feedfacefeedface")
			.POST(HttpRequest.BodyPublishers.ofByteArray(body));
		if (contentType != null) {
			request.header("Content-Type", contentType);
		}
		if (headers.length > 0) {
			request.headers(headers);
		}
		return send(request.build());
	}

	public HttpResponse<byte[]> get(String path) {
		return send(HttpRequest.newBuilder(URI.create(this.base + path)).build());
	}

	private static HttpResponse<byte[]> send(HttpRequest request) {
		try {
			return CLIENT.send(request, HttpResponse.BodyHandlers.ofByteArray());
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new IllegalStateException(ex);
		}
	}

	public static byte[] bytes(AnnotatedBatch batch) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(batch))) {
			stream.writeTo(Channels.newChannel(bytes));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return bytes.toByteArray();
	}

	/**
	 * Read a body.
	 * @param body one stream
	 * @return what it held; closed by the caller
	 */
	public Answer read(byte[] body) {
		List<LogMessage> logs = new ArrayList<>();
		ErrorBatchException error = null;
		AnnotatedBatch data = null;
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(body), body.length, this.allocator)) {
			if (!reader.nextStream()) {
				throw new IllegalStateException("no stream");
			}
			AnnotatedBatch batch;
			while ((batch = reader.next()) != null) {
				BatchKind kind = BatchKind.of(batch.rowCount(), batch.metadata());
				if (kind == BatchKind.DATA) {
					data = batch;
					continue;
				}
				LogMessage message = LogMessage.from(batch.metadata());
				if (kind == BatchKind.ERROR) {
					error = ErrorBatchException.from(batch.metadata());
				}
				else if (message != null) {
					logs.add(message);
				}
				batch.close();
			}
		}
		return new Answer(logs, error, data);
	}

	/**
	 * What a stream held.
	 *
	 * @param logs its log messages
	 * @param error its error
	 * @param data its data batch
	 */
	public record Answer(List<LogMessage> logs, @Nullable ErrorBatchException error,
			@Nullable AnnotatedBatch data) implements AutoCloseable {

		@Override
		public void close() {
			if (this.data != null) {
				this.data.close();
			}
		}

	}

}
