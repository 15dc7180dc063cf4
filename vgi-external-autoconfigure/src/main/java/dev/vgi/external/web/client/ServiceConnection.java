package dev.vgi.external.web.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.PushbackInputStream;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.function.LongSupplier;

import javax.net.ssl.SSLException;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.url.AbsoluteUrl;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.OutputStreamChannel;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpMethod;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.client.ClientHttpResponse;
import org.springframework.web.client.ResourceAccessException;
import org.springframework.web.client.RestClient;

/**
 * One service over HTTP. Learns its capabilities and dialect, sends requests through
 * storage if they are too large, and reads responses. Thread-safe.
 */
final class ServiceConnection {

	/** How long the capabilities of a service are cached. */
	private static final Duration CAPABILITIES_EXPIRY = Duration.ofMinutes(5);

	/**
	 * A request of this size or more is not sent until the service's cap is known: a
	 * refusal would cost more than the extra request.
	 */
	private static final long ASK_FIRST = 1 << 20;

	/** Lowest response limit that the protocol allows a caller to set. */
	private static final long MIN_ACCEPTED = 65_536;

	private static final long MAX_ACCEPTED = (1L << 53) - 1;

	private static final int NOT_FOUND = 404;

	private static final int PAYLOAD_TOO_LARGE = 413;

	private final RestClient restClient;

	private final String prefix;

	private final BufferAllocator allocator;

	private final LocationResolver resolver;

	private final PayloadUploader uploader;

	private final UrlValidator validator;

	private final long maxResponseSize;

	private final ReadOptions readOptions;

	private final String acceptedCodings;

	private final long uploadThreshold;

	private final boolean hasHost;

	private final boolean inlineOnUploadFailure;

	private final Dialect configuredDialect;

	private final LongSupplier nanoTime;

	private volatile @Nullable CachedCapabilities cache;

	private volatile @Nullable Dialect foundDialect;

	private volatile @Nullable URI called;

	ServiceConnection(VgiClient.Builder builder, RestClient restClient) {
		this.restClient = restClient;
		this.prefix = builder.prefix;
		this.allocator = builder.allocator;
		this.resolver = builder.resolver;
		this.uploader = builder.uploader;
		this.validator = builder.validator;
		this.maxResponseSize = builder.maxResponseSize;
		this.readOptions = ReadOptions.of(builder.readLimits);
		this.acceptedCodings = builder.responseCompression ? String.join(", ", ContentCodec.available()) : "identity";
		this.uploadThreshold = builder.uploadThreshold;
		this.hasHost = builder.hasHost;
		this.inlineOnUploadFailure = builder.inlineOnUploadFailure;
		this.configuredDialect = builder.dialect;
		this.nanoTime = builder.nanoTime;
	}

	BufferAllocator allocator() {
		return this.allocator;
	}

	/**
	 * Return the service's capabilities.
	 * @return the capabilities, at most five minutes old
	 * @throws UnexpectedResponseException if it does not announce any
	 */
	Capabilities capabilities() {
		CachedCapabilities known = known();
		if (known != null) {
			return known.capabilities();
		}
		int status = ask();
		known = known();
		if (known == null) {
			throw new UnexpectedResponseException("The service does not announce any capability", status);
		}
		return known.capabilities();
	}

	private @Nullable CachedCapabilities known() {
		CachedCapabilities cached = this.cache;
		return (cached != null && this.nanoTime.getAsLong() - cached.time() < CAPABILITIES_EXPIRY.toNanos()) ? cached
				: null;
	}

	/**
	 * Return the service's capabilities, if it announces any.
	 * @return the capabilities, or {@code null} if it does not announce any
	 */
	private @Nullable CachedCapabilities knownOrAsked() {
		CachedCapabilities known = known();
		if (known == null) {
			ask();
			known = known();
		}
		return known;
	}

