package dev.vgi.external.transport;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import javax.net.ssl.SSLContext;

import org.jspecify.annotations.Nullable;

/**
 * A storage that misbehaves as told: it speaks HTTP on plain sockets, so that it can also
 * break it. Stalls end when the test says so, or when the server closes.
 */
public final class FaultServer implements AutoCloseable {

	private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-(\\d*)");

	private final ServerSocket listener;

	private final String scheme;

	private final Handler handler;

	private final List<Request> requests = new CopyOnWriteArrayList<>();

	private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

	private final AtomicInteger connections = new AtomicInteger();

	private final CountDownLatch closing = new CountDownLatch(1);

	/**
	 * Start a server.
	 * @param handler answers every request
	 */
	public FaultServer(Handler handler) {
		this(handler, null);
	}

	/**
	 * Start a server.
	 * @param handler answers every request
	 * @param sslContext its key for https, or {@code null} for http
	 */
	public FaultServer(Handler handler, @Nullable SSLContext sslContext) {
		this.handler = handler;
		this.scheme = (sslContext != null) ? "https" : "http";
		try {
			InetAddress loopback = InetAddress.getByAddress("localhost", new byte[] { 127, 0, 0, 1 });
			this.listener = (sslContext != null)
					? sslContext.getServerSocketFactory().createServerSocket(0, 50, loopback)
					: new ServerSocket(0, 50, loopback);
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
		daemon(this::accept).start();
	}

	/**
	 * Return a URL of this server.
	 * @param pathAndQuery what follows the authority
	 * @return the absolute URL
	 */
	public URI url(String pathAndQuery) {
		return URI.create(this.scheme + "://localhost:" + this.listener.getLocalPort() + pathAndQuery);
	}

	/**
	 * Return the port.
	 * @return where this server listens
	 */
	public int port() {
		return this.listener.getLocalPort();
	}

	/**
	 * Return what was asked.
	 * @return all requests so far, in order of arrival
	 */
	public List<Request> requests() {
		return this.requests;
	}

	/**
	 * Return how many connections were opened.
	 * @return the number so far
	 */
	public int connections() {
		return this.connections.get();
	}

	@Override
	public void close() {
		this.closing.countDown();
		closeQuietly(this.listener);
		this.sockets.forEach(FaultServer::closeQuietly);
	}

	private static Thread daemon(Runnable task) {
		Thread thread = new Thread(task, "fault-server");
		thread.setDaemon(true);
		return thread;
	}

	private void accept() {
		while (true) {
			try {
				Socket socket = this.listener.accept();
				this.connections.incrementAndGet();
				this.sockets.add(socket);
				if (this.closing.getCount() == 0) {
					// Accepted although the listener was being closed: nobody is home.
					closeQuietly(socket);
					return;
				}
				daemon(() -> serve(socket)).start();
			}
			catch (IOException ex) {
				return;
			}
		}
	}

	private void serve(Socket socket) {
		try (socket) {
			InputStream in = new BufferedInputStream(socket.getInputStream());
			while (true) {
				Request request = read(in);
				if (request == null) {
					return;
				}
				this.requests.add(request);
				Reply reply = new Reply(this, socket, request);
				try {
					this.handler.handle(request, reply);
				}
				finally {
					reply.onEnd.run();
				}
				request.body();
			}
		}
		catch (Exception ex) {
			// The connection breaks, which is what most handlers are for.
		}
		finally {
			this.sockets.remove(socket);
		}
	}

	private @Nullable Request read(InputStream in) throws IOException {
		String line = line(in);
		if (line == null) {
			return null;
		}
		String[] parts = line.split(" ");
		Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
		for (String header = line(in); header != null && !header.isEmpty(); header = line(in)) {
			int colon = header.indexOf(':');
			headers.put(header.substring(0, colon).strip(), header.substring(colon + 1).strip());
		}
		return new Request(parts[0], parts[1], headers, in, this.requests.size());
	}

	private static @Nullable String line(InputStream in) throws IOException {
		ByteArrayOutputStream line = new ByteArrayOutputStream();
		for (int c = in.read(); c >= 0; c = in.read()) {
			if (c == '\n') {
				return line.toString(StandardCharsets.ISO_8859_1).strip();
			}
			line.write(c);
		}
		return null;
	}

	private static void closeQuietly(AutoCloseable closeable) {
		try {
			closeable.close();
		}
		catch (Exception ex) {
			// The test is over.
		}
	}

	/**
	 * A storage without faults, which knows ranges and entity tags.
	 * @param content the object's bytes
	 * @param headers further headers, as {@code Name: value}
	 * @return the handler
	 */
	public static Handler object(byte[] content, String... headers) {
		return (request, reply) -> reply.object(content, headers);
	}

	/**
	 * Answers requests.
	 */
	@FunctionalInterface
	public interface Handler {

		/**
		 * Answer one.
		 * @param request what was asked
		 * @param reply writes to the connection
		 * @throws Exception to break the connection
		 */
		void handle(Request request, Reply reply) throws Exception;

	}

	/**
	 * A request.
	 */
	public static final class Request {

		private final String method;

		private final String target;

		private final Map<String, String> headers;

		private final InputStream in;

		private final int index;

		private byte @Nullable [] body;

		private volatile boolean answered;

		Request(String method, String target, Map<String, String> headers, InputStream in, int index) {
			this.method = method;
			this.target = target;
			this.headers = headers;
			this.in = in;
			this.index = index;
		}

		public String method() {
			return this.method;
		}

		public String target() {
			return this.target;
		}

		public Map<String, String> headers() {
			return this.headers;
		}

		public @Nullable String header(String name) {
			return this.headers.get(name);
		}

		/**
		 * Return the position among all requests to the server.
		 * @return 0 for the first
		 */
		public int index() {
			return this.index;
		}

		/**
		 * Return where the asked range starts.
		 * @return the position, or -1 without a range
		 */
		public long rangeStart() {
			Matcher matcher = RANGE.matcher(String.valueOf(header("Range")));
			return matcher.matches() ? Long.parseLong(matcher.group(1)) : -1;
		}

		/**
		 * Return whether something was answered, or the connection ended instead.
		 * @return whether a handler is through with this request
		 */
		public boolean isAnswered() {
			return this.answered;
		}

		/**
		 * Read the body piece by piece, however large it is.
		 * @param sink takes the pieces
		 * @throws IOException if the peer is gone
		 */
		public synchronized void body(Consumer<ByteBuffer> sink) throws IOException {
			this.body = new byte[0];
			byte[] piece = new byte[256 * 1024];
			long left = Long.parseLong(this.headers.getOrDefault("Content-Length", "0"));
			while (left > 0) {
				int read = this.in.read(piece, 0, (int) Math.min(piece.length, left));
				if (read < 0) {
					throw new EOFException();
				}
				sink.accept(ByteBuffer.wrap(piece, 0, read));
				left -= read;
			}
		}

		/**
		 * Return the asked range.
		 * @param total size of the object
		 * @return from and to, exclusive
		 */
		public long[] range(long total) {
			Matcher matcher = RANGE.matcher(String.valueOf(header("Range")));
			if (!matcher.matches()) {
				return new long[] { 0, total };
			}
			long to = matcher.group(2).isEmpty() ? total : Long.parseLong(matcher.group(2)) + 1;
			return new long[] { Long.parseLong(matcher.group(1)), Math.min(to, total) };
		}

		/**
		 * Read the body.
		 * @return the bytes
		 */
		public synchronized byte[] body() {
			if (this.body == null) {
				String length = header("Content-Length");
				try {
					this.body = this.in.readNBytes((length != null) ? Integer.parseInt(length) : 0);
				}
				catch (IOException ex) {
					throw new IllegalStateException(ex);
				}
			}
			return this.body;
		}

	}

	/**
	 * The way back.
	 */
	public static final class Reply {

		private final FaultServer server;

		private final Socket socket;

		private final Request request;

		private volatile Runnable onEnd = () -> {
		};

		Reply(FaultServer server, Socket socket, Request request) {
			this.server = server;
			this.socket = socket;
			this.request = request;
		}

		/**
		 * Do something before the next request of the connection is read.
		 * @param action what to do
		 */
		public void onEnd(Runnable action) {
			this.onEnd = action;
		}

		/**
		 * Write status and headers.
		 * @param status the status code
		 * @param headers as {@code Name: value}
		 * @throws IOException if the peer is gone
		 */
		public void head(int status, String... headers) throws IOException {
			StringBuilder head = new StringBuilder("HTTP/1.1 ").append(status).append(" Status\r\n");
			for (String header : headers) {
				head.append(header).append("\r\n");
			}
			raw(head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
		}

		/**
		 * Write status and headers of an answer without a body.
		 * @param status the status code
		 * @param headers as {@code Name: value}
		 * @throws IOException if the peer is gone
		 */
		public void empty(int status, String... headers) throws IOException {
			String[] all = java.util.Arrays.copyOf(headers, headers.length + 1);
			all[headers.length] = "Content-Length: 0";
			head(status, all);
		}

		/**
		 * Write bytes as they are.
		 * @param bytes what to write
		 * @throws IOException if the peer is gone
		 */
		public void raw(byte[] bytes) throws IOException {
			raw(bytes, 0, bytes.length);
		}

		/**
		 * Write bytes as they are.
		 * @param bytes what to write
		 * @param from the first
		 * @param to one past the last
		 * @throws IOException if the peer is gone
		 */
		public void raw(byte[] bytes, int from, int to) throws IOException {
			this.request.answered = true;
			OutputStream out = this.socket.getOutputStream();
			out.write(bytes, from, to - from);
			out.flush();
		}

		/**
		 * Answer as a good storage does.
		 * @param content the object's bytes
		 * @param headers further headers, as {@code Name: value}
		 * @throws IOException if the peer is gone
		 */
		public void object(byte[] content, String... headers) throws IOException {
			int[] range = range(content);
			if (range == null) {
				empty(416, "Content-Range: bytes */" + content.length);
				return;
			}
			rangeHead(content, range, headers);
			if (!"HEAD".equals(this.request.method())) {
				raw(content, range[0], range[1]);
			}
		}

		/**
		 * Return what was asked of an object.
		 * @param content the object's bytes
		 * @return from and to, exclusive; {@code null} if it cannot be satisfied
		 */
		public int @Nullable [] range(byte[] content) {
			Matcher matcher = RANGE.matcher(String.valueOf(this.request.header("Range")));
			if (!matcher.matches()) {
				return new int[] { 0, content.length };
			}
			long from = Long.parseLong(matcher.group(1));
			long to = matcher.group(2).isEmpty() ? content.length : Long.parseLong(matcher.group(2)) + 1;
			return (from >= content.length) ? null : new int[] { (int) from, (int) Math.min(to, content.length) };
		}

		/**
		 * Write the head of a good answer.
		 * @param content the object's bytes
		 * @param range from and to, exclusive
		 * @param headers further headers, as {@code Name: value}
		 * @throws IOException if the peer is gone
		 */
		public void rangeHead(byte[] content, int[] range, String... headers) throws IOException {
			boolean partial = this.request.header("Range") != null;
			List<String> all = new java.util.ArrayList<>(List.of(headers));
			all.add("Content-Length: " + (range[1] - range[0]));
			all.add("Accept-Ranges: bytes");
			if (all.stream().noneMatch((header) -> header.toLowerCase(Locale.ROOT).startsWith("etag:"))) {
				all.add("ETag: \"v1\"");
			}
			if (partial) {
				all.add("Content-Range: bytes " + range[0] + "-" + (range[1] - 1) + "/" + content.length);
			}
			head(partial ? 206 : 200, all.toArray(String[]::new));
		}

		/**
		 * Break the connection so that the peer sees a reset.
		 * @throws IOException never
		 */
		public void reset() throws IOException {
			this.request.answered = true;
			this.socket.setSoLinger(true, 0);
			this.socket.close();
		}

		/**
		 * Close the connection as if all was said.
		 * @throws IOException never
		 */
		public void hangUp() throws IOException {
			this.request.answered = true;
			this.socket.close();
		}

		/**
		 * Do nothing until something happens or the server closes.
		 * @param event what to wait for
		 * @throws InterruptedException never
		 */
		public void await(CountDownLatch event) throws InterruptedException {
			while (!event.await(50, TimeUnit.MILLISECONDS)) {
				if (this.server.closing.getCount() == 0) {
					throw new InterruptedException("the server is closed");
				}
			}
		}

		/**
		 * Do nothing until the server closes or the peer is gone.
		 * @throws InterruptedException never
		 */
		public void stall() throws InterruptedException {
			this.request.answered = true;
			this.server.closing.await();
		}

	}

}
