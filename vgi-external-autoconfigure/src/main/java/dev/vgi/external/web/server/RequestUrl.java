package dev.vgi.external.web.server;

import java.net.URI;
import java.util.Collections;
import java.util.Locale;

import dev.vgi.external.Internal;
import dev.vgi.external.transport.StorageUnavailableException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletRequestWrapper;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.http.server.ServletServerHttpRequest;
import org.springframework.util.StringUtils;
import org.springframework.web.context.request.RequestAttributes;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;
import org.springframework.web.servlet.support.ServletUriComponentsBuilder;
import org.springframework.web.util.ForwardedHeaderUtils;
import org.springframework.web.util.UriComponentsBuilder;

/**
 * The URL under which the sender of the current request reaches this application. It does
 * not depend on the {@code Host} header, which the sender controls, unless a proxy that
 * is trusted has sent the request.
 */
@Internal
public final class RequestUrl {

	private RequestUrl() {
	}

	/**
	 * Determine the URL.
	 * @param forwardedHeaders whether the headers of a proxy count
	 * @param dispatcherPath the path of Spring MVC below the context path, may be empty
	 * @return the URL without a trailing slash, or {@code null} outside of a request
	 * @throws StorageUnavailableException if a proxy sent a host that is none
	 */
	public static @Nullable URI current(ForwardedHeaders forwardedHeaders, String dispatcherPath) {
		if (!(RequestContextHolder.getRequestAttributes() instanceof ServletRequestAttributes attributes)) {
			return null;
		}
		HttpServletRequest request = attributes.getRequest();
		HttpServletRequest original = original(request);
		boolean byWebServer = forwardedHeaders == ForwardedHeaders.READ_BY_WEB_SERVER;
		if (forwardedHeaders != ForwardedHeaders.IGNORED && wasForwarded(original)
				&& (!byWebServer || isBelieved(original))) {
			try {
				UriComponentsBuilder builder = ServletUriComponentsBuilder.fromContextPath(request);
				if (byWebServer) {
					builder = adapt(builder, original);
				}
				URI url = builder.path(dispatcherPath).build().toUri();
				if (url.getHost() != null) {
					return url;
				}
			}
			catch (IllegalStateException | IllegalArgumentException | IndexOutOfBoundsException ex) {
				// A host of this form was made up by the sender, since no URL can have
				// it. Spring also fails for a header without a value.
			}
			throw new StorageUnavailableException("The forwarded host of the request is no host of a URL: set"
					+ " 'vgi.external.local.base-url', or correct the header at the proxy", 0, null);
		}
		String host = request.getLocalAddr();
		return URI.create(
				request.getScheme() + "://" + ((host.contains(":") && !host.startsWith("[")) ? "[" + host + "]" : host)
						+ ":" + request.getLocalPort() + request.getContextPath() + dispatcherPath);
	}

	/**
	 * Determine the path of the URL under which the sender of a request reaches this
	 * application.
	 * @param request the request
	 * @param forwardedHeaders whether the headers of a proxy count
	 * @param dispatcherPath the path of Spring MVC below the context path, may be empty
	 * @return the path without a trailing slash
	 */
	public static String path(HttpServletRequest request, ForwardedHeaders forwardedHeaders, String dispatcherPath) {
		String path = request.getContextPath() + dispatcherPath;
		if (forwardedHeaders != ForwardedHeaders.READ_BY_WEB_SERVER) {
			// Spring's filter makes the prefix a part of the context path.
			return path;
		}
		HttpServletRequest original = original(request);
		return (wasForwarded(original) && isBelieved(original))
				? prefix(new ServletServerHttpRequest(original).getHeaders()) + path : path;
	}

	/**
	 * Return a task that serves the same request as the current thread.
	 * @param task the task, for another thread, which ends before the request does
	 * @return the task with the request, if there is one
	 */
	public static Runnable inherited(Runnable task) {
		RequestAttributes attributes = RequestContextHolder.getRequestAttributes();
		if (attributes == null) {
			return task;
		}
		return () -> {
			RequestContextHolder.setRequestAttributes(attributes);
			try {
				task.run();
			}
			finally {
				RequestContextHolder.resetRequestAttributes();
			}
		};
	}

	// Spring's filter hides the headers that it has used.
	private static HttpServletRequest original(HttpServletRequest request) {
		ServletRequest original = request;
		while (original instanceof ServletRequestWrapper wrapper) {
			original = wrapper.getRequest();
		}
		return (HttpServletRequest) original;
	}

	private static boolean wasForwarded(HttpServletRequest original) {
		for (String name : Collections.list(original.getHeaderNames())) {
			String lower = name.toLowerCase(Locale.ROOT);
			if (lower.equals("forwarded") || lower.startsWith("x-forwarded-")) {
				return true;
			}
		}
		return false;
	}

	// Tomcat trusts certain proxies only, and marks their requests.
	private static boolean isBelieved(HttpServletRequest original) {
		return Boolean.TRUE.equals(original.getAttribute("org.apache.tomcat.request.forwarded"))
				|| !original.getServletContext().getServerInfo().contains("Tomcat");
	}

	// Web servers do not support the prefix, and some do not support the standard header.
	private static UriComponentsBuilder adapt(UriComponentsBuilder builder, HttpServletRequest original) {
		HttpHeaders headers = new ServletServerHttpRequest(original).getHeaders();
		URI url = builder.build().toUri();
		return ForwardedHeaderUtils.adaptFromForwardedHeaders(url, headers)
			.replacePath(prefix(headers) + url.getRawPath());
	}

	private static String prefix(HttpHeaders headers) {
		StringBuilder path = new StringBuilder();
		for (String prefix : headers.getValuesAsList("X-Forwarded-Prefix")) {
			path.append(StringUtils.trimTrailingCharacter(prefix, '/'));
		}
		return path.toString();
	}

	/**
	 * Who reads the headers in which a proxy says what it was asked for.
	 */
	public enum ForwardedHeaders {

		/** Nobody: there is no proxy, or it is not trusted. */
		IGNORED,

		/** The web server. */
		READ_BY_WEB_SERVER,

		/** Spring's {@code ForwardedHeaderFilter}. */
		READ_BY_SPRING

	}

}
