package dev.vgi.external.web.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.util.List;

import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.BodyBatches;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.OpenBody;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpRequest;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.MediaType;
import org.springframework.web.client.RestClient.RequestHeadersSpec.ConvertibleClientHttpResponse;

/**
 * The response of a service, whose body is read once.
 */
final class ServiceResponse {

	private static final int NOT_FOUND = 404;

	static final int PAYLOAD_TOO_LARGE = 413;

	private final HttpRequest request;

	private final ConvertibleClientHttpResponse response;

	private final BufferAllocator allocator;

	private final long maxSize;

	private final ReadOptions options;

	private boolean takenOver;

	/**
	 * Create a response.
	 * @param request what it answers
	 * @param response the HTTP response; borrowed unless it is {@linkplain #isTakenOver
	 * taken over}
	 * @param allocator the owner of the memory of its batches
	 * @param maxSize most bytes of its Arrow streams
	 * @param options how they are read
	 */
	ServiceResponse(HttpRequest request, ConvertibleClientHttpResponse response, BufferAllocator allocator,
			long maxSize, ReadOptions options) {
		this.request = request;
		this.response = response;
		this.allocator = allocator;
		this.maxSize = maxSize;
		this.options = options;
	}

	int status() throws IOException {
		return this.response.getStatusCode().value();
	}

	/**
	 * Return whether the service has no such method, so that nothing was executed.
	 * @return whether the status says so
	 * @throws IOException if there is no status
	 */
	boolean isNotFound() throws IOException {
		return status() == NOT_FOUND;
	}

	boolean isArrow() {
		try {
			return ArrowStreamHttpMessageConverter.ARROW_STREAM
				.isCompatibleWith(this.response.getHeaders().getContentType());
		}
		catch (InvalidMediaTypeException ex) {
			return false;
		}
	}

	/**
	 * Read the answer, unless the request was too large.
	 * @param <T> the result
	 * @param context receives the log messages and counts what is read
	 * @param reader reads the answer
	 * @return the result, or {@code null} if the service refuses the request's size
	 * @throws IOException if the body cannot be read
	 */
	<T> @Nullable T readUnlessTooLarge(CallContext context, AnswerReader<T> reader) throws IOException {
		return (status() != PAYLOAD_TOO_LARGE) ? read(context, reader) : null;
	}

	/**
	 * Read the answer.
	 * @param <T> the result
	 * @param context receives the log messages and counts what is read
	 * @param reader reads the answer
	 * @return the result
	 * @throws UnexpectedResponseException if the body is no Arrow stream
	 * @throws IOException if the body cannot be read
	 */
	<T> T read(CallContext context, AnswerReader<T> reader) throws IOException {
		int status = status();
		requireArrow();
		boolean failed = isFailed();
		try (InputStream body = decoded();
				IpcStreamReader streams = IpcStreamReader.of(body, this.maxSize, this.allocator, this.options)) {
			try {
				return reader.read(new Answer(streams, status, failed, context.logs()));
			}
			finally {
				context.received(streams.position());
			}
		}
	}

	/**
	 * Read the answer batch by batch.
	 * @param logs receives the log messages
	 * @return the batches, pointers among them, which own this response; the caller
	 * closes them
	 * @throws UnexpectedResponseException if the body is no Arrow stream
	 * @throws IOException if the body cannot be read
	 */
	BodyBatches readLazily(LogSink logs) throws IOException {
		requireArrow();
		if (isFailed()) {
			return read(CallContext.of(logs), Answer::failure);
		}
		InputStream body = decoded();
		this.takenOver = true;
		return BodyBatches.begin(new OpenBody(body, this.response, true),
				IpcStreamReader.of(body, this.maxSize, this.allocator, this.options), logs);
	}

	/**
	 * Convert a body that may be of any media type.
	 * @param <T> the type
	 * @param type a type that the HTTP client reads, or {@link Void}
	 * @return the value, or {@code null} if there is none
	 * @throws UnexpectedResponseException if the service reports a failure
	 * @throws IOException if the body cannot be read
	 */
	<T> @Nullable T convert(Class<T> type) throws IOException {
		if (isFailed()) {
			if (isArrow()) {
				read(CallContext.of(LogSink.discarding()), Answer::failure);
			}
			throw unexpected(contentType());
		}
		return (type != Void.class) ? this.response.bodyTo(type) : null;
	}

	/**
	 * Return whether something else closes the response.
	 * @return {@code false} unless its batches are read lazily
	 */
	boolean isTakenOver() {
		return this.takenOver;
	}

	private void requireArrow() throws IOException {
		if (!isArrow()) {
			throw unexpected(contentType() + " instead of an Arrow stream");
		}
	}

	// Names the request: an application has several services, and a base URL may be
	// wrong.
	private UnexpectedResponseException unexpected(String content) throws IOException {
		int status = status();
		return new UnexpectedResponseException("The service answered " + this.request.getMethod() + ' '
				+ RedactedUrl.of(this.request.getURI()) + " with status " + status + " and " + content, status);
	}

	private String contentType() {
		try {
			MediaType type = this.response.getHeaders().getContentType();
			return (type != null) ? type.getType() + '/' + type.getSubtype() : "no media type";
		}
		catch (InvalidMediaTypeException ex) {
			return "an invalid media type";
		}
	}

	private boolean isFailed() throws IOException {
		return this.response.getStatusCode().isError()
				|| "true".equalsIgnoreCase(this.response.getHeaders().getFirst(Capabilities.RPC_ERROR));
	}

	private InputStream decoded() throws IOException {
		List<String> codings = this.response.getHeaders().getValuesAsList("X-VGI-Content-Encoding");
		if (codings.isEmpty()) {
			codings = this.response.getHeaders().getValuesAsList("Content-Encoding");
		}
		InputStream body = this.response.getBody();
		if (codings.isEmpty()) {
			return decodeUnlabelled(body);
		}
		ContentCodec codec = ContentCodec.ofAnswer(String.join(",", codings));
		return (codec != null) ? codec.decode(body) : body;
	}

	// Some proxies drop headers that they do not know, so the coding is detected.
	private static InputStream decodeUnlabelled(InputStream body) throws IOException {
		PushbackInputStream whole = new PushbackInputStream(body, ContentCodec.HEAD);
		byte[] head = whole.readNBytes(ContentCodec.HEAD);
		whole.unread(head);
		ContentCodec codec = ContentCodec.forHead(head);
		return (codec != null) ? codec.decode(whole) : whole;
	}

	/**
	 * Reads the streams of an answer.
	 *
	 * @param <T> the result
	 */
	@FunctionalInterface
	interface AnswerReader<T> {

		T read(Answer answer);

	}

}
