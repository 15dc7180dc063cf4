package dev.vgi.external.transport;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * An address whose packets get lost: it listens, but its queue is full and nobody accepts
 * (Linux).
 */
final class BlackHole implements AutoCloseable {

	private final ServerSocketChannel listener = ServerSocketChannel.open();

	private final SocketChannel[] queue = { SocketChannel.open(), SocketChannel.open() };

	/**
	 * Open a black hole.
	 * @param address where it listens
	 * @param port its port, or 0 for any
	 * @throws IOException if it cannot listen
	 */
	BlackHole(String address, int port) throws IOException {
		this.listener.setOption(StandardSocketOptions.SO_REUSEADDR, true);
		// Linux takes one more.
		this.listener.bind(new InetSocketAddress(address, port), 1);
		for (SocketChannel queued : this.queue) {
			queued.connect(this.listener.getLocalAddress());
		}
	}

	int port() {
		return this.listener.socket().getLocalPort();
	}

	/**
	 * Return how many sockets of this machine try to connect to a port.
	 * @param port the port
	 * @return the number of sockets that have sent a SYN
	 * @throws IOException never
	 */
	static long attempts(int port) throws IOException {
		String remote = String.format(Locale.ROOT, ":%04X 02 ", port);
		long attempts = 0;
		for (Path table : new Path[] { Path.of("/proc/net/tcp"), Path.of("/proc/net/tcp6") }) {
			try (Stream<String> sockets = Files.lines(table)) {
				attempts += sockets.filter((socket) -> socket.contains(remote)).count();
			}
		}
		return attempts;
	}

	@Override
	public void close() throws IOException {
		this.listener.close();
		for (SocketChannel queued : this.queue) {
			queued.close();
		}
	}

}
