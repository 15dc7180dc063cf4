package dev.vgi.external.storage.s3;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import org.jspecify.annotations.Nullable;

/**
 * Answers like S3 as far as an upload goes, stores nothing, records every request, and
 * fails or shows the start of an object when told to.
 */
final class RecordingS3 implements AutoCloseable {

	private final HttpServer server;

	private final ExecutorService executor = Executors.newCachedThreadPool();

	private final List<Request> requests = new CopyOnWriteArrayList<>();

	private final AtomicInteger running = new AtomicInteger();

	private final AtomicInteger mostRunning = new AtomicInteger();

	/** Returns an error as {@code status code}, or {@code null} to succeed. */
	private volatile Function<Request, @Nullable String> failures = (request) -> null;

	private volatile String lifecycle = "";

	private volatile String completion = "<CompleteMultipartUploadResult><ETag>\"all\"</ETag></CompleteMultipartUploadResult>";

	private volatile boolean tagged = true;

	private volatile @Nullable String region;

	private volatile boolean storing;

	RecordingS3() throws IOException {
		this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 100);
		this.server.setExecutor(this.executor);
		this.server.createContext("/", this::handle);
		this.server.start();
	}

	URI url() {
		return URI.create("http://127.0.0.1:" + this.server.getAddress().getPort());
	}

	void failing(Function<Request, @Nullable String> failures) {
		this.failures = failures;
	}

	void completion(String answer) {
		this.completion = answer;
	}

	void inRegion(String region) {
		this.region = region;
	}

	void untagged() {
		this.tagged = false;
	}

	/** Show the start of an object from now on. Its length is that of all bodies. */
	void storing() {
		this.storing = true;
	}

	void lifecycle(String rules) {
		this.lifecycle = "<LifecycleConfiguration>" + rules + "</LifecycleConfiguration>";
	}

	List<Request> requests() {
		return this.requests;
	}

	List<Request> requests(String method) {
		return this.requests.stream().filter((request) -> request.method().equals(method)).toList();
	}

	int mostRunning() {
		return this.mostRunning.get();
	}

	private void handle(HttpExchange exchange) throws IOException {
		TreeMap<String, String> headers = new TreeMap<>();
		exchange.getRequestHeaders()
			.forEach((name, values) -> headers.put(name.toLowerCase(Locale.ROOT), String.join(",", values)));
		int now = this.running.incrementAndGet();
		this.mostRunning.accumulateAndGet(now, Math::max);
		byte[] body = exchange.getRequestBody().readAllBytes();
		Request request = new Request(exchange.getRequestMethod(), exchange.getRequestURI(), headers, body);
		this.requests.add(request);
		String failure = this.failures.apply(request);
		String answer = request.query().equals("lifecycle") ? this.lifecycle : "";
		int status = 200;
		if (failure != null) {
			status = Integer.parseInt(failure.replaceFirst(" .*", ""));
			answer = "<Error><Code>" + failure.replaceFirst(".* ", "")
					+ "</Code><Message>https://x/?X-Amz-Signature=planted</Message></Error>";
		}
		else if (request.method().equals("GET") && request.query().startsWith("uploads")) {
			answer = uploads();
		}
		else if (request.query().equals("uploads")) {
			answer = "<InitiateMultipartUploadResult><UploadId>upload-1</UploadId></InitiateMultipartUploadResult>";
		}
		else if (request.method().equals("POST")) {
			answer = this.completion;
		}
		else if (this.storing && request.headers().containsKey("range")) {
			status = 206;
			answer = "A";
			long length = requests("PUT").stream().mapToLong((put) -> put.body().length).sum();
			exchange.getResponseHeaders().set("Content-Range", "bytes 0-0/" + length);
		}
		byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
		if (this.tagged) {
			exchange.getResponseHeaders().set("ETag", "\"tag-" + body.length + "\"");
		}
		exchange.getResponseHeaders().set("Content-Type", "application/xml");
		exchange.getResponseHeaders().set("x-amz-request-id", "REQUEST1");
		if (this.region != null) {
			exchange.getResponseHeaders().set("x-amz-bucket-region", this.region);
		}
		this.running.decrementAndGet();
		exchange.sendResponseHeaders(status, (bytes.length > 0) ? bytes.length : -1);
		exchange.getResponseBody().write(bytes);
		exchange.close();
	}

	/** Two uploads for the key of the last creation, and one of somebody else. */
	private String uploads() {
		String key = this.requests.stream()
			.filter((request) -> request.query().equals("uploads"))
			.reduce((first, second) -> second)
			.map((request) -> request.uri().getPath().replaceFirst("/[^/]*/", ""))
			.orElse("");
		return "<ListMultipartUploadsResult>" + upload(key, "upload-0") + upload(key, "upload-1")
				+ upload("another", "upload-2") + "</ListMultipartUploadsResult>";
	}

	private static String upload(String key, String id) {
		return "<Upload><Key>" + key + "</Key><UploadId>" + id + "</UploadId></Upload>";
	}

	@Override
	public void close() {
		this.server.stop(0);
		this.executor.shutdownNow();
	}

	/**
	 * What came.
	 *
	 * @param method its method
	 * @param uri its target
	 * @param headers its headers, names in lower case
	 * @param body its body
	 */
	record Request(String method, URI uri, TreeMap<String, String> headers, byte[] body) {

		String query() {
			String query = this.uri.getRawQuery();
			return (query != null) ? query : "";
		}

		boolean isPart(int number) {
			return query().contains("partNumber=" + number + "&") || query().endsWith("partNumber=" + number);
		}

	}

}
