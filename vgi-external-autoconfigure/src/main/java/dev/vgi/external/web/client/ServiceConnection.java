package dev.vgi.external.web.client;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.List;

import javax.net.ssl.SSLException;

import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.url.AbsoluteUrl;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.client.CapabilitiesCache.Announcement;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpMethod;
import org.springframework.web.client.ResourceAccessException;
import org.springframework.web.client.RestClient;

/**
 * One service over HTTP: sends a request and hands out its response. Learns from every
 * response what the service can do and where it was reached. Thread-safe.
 */
final class ServiceConnection {

	/** Lowest response limit that the protocol allows a caller to set. */
	private static final long MIN_ACCEPTED = 65_536;

	private static final long MAX_ACCEPTED = (1L << 53) - 1;

	private final RestClient restClient;

	private final String prefix;

	private final BufferAllocator allocator;

	private final long maxResponseSize;

	private final ReadOptions readOptions;

	private final String acceptedCodings;

	private final boolean hasHost;

	private final CapabilitiesCache announcements;

	private volatile @Nullable URI called;

	ServiceConnection(VgiClient.Builder builder, RestClient restClient) {
		this.restClient = restClient;
		this.prefix = builder.prefix;
		this.allocator = builder.allocator;
		this.maxResponseSize = builder.maxResponseSize;
		this.readOptions = ReadOptions.of(builder.readLimits);
		this.acceptedCodings = builder.responseCompression ? String.join(", ", ContentCodec.available()) : "identity";
		this.hasHost = builder.hasHost;
		this.announcements = new CapabilitiesCache(builder.nanoTime);
	}

	/**
	 * Return the service's capabilities.
	 * @return the capabilities, at most five minutes old
	 * @throws UnexpectedResponseException if it does not announce any
	 */
	Capabilities capabilities() {
		Announcement known = known();
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

	/**
	 * Return what the service has announced recently.
	 * @return the announcement, or {@code null} if there is none
	 */
	@Nullable Announcement known() {
		return this.announcements.get();
	}

	/**
	 * Return what the service announces, after asking it if necessary.
	 * @return the announcement, or {@code null} if it does not announce anything
	 */
	@Nullable Announcement knownOrAsked() {
		Announcement known = known();
		if (known == null) {
			ask();
			known = known();
		}
		return known;
	}

	// Some proxies refuse OPTIONS, or answer it themselves.
	private int ask() {
		int status = 0;
		for (HttpMethod method : List.of(HttpMethod.OPTIONS, HttpMethod.GET)) {
			if (known() == null) {
				status = send(ServiceRequest.repeatable(method, "/health"), ServiceResponse::status);
			}
		}
		return status;
	}

	/**
	 * Return where the service was reached most recently.
	 * @return a URL of the service, or {@code null} before the first call
	 */
	@Nullable URI called() {
		return this.called;
	}

	/**
	 * Return a policy that trusts the local store of this service, wherever it was
	 * reached.
	 * @return the policy
	 */
	UrlValidator ownStore() {
		URI url = this.called;
		return (url != null) ? new CalledService(url) : (candidate) -> {
			throw new UrlRejectedException(candidate, "no service was called yet");
		};
	}

	/**
	 * Send a request.
	 * @param <T> the result
	 * @param request the request
	 * @param reader reads the response
	 * @return the result
	 * @throws ServiceUnavailableException if there is no whole response
	 */
	<T extends @Nullable Object> T send(ServiceRequest request, ResponseReader<T> reader) {
		boolean mayRepeat = request.repeatable();
		while (true) {
			Attempt attempt = new Attempt();
			try {
				return exchange(request, attempt, reader);
			}
			catch (ResourceAccessException ex) {
				if (!mayRepeat || attempt.answered || !isStaleConnection(ex.getCause())) {
					throw unreachable(ex, attempt);
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

	private <T extends @Nullable Object> T exchange(ServiceRequest request, Attempt attempt, ResponseReader<T> reader) {
		RestClient.RequestBodyUriSpec method = this.restClient.method(request.method());
		URI url = request.url();
		RestClient.RequestBodySpec spec = ((url != null) ? method.uri(url) : method.uri(this.prefix + request.path()))
			.accept(request.accept())
			.header(Capabilities.ACCEPT_POINTERS, "true")
			// Not the standard header: HTTP clients refuse standard codings they do not
			// know.
			.header("X-VGI-Accept-Encoding", this.acceptedCodings);
		spec.httpRequest((sending) -> attempt.url = sending.getURI());
		if (request.requestId() != null) {
			spec.header(Capabilities.REQUEST_ID, request.requestId());
		}
		if (request.dialect() == Dialect.NAMESPACED) {
			spec.header(Capabilities.ACCEPT_MAX_RESPONSE_BYTES,
					String.valueOf(Math.max(MIN_ACCEPTED, Math.min(MAX_ACCEPTED, this.maxResponseSize))));
		}
		GatheredStream body = request.body();
		if (body != null) {
			spec.contentType(ArrowStreamHttpMessageConverter.ARROW_STREAM)
				.contentLength(body.length())
				.body((out) -> body.writeTo(out));
		}
		return spec.exchange((sent, response) -> {
			attempt.answered = true;
			this.called = sent.getURI();
			this.announcements.remember(response.getHeaders());
			ServiceResponse answer = new ServiceResponse(sent, response, this.allocator, this.maxResponseSize,
					this.readOptions);
			try {
				return reader.read(answer);
			}
			catch (UncheckedIOException ex) {
				throw ex.getCause();
			}
			finally {
				if (!answer.isTakenOver()) {
					response.close();
				}
			}
		}, false);
	}

	// whether the other side had closed a pooled connection, as far as this can be
	// detected
	private static boolean isStaleConnection(@Nullable Throwable failure) {
		return failure instanceof IOException && !(failure instanceof ConnectException)
				&& !(failure instanceof UnknownHostException) && !(failure instanceof InterruptedIOException)
				&& !(failure instanceof SSLException) && !Thread.currentThread().isInterrupted();
	}

	private static ServiceUnavailableException unreachable(ResourceAccessException failure, Attempt attempt) {
		// The message of the exception itself quotes the URL, so only its cause is kept.
		Throwable cause = (failure.getCause() != null) ? failure.getCause() : failure;
		String reason = FailureReason.of(cause);
		if (cause != failure && cause.getMessage() != null) {
			reason += " (" + cause.getClass().getSimpleName() + ": " + RedactedUrl.scrub(cause.getMessage()) + ")";
		}
		String service = attempt.origin();
		return new ServiceUnavailableException(
				(attempt.answered ? "The answer of the service" + service + " broke off: "
						: "The service" + service + " cannot be reached: ") + reason);
	}

	/**
	 * What is known of a request that was sent once.
	 */
	private static final class Attempt {

		private @Nullable URI url;

		private boolean answered;

		private String origin() {
			return (this.url != null) ? " at " + RedactedUrl.of(this.url.resolve("/")).replaceFirst("/$", "") : "";
		}

	}

	/**
	 * Reads a response, which is closed afterwards unless something has taken it over.
	 *
	 * @param <T> the result
	 */
	@FunctionalInterface
	interface ResponseReader<T extends @Nullable Object> {

		T read(ServiceResponse response) throws IOException;

	}

}