	// Some proxies refuse OPTIONS, or answer it themselves. A request for capabilities
	// may be repeated.
	private int ask() {
		int status = 0;
		for (HttpMethod method : List.of(HttpMethod.OPTIONS, HttpMethod.GET)) {
			if (known() == null) {
				status = send(method, "/health", null, Dialect.FLAT, null,
						(response) -> response.getStatusCode().value());
			}
		}
		return status;
	}

	/**
	 * Send a request to an endpoint that belongs to no method and may be called twice.
	 * @param path the path below the prefix
	 * @param request the request batch; borrowed
	 * @return the data batch of the answer; the caller closes it
	 */
	AnnotatedBatch callRepeatable(String path, AnnotatedBatch request) {
		CallContext context = CallContext.of(LogSink.discarding());
		try (GatheredStream body = IpcStreamWriter.gather(OutputCycle.of(request))) {
			return send(HttpMethod.POST, path, body, Dialect.FLAT, null,
					(response) -> read(response, context, Answer::one));
		}
	}

	/**
	 * Send a request to a path, through storage if it is too large.
	 * @param <T> the result
	 * @param path the path below the prefix
	 * @param request the request batch; borrowed
	 * @param context the call
	 * @param reader reads the answer
	 * @return the result
	 */
	<T> T post(String path, AnnotatedBatch request, CallContext context, AnswerReader<T> reader) {
		return post((body) -> send(HttpMethod.POST, path, body, Dialect.FLAT, context,
				(response) -> readUnlessTooLarge(response, context, reader)), request, context);
	}

	/**
	 * Send a request to a method, through storage if it is too large, and in the dialect
	 * that the service understands.
	 * @param <T> the result
	 * @param address the method
	 * @param request the request batch; borrowed
	 * @param context the call
	 * @param reader reads the answer
	 * @return the result and the dialect
	 */
	<T> Reply<T> post(MethodAddress address, AnnotatedBatch request, CallContext context, AnswerReader<T> reader) {
		return post((body) -> dispatch(address, body, context, reader), request, context);
	}

	/**
	 * Send a further turn of a stream, through storage if it is too large. Never sent
	 * twice.
	 * @param <T> the result
	 * @param address the method
	 * @param dialect the dialect in which the opening was answered
	 * @param request the request batch with its tokens; borrowed
	 * @param context the call
	 * @param reader reads the answer
	 * @return the result
	 */
	<T> T postTurn(MethodAddress address, Dialect dialect, AnnotatedBatch request, CallContext context,
			AnswerReader<T> reader) {
		return post((body) -> send(HttpMethod.POST, address.path(dialect), body, dialect, context,
				(response) -> readUnlessTooLarge(response, context, reader)), request, context);
	}

	private <T> T post(Attempt<T> attempt, AnnotatedBatch request, CallContext context) {
		try (GatheredStream body = IpcStreamWriter.gather(OutputCycle.of(request))) {
			long length = body.length();
			CachedCapabilities known = (length >= Math.min(ASK_FIRST, this.uploadThreshold)) ? knownOrAsked() : known();
			boolean refused = known != null && known.refuses(length);
			if (!refused) {
				URI stored = (known != null && length >= this.uploadThreshold && known.takesUpload(length))
						? uploadIfPossible(body, context) : null;
				if (stored != null) {
					return sendPointer(attempt, request, stored, length, context);
				}
				context.sent(length);
				T answer = attempt.send(body);
				if (answer != null) {
					return answer;
				}
				known = knownOrAsked();
			}
			if (known == null || !known.capabilities().uploadUrlSupport()) {
				throw tooLarge(length,
						(known != null) ? "it vends no upload URLs" : "it does not say whether it vends upload URLs");
			}
			return sendPointer(attempt, request, upload(body, context), length, context);
		}
	}

	private @Nullable URI uploadIfPossible(GatheredStream body, CallContext context) {
		try {
			return upload(body, context);
		}
		catch (VgiExternalException ex) {
			// An interrupted caller wants no result, neither through storage nor inline.
			if (!this.inlineOnUploadFailure || ex.kind() == VgiExternalException.Kind.CANCELLED
					|| Thread.currentThread().isInterrupted()) {
				throw ex;
			}
			this.uploader.fellBackInline(ex);
			return null;
		}
	}

