package dev.vgi.external.transport;

import java.net.InetSocketAddress;
import java.time.Duration;

import javax.net.ssl.SSLContext;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Settings of the storage traffic.
 *
 * @param connectTimeout longest wait for a connection to open; default 10 s
 * @param readTimeout longest time without receiving bytes; default 30 s
 * @param maxConnections most connections open at the same time; default 64
 * @param proxy HTTP proxy, or {@code null} for none; its host is looked up again for each
 * connection
 * @param proxyUsername user name for the proxy, or {@code null}
 * @param proxyPassword password for the proxy, or {@code null}; never shown
 * @param sslContext trust and keys, or {@code null} for the JDK's
 */
public record TransportSettings(Duration connectTimeout, Duration readTimeout, int maxConnections,
		@Nullable InetSocketAddress proxy, @Nullable String proxyUsername, @Nullable String proxyPassword,
		@Nullable SSLContext sslContext) {

	private static final TransportSettings DEFAULTS = new TransportSettings(Duration.ofSeconds(10),
			Duration.ofSeconds(30), 64, null, null, null, null);

	public TransportSettings {
		// java.net takes an empty host for this machine.
		Assert.isTrue(proxy == null || !proxy.getHostString().isBlank(), "'proxy' must have a host");
	}

	/**
	 * Return the defaults.
	 * @return the shared instance
	 */
	public static TransportSettings defaults() {
		return DEFAULTS;
	}

	@Override
	public String toString() {
		return "TransportSettings[connectTimeout=" + this.connectTimeout + ", readTimeout=" + this.readTimeout
				+ ", maxConnections=" + this.maxConnections + ", proxy=" + (this.proxy != null) + "]";
	}

}
