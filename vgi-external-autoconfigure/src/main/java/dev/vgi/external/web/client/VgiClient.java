package dev.vgi.external.web.client;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.OutputStreamChannel;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.client.ClientHttpResponse;
import org.springframework.util.Assert;
import org.springframework.web.client.ResourceAccessException;
import org.springframework.web.client.RestClient;

/**
 * Calls a service of the protocol: knows its capabilities, sends large inputs through
 * upload URLs and resolves the pointers of its answers. Thread-safe.
 */
public final class VgiClient {

	/** How long the capabilities of a service are believed. */
	private static final Duration CAPABILITIES_EXPIRY = Duration.ofMinutes(5);

	private static final int MAX_UPLOAD_URLS = 100;

	private static final int PAYLOAD_TOO_LARGE = 413;

	private final RestClient restClient;

	private final String prefix;

	private final BufferAllocator allocator;

	private final LocationResolver resolver;

	private final PayloadUploader uploader;

	private final UrlValidator validator;

	private final long maxResponseSize;

	private final LongSupplier nanoTime;

	private volatile @Nullable CachedCapabilities cache;

	private VgiClient(Builder builder, RestClient restClient) {
		this.restClient = restClient;
		this.prefix = builder.prefix;
		this.allocator = builder.allocator;
		UrlValidator ownStore = (builder.baseUrl != null) ? new CalledService(builder.baseUrl) : null;
		this.resolver = (ownStore != null) ? builder.resolver.alsoAccepting(ownStore) : builder.resolver;
		this.uploader = builder.uploader;
		this.validator = (ownStore != null) ? builder.validator.or(ownStore) : builder.validator;
		this.maxResponseSize = builder.maxResponseSize;
		this.nanoTime = builder.nanoTime;
	}

	/**
	 * Return what the service says of itself.
	 * @return the capabilities, at most five minutes old
	 * @throws UnexpectedResponseException if it says nothing: it does not speak the
	 * protocol
	 */
	public Capabilities capabilities() {
		Capabilities known = cachedCapabilities();
		if (known != null) {
			return known;
		}
		return send(HttpMethod.OPTIONS, "/health", null, (response) -> {
			Capabilities found = Capabilities.from(response.getHeaders());
			if (found == null) {
				throw new UnexpectedResponseException("The service does not announce any capability",
						response.getStatusCode().value());
			}
			return found;
		});
	}

	private @Nullable Capabilities cachedCapabilities() {
		CachedCapabilities cached = this.cache;
		return (cached != null && this.nanoTime.getAsLong() - cached.time() < CAPABILITIES_EXPIRY.toNanos())
				? cached.capabilities() : null;
	}

