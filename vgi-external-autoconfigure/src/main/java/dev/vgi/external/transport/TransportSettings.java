package dev.vgi.external.transport;

import java.net.InetSocketAddress;
import java.time.Duration;

import javax.net.ssl.SSLContext;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Settings of the storage traffic.
 *
 * @param connectTimeout longest wait for a connection to open, for all addresses of the
 * host, the proxy's tunnel and the TLS handshake together; default 10 s
 * @param readTimeout longest time without receiving bytes; default 30 s
 * @param maxConnections most connections open at the same time; default 64
 * @param proxy the HTTP proxy, or {@code null} for none; its host is looked up again for
 * each connection
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

	/**
	 * Return a copy with another {@code connectTimeout}.
	 * @param connectTimeout longest wait for a connection to open
	 * @return the copy
	 */
	public TransportSettings withConnectTimeout(Duration connectTimeout) {
		return new TransportSettings(connectTimeout, this.readTimeout, this.maxConnections, this.proxy,
				this.proxyUsername, this.proxyPassword, this.sslContext);
	}

	/**
	 * Return a copy with another {@code readTimeout}.
	 * @param readTimeout longest time without receiving bytes
	 * @return the copy
	 */
	public TransportSettings withReadTimeout(Duration readTimeout) {
		return new TransportSettings(this.connectTimeout, readTimeout, this.maxConnections, this.proxy,
				this.proxyUsername, this.proxyPassword, this.sslContext);
	}

	/**
	 * Return a copy with another {@code maxConnections}.
	 * @param maxConnections most connections open at the same time
	 * @return the copy
	 */
	public TransportSettings withMaxConnections(int maxConnections) {
		return new TransportSettings(this.connectTimeout, this.readTimeout, maxConnections, this.proxy,
				this.proxyUsername, this.proxyPassword, this.sslContext);
	}

	/**
	 * Return a copy with another {@code proxy}.
	 * @param proxy the HTTP proxy, or {@code null} for none
	 * @return the copy
	 */
	public TransportSettings withProxy(@Nullable InetSocketAddress proxy) {
		return new TransportSettings(this.connectTimeout, this.readTimeout, this.maxConnections, proxy,
				this.proxyUsername, this.proxyPassword, this.sslContext);
	}

	/**
	 * Return a copy with another {@code proxyUsername}.
	 * @param proxyUsername user name for the proxy, or {@code null}
	 * @return the copy
	 */
	public TransportSettings withProxyUsername(@Nullable String proxyUsername) {
		return new TransportSettings(this.connectTimeout, this.readTimeout, this.maxConnections, this.proxy,
				proxyUsername, this.proxyPassword, this.sslContext);
	}

	/**
	 * Return a copy with another {@code proxyPassword}.
	 * @param proxyPassword password for the proxy, or {@code null}
	 * @return the copy
	 */
	public TransportSettings withProxyPassword(@Nullable String proxyPassword) {
		return new TransportSettings(this.connectTimeout, this.readTimeout, this.maxConnections, this.proxy,
				this.proxyUsername, proxyPassword, this.sslContext);
	}

	/**
	 * Return a copy with another {@code sslContext}.
	 * @param sslContext trust and keys, or {@code null} for the JDK's
	 * @return the copy
	 */
	public TransportSettings withSslContext(@Nullable SSLContext sslContext) {
		return new TransportSettings(this.connectTimeout, this.readTimeout, this.maxConnections, this.proxy,
				this.proxyUsername, this.proxyPassword, sslContext);
	}

	@Override
	public String toString() {
		return "TransportSettings[connectTimeout=" + this.connectTimeout + ", readTimeout=" + this.readTimeout
				+ ", maxConnections=" + this.maxConnections + ", proxy=" + (this.proxy != null) + "]";
	}

}
