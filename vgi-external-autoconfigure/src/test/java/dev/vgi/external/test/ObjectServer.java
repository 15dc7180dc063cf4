package dev.vgi.external.test;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.storage.local.RefusedUpload;
import org.jspecify.annotations.Nullable;

/**
 * Serves the objects of a storage on a loopback port, the way a bucket does.
 */
final class ObjectServer implements AutoCloseable {

	private static final Pattern RANGE = Pattern.compile("bytes=(\\d{1,10})-(\\d{0,10})");

	private static final int THREADS = 16;

	private final InMemoryStorage storage;

	private final HttpServer server;

	private final ExecutorService threads = threads();

	private final URI origin;

	private volatile boolean closed;

	ObjectServer(InMemoryStorage storage) {
		this.storage = storage;
		try {
			this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 100);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		this.origin = URI.create("http://127.0.0.1:" + this.server.getAddress().getPort());
	}

	private static ExecutorService threads() {
		AtomicInteger number = new AtomicInteger();
		ThreadPoolExecutor threads = new ThreadPoolExecutor(THREADS, THREADS, 10, TimeUnit.SECONDS,
				new LinkedBlockingQueue<>(), (task) -> {
					Thread thread = new Thread(task, "in-memory-storage-" + number.incrementAndGet());
					thread.setDaemon(true);
					return thread;
				});
		threads.allowCoreThreadTimeOut(true);
		return threads;
	}

	URI origin() {
		return this.origin;
	}

	void start() {
		this.server.setExecutor(this.threads);
		this.server.createContext("/", this::handle);
		this.server.start();
	}

	boolean isClosed() {
		return this.closed;
	}

	@Override
	public void close() {
		this.closed = true;
		this.server.stop(0);
		this.threads.shutdownNow();
	}

	private void handle(HttpExchange exchange) throws IOException {
		try (exchange) {
			switch (exchange.getRequestMethod()) {
				case "GET", "HEAD" -> download(exchange);
				case "PUT" -> receive(exchange);
				default -> exchange.sendResponseHeaders(405, -1);
			}
		}
	}

	private URI url(HttpExchange exchange) {
		return URI.create(this.origin + exchange.getRequestURI().toString());
	}

	private @Nullable String permitted(HttpExchange exchange, String method) throws IOException {
		URI url = url(exchange);
		String key = this.storage.urls().key(method, url);
		if (key == null || this.storage.urls().isExpired(url)) {
			RefusedUpload.discard(exchange.getRequestBody());
			byte[] error = ("<Error><Code>AccessDenied</Code><Message>"
					+ ((key != null) ? "Request has expired" : "The URL was not signed by this storage")
					+ "</Message></Error>")
				.getBytes(StandardCharsets.UTF_8);
			exchange.getResponseHeaders().set("Content-Type", "application/xml");
			answer(exchange, 403, error, 0, error.length);
			return null;
		}
		return key;
	}

	private void download(HttpExchange exchange) throws IOException {
		String key = permitted(exchange, "GET");
		if (key == null) {
			return;
		}
		RecordedUpload object = this.storage.objects().get(key);
		int failure = this.storage.failures().nextDownload();
		if (failure != 0 || object == null) {
			exchange.sendResponseHeaders((failure != 0) ? failure : 404, -1);
			return;
		}
		send(exchange, object);
	}

	private static void send(HttpExchange exchange, RecordedUpload object) throws IOException {
		Headers headers = exchange.getResponseHeaders();
		String entityTag = '"' + object.key() + '-' + object.size() + '"';
		headers.set("ETag", entityTag);
		headers.set("Accept-Ranges", "bytes");
		headers.set("Content-Type", "application/vnd.apache.arrow.stream");
		if (object.contentCoding() != null) {
			headers.set("Content-Encoding", object.contentCoding());
		}
		String expected = exchange.getRequestHeaders().getFirst("If-Match");
		if (expected != null && !expected.equals(entityTag)) {
			exchange.sendResponseHeaders(412, -1);
			return;
		}
		int length = object.content().length;
		String range = exchange.getRequestHeaders().getFirst("Range");
		Matcher matcher = RANGE.matcher((range != null) ? range : "");
		if (!matcher.matches()) {
			answer(exchange, 200, object.content(), 0, length);
			return;
		}
		long first = Long.parseLong(matcher.group(1));
		long last = matcher.group(2).isEmpty() ? length - 1 : Math.min(length - 1, Long.parseLong(matcher.group(2)));
		if (first > last) {
			headers.set("Content-Range", "bytes */" + length);
			exchange.sendResponseHeaders(416, -1);
			return;
		}
		headers.set("Content-Range", "bytes " + first + '-' + last + '/' + length);
		answer(exchange, 206, object.content(), (int) first, (int) (last - first + 1));
	}

	private static void answer(HttpExchange exchange, int status, byte[] bytes, int offset, int length)
			throws IOException {
		if (length == 0 || exchange.getRequestMethod().equals("HEAD")) {
			exchange.getResponseHeaders().set("Content-Length", Integer.toString(length));
			exchange.sendResponseHeaders(status, -1);
			return;
		}
		exchange.sendResponseHeaders(status, length);
		try (OutputStream body = exchange.getResponseBody()) {
			body.write(bytes, offset, length);
		}
	}

	private void receive(HttpExchange exchange) throws IOException {
		String key = permitted(exchange, "PUT");
		if (key == null) {
			return;
		}
		if (this.storage.failures().nextUpload() != null) {
			RefusedUpload.discard(exchange.getRequestBody());
			exchange.sendResponseHeaders(500, -1);
			return;
		}
		String announced = exchange.getRequestHeaders().getFirst("Content-Length");
		if (announced == null) {
			exchange.sendResponseHeaders(411, -1);
			return;
		}
		try (RecordedObjects.Content content = this.storage.objects().content()) {
			InputStream body = exchange.getRequestBody();
			byte[] buffer = new byte[1 << 16];
			long received = 0;
			for (int read = body.read(buffer); read >= 0; read = body.read(buffer)) {
				content.write(ByteBuffer.wrap(buffer, 0, read));
				received += read;
			}
			if (received != Long.parseLong(announced)) {
				exchange.sendResponseHeaders(400, -1);
				return;
			}
			RecordedUpload object = new RecordedUpload(key, content.toByteArray(),
					exchange.getRequestHeaders().getFirst("Content-Encoding"));
			this.storage.objects().store(object, true);
			exchange.getResponseHeaders().set("ETag", '"' + key + '-' + object.size() + '"');
			exchange.sendResponseHeaders(200, -1);
		}
		catch (RecordedObjects.FullException ex) {
			RefusedUpload.discard(exchange.getRequestBody());
			exchange.sendResponseHeaders(507, -1);
		}
	}

}
