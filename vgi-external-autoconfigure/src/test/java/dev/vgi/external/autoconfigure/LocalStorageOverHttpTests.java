package dev.vgi.external.autoconfigure;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.local.LocalStorage;
import org.apache.arrow.vector.types.pojo.Schema;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The local store as a real web server serves it: behind proxies, under load, with
 * uploads that lie, across a restart.
 */
@Timeout(120)
class LocalStorageOverHttpTests {

	private static final int LIMIT = 300_000;

	private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	@TempDir
	private Path folder;

	/** Sweepers of applications that other tests keep. */
	private final Set<Thread> others = LocalStorageSweeperTests.sweepers();

	private @Nullable ConfigurableApplicationContext context;

	private int port;

	@AfterEach
	void stop() {
		if (this.context != null) {
			this.context.close();
		}
		Awaitility.await().until(() -> this.others.containsAll(LocalStorageSweeperTests.sweepers()));
	}

	private void start(String... settings) {
		List<String> arguments = new ArrayList<>(List.of("--server.port=0", "--server.address=127.0.0.1",
				"--spring.main.banner-mode=off", "--vgi.external.local.directory=" + this.folder,
				"--vgi.external.upload-url.max-upload-size=" + LIMIT + "B"));
		Stream.of(settings).map((setting) -> "--" + setting).forEach(arguments::add);
		this.context = new SpringApplication(Application.class).run(arguments.toArray(String[]::new));
		this.port = this.context.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
	}

	@ParameterizedTest
	@ValueSource(strings = { "server.forward-headers-strategy=framework", "server.forward-headers-strategy=native",
			"spring.main.cloud-platform=kubernetes" })
	void behindAProxyUrlsLeadThroughIt(String setting) throws Exception {
		start(setting, "vgi.external.storage=local");
		String forwarded = "X-Forwarded-Host: data.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n"
				+ "X-Forwarded-For: 192.0.2.1\r\n";
		URI[] pair = vend("127.0.0.1", forwarded);
		assertThat(pair[0].toString()).startsWith("https://data.example");
		assertThat(pair[0].getPath()).startsWith("/_vgi/objects/");
		// What the proxy passes on is served.
		String put = raw("PUT " + target(pair[0]) + " HTTP/1.1\r\nHost: data.example\r\nContent-Length: 3\r\n"
				+ forwarded + "Connection: close\r\n\r\nabc");
		assertThat(put).startsWith("HTTP/1.1 204");
		assertThat(raw("GET " + target(pair[1]) + " HTTP/1.1\r\nHost: data.example\r\n" + forwarded
				+ "Connection: close\r\n\r\n"))
			.startsWith("HTTP/1.1 200")
			.endsWith("abc");
	}

	@ParameterizedTest
	@ValueSource(strings = { "server.forward-headers-strategy=framework", "server.forward-headers-strategy=native",
			"spring.main.cloud-platform=kubernetes" })
	void prefixOfAProxyIsKept(String setting) throws Exception {
		start(setting, "vgi.external.storage=local");
		URI[] pair = vend("127.0.0.1",
				"X-Forwarded-Host: data.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /app/\r\n");
		assertThat(pair[1].toString()).startsWith("https://data.example/app/_vgi/objects/");
	}

	@ParameterizedTest
	@ValueSource(strings = { "framework", "native" })
	void theStandardHeaderOfAProxyCounts(String strategy) throws Exception {
		start("server.forward-headers-strategy=" + strategy, "server.servlet.context-path=/service");
		String text = raw("GET /service/vend HTTP/1.1\r\nHost: internal:8080\r\n"
				+ "Forwarded: host=\"data.example:8443\";proto=https\r\nConnection: close\r\n\r\n");
		assertThat(text).contains("https://data.example:8443/service/_vgi/objects/").doesNotContain("internal");
	}