	private URI upload(GatheredStream body, CallContext context) {
		UploadUrl target = UploadUrls.request(this, 1).get(0);
		this.uploader.upload(body, target, this.validator.or(ownStore()));
		context.uploaded(body.length());
		return target.downloadUrl();
	}

	private <T> T sendPointer(Attempt<T> attempt, AnnotatedBatch request, URI stored, long length,
			CallContext context) {
		BatchMetadata metadata = request.metadata().with(MetadataKeys.LOCATION, stored.toString());
		try (AnnotatedBatch pointer = request.zeroRows(metadata, this.allocator);
				GatheredStream small = IpcStreamWriter.gather(OutputCycle.of(pointer))) {
			context.sent(small.length());
			T answer = attempt.send(small);
			if (answer == null) {
				throw tooLarge(length, "it refuses even the pointer to it");
			}
			return answer;
		}
	}

	private static UnexpectedResponseException tooLarge(long length, String why) {
		return new UnexpectedResponseException(
				"The request of " + length + " bytes is too large for the service: " + why, PAYLOAD_TOO_LARGE);
	}

	private <T> @Nullable Reply<T> dispatch(MethodAddress address, GatheredStream body, CallContext context,
			AnswerReader<T> reader) {
		VgiExternalException notFound = null;
		for (Dialect dialect : dialects(address)) {
			boolean[] missing = new boolean[1];
			try {
				T answer = send(HttpMethod.POST, address.path(dialect), body, dialect, context, (response) -> {
					// Nothing was executed, so trying the other dialect is safe.
					missing[0] = response.getStatusCode().value() == NOT_FOUND;
					if (!missing[0] && isArrow(response)) {
						this.foundDialect = dialect;
					}
					return readUnlessTooLarge(response, context, reader);
				});
				return (answer != null) ? new Reply<>(answer, dialect) : null;
			}
			catch (VgiExternalException ex) {
				if (!missing[0]) {
					throw ex;
				}
				// An error from the service itself takes precedence over one from its web
				// server.
				notFound = (notFound instanceof ErrorBatchException
						|| notFound != null && !(ex instanceof ErrorBatchException)) ? notFound : ex;
			}
		}
		if (notFound == null) {
			throw new IllegalStateException("No dialect was tried");
		}
		throw notFound;
	}

	// the dialects to try, best first
	private List<Dialect> dialects(MethodAddress address) {
		if (address.protocol() == null) {
			return List.of(Dialect.FLAT);
		}
		if (this.configuredDialect != Dialect.AUTO) {
			return List.of(this.configuredDialect);
		}
		Dialect first = this.foundDialect;
		if (first == null) {
			CachedCapabilities known = knownOrAsked();
			// The last flat releases announce this, too, so it is only the better guess.
			first = (known != null && known.responseLimits()) ? Dialect.NAMESPACED : Dialect.FLAT;
		}
		return List.of(first, (first == Dialect.FLAT) ? Dialect.NAMESPACED : Dialect.FLAT);
	}

	/**
	 * Send a request.
	 * @param <T> the result
	 * @param method the HTTP method
	 * @param path the path below the prefix
	 * @param body the body, or {@code null} for none
	 * @param dialect the dialect of the path
	 * @param call the call, or {@code null} for a request that may be repeated
	 * @param reader reads the response
	 * @return the result
	 */
	private <T extends @Nullable Object> T send(HttpMethod method, String path, @Nullable GatheredStream body,
			Dialect dialect, @Nullable CallContext call, ResponseReader<T> reader) {
		boolean mayRepeat = call == null;
		while (true) {
			boolean[] answered = new boolean[1];
			try {
				return exchange(method, path, body, dialect, call, (response) -> {
					answered[0] = true;
					return reader.read(response);
				});
			}
			catch (ResourceAccessException ex) {
				if (!mayRepeat || answered[0] || !isStaleConnection(ex.getCause())) {
					throw unreachable(ex, answered[0]);
				}
				mayRepeat = false;
			}
			catch (IllegalArgumentException ex) {
				if (this.hasHost) {
					throw ex;
				}
				throw new ServiceUnavailableException(
						"The HTTP client does not take the URL of the service, which " + AbsoluteUrl.RULE);
			}
		}
	}

