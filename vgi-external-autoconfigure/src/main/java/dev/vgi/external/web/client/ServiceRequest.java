package dev.vgi.external.web.client;

import java.net.URI;

import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;

/**
 * A request to a service.
 *
 * @param method the HTTP method
 * @param path the path below the service's prefix
 * @param dialect the dialect of the path
 * @param requestId the identifier of the call, or {@code null} for none
 * @param repeatable whether the service may receive it twice
 * @param accept the media type of the answer
 * @param body the Arrow stream, borrowed, or {@code null} for none
 * @param url the absolute URL, or {@code null} for the path
 */
record ServiceRequest(HttpMethod method, String path, Dialect dialect, @Nullable String requestId, boolean repeatable,
		MediaType accept, @Nullable GatheredStream body, @Nullable URI url) {

	private static final MediaType ARROW = ArrowStreamHttpMessageConverter.ARROW_STREAM;

	/**
	 * Create a request that may be sent again if its connection turns out to be stale.
	 * @param method the HTTP method
	 * @param path the path below the service's prefix
	 * @return a request without a body
	 */
	static ServiceRequest repeatable(HttpMethod method, String path) {
		return new ServiceRequest(method, path, Dialect.FLAT, null, true, ARROW, null, null);
	}

	/**
	 * Create such a request for an address that the service has named.
	 * @param url the absolute URL
	 * @return a request without a body
	 */
	static ServiceRequest repeatable(URI url) {
		return new ServiceRequest(HttpMethod.POST, url.getRawPath(), Dialect.FLAT, null, true, ARROW, null, url);
	}

	/**
	 * Create a request that is part of a call and never sent twice.
	 * @param path the path below the service's prefix
	 * @param dialect the dialect of the path
	 * @param requestId the identifier of the call, or {@code null} for none
	 * @return a request without a body
	 */
	static ServiceRequest call(String path, Dialect dialect, @Nullable String requestId) {
		return new ServiceRequest(HttpMethod.POST, path, dialect, requestId, false, ARROW, null, null);
	}

	/**
	 * Return this request with a body.
	 * @param stream the body; borrowed
	 * @return a new request
	 */
	ServiceRequest with(GatheredStream stream) {
		return new ServiceRequest(this.method, this.path, this.dialect, this.requestId, this.repeatable, this.accept,
				stream, this.url);
	}

	/**
	 * Return this request for an answer of any media type.
	 * @return a new request
	 */
	ServiceRequest acceptingAnything() {
		return new ServiceRequest(this.method, this.path, this.dialect, this.requestId, this.repeatable, MediaType.ALL,
				this.body, this.url);
	}

}
