package dev.vgi.external.benchmark;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

import javax.net.ssl.SSLContext;

import org.jspecify.annotations.Nullable;

/**
 * The limit everything is compared with: bytes over bare sockets, eight at once, kept
 * open, into memory that is used again. No pool, no headers to speak of, no checks.
 */
final class RawConnections implements AutoCloseable {

	private static final int PARALLEL = 8;

	private static final long CHUNK = 8L << 20;

	private final ExecutorService threads = Executors.newFixedThreadPool(PARALLEL, (task) -> {
		Thread thread = new Thread(task);
		thread.setDaemon(true);
		return thread;
	});

	private final List<Connection> connections = new ArrayList<>();

	RawConnections(URI origin, @Nullable SSLContext trust) throws IOException {
		for (int i = 0; i < PARALLEL; i++) {
			this.connections.add(new Connection(origin, trust));
		}
	}

	/**
	 * Fetch in ranges of whole waves.
	 * @param url what
	 * @param size how many bytes
	 * @param target where to
	 * @throws Exception if it fails
	 */
	void get(URI url, int size, ByteBuffer target) throws Exception {
		get(url, size, target, PARALLEL);
	}

	/**
	 * Fetch in ranges of whole waves.
	 * @param url what
	 * @param size how many bytes
	 * @param target where to
	 * @param parallel how many connections to use
	 * @throws Exception if it fails
	 */
	void get(URI url, int size, ByteBuffer target, int parallel) throws Exception {
		inRanges(size, parallel, (connection, from, to) -> connection.get(url, from, target.slice(from, to - from)));
	}

	/**
	 * Send ranges of whole waves, each as one body.
	 * @param url where to
	 * @param size how many bytes
	 * @param source where from
	 * @throws Exception if it fails
	 */
	void put(URI url, int size, ByteBuffer source) throws Exception {
		inRanges(size, PARALLEL,
				(connection, from, to) -> connection.put(url, to - from, List.of(source.slice(from, to - from))));
	}

	private void inRanges(int size, int parallel, Transfer transfer) throws Exception {
		long waves = (size + CHUNK * parallel - 1) / (CHUNK * parallel);
		int count = (parallel > 1) ? (int) (waves * parallel) : 1;
		AtomicInteger next = new AtomicInteger();
		List<Future<?>> workers = new ArrayList<>();
		for (Connection connection : this.connections.subList(0, parallel)) {
			workers.add(this.threads.submit(() -> {
				for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
					transfer.run(connection, (int) ((long) size * i / count), (int) ((long) size * (i + 1) / count));
				}
				return null;
			}));
		}
		for (Future<?> worker : workers) {
			worker.get();
		}
	}

	/**
	 * Send one body.
	 * @param url where to
	 * @param size how many bytes
	 * @param segments what
	 * @throws IOException if it fails
	 */
	void put(URI url, long size, List<ByteBuffer> segments) throws IOException {
		this.connections.get(0).put(url, size, segments);
	}

	@Override
	public void close() throws IOException {
		this.threads.shutdown();
		for (Connection connection : this.connections) {
			connection.socket.close();
		}
	}

	/**
	 * Transfers one range.
	 */
	@FunctionalInterface
	private interface Transfer {

		void run(Connection connection, int from, int to) throws IOException;

	}

	private static final class Connection {

		private final Socket socket;

		private final @Nullable SocketChannel channel;

		private final byte[] piece = new byte[64 * 1024];

		Connection(URI origin, @Nullable SSLContext trust) throws IOException {
			if (trust != null) {
				this.channel = null;
				this.socket = trust.getSocketFactory().createSocket(origin.getHost(), origin.getPort());
			}
			else {
				this.channel = SocketChannel.open(new InetSocketAddress(origin.getHost(), origin.getPort()));
				this.socket = this.channel.socket();
			}
			this.socket.setTcpNoDelay(true);
		}

		void get(URI url, int from, ByteBuffer target) throws IOException {
			head("GET " + url.getRawPath() + "?" + url.getRawQuery() + " HTTP/1.1\r\nHost: localhost\r\nRange: bytes="
					+ from + "-" + (from + target.remaining() - 1) + "\r\n\r\n");
			skipHead();
			while (target.hasRemaining()) {
				if (this.channel != null) {
					if (this.channel.read(target) < 0) {
						throw new EOFException();
					}
				}
				else {
					int read = this.socket.getInputStream()
						.read(this.piece, 0, Math.min(this.piece.length, target.remaining()));
					if (read < 0) {
						throw new EOFException();
					}
					target.put(this.piece, 0, read);
				}
			}
		}

		void put(URI url, long size, List<ByteBuffer> segments) throws IOException {
			head("PUT " + url.getRawPath() + "?" + url.getRawQuery()
					+ " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + size + "\r\n\r\n");
			for (ByteBuffer segment : segments) {
				while (segment.hasRemaining()) {
					if (this.channel != null) {
						this.channel.write(segment);
					}
					else {
						int count = Math.min(this.piece.length, segment.remaining());
						segment.get(this.piece, 0, count);
						this.socket.getOutputStream().write(this.piece, 0, count);
					}
				}
			}
			skipHead();
		}

		private void head(String head) throws IOException {
			byte[] bytes = head.getBytes(StandardCharsets.ISO_8859_1);
			if (this.channel != null) {
				ByteBuffer buffer = ByteBuffer.wrap(bytes);
				while (buffer.hasRemaining()) {
					this.channel.write(buffer);
				}
			}
			else {
				OutputStream out = this.socket.getOutputStream();
				out.write(bytes);
				out.flush();
			}
		}

		// Byte by byte, so that nothing of the body is read with it.
		private void skipHead() throws IOException {
			InputStream in = (this.channel != null) ? Channels.newInputStream(this.channel)
					: this.socket.getInputStream();
			int state = 0;
			while (state < 4) {
				int c = in.read();
				if (c < 0) {
					throw new EOFException();
				}
				state = (c == ((state % 2 == 0) ? '\r' : '\n')) ? state + 1 : 0;
			}
		}

	}

}