	private <T extends @Nullable Object> T exchange(HttpMethod method, String path, @Nullable GatheredStream body,
			Dialect dialect, @Nullable CallContext call, ResponseReader<T> reader) {
		RestClient.RequestBodySpec request = this.restClient.method(method)
			.uri(this.prefix + path)
			.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
			.header(Capabilities.ACCEPT_POINTERS, "true")
			// Not the standard header: HTTP clients refuse standard codings they do not
			// know.
			.header("X-VGI-Accept-Encoding", this.acceptedCodings);
		String requestId = (call != null) ? call.requestId() : null;
		if (requestId != null) {
			request.header(Capabilities.REQUEST_ID, requestId);
		}
		if (dialect == Dialect.NAMESPACED) {
			request.header(Capabilities.ACCEPT_MAX_RESPONSE_BYTES,
					String.valueOf(Math.max(MIN_ACCEPTED, Math.min(MAX_ACCEPTED, this.maxResponseSize))));
		}
		if (body != null) {
			request.contentType(ArrowStreamHttpMessageConverter.ARROW_STREAM)
				.contentLength(body.length())
				.body((out) -> OutputStreamChannel.write(body, out));
		}
		return request.exchange((sent, response) -> {
			this.called = sent.getURI();
			remember(response);
			try {
				return reader.read(response);
			}
			catch (UncheckedIOException ex) {
				throw ex.getCause();
			}
		});
	}

	// whether the other side had closed a pooled connection, as far as this can be
	// detected
	private static boolean isStaleConnection(@Nullable Throwable failure) {
		return failure instanceof IOException && !(failure instanceof ConnectException)
				&& !(failure instanceof UnknownHostException) && !(failure instanceof InterruptedIOException)
				&& !(failure instanceof SSLException) && !Thread.currentThread().isInterrupted();
	}

	private static ServiceUnavailableException unreachable(ResourceAccessException failure, boolean answered) {
		// The message of the exception itself quotes the URL, so only its cause is kept.
		Throwable cause = (failure.getCause() != null) ? failure.getCause() : failure;
		String reason = FailureReason.of(cause);
		if (cause != failure && cause.getMessage() != null) {
			reason += " (" + cause.getClass().getSimpleName() + ": " + RedactedUrl.scrub(cause.getMessage()) + ")";
		}
		return new ServiceUnavailableException(
				(answered ? "The answer of the service broke off: " : "The service cannot be reached: ") + reason);
	}

	private void remember(ClientHttpResponse response) {
		Capabilities found = Capabilities.from(response.getHeaders());
		// Error responses of some peers carry none, which does not withdraw earlier ones.
		if (found != null) {
			this.cache = new CachedCapabilities(found,
					"true".equalsIgnoreCase(
							response.getHeaders().getFirst(Capabilities.ACCEPT_MAX_RESPONSE_BYTES_SUPPORT)),
					this.nanoTime.getAsLong());
		}
	}

	private <T> @Nullable T readUnlessTooLarge(ClientHttpResponse response, CallContext context, AnswerReader<T> reader)
			throws IOException {
		if (response.getStatusCode().value() == PAYLOAD_TOO_LARGE) {
			return null;
		}
		return read(response, context, reader);
	}

	private <T> T read(ClientHttpResponse response, CallContext context, AnswerReader<T> reader) throws IOException {
		int status = response.getStatusCode().value();
		if (!isArrow(response)) {
			throw new UnexpectedResponseException("The service answered with status " + status + " and no Arrow stream",
					status);
		}
		boolean failed = response.getStatusCode().isError()
				|| "true".equalsIgnoreCase(response.getHeaders().getFirst(Capabilities.RPC_ERROR));
		try (InputStream body = decode(response);
				IpcStreamReader streams = IpcStreamReader.of(body, this.maxResponseSize, this.allocator,
						this.readOptions)) {
			try {
				return reader.read(new Answer(streams, status, failed, context.logs()));
			}
			finally {
				context.received(streams.position());
			}
		}
	}

