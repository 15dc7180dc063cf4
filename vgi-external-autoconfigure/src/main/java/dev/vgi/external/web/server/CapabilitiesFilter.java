package dev.vgi.external.web.server;

import java.io.IOException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;

import dev.vgi.external.web.Capabilities;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Puts the capability headers and the request id on every response to the protocol's
 * requests, errors included, before anything else can answer. Other responses get them
 * once they turn out to be Arrow. Each header is set once, since peers refuse a repeated
 * header.
 */
public final class CapabilitiesFilter extends OncePerRequestFilter {

	/** Name of the request id in log lines: {@code %X{vgiRequestId}}. */
	private static final String REQUEST_ID_LOGGED = "vgiRequestId";

	private static final int MAX_REQUEST_ID = 256;

	private static final String ANNOUNCEMENT = CapabilitiesFilter.class.getName() + ".announcement";

	private final Capabilities capabilities;

	private final Predicate<HttpServletRequest> matcher;

	/**
	 * Create a filter.
	 * @param capabilities what the server can do
	 * @param matcher the requests that get the headers whatever the response is
	 */
	public CapabilitiesFilter(Capabilities capabilities, Predicate<HttpServletRequest> matcher) {
		this.capabilities = capabilities;
		this.matcher = matcher;
	}

	@Override
	protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
			throws ServletException, IOException {
		if (!this.matcher.test(request)) {
			request.setAttribute(ANNOUNCEMENT, (Runnable) () -> announce(request, response));
			chain.doFilter(request, response);
			return;
		}
		String requestId = announce(request, response);
		if (HttpMethod.OPTIONS.matches(request.getMethod())) {
			response.setHeader(HttpHeaders.CACHE_CONTROL, "public, max-age=300");
		}
		try (MDC.MDCCloseable logged = MDC.putCloseable(REQUEST_ID_LOGGED, requestId)) {
			chain.doFilter(request, response);
		}
	}

	/**
	 * Set the headers on a response that turned out to be Arrow.
	 * @param request the request; nothing happens if no filter of this kind saw it
	 */
	static void arrowFollows(HttpServletRequest request) {
		if (request.getAttribute(ANNOUNCEMENT) instanceof Runnable announcement) {
			announcement.run();
		}
	}

	private String announce(HttpServletRequest request, HttpServletResponse response) {
		this.capabilities.writeTo(response::setHeader);
		String requestId = requestId(request.getHeader(Capabilities.REQUEST_ID));
		request.setAttribute(Capabilities.REQUEST_ID, requestId);
		response.setHeader(Capabilities.REQUEST_ID, requestId);
		return requestId;
	}

	private static String requestId(@Nullable String inbound) {
		if (inbound != null && !inbound.isEmpty() && inbound.length() <= MAX_REQUEST_ID
				&& inbound.chars().allMatch((c) -> c > ' ' && c < 0x7F)) {
			return inbound;
		}
		return String.format("%016x", ThreadLocalRandom.current().nextLong());
	}

}
