package dev.vgi.external;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

/**
 * A proxy that serves an application below a prefix, which it removes, and says so.
 */
final class ForwardingProxy implements AutoCloseable {

	private static final Set<String> OF_THE_CONNECTION = Set.of("host", "connection", "upgrade", "http2-settings",
			"content-length", "transfer-encoding", "keep-alive");

	private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	private final ExecutorService threads = Executors.newCachedThreadPool();

	private final HttpServer server;

	private final String prefix;

	private final String target;

	ForwardingProxy(String prefix, String target) throws IOException {
		this.prefix = prefix;
		this.target = target;
		this.server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
		this.server.setExecutor(this.threads);
		this.server.createContext(prefix, this::forward);
		this.server.start();
	}

	String url() {
		return "http://127.0.0.1:" + this.server.getAddress().getPort() + this.prefix;
	}

	private void forward(HttpExchange exchange) throws IOException {
		String path = exchange.getRequestURI().toString().substring(this.prefix.length());
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(this.target + path))
			.method(exchange.getRequestMethod(), BodyPublishers.ofByteArray(exchange.getRequestBody().readAllBytes()))
			.header("X-Forwarded-Proto", "http")
			.header("X-Forwarded-Host", "127.0.0.1")
			.header("X-Forwarded-Port", "" + this.server.getAddress().getPort())
			.header("X-Forwarded-Prefix", this.prefix);
		exchange.getRequestHeaders().forEach((name, values) -> {
			if (!OF_THE_CONNECTION.contains(name.toLowerCase())) {
				values.forEach((value) -> request.header(name, value));
			}
		});
		try {
			HttpResponse<byte[]> response = this.http.send(request.build(), BodyHandlers.ofByteArray());
			response.headers().map().forEach((name, values) -> {
				if (!OF_THE_CONNECTION.contains(name.toLowerCase()) || exchange.getRequestMethod().equals("HEAD")) {
					exchange.getResponseHeaders().put(name, values);
				}
			});
			byte[] body = response.body();
			exchange.sendResponseHeaders(response.statusCode(), (body.length > 0) ? body.length : -1);
			if (body.length > 0) {
				exchange.getResponseBody().write(body);
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		finally {
			exchange.close();
		}
	}

	@Override
	public void close() {
		this.server.stop(0);
		this.threads.shutdownNow();
	}

}
