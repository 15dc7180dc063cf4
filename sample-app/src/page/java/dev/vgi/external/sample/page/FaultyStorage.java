package dev.vgi.external.sample.page;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

/**
 * Stands in front of the objects of a service, and serves them badly.
 */
final class FaultyStorage implements AutoCloseable {

	private final HttpClient client = HttpClient.newHttpClient();

	private final ExecutorService threads = Executors.newCachedThreadPool();

	private final AtomicInteger requests = new AtomicInteger();

	private final HttpServer server;

	private volatile CountDownLatch stalled = new CountDownLatch(1);

	private volatile URI service = URI.create("http://localhost");

	private volatile IntFunction<Fault> faults = (request) -> Fault.NONE;

	FaultyStorage() throws IOException {
		this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
		this.server.setExecutor(this.threads);
		this.server.createContext("/", this::serve);
		this.server.start();
	}

	int port() {
		return this.server.getAddress().getPort();
	}

	/**
	 * Set whose objects these are.
	 * @param service scheme, host and port
	 */
	void of(URI service) {
		this.service = service;
	}

	/**
	 * Set what goes wrong from now on.
	 * @param faults the fault of a request, by its number from 1
	 */
	void faults(IntFunction<Fault> faults) {
		this.requests.set(0);
		this.stalled = new CountDownLatch(1);
		this.faults = faults;
	}

	/**
	 * Let what is stalled go on.
	 */
	void release() {
		this.stalled.countDown();
	}

	private void serve(HttpExchange exchange) throws IOException {
		try (exchange) {
			Fault fault = this.faults.apply(this.requests.incrementAndGet());
			if (fault == Fault.BUSY) {
				exchange.sendResponseHeaders(503, -1);
				return;
			}
			HttpResponse<byte[]> response = forward(exchange);
			response.headers().map().forEach((name, values) -> {
				if (!name.startsWith(":") && !"content-length transfer-encoding connection".contains(name)) {
					exchange.getResponseHeaders().put(name, values);
				}
			});
			byte[] body = response.body();
			exchange.sendResponseHeaders(response.statusCode(), body.length);
			OutputStream out = exchange.getResponseBody();
			int first = (fault == Fault.STALL) ? body.length / 3 : body.length;
			out.write(body, 0, first);
			out.flush();
			if (fault == Fault.STALL) {
				this.stalled.await();
				out.write(body, first, body.length - first);
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private HttpResponse<byte[]> forward(HttpExchange exchange) throws IOException, InterruptedException {
		HttpRequest.Builder request = HttpRequest.newBuilder(this.service.resolve(exchange.getRequestURI()))
			.method(exchange.getRequestMethod(), HttpRequest.BodyPublishers.noBody());
		for (String name : new String[] { "Range", "If-Range", "If-Match", "Accept-Encoding" }) {
			String value = exchange.getRequestHeaders().getFirst(name);
			if (value != null) {
				request.header(name, value);
			}
		}
		return this.client.send(request.build(), BodyHandlers.ofByteArray());
	}

	@Override
	public void close() {
		release();
		this.server.stop(0);
		this.threads.shutdownNow();
	}

	/**
	 * What goes wrong with a request.
	 */
	enum Fault {

		/** Nothing. */
		NONE,
		/** It is answered with 503. */
		BUSY,
		/** A third of the body comes, and nothing more until it is released. */
		STALL

	}

}