	@Test
	void aProxyThatTheWebServerDoesNotBelieveIsNotBelieved() throws Exception {
		start("server.forward-headers-strategy=native", "server.tomcat.remoteip.internal-proxies=192\\.0\\.2\\..*");
		assertThat(vend("evil.example", "X-Forwarded-Host: evil.example\r\n")[0].toString())
			.startsWith("http://127.0.0.1:" + this.port + "/_vgi/objects/");
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			value = { "server.forward-headers-strategy=none|X-Forwarded-Host: evil.example",
					"spring.main.lazy-initialization=false|X-Forwarded-Host: evil.example",
					"server.forward-headers-strategy=framework|Accept: */*",
					"server.forward-headers-strategy=native|Accept: */*" })
	void hostHeaderAloneIsNotBelieved(String setting, String header) throws Exception {
		start(setting);
		assertThat(vend("evil.example", header + "\r\n")[0].toString())
			.startsWith("http://127.0.0.1:" + this.port + "/_vgi/objects/");
	}

	@ParameterizedTest
	@CsvSource({ "framework, my_service", "framework, a b", "framework, [::1", "framework, a?b=c", "native, my_service",
			"native, a?b=c" })
	void aForwardedHostThatIsNoneIsAnErrorWithAClearText(String strategy, String host) throws Exception {
		start("server.forward-headers-strategy=" + strategy);
		String answer = raw(
				"GET /vend HTTP/1.1\r\nHost: x\r\nX-Forwarded-Host: " + host + "\r\nConnection: close\r\n\r\n");
		assertThat(answer.substring(9, 12)).isIn("200", "400", "502");
		if (answer.startsWith("HTTP/1.1 502")) {
			assertThat(answer).contains("vgi.external.local.base-url");
		}
		if (answer.startsWith("HTTP/1.1 200")) {
			assertThat(answer).containsPattern("\r\n\r\nhttp://[a-z0-9.:]+/_vgi/objects/");
		}
	}

	@Test
	void configuredUrlWins() throws Exception {
		start("server.forward-headers-strategy=framework", "vgi.external.local.base-url=https://set.example/x/");
		assertThat(vend("evil.example", "X-Forwarded-Host: evil.example\r\n")[0].toString())
			.startsWith("https://set.example/x/_vgi/objects/");
	}

