package dev.vgi.external.storage.local;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.storage.local.LocalAccessException.Reason;
import org.jspecify.annotations.Nullable;

/**
 * Serves local stores the smallest way that a client can tell nothing is missing.
 */
public final class LocalStorageServer implements AutoCloseable {

	private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-(\\d+)");

	private final HttpServer server;

	private final ExecutorService executor = Executors.newCachedThreadPool();

	private final Function<String, @Nullable LocalStorage> storages;

	/**
	 * Start a server.
	 * @param storages finds a storage by the path before the storage's own
	 */
	public LocalStorageServer(Function<String, @Nullable LocalStorage> storages) throws IOException {
		this.storages = storages;
		this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 100);
		this.server.setExecutor(this.executor);
		this.server.createContext("/", this::handle);
		this.server.start();
	}

	public URI url() {
		return URI.create("http://127.0.0.1:" + this.server.getAddress().getPort());
	}

	private void handle(HttpExchange exchange) throws IOException {
		try (exchange) {
			try {
				answer(exchange);
			}
			catch (LocalAccessException ex) {
				exchange.sendResponseHeaders(ex.reason().status(), -1);
			}
		}
	}

	private void answer(HttpExchange exchange) throws IOException {
		String path = exchange.getRequestURI().getRawPath();
		int end = path.indexOf(LocalStorage.PATH + '/');
		LocalStorage storage = (end >= 0) ? this.storages.apply(path.substring(0, end)) : null;
		if (storage == null) {
			throw new LocalAccessException(Reason.NOT_FOUND, "no such store", null);
		}
		String key = path.substring(end + LocalStorage.PATH.length() + 1);
		Map<String, String> query = new HashMap<>();
		String rawQuery = exchange.getRequestURI().getRawQuery();
		for (String parameter : ((rawQuery != null) ? rawQuery : "").split("&")) {
			query.put(parameter.replaceFirst("=.*", ""), parameter.replaceFirst("[^=]*=", ""));
		}
		String expires = query.get(LocalStorage.EXPIRES_PARAMETER);
		String signature = query.get(LocalStorage.SIGNATURE_PARAMETER);
		Headers headers = exchange.getRequestHeaders();
		if (exchange.getRequestMethod().equals("PUT")) {
			String length = headers.getFirst("Content-Length");
			String tag = storage.receive(key, expires, signature, exchange.getRequestBody(),
					(length != null) ? Long.parseLong(length) : -1, headers.getFirst("Content-Encoding"));
			exchange.getResponseHeaders().set("ETag", tag);
			exchange.sendResponseHeaders(204, -1);
			return;
		}
		try (StoredObject object = storage.read(key, expires, signature)) {
			send(exchange, object, headers.getFirst("Range"), headers.getFirst("If-Match"));
		}
	}

	private static void send(HttpExchange exchange, StoredObject object, @Nullable String range,
			@Nullable String entityTag) throws IOException {
		Headers headers = exchange.getResponseHeaders();
		headers.set("ETag", object.entityTag());
		if (object.contentCoding() != null) {
			headers.set("Content-Encoding", object.contentCoding());
		}
		if (entityTag != null && !entityTag.equals(object.entityTag())) {
			exchange.sendResponseHeaders(412, -1);
			return;
		}
		long first = 0;
		long last = object.length() - 1;
		Matcher matcher = RANGE.matcher((range != null) ? range : "");
		if (matcher.matches()) {
			first = Long.parseLong(matcher.group(1));
			last = Math.min(last, Long.parseLong(matcher.group(2)));
			if (first > last) {
				exchange.sendResponseHeaders(416, -1);
				return;
			}
			headers.set("Content-Range", "bytes " + first + '-' + last + '/' + object.length());
		}
		ByteBuffer bytes = ByteBuffer.allocate((int) (last - first + 1));
		object.channel().position(first);
		while (bytes.hasRemaining() && object.channel().read(bytes) >= 0) {
			// Until it is full.
		}
		boolean empty = bytes.capacity() == 0 || exchange.getRequestMethod().equals("HEAD");
		exchange.sendResponseHeaders(matcher.matches() ? 206 : 200, empty ? -1 : bytes.capacity());
		if (!empty) {
			try (OutputStream body = exchange.getResponseBody()) {
				body.write(bytes.array());
			}
		}
	}

	@Override
	public void close() {
		this.server.stop(0);
		this.executor.shutdownNow();
	}

}
