package dev.vgi.external.transport;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.function.Consumer;

import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

import dev.vgi.external.url.PublicAddresses;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.HttpHost;
import org.jspecify.annotations.Nullable;

/**
 * Opens connections: resolves the host, connects to exactly the addresses that the
 * resolver returned, tunnels through the proxy if there is one, and performs the TLS
 * handshake, verifying the host's name.
 */
final class Connector {

	private final TransportSettings settings;

	private final HostResolver hostResolver;

	private final @Nullable String proxyAuthorization;

	Connector(TransportSettings settings, HostResolver hostResolver) {
		this.settings = settings;
		this.hostResolver = hostResolver;
		this.proxyAuthorization = (settings.proxyUsername() != null)
				? basic(settings.proxyUsername(), settings.proxyPassword()) : null;
	}

	private static String basic(String username, @Nullable String password) {
		byte[] credentials = (username + ":" + ((password != null) ? password : "")).getBytes(StandardCharsets.UTF_8);
		return "Basic " + Base64.getEncoder().encodeToString(credentials);
	}

	/**
	 * Open a connection.
	 * @param route the target, and whether its address has to be public
	 * @param opening receives every socket before it blocks, so that it can be closed
	 * @return the open connection; the caller closes it
	 * @throws IOException if no connection could be opened
	 * @throws HttpException if the proxy's response is not HTTP
	 */
	StorageConnection connect(ConnectionPool.Route route, Consumer<Socket> opening) throws IOException, HttpException {
		HttpHost target = route.host();
		InetSocketAddress proxy = this.settings.proxy();
		boolean secure = "https".equals(target.getSchemeName());
		Socket socket = (proxy != null) ? connect(proxy, opening) : connect(resolve(route), target.getPort(), opening);
		try {
			socket.setTcpNoDelay(true);
			socket.setKeepAlive(true);
			// The handshake needs a time-out, like the connect.
			socket.setSoTimeout(millis(this.settings.connectTimeout()));
			SSLSocket sslSocket = null;
			if (secure) {
				if (proxy != null) {
					tunnel(socket, target);
				}
				sslSocket = secure(socket, target);
			}
			socket.setSoTimeout(millis(this.settings.readTimeout()));
			return new StorageConnection(socket, sslSocket, proxy != null && !secure, this.proxyAuthorization);
		}
		catch (IOException | HttpException | RuntimeException ex) {
			closeQuietly(socket);
			throw ex;
		}
	}

	private InetAddress[] resolve(ConnectionPool.Route route) throws UnknownHostException {
		String host = route.host().getHostName();
		InetAddress[] addresses = this.hostResolver.resolve(host);
		if (!route.publicOnly()) {
			return addresses;
		}
		// Connect to exactly the checked addresses, without a second look-up.
		InetAddress[] open = Arrays.stream(addresses).filter(PublicAddresses::isPublic).toArray(InetAddress[]::new);
		if (open.length == 0) {
			throw new AddressRejectedException("host " + host
					+ " has no public address, and the allowed hosts of vgi.external.url or vgi.external.client.url do"
					+ " not list it");
		}
		return open;
	}

	private Socket connect(InetSocketAddress proxy, Consumer<Socket> opening) throws IOException {
		try {
			return connect(InetAddress.getAllByName(proxy.getHostString()), proxy.getPort(), opening);
		}
		catch (IOException ex) {
			// The failure has nothing to do with the storage.
			throw new ExplainedException("the proxy at " + proxy.getHostString() + ":" + proxy.getPort()
					+ " cannot be reached: " + FailureReason.of(ex));
		}
	}

	private Socket connect(InetAddress[] addresses, int port, Consumer<Socket> opening) throws IOException {
		IOException failure = null;
		for (InetAddress address : addresses) {
			// A channel's socket, since an interrupt wakes a thread that is blocked in a
			// channel.
			Socket socket = SocketChannel.open().socket();
			try {
				opening.accept(socket);
				socket.connect(new InetSocketAddress(address, port), millis(this.settings.connectTimeout()));
				return socket;
			}
			catch (IOException ex) {
				closeQuietly(socket);
				if (Thread.currentThread().isInterrupted()) {
					throw ex;
				}
				failure = ex;
			}
			catch (RuntimeException ex) {
				closeQuietly(socket);
				throw ex;
			}
		}
		throw (failure != null) ? failure : new UnknownHostException("no address");
	}

	private void tunnel(Socket socket, HttpHost target) throws IOException, HttpException {
		StorageConnection connection = new StorageConnection(socket, null, false, null);
		connection.send(StorageRequest.tunnel(target, this.proxyAuthorization));
		ClassicHttpResponse response = connection.receiveResponseHeader();
		if (response.getCode() / 100 != 2) {
			throw new ExplainedException("the proxy answered " + response.getCode());
		}
		if (connection.hasReadAhead()) {
			// These bytes would be lost, and do not come from the target of the tunnel.
			throw new ExplainedException("the proxy sent bytes behind its answer");
		}
	}

	private SSLSocket secure(Socket socket, HttpHost target) throws IOException {
		SSLSocket sslSocket = (SSLSocket) sslContext().getSocketFactory()
			.createSocket(socket, target.getHostName(), target.getPort(), true);
		SSLParameters parameters = sslSocket.getSSLParameters();
		parameters.setEndpointIdentificationAlgorithm("HTTPS");
		sslSocket.setSSLParameters(parameters);
		sslSocket.startHandshake();
		return sslSocket;
	}

	private SSLContext sslContext() throws IOException {
		SSLContext configured = this.settings.sslContext();
		if (configured != null) {
			return configured;
		}
		try {
			return SSLContext.getDefault();
		}
		catch (NoSuchAlgorithmException ex) {
			throw new ExplainedException("this JDK has no TLS");
		}
	}

	private static int millis(Duration duration) {
		return (int) Math.max(1, Math.min(Integer.MAX_VALUE, duration.toMillis()));
	}

	static void closeQuietly(Socket socket) {
		try {
			socket.close();
		}
		catch (IOException ex) {
			// The socket is not used any more.
		}
	}

}