	private static boolean isArrow(ClientHttpResponse response) {
		try {
			return ArrowStreamHttpMessageConverter.ARROW_STREAM
				.isCompatibleWith(response.getHeaders().getContentType());
		}
		catch (InvalidMediaTypeException ex) {
			return false;
		}
	}

	private static InputStream decode(ClientHttpResponse response) throws IOException {
		List<String> codings = response.getHeaders().getValuesAsList("X-VGI-Content-Encoding");
		if (codings.isEmpty()) {
			codings = response.getHeaders().getValuesAsList("Content-Encoding");
		}
		if (codings.isEmpty()) {
			return decodeUnlabelled(response.getBody());
		}
		ContentCodec codec = ContentCodec.ofAnswer(String.join(",", codings));
		return (codec != null) ? codec.decode(response.getBody()) : response.getBody();
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
	 * Resolve a batch of an answer if it is a pointer.
	 * @param batch the batch; taken over
	 * @param context the call
	 * @return the batch itself, or the one that the pointer refers to; the caller closes
	 * it
	 */
	AnnotatedBatch resolve(AnnotatedBatch batch, CallContext context) {
		if (BatchKind.of(batch.rowCount(), batch.metadata()) != BatchKind.POINTER) {
			return batch;
		}
		AnnotatedBatch resolved = this.resolver.alsoAccepting(ownStore())
			.resolve(batch, this.allocator, context.logs());
		context.fetched(resolved.bufferSize());
		return resolved;
	}

	// trusts the local store of this service, wherever it was reached
	private UrlValidator ownStore() {
		URI url = this.called;
		return (url != null) ? new CalledService(url) : (candidate) -> {
			throw new UrlRejectedException(candidate, "no service was called yet");
		};
	}

	/**
	 * Reads a response, which is closed afterwards.
	 *
	 * @param <T> the result
	 */
	@FunctionalInterface
	private interface ResponseReader<T extends @Nullable Object> {

		T read(ClientHttpResponse response) throws IOException;

	}

	/**
	 * Sends a body.
	 *
	 * @param <T> the result
	 */
	@FunctionalInterface
	private interface Attempt<T> {

		/**
		 * Send it.
		 * @param body the stream; borrowed
		 * @return the answer, or {@code null} if the service finds the body too large
		 */
		@Nullable T send(GatheredStream body);

	}

	/**
	 * Reads the streams of a response.
	 *
	 * @param <T> the result
	 */
	@FunctionalInterface
	interface AnswerReader<T> {

		T read(Answer answer);

	}

	/**
	 * A result and the dialect in which the service answered.
	 *
	 * @param <T> the result
	 * @param value the result
	 * @param dialect the dialect that the service understood
	 */
	record Reply<T>(T value, Dialect dialect) {

	}

	/**
	 * Capabilities and when they were received.
	 *
	 * @param capabilities the announced capabilities
	 * @param responseLimits whether the service supports a caller's response limit
	 * @param time time of receipt, by the client's clock
	 */
	private record CachedCapabilities(Capabilities capabilities, boolean responseLimits, long time) {

		/**
		 * Return whether a request has to go through storage.
		 * @param length its bytes
		 * @return whether it is over the cap of a service that vends upload URLs
		 */
		boolean refuses(long length) {
			Long max = this.capabilities.maxRequestBytes();
			return max != null && length > max && this.capabilities.uploadUrlSupport();
		}

		/**
		 * Return whether a request may go through storage.
		 * @param length its bytes
		 * @return whether upload URLs are vended for that size
		 */
		boolean takesUpload(long length) {
			Long max = this.capabilities.maxUploadBytes();
			return this.capabilities.uploadUrlSupport() && (max == null || length <= max);
		}

	}

}
