package dev.vgi.external.network;

import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Storage over real sockets that behaves as a {@link NetworkModel}: a rate for each
 * connection, one for all of them together, a time to the first byte and a limit of
 * requests. Round trips and loss are not modelled: those of the machine are short. Every
 * object is of the same size and consists of zeros.
 */
final class ThrottlingServer implements AutoCloseable {

	private static final int STEP = 16 * 1024;

	private static final Pattern RANGE = Pattern.compile("range: *bytes=(\\d+)-(\\d+)");

	private final NetworkModel model;

	private final long size;

	private final Random random;

	private final ServerSocket server;

	private final Set<Socket> open = ConcurrentHashMap.newKeySet();

	private final byte[] zeros = new byte[STEP];

	/** Guarded by this object's monitor, as is all that follows. */
	private long linkFreeAt = System.nanoTime();

	private double tokens;

	private long tokensAt = System.nanoTime();

	private long bytes;

	private long requests;

	private long refused;

	ThrottlingServer(NetworkModel model, long size, long seed) throws IOException {
		this.model = model;
		this.size = size;
		this.random = new Random(seed);
		this.tokens = model.burst();
		this.server = new ServerSocket(0, 512, InetAddress.getLoopbackAddress());
		start(this::accept);
	}

	URI url() {
		return URI.create("http://localhost:" + this.server.getLocalPort() + "/object");
	}

	synchronized Counts counts() {
		return new Counts(this.bytes, this.requests, this.refused);
	}

	private static void start(Task task) {
		Thread thread = new Thread(() -> {
			try {
				task.run();
			}
			catch (IOException ex) {
				// The peer or this server is closed.
			}
		}, "throttling-server");
		thread.setDaemon(true);
		thread.start();
	}

	private void accept() throws IOException {
		while (true) {
			Socket socket = this.server.accept();
			this.open.add(socket);
			start(() -> serve(socket));
		}
	}

	private void serve(Socket socket) throws IOException {
		try (socket) {
			socket.setTcpNoDelay(true);
			BufferedReader in = new BufferedReader(
					new InputStreamReader(new BufferedInputStream(socket.getInputStream()), StandardCharsets.US_ASCII));
			OutputStream out = socket.getOutputStream();
			while (in.readLine() != null) {
				long first = 0;
				long last = this.size - 1;
				String header = in.readLine();
				while (header != null && !header.isEmpty()) {
					Matcher range = RANGE.matcher(header.toLowerCase(Locale.ROOT));
					if (range.matches()) {
						first = Long.parseLong(range.group(1));
						last = Math.min(last, Long.parseLong(range.group(2)));
					}
					header = in.readLine();
				}
				answer(out, first, last);
			}
		}
		finally {
			this.open.remove(socket);
		}
	}

	private void answer(OutputStream out, long first, long last) throws IOException {
		boolean accepted = accepts();
		sleepUntil(System.nanoTime() + firstByteNanos());
		if (!accepted) {
			write(out, "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n");
			return;
		}
		long left = last - first + 1;
		write(out, "HTTP/1.1 206 Partial Content\r\nETag: \"1\"\r\nContent-Length: " + left
				+ "\r\nContent-Range: bytes " + first + "-" + last + "/" + this.size + "\r\n\r\n");
		long due = System.nanoTime();
		while (left > 0) {
			int step = (int) Math.min(STEP, left);
			due += (long) (step / this.model.connectionRate() * 1e9);
			sleepUntil(due);
			long linkDue = onLink(step);
			sleepUntil(linkDue);
			// What was waited for the link is not made up for.
			due = Math.max(due, linkDue - 5_000_000);
			out.write(this.zeros, 0, step);
			left -= step;
		}
	}

	private synchronized boolean accepts() {
		this.requests++;
		if (this.model.requestRate() == 0) {
			return true;
		}
		long now = System.nanoTime();
		this.tokens = Math.min(this.model.burst(),
				this.tokens + (now - this.tokensAt) / 1e9 * this.model.requestRate());
		this.tokensAt = now;
		if (this.tokens < 1) {
			this.refused++;
			return false;
		}
		this.tokens--;
		return true;
	}

	private synchronized long firstByteNanos() {
		return (long) (this.model.firstByte().toNanos() * Math.exp(this.model.sigma() * this.random.nextGaussian()));
	}

	// Connections take turns, since each asks for one step at a time.
	private synchronized long onLink(int step) {
		this.bytes += step;
		this.linkFreeAt = Math.max(this.linkFreeAt, System.nanoTime() - 5_000_000)
				+ (long) (step / this.model.linkRate() * 1e9);
		return this.linkFreeAt;
	}

	private static void sleepUntil(long time) {
		for (long left = time - System.nanoTime(); left > 100_000; left = time - System.nanoTime()) {
			LockSupport.parkNanos(left);
		}
	}

	private static void write(OutputStream out, String text) throws IOException {
		out.write(text.getBytes(StandardCharsets.US_ASCII));
	}

	@Override
	public void close() throws IOException {
		this.server.close();
		for (Socket socket : this.open) {
			socket.close();
		}
	}

	/**
	 * What was counted so far.
	 *
	 * @param bytes of all bodies
	 * @param requests all of them
	 * @param refused those that were answered 503
	 */
	record Counts(long bytes, long requests, long refused) {

	}

	/**
	 * What a thread does.
	 */
	@FunctionalInterface
	private interface Task {

		void run() throws IOException;

	}

}
