package dev.vgi.external.web.client;

import java.util.List;
import java.util.function.LongSupplier;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.ServiceClient;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.Capabilities;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.web.client.RestClient;

/**
 * Calls a service of the protocol over HTTP: learns its capabilities and its dialect,
 * sends large inputs through upload URLs, runs streams and resolves the pointers of
 * answers. Trusts the local store of the called service. A request whose metadata names
 * no protocol is sent to flat routes only. Thread-safe.
 */
public final class VgiClient extends ServiceClient {

	private static final int MAX_UPLOAD_URLS = 100;

	private final HttpTransport transport;

	private VgiClient(Builder builder, HttpTransport transport) {
		super(transport, builder.prefetch ? builder.threads.named("prefetch") : null);
		this.transport = transport;
	}

	/**
	 * Return the service's capabilities.
	 * @return the capabilities, at most five minutes old
	 * @throws UnexpectedResponseException if it announces none, because it does not speak
	 * the protocol
	 * @throws ServiceUnavailableException if it cannot be reached
	 */
	public Capabilities capabilities() {
		return this.transport.capabilities();
	}

	/**
	 * Request URLs for uploading large inputs.
	 * @param count how many, from 1 to 100
	 * @return that many pairs, each for a new object
	 * @throws ErrorBatchException if the service cannot vend any
	 * @throws UnexpectedResponseException if it does not offer upload URLs
	 */
	public List<UploadUrl> requestUploadUrls(int count) {
		Assert.isTrue(count >= 1 && count <= MAX_UPLOAD_URLS, "'count' must be from 1 to 100");
		return this.transport.requestUploadUrls(count);
	}

	/**
	 * Send one batch to a path and receive one. A large request goes through an upload
	 * URL if the service vends them. So does a request that exceeds the service's cap: at
	 * once if the cap is known, otherwise after the service has refused it.
	 * @param path the path below the prefix, such as {@code /echo_string}, used as given
	 * in either dialect
	 * @param request the request batch with its metadata; borrowed
	 * @param logs receives the log messages of the answer
	 * @return the data batch of the answer, resolved; the caller closes it
	 * @throws ErrorBatchException if the service answers with an error
	 * @throws UnexpectedResponseException if it answers with anything else that is not
	 * data
	 * @throws dev.vgi.external.VgiExternalException if it cannot be reached, or an upload
	 * or a fetch fails
	 */
	public AnnotatedBatch call(String path, AnnotatedBatch request, LogSink logs) {
		CallContext context = CallContext.of(logs);
		return resolve(this.transport.call(path, request, context), context);
	}

	/**
	 * Read a path lazily: the reader hands out batch after batch, while the rest is still
	 * on its way. Pointers that have arrived are fetched ahead.
	 * @param path the path below the prefix, requested with {@code GET}
	 * @param logs receives the log messages of the answer while it is read, on any thread
	 * @return the reader, whose {@code loadNextBatch()} throws a
	 * {@link dev.vgi.external.VgiExternalException} for a batch that cannot be had, and
	 * an {@link java.io.IOException} if the connection breaks. The caller closes it, from
	 * any thread, which ends its transfers and the response
	 * @throws ErrorBatchException if the service answers with an error
	 * @throws UnexpectedResponseException if it answers with anything else that is not
	 * data
	 * @throws dev.vgi.external.VgiExternalException if it cannot be reached
	 */
	public ArrowReader read(String path, LogSink logs) {
		return this.transport.read(path, logs);
	}

	/**
	 * Send everything that a reader yields to a path, in one request. If it is small, it
	 * is sent as it is. From the threshold on, or if it exceeds the service's cap, its
	 * batches are packed into segments, which go through upload URLs while the reader is
	 * read; the request then consists of pointers.
	 * @param <T> the type of the result
	 * @param path the path below the prefix
	 * @param input the reader; taken over and closed, also on failure
	 * @param resultType the type of the result: {@link ArrowReader}, which is lazy as in
	 * {@link #read}, {@link AnnotatedBatch}, {@link Void}, or any type that the HTTP
	 * client reads
	 * @param logs receives the log messages of an answer that is a reader or a batch
	 * @return the result, whose owner is the caller; {@code null} if the answer has no
	 * body
	 * @throws ErrorBatchException if the service answers with an error
	 * @throws UnexpectedResponseException if it answers with any other failure, or if the
	 * input is too large and it vends no upload URLs
	 * @throws java.io.UncheckedIOException if the input cannot be read
	 * @throws dev.vgi.external.VgiExternalException if the service cannot be reached, or
	 * an upload or a fetch fails
	 */
	public <T> @Nullable T send(String path, ArrowReader input, Class<T> resultType, LogSink logs) {
		CallContext context = CallContext.of(logs);
		Object result = this.transport.send(path, input, resultType, context);
		return resultType.cast((result instanceof AnnotatedBatch batch) ? resolve(batch, context) : result);
	}

