package dev.vgi.external.autoconfigure.connection;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.zip.GZIPInputStream;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/**
 * An emulator of Google Cloud Storage: what fake-gcs-server does for small objects or,
 * where {@code vgi.test.gcs.host} names one, that server.
 */
final class GcsEmulator {

	/** Names of the buckets that were made. */
	static final Set<String> BUCKETS = ConcurrentHashMap.newKeySet();

	private static final Map<String, byte[]> OBJECTS = new ConcurrentHashMap<>();

	private static @Nullable HttpServer server;

	private static volatile String host = "storage.googleapis.com";

	private GcsEmulator() {
	}

	static synchronized int port() {
		String other = System.getProperty("vgi.test.gcs.host");
		if (other != null) {
			return URI.create(other).getPort();
		}
		if (server == null) {
			try {
				server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 10);
			}
			catch (IOException ex) {
				throw new IllegalStateException(ex);
			}
			// They end with the process.
			server.setExecutor(Executors.newCachedThreadPool((task) -> {
				Thread thread = new Thread(task);
				thread.setDaemon(true);
				return thread;
			}));
			server.createContext("/", GcsEmulator::handle);
			server.start();
		}
		return server.getAddress().getPort();
	}

	private static void handle(HttpExchange exchange) throws IOException {
		// The SDK compresses what it says of a bucket.
		boolean gzip = "gzip".equals(exchange.getRequestHeaders().getFirst("Content-Encoding"));
		InputStream in = exchange.getRequestBody();
		byte[] body = (gzip ? new GZIPInputStream(in) : in).readAllBytes();
		String path = exchange.getRequestURI().getPath();
		String request = exchange.getRequestMethod() + " " + path;
		if (request.equals("PUT /_internal/config")) {
			host = JsonMapper.shared().readTree(body).get("publicHost").asString();
			answer(exchange, 200, new byte[0]);
		}
		else if (request.equals("POST /storage/v1/b")) {
			String name = JsonMapper.shared().readTree(body).get("name").asString();
			boolean made = BUCKETS.add(name);
			exchange.getResponseHeaders().set("Content-Type", "application/json");
			answer(exchange, made ? 200 : 409,
					(made ? "{\"name\": \"" + name + "\"}" : "{\"error\": {\"code\": 409, \"message\": \"exists\"}}")
						.getBytes(StandardCharsets.UTF_8));
		}
		else if (!exchange.getRequestHeaders().getFirst("Host").equals(host)) {
			answer(exchange, 404, "not my host".getBytes(StandardCharsets.UTF_8));
		}
		else if (exchange.getRequestMethod().equals("PUT")) {
			OBJECTS.put(path, body);
			answer(exchange, 200, new byte[0]);
		}
		else {
			send(exchange, OBJECTS.get(path));
		}
	}

	private static void send(HttpExchange exchange, byte @Nullable [] object) throws IOException {
		if (object == null) {
			answer(exchange, 404, new byte[0]);
			return;
		}
		String range = exchange.getRequestHeaders().getFirst("Range");
		if (range == null) {
			answer(exchange, 200, object);
			return;
		}
		String[] ends = range.substring("bytes=".length()).split("-", 2);
		int from = Integer.parseInt(ends[0]);
		int to = ends[1].isEmpty() ? object.length - 1 : Math.min(Integer.parseInt(ends[1]), object.length - 1);
		exchange.getResponseHeaders().set("Content-Range", "bytes " + from + "-" + to + "/" + object.length);
		answer(exchange, 206, Arrays.copyOfRange(object, from, to + 1));
	}

	private static void answer(HttpExchange exchange, int status, byte[] body) throws IOException {
		exchange.getResponseHeaders().set("ETag", "\"1\"");
		exchange.sendResponseHeaders(status, (body.length > 0) ? body.length : -1);
		exchange.getResponseBody().write(body);
		exchange.close();
	}

}
