package dev.vgi.external.autoconfigure;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

import dev.vgi.external.autoconfigure.start.Ranges;
import dev.vgi.external.seal.TokenKey;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.Assert;
import org.springframework.util.StringUtils;
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
 * single process only. Renewal and 'vgi.external.binding' need them, too.
 * @param tokenTtl How long a stream may pause between two turns.
 * @param error How errors are reported.
 * @param stdio Whether RPC methods are served on the standard input and output, without a
 * web server, until the end of the input. Everything else that is printed goes to
 * standard error.
 * @param protocolOptional Whether a request over a pipe may leave out its protocol if
 * only one is served, as peers before vgi-rpc 0.50 do.
 * @param unix Unix socket on which RPC methods are served.
 */
@ConfigurationProperties("vgi.rpc")
public record VgiRpcProperties(@DefaultValue("") String prefix, @DefaultValue("64MB") DataSize maxRequestSize,
		@Nullable DataSize maxResponseSize, @Nullable DataSize maxExternalizedResponseSize,
		@DefaultValue List<String> tokenKeys, @DefaultValue("1h") Duration tokenTtl, @DefaultValue Error error,
		@DefaultValue("false") boolean stdio, @DefaultValue("false") boolean protocolOptional,
		@DefaultValue Unix unix) {

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
	 * Return whether anything but HTTP is served.
	 * @return {@code true} with standard streams or a socket
	 */
	boolean servesPipes() {
		return this.stdio || this.unix.file() != null;
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

	/**
	 * Unix socket on which RPC methods are served.
	 *
	 * @param path File of the socket. Not served by default.
	 * @param mode Permissions of the file as four octal digits, in quotes in YAML: 0600
	 * for the user of this service alone, 0660 for its group too.
	 * @param maxConnections Most connections at the same time. Further ones wait.
	 * @param idleTimeout How long a connection may wait for its peer: for a call, for the
	 * rest of one, or until its answer is read.
	 * @param trusted Whether everyone whom the file's permissions admit may call
	 * everything. Required with Spring Security, whose filters do not see the socket.
	 */
	public record Unix(@Nullable String path, @DefaultValue("0600") String mode, @DefaultValue("64") int maxConnections,
			@DefaultValue("10m") Duration idleTimeout, @DefaultValue("false") boolean trusted) {

		private static final Pattern MODE = Pattern.compile("0[0-7]{3}");

		public Unix {
			file(path);
			Assert.isTrue(MODE.matcher(mode).matches(),
					"vgi.rpc.unix.mode must be four octal digits such as 0660, in quotes in YAML, which would read"
							+ " them as a number");
			Ranges.check("vgi.rpc.unix.max-connections", maxConnections, "1");
			Ranges.check("vgi.rpc.unix.idle-timeout", idleTimeout, "1ms", Ranges.LONGEST);
		}

		/**
		 * Return the file.
		 * @return what {@link #path()} says, or {@code null} if it says nothing
		 */
		@Nullable Path file() {
			return file(this.path);
		}

		private static @Nullable Path file(@Nullable String path) {
			try {
				return StringUtils.hasText(path) ? Path.of(path) : null;
			}
			catch (InvalidPathException ex) {
				throw new IllegalArgumentException("vgi.rpc.unix.path is no path: " + ex.getMessage());
			}
		}

		/**
		 * Return the permissions.
		 * @return what {@link #mode()} says
		 */
		Set<PosixFilePermission> permissions() {
			int bits = Integer.parseInt(this.mode, 8);
			Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
			// Declared in the order of the bits, from the highest to the lowest.
			for (PosixFilePermission permission : PosixFilePermission.values()) {
				if ((bits & 0400 >> permission.ordinal()) != 0) {
					permissions.add(permission);
				}
			}
			return permissions;
		}

	}

}