	/**
	 * Ask the service for URLs to put large inputs to.
	 * @param count how many, from 1 to 100
	 * @return that many pairs, each for a new object
	 * @throws ErrorBatchException if the service cannot vend any
	 * @throws UnexpectedResponseException if it does not offer upload URLs
	 */
	public List<UploadUrl> requestUploadUrls(int count) {
		Assert.isTrue(count >= 1 && count <= MAX_UPLOAD_URLS, "'count' must be from 1 to 100");
		BigIntVector vector = new BigIntVector(
				new Field("count", FieldType.nullable(new ArrowType.Int(64, true)), null), this.allocator);
		vector.setSafe(0, count);
		vector.setValueCount(1);
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, "__upload_url__")
			.with(MetadataKeys.REQUEST_VERSION, "1");
		try (AnnotatedBatch request = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector))).withMetadata(metadata);
				GatheredStream body = IpcStreamWriter.gather(OutputCycle.of(request));
				AnnotatedBatch answer = send(HttpMethod.POST, "/__upload_url__/init", body,
						(response) -> readAnswer(response, LogSink.discarding()))) {
			return readUploadUrls(answer.root());
		}
	}

	private static List<UploadUrl> readUploadUrls(VectorSchemaRoot root) {
		// By name where there are names, else by position: peers differ in strictness
		// only.
		FieldVector upload = column(root, "upload_url", 0);
		FieldVector download = column(root, "download_url", 1);
		FieldVector expiry = column(root, "expires_at", 2);
		List<UploadUrl> urls = new ArrayList<>();
		for (int row = 0; row < root.getRowCount(); row++) {
			Object uploadUrl = upload.getObject(row);
			Object downloadUrl = download.getObject(row);
			Object expiresAt = expiry.getObject(row);
			if (uploadUrl == null || downloadUrl == null || !(expiresAt instanceof Long micros)) {
				throw new CorruptStreamException("The upload URLs of the service are incomplete");
			}
			urls.add(new UploadUrl(uri(uploadUrl), uri(downloadUrl),
					Instant.EPOCH.plus(Duration.ofNanos(Math.multiplyExact(micros, 1000L)))));
		}
		return urls;
	}

	private static URI uri(Object text) {
		try {
			return URI.create(text.toString());
		}
		catch (IllegalArgumentException ex) {
			// Its message quotes the URL, so it goes no further.
			throw new CorruptStreamException("An upload URL of the service is no URL");
		}
	}

	private static FieldVector column(VectorSchemaRoot root, String name, int position) {
		FieldVector vector = root.getVector(name);
		if (vector == null && position < root.getFieldVectors().size()) {
			vector = root.getVector(position);
		}
		if (vector == null) {
			throw new CorruptStreamException("The upload URLs of the service have no column '" + name + "'");
		}
		return vector;
	}

	/**
	 * Send one batch and receive one. A request that is larger than the service takes
	 * goes through an upload URL: beforehand if its cap is known, else after it refused.
	 * @param path the path below the prefix, such as {@code /echo_string}
	 * @param request the request batch with its metadata; borrowed
	 * @param logs receives the log messages of the answer
	 * @return the data batch of the answer, resolved; the caller closes it
	 * @throws ErrorBatchException if the service answers with an error
	 * @throws UnexpectedResponseException if it answers with anything else that is no
	 * data
	 * @throws dev.vgi.external.VgiExternalException if it cannot be reached, or an upload
	 * or a fetch fails
	 */
	public AnnotatedBatch call(String path, AnnotatedBatch request, LogSink logs) {
		try (GatheredStream body = IpcStreamWriter.gather(OutputCycle.of(request))) {
			Capabilities known = cachedCapabilities();
			if (known == null || !exceeds(known, body.length()) || !known.uploadUrlSupport()) {
				AnnotatedBatch answer = send(HttpMethod.POST, path, body,
						(response) -> (response.getStatusCode().value() != PAYLOAD_TOO_LARGE)
								? readAnswer(response, logs) : null);
				if (answer != null) {
					return answer;
				}
			}
			return callThroughStorage(path, request, body, logs);
		}
	}

	private static boolean exceeds(Capabilities capabilities, long length) {
		Long max = capabilities.maxRequestBytes();
		return max != null && length > max;
	}

	private AnnotatedBatch callThroughStorage(String path, AnnotatedBatch request, GatheredStream body, LogSink logs) {
		if (!capabilities().uploadUrlSupport()) {
			throw new UnexpectedResponseException("The request of " + body.length()
					+ " bytes is too large for the service, which vends no upload URLs", PAYLOAD_TOO_LARGE);
		}
		UploadUrl target = requestUploadUrls(1).get(0);
		this.uploader.upload(body, target, this.validator);
		BatchMetadata metadata = request.metadata().with(MetadataKeys.LOCATION, target.downloadUrl().toString());
		try (AnnotatedBatch pointer = request.zeroRows(metadata, this.allocator);
				GatheredStream small = IpcStreamWriter.gather(OutputCycle.of(pointer))) {
			AnnotatedBatch answer = send(HttpMethod.POST, path, small, (response) -> readAnswer(response, logs));
			Assert.state(answer != null, "an answer is a batch or an error");
			return answer;
		}
	}

	private <T extends @Nullable Object> T send(HttpMethod method, String path, @Nullable GatheredStream body,
			ResponseReader<T> reader) {
		RestClient.RequestBodySpec request = this.restClient.method(method)
			.uri(this.prefix + path)
			.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
			.header(Capabilities.ACCEPT_POINTERS, "true")
			// Not the standard header: HTTP clients refuse standard codings they do not
			// know.
			.header("X-VGI-Accept-Encoding", "zstd, gzip");
		if (body != null) {
			request.contentType(ArrowStreamHttpMessageConverter.ARROW_STREAM)
				.contentLength(body.length())
				.body((out) -> body.writeTo(new OutputStreamChannel(out)));
		}
		try {
			return request.exchange((sent, response) -> {
				remember(response);
				return reader.read(response);
			});
		}
		catch (ResourceAccessException ex) {
			Throwable cause = ex.getCause();
			throw new StorageUnavailableException("The service cannot be reached: "
					+ ((cause != null) ? cause.getClass().getSimpleName() : "I/O error"), 0, null);
		}
	}

	private void remember(ClientHttpResponse response) {
		Capabilities found = Capabilities.from(response.getHeaders());
		// Some peers' error responses carry none: absent is not withdrawn.
		if (found != null) {
			this.cache = new CachedCapabilities(found, this.nanoTime.getAsLong());
		}
	}

	private AnnotatedBatch readAnswer(ClientHttpResponse response, LogSink logs) throws IOException {
		HttpStatusCode status = response.getStatusCode();
		if (!ArrowStreamHttpMessageConverter.ARROW_STREAM.isCompatibleWith(response.getHeaders().getContentType())) {
			throw new UnexpectedResponseException(
					"The service answered with status " + status.value() + " and no Arrow stream", status.value());
		}
		try (InputStream body = decode(response);
				IpcStreamReader reader = IpcStreamReader.of(body, this.maxResponseSize, this.allocator)) {
			if (!reader.nextStream()) {
				throw new CorruptStreamException("The service answered with an empty body");
			}
			for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
				switch (BatchKind.of(batch.rowCount(), batch.metadata())) {
					case ERROR -> {
						batch.close();
						throw ErrorBatchException.from(batch.metadata());
					}
					case LOG -> {
						batch.close();
						LogMessage message = LogMessage.from(batch.metadata());
						if (message != null) {
							logs.log(message);
						}
					}
					default -> {
						return this.resolver.resolve(batch, this.allocator, logs);
					}
				}
			}
			throw new UnexpectedResponseException("The service answered without data", status.value());
		}
	}

	private static InputStream decode(ClientHttpResponse response) throws IOException {
		String coding = response.getHeaders().getFirst("X-VGI-Content-Encoding");
		if (coding == null) {
			coding = response.getHeaders().getFirst("Content-Encoding");
		}
		ContentCodec codec = ContentCodec.forCoding(coding);
		return (codec != null) ? codec.decode(response.getBody()) : response.getBody();
	}

	/**
	 * Reads a response; it is closed afterwards.
	 *
	 * @param <T> what is read
	 */
	@FunctionalInterface
	private interface ResponseReader<T extends @Nullable Object> {

		T read(ClientHttpResponse response) throws IOException;

	}

	/**
	 * Capabilities and when they were seen.
	 *
	 * @param capabilities what the service said
	 * @param time when, by the client's clock
	 */
	private record CachedCapabilities(Capabilities capabilities, long time) {

	}

	/**
	 * Builds clients that share allocator, resolver and uploader.
	 */
	public static final class Builder {

		private final RestClient.Builder restClient;

		private final BufferAllocator allocator;

		private final LocationResolver resolver;

		private final PayloadUploader uploader;

		private final UrlValidator validator;

		private @Nullable URI baseUrl;

		private String prefix = "";

		private long maxResponseSize = Long.MAX_VALUE;

		private LongSupplier nanoTime = System::nanoTime;

		/**
		 * Create a builder.
		 * @param restClient the application's HTTP client for calls; never used for
		 * storage
		 * @param allocator the owner of the memory of requests and answers
		 * @param resolver resolves the pointers of answers
		 * @param uploader uploads large inputs
		 * @param validator the policy for URLs that services vend
		 */
		public Builder(RestClient.Builder restClient, BufferAllocator allocator, LocationResolver resolver,
				PayloadUploader uploader, UrlValidator validator) {
			this.restClient = restClient;
			this.allocator = allocator;
			this.resolver = resolver;
			this.uploader = uploader;
			this.validator = validator;
		}

		/**
		 * Set where the service is. Its own local store is trusted.
		 * @param baseUrl such as {@code https://flights.example}
		 * @return this builder
		 */
		public Builder baseUrl(String baseUrl) {
			this.restClient.baseUrl(baseUrl);
			this.baseUrl = URI.create(baseUrl);
			return this;
		}

		/**
		 * Set the prefix of the protocol's routes.
		 * @param prefix such as {@code /vgi}; empty by default
		 * @return this builder
		 */
		public Builder prefix(String prefix) {
			this.prefix = prefix;
			return this;
		}

		/**
		 * Set how large an inline answer may be.
		 * @param bytes most bytes, positive; unlimited by default
		 * @return this builder
		 */
		public Builder maxResponseSize(long bytes) {
			this.maxResponseSize = bytes;
			return this;
		}

		Builder nanoTime(LongSupplier nanoTime) {
			this.nanoTime = nanoTime;
			return this;
		}

		/**
		 * Build a client.
		 * @return the client
		 */
		public VgiClient build() {
			return new VgiClient(this, this.restClient.build());
		}

	}

}
