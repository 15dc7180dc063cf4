package dev.vgi.external.autoconfigure;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.Assert;
import org.springframework.util.unit.DataSize;

/**
 * Settings of the RPC routes.
 *
 * @param prefix Prefix of all routes, such as '/vgi'.
 * @param maxRequestSize Largest request, encoded and decoded. Unlimited by default.
 * @param error How errors are reported.
 */
@ConfigurationProperties("vgi.rpc")
public record VgiRpcProperties(@DefaultValue("") String prefix, @Nullable DataSize maxRequestSize,
		@DefaultValue Error error) {

	public VgiRpcProperties {
		Assert.isTrue(prefix.isEmpty() || (prefix.startsWith("/") && !prefix.endsWith("/")),
				"vgi.rpc.prefix must be empty or start with a slash and not end with one");
	}

	/**
	 * How errors are reported.
	 *
	 * @param includeStacktrace When stack traces travel to callers.
	 */
	public record Error(@DefaultValue("never") IncludeStacktrace includeStacktrace) {

	}

	/**
	 * When stack traces travel to callers.
	 */
	public enum IncludeStacktrace {

		/** Never. */
		NEVER,

		/** Always. */
		ALWAYS

	}

}
