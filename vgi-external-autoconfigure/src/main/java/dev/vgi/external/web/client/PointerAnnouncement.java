package dev.vgi.external.web.client;

import java.net.URI;
import java.util.List;

import dev.vgi.external.Internal;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.Capabilities;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpRequest;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.MediaType;
import org.springframework.web.client.RestClient;
import org.springframework.web.client.RestTemplate;

/**
 * Lets callers of ordinary handlers announce that they resolve pointers, if
 * {@code Accept} names Arrow or is absent. Such callers are not redirected to storage: an
 * HTTP client would send the service's credentials there, or not follow at all. Remembers
 * the called service, since its local store is trusted.
 */
@Internal
public final class PointerAnnouncement {

	/**
	 * A converter sees the response and not the request. A call and the reading of its
	 * response share a thread.
	 */
	private static final ThreadLocal<@Nullable URI> CALLED = new ThreadLocal<>();

	private PointerAnnouncement() {
	}

	/**
	 * Announce pointer support with every call of a client.
	 * @param builder the client's builder
	 */
	public static void applyTo(RestClient.Builder builder) {
		// Not an interceptor: these make RestClient buffer every request body in memory.
		builder.defaultRequest((request) -> request.httpRequest(PointerAnnouncement::announce));
	}

	/**
	 * Announce pointer support with every call of a template.
	 * @param template the template
	 */
	public static void applyTo(RestTemplate template) {
		template.getClientHttpRequestInitializers().add((request) -> {
			CALLED.set(request.getURI());
			// Accept depends on the type to read, and is set later.
			request.getHeaders().set(Capabilities.ACCEPT_POINTERS, Capabilities.WHERE_NAMED);
		});
	}

	private static void announce(HttpRequest request) {
		CALLED.set(request.getURI());
		HttpHeaders headers = request.getHeaders();
		if (headers.containsHeader(Capabilities.ACCEPT_POINTERS)) {
			return;
		}
		List<String> accept = headers.getOrEmpty(HttpHeaders.ACCEPT);
		if (accept.isEmpty() || ArrowStreamHttpMessageConverter.isNamedIn(accept)) {
			headers.set(Capabilities.ACCEPT_POINTERS, "true");
		}
		else if (includesArrow(accept)) {
			headers.set(Capabilities.ACCEPT_POINTERS, Capabilities.WHERE_NAMED);
		}
	}

	private static boolean includesArrow(List<String> accept) {
		try {
			return MediaType.parseMediaTypes(accept)
				.stream()
				.anyMatch((accepted) -> accepted.includes(ArrowStreamHttpMessageConverter.ARROW_STREAM));
		}
		catch (InvalidMediaTypeException ex) {
			// A malformed header is reported elsewhere.
			return false;
		}
	}

	/**
	 * Return the resolver for the response that this thread is about to read.
	 * @param resolver the client side's resolver
	 * @return a resolver that also trusts the local store of the called service
	 */
	public static LocationResolver resolverForCurrentCall(LocationResolver resolver) {
		URI called = CALLED.get();
		return (called != null) ? resolver.alsoAccepting(new CalledService(called)) : resolver;
	}

}
