package dev.vgi.external.web.client;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.IpcStreamReader;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;

/**
 * A service whose every answer is written down beforehand. Whatever it was not told to
 * answer is 404. Stores what is put below {@code /objects/}.
 */
final class ScriptedService implements AutoCloseable {

	static final String ARROW = "application/vnd.apache.arrow.stream";

	static {
		// Else every answer waits for the client's delayed acknowledgement.
		System.setProperty("sun.net.httpserver.nodelay", "true");
	}

	private final Map<String, Deque<Reply>> script = new ConcurrentHashMap<>();

	private final Map<String, byte[]> objects = new ConcurrentHashMap<>();

	private final List<Request> requests = new ArrayList<>();

	private final ExecutorService threads = Executors.newCachedThreadPool();

	private final HttpServer server;

	ScriptedService() {
		try {
			this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		this.server.createContext("/", this::handle);
		this.server.setExecutor(this.threads);
		this.server.start();
	}

	String url() {
		return "http://127.0.0.1:" + this.server.getAddress().getPort();
	}

	/**
	 * Say what a path answers.
	 * @param path the path
	 * @param replies one per request, in order
	 */
	void on(String path, Reply... replies) {
		this.script.computeIfAbsent(path, (key) -> new ArrayDeque<>()).addAll(List.of(replies));
	}

	/**
	 * Store an object.
	 * @param name its name
	 * @param bytes its bytes
	 * @return its URL
	 */
	String store(String name, byte[] bytes) {
		this.objects.put("/objects/" + name, bytes);
		return url() + "/objects/" + name;
	}

	/**
	 * Return what was asked, storage left out.
	 * @return the requests in order
	 */
	List<Request> requests() {
		synchronized (this.requests) {
			return List.copyOf(this.requests);
		}
	}

	List<String> paths() {
		return requests().stream().map(Request::path).toList();
	}

	byte[] object(String name) {
		return Objects.requireNonNull(this.objects.get("/objects/" + name));
	}

	private void handle(HttpExchange exchange) throws IOException {
		byte[] body = exchange.getRequestBody().readAllBytes();
		String path = exchange.getRequestURI().getPath();
		if (path.startsWith("/objects/")) {
			serveObject(exchange, path, body);
			return;
		}
		synchronized (this.requests) {
			this.requests.add(Request.of(exchange.getRequestMethod(), path, exchange.getRequestHeaders(), body));
		}
		Deque<Reply> replies = this.script.get(path);
		Reply reply;
		synchronized (this.script) {
			reply = (replies != null) ? replies.poll() : null;
		}
		((reply != null) ? reply : Reply.text(404, "no such route")).send(exchange);
	}

	private void serveObject(HttpExchange exchange, String path, byte[] body) throws IOException {
		if (exchange.getRequestMethod().equals("PUT")) {
			this.objects.put(path, body);
			exchange.sendResponseHeaders(204, -1);
		}
		else {
			byte[] object = this.objects.get(path);
			exchange.sendResponseHeaders((object != null) ? 200 : 404, (object != null) ? object.length : -1);
			if (object != null) {
				exchange.getResponseBody().write(object);
			}
		}
		exchange.close();
	}

	@Override
	public void close() {
		this.server.stop(0);
		this.threads.shutdownNow();
	}

	/**
	 * What was asked.
	 *
	 * @param method the HTTP method
	 * @param path the path
	 * @param headers the headers
	 * @param metadata metadata of the first batch, empty without one
	 * @param rows rows of the first batch
	 * @param body the body
	 */
	record Request(String method, String path, Headers headers, BatchMetadata metadata, int rows, byte[] body) {

		static Request of(String method, String path, Headers headers, byte[] body) {
			Headers copy = new Headers();
			copy.putAll(headers);
			try (BufferAllocator allocator = new RootAllocator();
					IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(body), body.length,
							allocator)) {
				if (body.length == 0 || !reader.nextStream()) {
					return new Request(method, path, copy, BatchMetadata.empty(), 0, body);
				}
				try (AnnotatedBatch batch = reader.next()) {
					return new Request(method, path, copy, (batch != null) ? batch.metadata() : BatchMetadata.empty(),
							(batch != null) ? batch.rowCount() : 0, body);
				}
			}
		}

	}

	/**
	 * What is answered.
	 */
	@FunctionalInterface
	interface Reply {

		void send(HttpExchange exchange) throws IOException;

		static Reply arrow(byte[]... streams) {
			return of(200, ARROW, Map.of(), ArrowBodies.concat(streams));
		}

		static Reply arrow(int status, byte[]... streams) {
			return of(status, ARROW, Map.of(), ArrowBodies.concat(streams));
		}

		static Reply flagged(byte[]... streams) {
			return of(200, ARROW, Map.of("X-VGI-RPC-Error", "true"), ArrowBodies.concat(streams));
		}

		static Reply text(int status, String text) {
			return of(status, "text/plain", Map.of(), text.getBytes());
		}

		/**
		 * Answer with headers and no body.
		 * @param headers names and values in turn
		 * @return the reply
		 */
		static Reply headers(String... headers) {
			Map<String, String> map = new LinkedHashMap<>();
			for (int i = 0; i < headers.length; i += 2) {
				map.put(headers[i], headers[i + 1]);
			}
			return of(200, "application/json", map, new byte[0]);
		}

		static Reply of(int status, String type, Map<String, String> headers, byte[] body) {
			return (exchange) -> {
				exchange.getResponseHeaders().set("Content-Type", type);
				headers.forEach(exchange.getResponseHeaders()::set);
				boolean hasBody = body.length > 0 && !exchange.getRequestMethod().equals("HEAD");
				exchange.sendResponseHeaders(status, hasBody ? body.length : -1);
				if (hasBody) {
					exchange.getResponseBody().write(body);
				}
				exchange.close();
			};
		}

		/**
		 * Promise more than is sent, then hang up.
		 * @param body what is sent
		 * @return the reply
		 */
		static Reply cutOff(byte[] body) {
			return (exchange) -> {
				exchange.getResponseHeaders().set("Content-Type", ARROW);
				exchange.sendResponseHeaders(200, body.length + 1000);
				exchange.getResponseBody().write(body);
				exchange.getResponseBody().flush();
				exchange.close();
			};
		}

		/**
		 * Hang up without an answer.
		 * @return the reply
		 */
		static Reply hangUp() {
			return HttpExchange::close;
		}

	}

}
