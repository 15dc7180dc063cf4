package dev.vgi.external.benchmark;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;

import org.jspecify.annotations.Nullable;

/**
 * A storage in a process of its own: serves the files of a folder with ranges, by
 * {@code sendfile} where there is no TLS, takes uploads as S3 does and keeps nothing of
 * them, except for the objects of two buckets, until they were read.
 * <p>
 * The query tells how slow it is: {@code rate} in MB/s a connection, {@code ttfb} in
 * milliseconds to the first byte, {@code stall} as the byte whose range stalls for six
 * seconds the first time it is asked for under an {@code id}, {@code where} this happens
 * ({@code headers} or {@code body}).
 */
public final class StorageServer {

	/** Also the password of its key. */
	static final String PASSWORD = "benchmark";

	static final String KEYS = "keys.p12";

	/** The bucket whose objects are kept until they were read. */
	static final String KEPT = "kept";

	/** The same, with the throttle that {@link StorageProcess#THROTTLED} asks for. */
	static final String KEPT_THROTTLED = "kept-throttled";

	private static final long STALL_SECONDS = 6;

	private static final int BEFORE_STALL = 64 * 1024;

	private static final int THROTTLED_STEP = 64 * 1024;

	private static final int STEP = 8 << 20;

	private final Path folder;

	private final Map<String, FileChannel> files = new ConcurrentHashMap<>();

	private final Set<String> stalled = ConcurrentHashMap.newKeySet();

	private final AtomicLong asked = new AtomicLong();

	private final KeptObjects kept = new KeptObjects();

	private StorageServer(Path folder) {
		this.folder = folder;
	}