	/**
	 * Builds clients that share allocator, resolver and uploader.
	 */
	public static final class Builder {

		private final RestClient.Builder restClient;

		final BufferAllocator allocator;

		final LocationResolver resolver;

		final UrlValidator validator;

		PayloadUploader uploader;

		String prefix = "";

		long maxResponseSize = Long.MAX_VALUE;

		ReadLimits readLimits;

		boolean responseCompression = true;

		long uploadThreshold = 8 << 20;

		long segmentSize;

		final int parallelSegments;

		boolean inlineOnUploadFailure;

		/** Whether every HTTP client recognizes the host of the base URL. */
		boolean hasHost = true;

		Dialect dialect = Dialect.AUTO;

		LongSupplier nanoTime = System::nanoTime;

		private boolean prefetch = true;

		TransferThreads threads;

		/**
		 * Create a builder.
		 * @param restClient the application's HTTP client for calls; never used for
		 * storage
		 * @param allocator the owner of the memory of requests and answers
		 * @param resolver resolves the pointers of answers; its policy also decides which
		 * vended URLs are used
		 */
		public Builder(RestClient.Builder restClient, BufferAllocator allocator, LocationResolver resolver) {
			ExternalLocationConfig config = resolver.config();
			this.restClient = restClient;
			this.allocator = allocator;
			this.resolver = resolver;
			this.validator = config.urlValidator();
			this.uploader = new PayloadUploader(config, resolver.resources());
			this.readLimits = config.readLimits();
			this.inlineOnUploadFailure = config.inlineOnFailure();
			this.segmentSize = config.segmentSize();
			this.parallelSegments = config.maxParallelSegments();
			this.threads = resolver.resources().threads();
		}

		/**
		 * Set what uploads large inputs.
		 * @param uploader by default, one with the resolver's deadline and retries
		 * @return this builder
		 */
		public Builder uploader(PayloadUploader uploader) {
			this.uploader = uploader;
			return this;
		}

		/**
		 * Set the base URL of the service.
		 * @param baseUrl such as {@code https://flights.example}. Only some HTTP clients
		 * accept a host with an underscore, and the policy for the service's own store
		 * never does
		 * @return this builder
		 */
		public Builder baseUrl(String baseUrl) {
			this.hasHost = !baseUrl.matches("[^/]*//[^/?#]*_.*");
			this.restClient.baseUrl(baseUrl);
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

		/**
		 * Set limits on the heap objects created from an answer.
		 * @param limits the limits; those of the resolver by default
		 * @return this builder
		 */
		public Builder readLimits(ReadLimits limits) {
			this.readLimits = limits;
			return this;
		}

		/**
		 * Set whether the service may compress inline answers, with zstd or else gzip. On
		 * a fast network, compressing takes longer than sending the plain bytes.
		 * @param compression {@code true} by default
		 * @return this builder
		 */
		public Builder responseCompression(boolean compression) {
			this.responseCompression = compression;
			return this;
		}

		/**
		 * Set the size from which an input goes through an upload URL although the
		 * service might accept it inline, provided that the service vends upload URLs.
		 * @param bytes the size as an Arrow stream, not negative; 8 MiB by default
		 * @return this builder
		 */
		public Builder uploadThreshold(long bytes) {
			this.uploadThreshold = bytes;
			return this;
		}

		/**
		 * Set the size of the segments of a reader that is sent through upload URLs. They
		 * are smaller if the service takes only smaller uploads.
		 * @param bytes bytes of Arrow buffers, positive; as the resolver is configured by
		 * default
		 * @return this builder
		 */
		public Builder segmentSize(long bytes) {
			this.segmentSize = bytes;
			return this;
		}

		/**
		 * Set whether such an input travels inline after all if no upload URL is vended
		 * for it or the upload fails. An input that exceeds the service's cap fails in
		 * any case.
		 * @param inline as the resolver is configured by default
		 * @return this builder
		 */
		public Builder inlineOnUploadFailure(boolean inline) {
			this.inlineOnUploadFailure = inline;
			return this;
		}

		/**
		 * Set how the service names its methods in URLs.
		 * @param dialect the dialect; {@link Dialect#AUTO} by default
		 * @return this builder
		 */
		public Builder dialect(Dialect dialect) {
			this.dialect = dialect;
			return this;
		}

		/**
		 * Set whether producers fetch the next batch while the caller works on one, with
		 * one thread per open stream, which ends with the stream or after it was idle for
		 * a second. Switch it off for streams with long turns: if the HTTP client cannot
		 * be interrupted, closing waits for the current turn. Also switch it off if the
		 * HTTP client's interceptors depend on the calling thread.
		 * @param prefetch {@code true} by default
		 * @return this builder
		 */
		public Builder prefetch(boolean prefetch) {
			this.prefetch = prefetch;
			return this;
		}

		Builder threads(TransferThreads threads) {
			this.threads = threads;
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
			return new VgiClient(this, new HttpTransport(this, SentOnce.build(this.restClient)));
		}

	}

}
