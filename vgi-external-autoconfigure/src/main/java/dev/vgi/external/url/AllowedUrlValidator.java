package dev.vgi.external.url;

import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The policy that an application configures: URLs of its own storage, listed hosts, and
 * optionally every public host. Works on names only; whether a name leads to a private
 * address is decided where it is resolved, with the help of
 * {@link #admitsPrivateAddresses}. Immutable.
 */
public final class AllowedUrlValidator implements UrlValidator {

	private static final Pattern NUMBER = Pattern.compile("[0-9]+|0[xX][0-9a-fA-F]*");

	private static final Pattern DOTTED = Pattern.compile("(?:(?:0|[1-9][0-9]{0,2})\\.){3}(?:0|[1-9][0-9]{0,2})");

	private final Set<String> schemes;

	private final List<HostPattern> hosts;

	private final boolean publicHosts;

	private final boolean allowPrivateAddresses;

	private final Predicate<URI> own;

	private final String key;

	private AllowedUrlValidator(Builder builder) {
		this.schemes = builder.schemes.stream()
			.map((scheme) -> scheme.toLowerCase(Locale.ROOT))
			.collect(Collectors.toSet());
		this.hosts = builder.hosts.stream().map((host) -> HostPattern.parse(host, builder.key)).toList();
		this.publicHosts = builder.publicHosts;
		this.allowPrivateAddresses = builder.allowPrivateAddresses;
		this.own = builder.own;
		this.key = builder.key;
	}

	/**
	 * Begin a policy that refuses every URL.
	 * @return the builder
	 */
	public static Builder builder() {
		return new Builder();
	}

	@Override
	public void validate(URI url) {
		String scheme = url.getScheme();
		String host = url.getHost();
		if (scheme == null || url.isOpaque()) {
			throw new UrlRejectedException(url, "it is not an absolute URL");
		}
		if (url.getRawUserInfo() != null || (url.getRawAuthority() != null && url.getRawAuthority().contains("@"))) {
			throw new UrlRejectedException(url, "it contains user info");
		}
		if (host == null || host.isEmpty()) {
			throw new UrlRejectedException(url, "it has no valid host");
		}
		if (this.own.test(url)) {
			return;
		}
		if (!this.schemes.contains(scheme.toLowerCase(Locale.ROOT))) {
			throw new UrlRejectedException(url,
					"scheme " + scheme + " is not among " + this.key + ".allowed-schemes (" + shown() + ")");
		}
		if (isListed(this.hosts, host, port(url))) {
			return;
		}
		if (!this.publicHosts) {
			throw new UrlRejectedException(url, "host " + host + " is not among " + this.key + ".allowed-hosts");
		}
		if (!this.allowPrivateAddresses) {
			checkPublic(url, host);
		}
	}

	/**
	 * Return a readable description of what is allowed besides own URLs.
	 * @return such as {@code storage.example, and public hosts (https)}
	 */
	public String describe() {
		List<String> allowed = new ArrayList<>();
		this.hosts.forEach((host) -> allowed.add(host.toString()));
		if (this.publicHosts) {
			allowed.add(this.allowPrivateAddresses ? "any host" : "hosts with public addresses");
		}
		return allowed.isEmpty() ? "nobody else" : String.join(", ", allowed) + " (" + shown() + ")";
	}

	private String shown() {
		return this.schemes.stream().sorted().collect(Collectors.joining(", "));
	}

	private static int port(URI url) {
		if (url.getPort() >= 0) {
			return url.getPort();
		}
		return "http".equalsIgnoreCase(url.getScheme()) ? 80 : 443;
	}

	private static boolean isListed(List<HostPattern> patterns, String host, int port) {
		String name = normalize(host);
		return patterns.stream().anyMatch((pattern) -> pattern.matches(name, port));
	}

	private static String normalize(String host) {
		String name = host.toLowerCase(Locale.ROOT);
		if (name.startsWith("[") && name.endsWith("]")) {
			name = name.substring(1, name.length() - 1);
		}
		return name.endsWith(".") ? name.substring(0, name.length() - 1) : name;
	}

	private void checkPublic(URI url, String host) {
		String name = normalize(host);
		String lastLabel = name.substring(name.lastIndexOf('.') + 1);
		InetAddress literal = null;
		if (name.contains(":")) {
			literal = name.contains("%") ? null : literal("[" + name + "]");
			if (literal == null) {
				throw new UrlRejectedException(url, "host " + host + " is not a valid address");
			}
		}
		else if (NUMBER.matcher(lastLabel).matches()) {
			// Some resolvers treat numbers other than a plain dotted quad as addresses.
			literal = DOTTED.matcher(name).matches() ? literal(name) : null;
			if (literal == null) {
				throw new UrlRejectedException(url, "host " + host + " is not a valid address");
			}
		}
		if ((literal != null && !PublicAddresses.isPublic(literal)) || "localhost".equals(lastLabel)) {
			throw new UrlRejectedException(url, "host " + host + " is not public; allow it with " + this.key
					+ ".allowed-hosts or " + this.key + ".allow-private-addresses");
		}
	}

	private static @Nullable InetAddress literal(String text) {
		try {
			// Numbers with dots and text in brackets are parsed, never looked up.
			return InetAddress.getByName(text);
		}
		catch (UnknownHostException ex) {
			return null;
		}
	}

	@Override
	public boolean admitsPrivateAddresses(URI url) {
		return this.allowPrivateAddresses || this.own.test(url) || isListed(this.hosts, url.getHost(), port(url));
	}

	/**
	 * A listed host.
	 *
	 * @param name the host or, with {@code suffix}, what it ends with
	 * @param suffix whether it matches only hosts below {@code name}
	 * @param port the only port, or {@link #ANY}
	 */
	private record HostPattern(String name, boolean suffix, int port) {

		private static final int ANY = -1;

		private static final Pattern NAME = Pattern.compile("[^*/@:.][^*/@:]*");

		private static final Pattern WITH_PORT = Pattern.compile("(\\[.*\\]|[^:]*):([0-9]{1,5})");

		static HostPattern parse(String text, String key) {
			String host = text.strip();
			int port = ANY;
			var matcher = WITH_PORT.matcher(host);
			if (matcher.matches()) {
				host = matcher.group(1);
				port = Integer.parseInt(matcher.group(2));
			}
			boolean suffix = host.startsWith("*.");
			String name = normalize(suffix ? host.substring(2) : host);
			Assert.isTrue(isHost(name) && port != 0 && port < 1 << 16,
					() -> key + ".allowed-hosts: '" + text + "' is not a host, *.suffix or host:port");
			return new HostPattern(suffix ? "." + name : name, suffix, port);
		}

		private static boolean isHost(String name) {
			// What has a colon and is no address has a port that is none.
			return NAME.matcher(name).matches() || (name.contains(":") && literal("[" + name + "]") != null);
		}

		@Override
		public String toString() {
			String host = this.name.contains(":") ? "[" + this.name + "]" : this.name;
			return (this.suffix ? "*" : "") + host + ((this.port == ANY) ? "" : ":" + this.port);
		}

		/**
		 * Return whether a host matches.
		 * @param host a normalized host
		 * @param actual its port
		 * @return whether it matches
		 */
		boolean matches(String host, int actual) {
			boolean named = this.suffix ? host.endsWith(this.name) : host.equals(this.name);
			return named && (this.port == ANY || actual == this.port);
		}

	}

	/**
	 * Builds policies.
	 */
	public static final class Builder {

		private Collection<String> schemes = List.of("https");

		private Collection<String> hosts = List.of();

		private boolean publicHosts;

		private boolean allowPrivateAddresses;

		private Predicate<URI> own = (url) -> false;

		private String key = "vgi.external.url";

		private Builder() {
		}

		/**
		 * Set the schemes that may be requested, also of listed hosts. Own URLs may have
		 * any scheme.
		 * @param schemes {@code https} by default
		 * @return this builder
		 */
		public Builder schemes(String... schemes) {
			this.schemes = List.of(schemes);
			return this;
		}

		/**
		 * Set the hosts that may be requested, public or private.
		 * @param hosts each {@code host} or {@code *.suffix}, which does not match the
		 * suffix itself, either with {@code :port} for only that port
		 * @return this builder
		 */
		public Builder hosts(String... hosts) {
			this.hosts = List.of(hosts);
			return this;
		}

		/**
		 * Set whether hosts that are not listed may be requested if their addresses are
		 * public.
		 * @param publicHosts {@code false} by default
		 * @return this builder
		 */
		public Builder publicHosts(boolean publicHosts) {
			this.publicHosts = publicHosts;
			return this;
		}

		/**
		 * Set whether the addresses of hosts that are not listed may be private.
		 * @param allowPrivateAddresses {@code false} by default
		 * @return this builder
		 */
		public Builder allowPrivateAddresses(boolean allowPrivateAddresses) {
			this.allowPrivateAddresses = allowPrivateAddresses;
			return this;
		}

		/**
		 * Set which URLs are those of the application's own storage.
		 * @param own accepts them; none by default
		 * @return this builder
		 */
		public Builder own(Predicate<URI> own) {
			Assert.notNull(own, "'own' must not be null");
			this.own = own;
			return this;
		}

		/**
		 * Set the prefix of the settings that refusals name.
		 * @param key {@code vgi.external.url} by default
		 * @return this builder
		 */
		public Builder key(String key) {
			Assert.hasText(key, "'key' must not be empty");
			this.key = key;
			return this;
		}

		/**
		 * Build the policy.
		 * @return the policy
		 * @throws IllegalArgumentException if one of the hosts is not one; names the key
		 */
		public AllowedUrlValidator build() {
			return new AllowedUrlValidator(this);
		}

	}

}
