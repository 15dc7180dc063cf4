package dev.vgi.external.autoconfigure;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

import dev.vgi.external.rpc.server.http.TokenKey;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.Assert;
import org.springframework.util.unit.DataSize;

/**
 * Settings of the RPC routes.
 *
 * @param prefix Prefix of all routes, such as '/vgi'.
 * @param maxRequestSize Largest request, encoded and decoded, of RPC methods and other
 * Arrow handlers. Half of what one request may hold of the memory budget limits it too.
 * Larger inputs go through upload URLs.
 * @param maxResponseSize Largest body of a response before any content coding. Batches
 * that go through storage do not count. Unlimited by default.
 * @param maxExternalizedResponseSize Most that one response may put into storage, before
 * it is compressed. Unlimited by default.
 * @param tokenKeys Keys that seal the state of streams, 32 bytes each as 64 hexadecimal
 * digits or Base64. The first seals, all open. Random by default, which works for a
 * single process only.
 * @param tokenTtl How long a stream may pause between two turns.
 * @param error How errors are reported.
 */
@ConfigurationProperties("vgi.rpc")
public record VgiRpcProperties(@DefaultValue("") String prefix, @DefaultValue("64MB") DataSize maxRequestSize,
		@Nullable DataSize maxResponseSize, @Nullable DataSize maxExternalizedResponseSize,
		@DefaultValue List<String> tokenKeys, @DefaultValue("1h") Duration tokenTtl, @DefaultValue Error error) {

	private static final Pattern PREFIX = Pattern.compile("(/[^/\\s{}*?#%;\\\\]+)*");

	public VgiRpcProperties {
		Assert.isTrue(PREFIX.matcher(prefix).matches(),
				"vgi.rpc.prefix must be empty or a path such as /vgi: it starts with a slash, does not end with one,"
						+ " and has neither patterns nor escapes");
		Ranges.check("vgi.rpc.token-ttl", tokenTtl, "1ms", Ranges.LONGEST);
		Ranges.check("vgi.rpc.max-request-size", maxRequestSize, "1B");
		Ranges.check("vgi.rpc.max-response-size", maxResponseSize, "1B");
		Ranges.check("vgi.rpc.max-externalized-response-size", maxExternalizedResponseSize, "1B");
		tokenKeys = List.copyOf(tokenKeys);
		toKeys(tokenKeys);
	}

	/**
	 * Return the keys.
	 * @return what {@link #tokenKeys()} says, which is never shown
	 */
	List<TokenKey> toKeys() {
		return toKeys(this.tokenKeys);
	}

	// Texts are bound, and not keys: the failure of a conversion quotes what it converts.
	private static List<TokenKey> toKeys(List<String> texts) {
		List<TokenKey> keys = new ArrayList<>();
		for (int i = 0; i < texts.size(); i++) {
			try {
				keys.add(TokenKey.of(texts.get(i)));
			}
			catch (IllegalArgumentException ex) {
				throw new IllegalArgumentException("vgi.rpc.token-keys[" + i + "]: " + ex.getMessage());
			}
		}
		return keys;
	}

	@Override
	public String toString() {
		return "VgiRpcProperties[prefix=" + this.prefix + ", maxRequestSize=" + this.maxRequestSize
				+ ", tokenKeys=******, tokenTtl=" + this.tokenTtl + "]";
	}

	/**
	 * How errors are reported.
	 *
	 * @param includeStacktrace When stack traces are sent to callers.
	 */
	public record Error(@DefaultValue("never") IncludeStacktrace includeStacktrace) {

	}

	/**
	 * When stack traces are sent to callers.
	 */
	public enum IncludeStacktrace {

		/** Never. */
		NEVER,

		/** Always. */
		ALWAYS

	}

}
