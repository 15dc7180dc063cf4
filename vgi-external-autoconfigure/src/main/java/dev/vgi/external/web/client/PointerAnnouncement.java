package dev.vgi.external.web.client;

import java.net.URI;
import java.util.List;

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
 * Lets callers of ordinary handlers announce that they resolve pointers: those who name
 * Arrow in {@code Accept}, or nothing. Nobody is redirected to storage, since an HTTP
 * client would take the service's credentials there or not go at all. Remembers which
 * service is called, since its own store is trusted.
 */
public final class PointerAnnouncement {

	/**
	 * A converter sees the response and not who sent it; a call and the reading of its
	 * response share a thread.
	 */
	private static final ThreadLocal<@Nullable URI> CALLED = new ThreadLocal<>();

	private PointerAnnouncement() {
	}

	/**
	 * Announce with every call of a client.
	 * @param builder the client's builder
	 */
	public static void applyTo(RestClient.Builder builder) {
		// Not an interceptor: these make RestClient buffer every request body in memory.
		builder.defaultRequest((request) -> request.httpRequest(PointerAnnouncement::announce));
	}

	/**
	 * Announce with every call of a template.
	 * @param template the template
	 */
	public static void applyTo(RestTemplate template) {
		template.getClientHttpRequestInitializers().add((request) -> {
			CALLED.set(request.getURI());
			// What it accepts follows from what is to be read, and is set later.
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
			// Not ours to complain about.
			return false;
		}
	}

	/**
	 * Return the resolver for the response that this thread is about to read.
	 * @param resolver the client side's resolver
	 * @return one that trusts the local store of the called service too
	 */
	public static LocationResolver resolverForCurrentCall(LocationResolver resolver) {
		URI called = CALLED.get();
		return (called != null) ? resolver.alsoAccepting(new CalledService(called)) : resolver;
	}

}
