package dev.vgi.external.storage;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A way to a server that can be cut off: then all its connections break, and new ones are
 * closed at once.
 */
public final class Outage implements AutoCloseable {

	private final URI server;

	private final ServerSocket listener;

	private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

	private volatile boolean cut;

	/**
	 * Open a way.
	 * @param server where it leads, an http URL with a port
	 * @throws IOException if there is no port
	 */
	public Outage(URI server) throws IOException {
		this.server = server;
		this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
		start(this::listen);
	}

	/**
	 * Return where it begins.
	 * @return a URL without a path
	 */
	public URI url() {
		return URI.create("http://127.0.0.1:" + this.listener.getLocalPort());
	}

	/**
	 * Cut it off.
	 */
	public void begin() {
		this.cut = true;
		this.sockets.forEach(Outage::close);
	}

	/**
	 * Open it again.
	 */
	public void end() {
		this.cut = false;
	}

	private void listen() throws IOException {
		while (true) {
			Socket client = this.listener.accept();
			this.sockets.add(client);
			if (this.cut) {
				close(client);
				continue;
			}
			Socket target = new Socket(this.server.getHost(), this.server.getPort());
			this.sockets.add(target);
			start(() -> copy(client, target));
			start(() -> copy(target, client));
			if (this.cut) {
				close(client);
				close(target);
			}
		}
	}

	private void copy(Socket from, Socket to) throws IOException {
		try (from; to; InputStream in = from.getInputStream()) {
			in.transferTo(to.getOutputStream());
		}
		finally {
			this.sockets.remove(from);
		}
	}

	private static void start(Work work) {
		Thread thread = new Thread(() -> {
			try {
				work.run();
			}
			catch (IOException ex) {
				// The connection is broken, or there will be no other.
			}
		}, "outage");
		thread.setDaemon(true);
		thread.start();
	}

	private static void close(Socket socket) {
		try {
			socket.close();
		}
		catch (IOException ex) {
			// It is of no use any more.
		}
	}

	@Override
	public void close() throws IOException {
		this.listener.close();
		begin();
	}

	@FunctionalInterface
	private interface Work {

		void run() throws IOException;

	}

}
