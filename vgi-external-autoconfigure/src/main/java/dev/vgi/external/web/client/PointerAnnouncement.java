package dev.vgi.external.web.client;

import java.net.URI;

import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.Capabilities;
import org.jspecify.annotations.Nullable;

import org.springframework.http.MediaType;
import org.springframework.http.client.ClientHttpRequest;
import org.springframework.web.client.RestClient;

/**
 * Lets {@link RestClient} callers of ordinary handlers announce that they resolve
 * pointers: those who accept Arrow by name. Others follow the redirect to the stored
 * stream. Remembers which service is called, since its own store is trusted.
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

	private static void announce(ClientHttpRequest request) {
		CALLED.set(request.getURI());
		for (MediaType accepted : request.getHeaders().getAccept()) {
			if (accepted.equalsTypeAndSubtype(ArrowStreamHttpMessageConverter.ARROW_STREAM)) {
				request.getHeaders().set(Capabilities.ACCEPT_POINTERS, "true");
			}
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
