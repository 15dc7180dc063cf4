package dev.vgi.external.transport;

import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.url.PublicAddresses;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.HttpHost;
import org.jspecify.annotations.Nullable;

/**
 * Opens connections: resolves the host, connects to one of exactly the addresses that the
 * resolver returned, tunnels through the proxy if there is one, and performs the TLS
 * handshake, verifying the host's name. All of it, except for the look-up, ends within
 * the connect timeout.
 */
final class Connector {

	private final TransportSettings settings;

	private final HostResolver hostResolver;

	private final TransferTimer timer;

	private final AddressMemory memory;

	private final @Nullable String proxyAuthorization;

	Connector(TransportSettings settings, HostResolver hostResolver, TransferTimer timer) {
		this.settings = settings;
		this.hostResolver = hostResolver;
		this.timer = timer;
		this.memory = new AddressMemory(timer::nanoTime);
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
	 * @param opening receives whatever has to be closed to end the opening, one after the
	 * other, before this thread waits for it
	 * @return the open connection; the caller closes it
	 * @throws IOException if no connection could be opened
	 * @throws HttpException if the proxy's response is not HTTP
	 */
	StorageConnection connect(ConnectionPool.Route route, Consumer<Closeable> opening)
			throws IOException, HttpException {
		HttpHost target = route.host();
		InetSocketAddress proxy = this.settings.proxy();
		boolean secure = "https".equals(target.getSchemeName());
		List<InetAddress> addresses = (proxy != null) ? resolve(proxy) : resolve(route);
		Deadline limit = Deadline.in(this.settings.connectTimeout(), this.timer::nanoTime);
		Socket socket = (proxy != null) ? connect(proxy, addresses, limit, opening)
				: connect(addresses, target.getPort(), limit, opening);
		try {
			opening.accept(socket);
			socket.setTcpNoDelay(true);
			socket.setKeepAlive(true);
			socket.setSoTimeout(millis(this.settings.readTimeout()));
			if (secure && proxy != null) {
				within(limit, socket, "the proxy opened no tunnel", () -> tunnel(socket, target));
			}
			SSLSocket sslSocket = secure ? secure(socket, target) : null;
			if (sslSocket != null) {
				within(limit, socket, "no TLS connection came about", sslSocket::startHandshake);
			}
			return new StorageConnection(socket, sslSocket, proxy != null && !secure, this.proxyAuthorization);
		}
		catch (IOException | HttpException | RuntimeException ex) {
			closeQuietly(socket);
			throw ex;
		}
	}

	private List<InetAddress> resolve(ConnectionPool.Route route) throws UnknownHostException {
		String host = route.host().getHostName();
		List<InetAddress> addresses = List
			.of(route.foreign() ? this.hostResolver.resolveForeign(host) : this.hostResolver.resolve(host));
		if (!route.publicOnly()) {
			return addresses;
		}
		// Connect to exactly the checked addresses, without a second look-up.
		List<InetAddress> open = addresses.stream().filter(PublicAddresses::isPublic).toList();
		if (open.isEmpty()) {
			throw new AddressRejectedException("host " + host
					+ " has no public address, and the allowed hosts of vgi.external.url or vgi.external.client.url do"
					+ " not list it");
		}
		return open;
	}

	private List<InetAddress> resolve(InetSocketAddress proxy) throws IOException {
		try {
			return List.of(InetAddress.getAllByName(proxy.getHostString()));
		}
		catch (UnknownHostException ex) {
			throw unreachable(proxy, ex);
		}
	}

	private Socket connect(InetSocketAddress proxy, List<InetAddress> addresses, Deadline limit,
			Consumer<Closeable> opening) throws IOException {
		try {
			return connect(addresses, proxy.getPort(), limit, opening);
		}
		catch (IOException ex) {
			throw unreachable(proxy, ex);
		}
	}

	// Such a failure has nothing to do with the storage.
	private static IOException unreachable(InetSocketAddress proxy, IOException reason) {
		return new ExplainedException("the proxy at " + proxy.getHostString() + ":" + proxy.getPort()
				+ " cannot be reached: " + FailureReason.of(reason));
	}

	private Socket connect(List<InetAddress> addresses, int port, Deadline limit, Consumer<Closeable> opening)
			throws IOException {
		AddressRace race = new AddressRace(this.memory.order(addresses), port, limit, this.timer);
		opening.accept(race);
		return race.run(this.memory);
	}

	// Executes a step on a connected socket, which is closed if the time is over before.
	private void within(Deadline limit, Socket socket, String failure, Step step) throws IOException, HttpException {
		AtomicBoolean decided = new AtomicBoolean();
		TransferTimer.Alarm alarm = this.timer.schedule(limit.remaining(), () -> {
			if (decided.compareAndSet(false, true)) {
				closeQuietly(socket);
			}
		});
		try {
			step.execute();
			if (decided.compareAndSet(false, true)) {
				return;
			}
		}
		catch (IOException ex) {
			if (decided.compareAndSet(false, true)) {
				throw ex;
			}
		}
		finally {
			alarm.cancel();
		}
		throw outOfTime(failure);
	}

	private IOException outOfTime(String failure) {
		return new ExplainedException(failure + " within " + this.settings.connectTimeout().toMillis()
				+ " ms (vgi.external.http.connect-timeout)");
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

	static void closeQuietly(Closeable closeable) {
		try {
			closeable.close();
		}
		catch (IOException ex) {
			// It is not used any more.
		}
	}

	/**
	 * A part of the opening.
	 */
	@FunctionalInterface
	private interface Step {

		/**
		 * Execute it on this thread.
		 * @throws IOException if it fails
		 * @throws HttpException if a response is not HTTP
		 */
		void execute() throws IOException, HttpException;

	}

}
