package dev.vgi.external.autoconfigure;

import java.net.InetAddress;
import java.net.URI;
import java.util.Collections;
import java.util.Locale;
import java.util.function.Supplier;

import dev.vgi.external.transport.StorageUnavailableException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletRequestWrapper;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.cloud.CloudPlatform;
import org.springframework.core.env.Environment;
import org.springframework.http.HttpHeaders;
import org.springframework.http.server.ServletServerHttpRequest;
import org.springframework.util.ClassUtils;
import org.springframework.util.StringUtils;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;
import org.springframework.web.servlet.support.ServletUriComponentsBuilder;
import org.springframework.web.util.ForwardedHeaderUtils;
import org.springframework.web.util.UriComponentsBuilder;

/**
 * Determines the URL under which callers reach this service. A configured URL takes
 * precedence. If Boot trusts forwarded headers and a proxy has sent some, the request
 * tells. Otherwise it is the local address of the caller's connection: the caller
 * controls the {@code Host} header, and must not determine where a signed URL leads.
 */
final class ServiceUrl implements Supplier<@Nullable URI> {

	private static final boolean SERVLET = ClassUtils.isPresent("jakarta.servlet.http.HttpServletRequest",
			ServiceUrl.class.getClassLoader());

	private final @Nullable URI configured;

	private final Environment environment;

	ServiceUrl(@Nullable URI configured, Environment environment) {
		this.configured = configured;
		this.environment = environment;
	}

	@Override
	public @Nullable URI get() {
		if (this.configured != null) {
			return this.configured;
		}
		URI ofRequest = SERVLET ? CurrentRequest.url(trustsForwardedHeaders(), isNative(), dispatcherPath()) : null;
		return (ofRequest != null) ? ofRequest : ofConnector();
	}

	private boolean trustsForwardedHeaders() {
		String strategy = this.environment.getProperty("server.forward-headers-strategy");
		if (strategy == null) {
			// The same decision as in Boot's web servers.
			CloudPlatform platform = CloudPlatform.getActive(this.environment);
			return platform != null && platform.isUsingForwardHeaders();
		}
		return !"none".equals(strategy.toLowerCase(Locale.ROOT));
	}

	// In this case the web server has processed the headers, and not Spring.
	private boolean isNative() {
		return !"framework".equalsIgnoreCase(this.environment.getProperty("server.forward-headers-strategy"));
	}

	private @Nullable URI ofConnector() {
		String port = this.environment.getProperty("local.server.port");
		if (port == null) {
			return null;
		}
		boolean secure = this.environment.containsProperty("server.ssl.bundle")
				|| this.environment.containsProperty("server.ssl.key-store");
		String host = this.environment.getProperty("server.address", InetAddress.getLoopbackAddress().getHostAddress());
		String path = this.environment.getProperty("server.servlet.context-path", "");
		return URI.create((secure ? "https" : "http") + "://" + literal(host) + ":" + port + path + dispatcherPath());
	}

	// Spring MVC serves the objects, whatever servlet this request is for.
	private String dispatcherPath() {
		return StringUtils.trimTrailingCharacter(this.environment.getProperty("spring.mvc.servlet.path", ""), '/');
	}

	private static String literal(String host) {
		return (host.contains(":") && !host.startsWith("[")) ? "[" + host + "]" : host;
	}

	/**
	 * Keeps the Servlet API away from applications without it.
	 */
	private static final class CurrentRequest {

		static @Nullable URI url(boolean trustsForwardedHeaders, boolean byWebServer, String dispatcherPath) {
			if (!(RequestContextHolder.getRequestAttributes() instanceof ServletRequestAttributes attributes)) {
				return null;
			}
			HttpServletRequest request = attributes.getRequest();
			HttpServletRequest original = original(request);
			if (trustsForwardedHeaders && wasForwarded(original) && (!byWebServer || isBelieved(original))) {
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
				catch (IllegalStateException | IllegalArgumentException ex) {
					// A host of this form was made up by the sender, since no URL can
					// have it.
				}
				throw new StorageUnavailableException("The forwarded host of the request is no host of a URL: set"
						+ " 'vgi.external.local.base-url', or correct the header at the proxy", 0, null);
			}
			return URI.create(request.getScheme() + "://" + literal(request.getLocalAddr()) + ":"
					+ request.getLocalPort() + request.getContextPath() + dispatcherPath);
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

		// Web servers do not support the prefix, and some do not support the standard
		// header.
		private static UriComponentsBuilder adapt(UriComponentsBuilder builder, HttpServletRequest original) {
			HttpHeaders headers = new ServletServerHttpRequest(original).getHeaders();
			URI url = builder.build().toUri();
			StringBuilder path = new StringBuilder();
			for (String prefix : headers.getValuesAsList("X-Forwarded-Prefix")) {
				path.append(StringUtils.trimTrailingCharacter(prefix, '/'));
			}
			return ForwardedHeaderUtils.adaptFromForwardedHeaders(url, headers).replacePath(path + url.getRawPath());
		}

	}

}