	@Test
	void contextPathIsPartOfTheUrl() throws Exception {
		start("server.servlet.context-path=/service");
		String text = raw("GET /service/vend HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
		URI url = URI.create(text.substring(text.indexOf("http://")).split("\\s")[0]);
		assertThat(url.getPath()).startsWith("/service/_vgi/objects/");
		assertThat(put(url, new byte[3]).statusCode()).isEqualTo(204);
	}

	@ParameterizedTest
	@ValueSource(strings = { "application/x-www-form-urlencoded", "application/x-www-form-urlencoded;charset=UTF-8",
			"multipart/form-data; boundary=x", "multipart/form-data", "application/json",
			"application/vnd.apache.arrow.stream", "no type", "" })
	void uploadsMayHaveAnyMediaType(String type) throws Exception {
		start("server.tomcat.max-http-form-post-size=1B");
		URI[] pair = vend("x", "");
		String header = type.isEmpty() ? "" : "Content-Type: " + type + "\r\n";
		assertThat(raw("PUT " + target(pair[0]) + " HTTP/1.1\r\nHost: x\r\n" + header
				+ "Content-Length: 7\r\nConnection: close\r\n\r\na=b&c=d"))
			.startsWith("HTTP/1.1 204");
		assertThat(send(HttpRequest.newBuilder(pair[1])).body()).asString().isEqualTo("a=b&c=d");
	}

	@Test
	void storedBytesAreNeverInterpreted() throws Exception {
		start();
		URI[] pair = vend("x", "");
		HttpResponse<byte[]> stored = send(HttpRequest.newBuilder(pair[0])
			.header("Content-Type", "text/html")
			.PUT(BodyPublishers.ofString("<script>alert(1)</script>")));
		assertThat(stored.statusCode()).isEqualTo(204);
		for (String method : List.of("GET", "HEAD")) {
			HttpResponse<byte[]> response = send(
					HttpRequest.newBuilder(pair[1]).method(method, BodyPublishers.noBody()));
			assertThat(response.statusCode()).isEqualTo(200);
			assertThat(response.headers().map())
				.containsEntry("Content-Type", List.of("application/vnd.apache.arrow.stream"))
				.containsEntry("X-Content-Type-Options", List.of("nosniff"))
				.containsEntry("Content-Disposition", List.of("attachment"))
				.containsEntry("Content-Security-Policy", List.of("sandbox"))
				.containsEntry("Cache-Control", List.of("no-store"))
				.containsEntry("Content-Length", List.of("25"))
				.containsEntry("ETag", stored.headers().map().get("ETag"));
			assertThat(response.body()).hasSize(method.equals("GET") ? 25 : 0);
		}
	}

	@Test
	void uploadsThatLieLeaveNothing() throws Exception {
		start();
		URI[] pair = vend("x", "");
		String start = "PUT " + target(pair[0]) + " HTTP/1.1\r\nHost: x\r\n";
		// Without a length, in any size.
		assertThat(raw(start + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
			.startsWith("HTTP/1.1 411");
		HttpResponse<byte[]> chunked = send(HttpRequest.newBuilder(pair[0])
			.PUT(BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(new byte[LIMIT * 2]))));
		assertThat(chunked.statusCode()).isEqualTo(411);
		// Announced too large: refused before the body.
		try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), this.port)) {
			socket.getOutputStream()
				.write((start + "Content-Length: " + (LIMIT + 1) + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
			socket.getOutputStream().flush();
			assertThat(new String(socket.getInputStream().readNBytes(12), StandardCharsets.US_ASCII))
				.isEqualTo("HTTP/1.1 413");
		}
		assertThat(put(pair[0], new byte[LIMIT + 1]).statusCode()).isEqualTo(413);
		// Broken off.
		try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), this.port)) {
			socket.getOutputStream()
				.write((start + "Content-Length: 100000\r\n\r\nabc").getBytes(StandardCharsets.US_ASCII));
			socket.getOutputStream().flush();
		}
		Awaitility.await().untilAsserted(() -> assertThat(files()).isEmpty());
		assertThat(send(HttpRequest.newBuilder(pair[1])).statusCode()).isEqualTo(404);
		// More bytes than announced are not a part of the object.
		assertThat(raw(start + "Content-Length: 3\r\nConnection: close\r\n\r\nabcdef")).startsWith("HTTP/1.1 204");
		assertThat(send(HttpRequest.newBuilder(pair[1])).body()).asString().isEqualTo("abc");
	}

	@Test
	void whenTheFolderIsFullUploadsAreRefused() throws Exception {
		// A quarter is for one caller.
		start("vgi.external.local.max-total-size=4000B");
		assertThat(put(vend("x", "")[0], new byte[900]).statusCode()).isEqualTo(204);
		assertThat(put(vend("x", "")[0], new byte[200]).statusCode()).isEqualTo(507);
		assertThat(put(vend("x", "")[0], new byte[100]).statusCode()).isEqualTo(204);
	}

	@Test
	void storageThatIsGoneIsUnhealthyButNoReasonToRestart() throws Exception {
		start("management.endpoint.health.probes.enabled=true", "vgi.external.health.cache=0s");
		String health = "http://127.0.0.1:" + this.port + "/actuator/health";
		assertThat(send(HttpRequest.newBuilder(URI.create(health))).statusCode()).isEqualTo(200);
		Files.delete(this.folder.resolve(".signing-key"));
		Files.delete(this.folder);
		assertThat(send(HttpRequest.newBuilder(URI.create(health))).statusCode()).isEqualTo(503);
		for (String group : List.of("/liveness", "/readiness")) {
			assertThat(send(HttpRequest.newBuilder(URI.create(health + group))).statusCode()).isEqualTo(200);
		}
		Files.createDirectory(this.folder);
		assertThat(send(HttpRequest.newBuilder(URI.create(health))).statusCode()).isEqualTo(200);
	}

	@Test
	void urlsSurviveARestart() throws Exception {
		start();
		URI[] pair = vend("x", "");
		URI[] unused = vend("x", "");
		put(pair[0], "abc".getBytes());
		stop();
		start();
		assertThat(send(HttpRequest.newBuilder(here(pair[1]))).body()).asString().isEqualTo("abc");
		assertThat(put(here(unused[0]), "def".getBytes()).statusCode()).isEqualTo(204);
	}

	@Test
	void sixtyFourUploadsAndDownloadsAtOnceTearNothing() throws Exception {
		start();
		int count = 64;
		ExecutorService executor = Executors.newFixedThreadPool(count * 2);
		try {
			CountDownLatch all = new CountDownLatch(count * 2);
			List<Future<?>> calls = new ArrayList<>();
			for (int i = 0; i < count; i++) {
				byte[] bytes = BytesPayload.random(LIMIT - i * 1001, i).bytes();
				URI[] pair = vend("x", "");
				calls.add(executor.submit(() -> {
					all.countDown();
					all.await(30, TimeUnit.SECONDS);
					return assertThat(put(pair[0], bytes).statusCode()).isEqualTo(204);
				}));
				calls.add(executor.submit(() -> {
					all.countDown();
					all.await(30, TimeUnit.SECONDS);
					// Reads while the object is written: nothing, and then all of it.
					HttpResponse<byte[]> response = send(HttpRequest.newBuilder(pair[1]));
					while (response.statusCode() == 404) {
						response = send(HttpRequest.newBuilder(pair[1]));
					}
					assertThat(response.statusCode()).isEqualTo(200);
					return assertThat(response.body()).isEqualTo(bytes);
				}));
			}
			for (Future<?> call : calls) {
				call.get();
			}
		}
		finally {
			executor.shutdownNow();
		}
		assertThat(files()).hasSize(count).allMatch((name) -> name.endsWith(".arrow"));
	}

	private URI[] vend(String host, String headers) throws IOException {
		String text = raw("GET /vend HTTP/1.1\r\nHost: " + host + "\r\n" + headers + "Connection: close\r\n\r\n");
		String[] urls = text.substring(text.indexOf("\r\n\r\n"))
			.lines()
			.filter((line) -> line.startsWith("http"))
			.toArray(String[]::new);
		return new URI[] { URI.create(urls[0]), URI.create(urls[1]) };
	}

	private String raw(String request) throws IOException {
		try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), this.port)) {
			socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
			socket.getOutputStream().flush();
			return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
		}
	}

	private static String target(URI url) {
		return url.getRawPath() + "?" + url.getRawQuery();
	}

	private URI here(URI url) {
		return URI.create("http://127.0.0.1:" + this.port + target(url));
	}

	private HttpResponse<byte[]> put(URI url, byte[] bytes) throws IOException, InterruptedException {
		return send(HttpRequest.newBuilder(url).PUT(BodyPublishers.ofByteArray(bytes)));
	}

	private HttpResponse<byte[]> send(HttpRequest.Builder request) throws IOException, InterruptedException {
		return this.http.send(request.build(), BodyHandlers.ofByteArray());
	}

	private List<String> files() throws IOException {
		try (Stream<Path> files = Files.list(this.folder)) {
			return files.map((file) -> file.getFileName().toString())
				.filter((name) -> !name.equals(".signing-key"))
				.toList();
		}
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(Vending.class)
	static class Application {

	}

	@RestController
	static class Vending {

		private final LocalStorage storage;

		Vending(LocalStorage storage) {
			this.storage = storage;
		}

		@GetMapping(path = "/vend", produces = "text/plain")
		String vend() {
			UploadUrl pair = this.storage.generateUploadUrl(new Schema(List.of()));
			return pair.uploadUrl() + "\n" + pair.downloadUrl() + "\n";
		}

	}

}
