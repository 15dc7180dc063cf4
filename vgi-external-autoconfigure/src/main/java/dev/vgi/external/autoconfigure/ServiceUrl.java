package dev.vgi.external.autoconfigure;

import java.net.InetAddress;
import java.net.URI;
import java.util.Locale;
import java.util.function.Supplier;

import dev.vgi.external.web.server.RequestUrl;
import dev.vgi.external.web.server.RequestUrl.ForwardedHeaders;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.cloud.CloudPlatform;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.env.Environment;
import org.springframework.util.ClassUtils;
import org.springframework.util.StringUtils;

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

	/**
	 * Return a task that serves the same request as the current thread, so that the URL
	 * is the same there.
	 * @param task the task, for another thread
	 * @return the task with the request, if there is one
	 */
	static Runnable inherited(Runnable task) {
		return SERVLET ? RequestUrl.inherited(task) : task;
	}

	@Override
	public @Nullable URI get() {
		if (this.configured != null) {
			return this.configured;
		}
		URI ofRequest = SERVLET ? RequestUrl.current(forwardedHeaders(), dispatcherPath()) : null;
		return (ofRequest != null) ? ofRequest : ofConnector();
	}

	/**
	 * Return who reads the headers of a proxy, as Boot is configured.
	 * @return who
	 */
	ForwardedHeaders forwardedHeaders() {
		String strategy = this.environment.getProperty("server.forward-headers-strategy");
		if (strategy == null) {
			// The same decision as in Boot's web servers.
			CloudPlatform platform = CloudPlatform.getActive(this.environment);
			return (platform != null && platform.isUsingForwardHeaders()) ? ForwardedHeaders.READ_BY_WEB_SERVER
					: ForwardedHeaders.IGNORED;
		}
		return switch (strategy.toLowerCase(Locale.ROOT)) {
			case "none" -> ForwardedHeaders.IGNORED;
			case "framework" -> ForwardedHeaders.READ_BY_SPRING;
			default -> ForwardedHeaders.READ_BY_WEB_SERVER;
		};
	}

	private @Nullable URI ofConnector() {
		String port = this.environment.getProperty("local.server.port");
		if (port == null) {
			return null;
		}
		String host = this.environment.getProperty("server.address", InetAddress.getLoopbackAddress().getHostAddress());
		return URI.create((isSecure() ? "https" : "http") + "://" + literal(host) + ":" + port + contextPath()
				+ dispatcherPath());
	}

	// As in Boot: whatever is configured of TLS switches it on, unless that is switched
	// off.
	private boolean isSecure() {
		return this.environment.getProperty("server.ssl.enabled", Boolean.class, true) && Binder.get(this.environment)
			.bind("server.ssl", Bindable.mapOf(String.class, String.class))
			.isBound();
	}

	/**
	 * Return the context path of the server.
	 * @return the path, may be empty
	 */
	String contextPath() {
		// A slash at the end is removed by Boot, too.
		return StringUtils.trimTrailingCharacter(this.environment.getProperty("server.servlet.context-path", ""), '/');
	}

	/**
	 * Return the path of Spring MVC, which serves the objects, whatever servlet this
	 * request is for.
	 * @return the path below the context path, may be empty
	 */
	String dispatcherPath() {
		return StringUtils.trimTrailingCharacter(this.environment.getProperty("spring.mvc.servlet.path", ""), '/');
	}

	private static String literal(String host) {
		return (host.contains(":") && !host.startsWith("[")) ? "[" + host + "]" : host;
	}

}