	public static void main(String[] args) throws Exception {
		StorageServer server = new StorageServer(Path.of(args[0]));
		ServerSocketChannel plain = ServerSocketChannel.open();
		plain.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 256);
		SSLServerSocket secure = (SSLServerSocket) context(server.folder.resolve(KEYS)).getServerSocketFactory()
			.createServerSocket(0, 256, InetAddress.getLoopbackAddress());
		daemon(() -> server.acceptPlain(plain));
		daemon(() -> server.acceptSecure(secure));
		JavaProcess.serve(plain.socket().getLocalPort() + ":" + secure.getLocalPort(), (line) -> {
			server.kept.clear();
			return line;
		});
		System.exit(0);
	}

	static SSLContext context(Path keys) throws Exception {
		KeyStore store = KeyStore.getInstance("PKCS12");
		try (InputStream in = Files.newInputStream(keys)) {
			store.load(in, PASSWORD.toCharArray());
		}
		KeyManagerFactory keyManagers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		keyManagers.init(store, PASSWORD.toCharArray());
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(keyManagers.getKeyManagers(), null, null);
		return context;
	}

	private static void daemon(Task task) {
		Thread thread = new Thread(() -> {
			try {
				task.run();
			}
			catch (IOException ex) {
				// The peer is gone.
			}
			catch (Exception ex) {
				ex.printStackTrace();
			}
		});
		thread.setDaemon(true);
		thread.start();
	}

	private void acceptPlain(ServerSocketChannel listener) throws IOException {
		while (true) {
			SocketChannel channel = listener.accept();
			channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
			daemon(() -> serve(channel.socket(), channel));
		}
	}

	private void acceptSecure(SSLServerSocket listener) throws IOException {
		while (true) {
			Socket socket = listener.accept();
			socket.setTcpNoDelay(true);
			daemon(() -> serve(socket, null));
		}
	}

	private void serve(Socket socket, @Nullable SocketChannel channel) throws Exception {
		try (socket) {
			BufferedInput in = new BufferedInput(
					(channel != null) ? Channels.newInputStream(channel) : socket.getInputStream());
			WritableByteChannel out = (channel != null) ? channel : Channels.newChannel(socket.getOutputStream());
			OutputStream heads = (channel != null) ? Channels.newOutputStream(channel) : socket.getOutputStream();
			byte[] sink = new byte[256 * 1024];
			boolean small = false;
			for (String line = line(in); line != null; line = line(in)) {
				String[] parts = line.split(" ");
				Map<String, String> headers = new HashMap<>();
				for (String header = line(in); header != null && !header.isEmpty(); header = line(in)) {
					int colon = header.indexOf(':');
					headers.put(header.substring(0, colon).toLowerCase(Locale.ROOT),
							header.substring(colon + 1).strip());
				}
				int question = parts[1].indexOf('?');
				String path = (question >= 0) ? parts[1].substring(0, question) : parts[1];
				Map<String, String> query = query((question >= 0) ? parts[1].substring(question + 1) : "");
				if (path.startsWith("/" + KEPT_THROTTLED + "/")) {
					query.putAll(query(StorageProcess.THROTTLED));
				}
				if (!small && query.containsKey("rate")) {
					// What is in the socket's buffers has escaped the throttle.
					socket.setSendBufferSize(128 * 1024);
					socket.setReceiveBufferSize(128 * 1024);
					small = true;
				}
				if ("GET".equals(parts[0])) {
					get(path, query, headers.get("range"), heads, out);
					continue;
				}
				long length = Long.parseLong(headers.getOrDefault("content-length", "0"));
				if (channel != null && "PUT".equals(parts[0]) && path.startsWith("/" + KEPT)) {
					waitForFirstByte(query);
					this.kept.receive(path, Integer.parseInt(query.getOrDefault("partNumber", "1")), in.buffered(),
							channel, length, new Pace(query));
				}
				else {
					drain(in, length, sink, "PUT".equals(parts[0]) ? query : Map.of());
				}
				answer(parts[0], query, heads);
			}
		}
	}

	private static @Nullable String line(InputStream in) throws IOException {
		ByteArrayOutputStream line = new ByteArrayOutputStream(128);
		for (int c = in.read(); c >= 0; c = in.read()) {
			if (c == '\n') {
				return line.toString(StandardCharsets.ISO_8859_1).strip();
			}
			line.write(c);
		}
		return null;
	}

	private static Map<String, String> query(String raw) {
		Map<String, String> query = new HashMap<>();
		for (String pair : raw.split("&")) {
			int equals = pair.indexOf('=');
			query.put((equals >= 0) ? pair.substring(0, equals) : pair,
					(equals >= 0) ? pair.substring(equals + 1) : "");
		}
		return query;
	}

	private static void drain(InputStream in, long length, byte[] sink, Map<String, String> query) throws Exception {
		waitForFirstByte(query);
		Pace pace = new Pace(query);
		for (long left = length; left > 0;) {
			int read = in.read(sink, 0, (int) Math.min(sink.length, left));
			if (read < 0) {
				throw new EOFException();
			}
			left -= read;
			pace.keep(length - left);
		}
	}

	private static void waitForFirstByte(Map<String, String> query) throws InterruptedException {
		TimeUnit.MILLISECONDS.sleep(Long.parseLong(query.getOrDefault("ttfb", "0")));
	}

	private static void answer(String method, Map<String, String> query, OutputStream out) throws IOException {
		String body = "";
		if ("POST".equals(method)) {
			body = query.containsKey("uploads")
					? "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
					: "<CompleteMultipartUploadResult><ETag>\"1\"</ETag></CompleteMultipartUploadResult>";
		}
		write(out,
				"HTTP/1.1 "
						+ ("DELETE".equals(method) ? "204 No Content" : "200 OK\r\nContent-Length: " + body.length())
						+ "\r\nContent-Type: application/xml\r\nETag: \"1\"\r\n\r\n" + body);
	}

	private void get(String path, Map<String, String> query, @Nullable String asked, OutputStream heads,
			WritableByteChannel out) throws Exception {
		if ("/asked".equals(path)) {
			String body = Long.toString(this.asked.getAndSet(0));
			write(heads, "HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
			return;
		}
		Content content = path.startsWith("/" + KEPT) ? this.kept.find(path) : file(path);
		if (content == null) {
			write(heads, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
			return;
		}
		long size = content.size();
		long first = 0;
		long last = size - 1;
		if (asked != null) {
			String[] ends = asked.substring("bytes=".length()).split("-", 2);
			first = Long.parseLong(ends[0]);
			last = ends[1].isEmpty() ? last : Math.min(last, Long.parseLong(ends[1]));
		}
		this.asked.addAndGet(last - first + 1);
		long stall = Long.parseLong(query.getOrDefault("stall", "-1"));
		boolean stalls = stall >= first && stall <= last && this.stalled.add(query.get("id"));
		boolean inBody = "body".equals(query.get("where"));
		waitForFirstByte(query);
		if (stalls && !inBody) {
			TimeUnit.SECONDS.sleep(STALL_SECONDS);
		}
		write(heads,
				"HTTP/1.1 " + ((asked != null) ? "206 Partial Content" : "200 OK") + "\r\nContent-Length: "
						+ (last - first + 1) + "\r\nAccept-Ranges: bytes\r\nETag: \"1\"\r\n"
						+ ((asked != null) ? "Content-Range: bytes " + first + "-" + last + "/" + size + "\r\n" : "")
						+ (path.endsWith(".zst") ? "Content-Encoding: zstd\r\n" : "") + "\r\n");
		if (stalls && inBody) {
			send(content, first, BEFORE_STALL, new Pace(Map.of()), out);
			first += BEFORE_STALL;
			TimeUnit.SECONDS.sleep(STALL_SECONDS);
		}
		send(content, first, last - first + 1, new Pace(query), out);
		this.kept.wasRead(path, last - first + 1);
	}

	private Content file(String path) throws IOException {
		FileChannel file = this.files.computeIfAbsent(path, this::open);
		long size = file.size();
		return new Content() {

			@Override
			public long size() {
				return size;
			}

			@Override
			public long transferTo(long from, long count, WritableByteChannel out) throws IOException {
				return file.transferTo(from, count, out);
			}

		};
	}

	private FileChannel open(String path) {
		try {
			return FileChannel.open(this.folder.resolve(path.substring(1)));
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static void send(Content content, long from, long count, Pace pace, WritableByteChannel out)
			throws IOException {
		long done = 0;
		while (done < count) {
			done += content.transferTo(from + done, Math.min(pace.step(), count - done), out);
			pace.keep(done);
		}
	}

	private static void write(OutputStream out, String text) throws IOException {
		out.write(text.getBytes(StandardCharsets.ISO_8859_1));
	}

	/**
	 * What is served.
	 */
	interface Content {

		long size();

		long transferTo(long from, long count, WritableByteChannel out) throws IOException;

	}

	/**
	 * Holds one body to a rate, if there is one.
	 */
	static final class Pace {

		private final double rate;

		private final long start = System.nanoTime();

		private Pace(Map<String, String> query) {
			this.rate = Double.parseDouble(query.getOrDefault("rate", "0")) * 1e6;
		}

		long step() {
			return (this.rate > 0) ? THROTTLED_STEP : STEP;
		}

		void keep(long done) {
			if (this.rate > 0) {
				long due = this.start + (long) (done / this.rate * 1e9);
				for (long early = due - System.nanoTime(); early > 200_000; early = due - System.nanoTime()) {
					LockSupport.parkNanos(early);
				}
			}
		}

	}

	/**
	 * Knows what it has read ahead.
	 */
	private static final class BufferedInput extends BufferedInputStream {

		BufferedInput(InputStream in) {
			super(in, 64 * 1024);
		}

		/**
		 * Take what was read ahead.
		 * @return the bytes
		 */
		ByteBuffer buffered() {
			ByteBuffer taken = ByteBuffer.wrap(this.buf, this.pos, this.count - this.pos);
			this.pos = this.count;
			return taken;
		}

	}

	/**
	 * What a thread does.
	 */
	@FunctionalInterface
	private interface Task {

		void run() throws Exception;

	}

}
