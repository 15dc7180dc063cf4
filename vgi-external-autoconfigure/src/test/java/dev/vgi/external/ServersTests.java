package dev.vgi.external;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Version;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

import com.github.luben.zstd.ZstdInputStream;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.codec.CodedBodies;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Profile;
import org.springframework.core.env.Environment;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;
import org.springframework.web.servlet.config.annotation.EnableWebMvc;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Everything that travels, over the wire, with each server and setting that Boot has.
 */
class ServersTests {

	private static final int CAP = 180_000;

	private static final int LARGE = 400_000;

	private static final int ROWS = 20_000;

	private static final String SUM = "" + (ROWS - 1L) * ROWS / 2;

	@TempDir
	private static Path keys;

	@TempDir
	private Path folder;

	static Stream<Arguments> servers() throws Exception {
		List<Setting> settings = List.of(new Setting("defaults"),
				new Setting("HTTP/2 in the clear", "server.http2.enabled=true"),
				new Setting("HTTP/2 with TLS", "server.http2.enabled=true", "server.ssl.bundle=self",
						"vgi.external.http.ssl.bundle=self", "spring.http.clients.ssl.bundle=self"),
				new Setting("virtual threads", "spring.threads.virtual.enabled=true"),
				new Setting("lazy initialisation", "spring.main.lazy-initialization=true"),
				new Setting("context path, port of management", "server.servlet.context-path=/service",
						"management.server.port=0"),
				new Setting("path of Spring MVC, problem details", "spring.mvc.servlet.path=/api",
						"spring.mvc.problemdetails.enabled=true"),
				new Setting("prefix, path of Actuator", "vgi.rpc.prefix=/vgi",
						"management.endpoints.web.base-path=/manage"),
				new Setting("Actuator at the root", "management.endpoints.web.base-path=/"),
				new Setting("proxy, by Spring", "server.forward-headers-strategy=framework"),
				new Setting("proxy, by the server", "server.forward-headers-strategy=native"),
				new Setting("@EnableWebMvc", "spring.profiles.active=enable-web-mvc"),
				new Setting("compression, context path with a slash at its end",
						"server.servlet.context-path=/service/", "server.compression.enabled=true",
						"server.compression.min-response-size=1B", "server.compression.mime-types=" + Loopback.ARROW
								+ ",application/json,text/plain,application/problem+json"));
		return Stream.of("tomcat", "jetty")
			.flatMap((server) -> settings.stream().map((setting) -> Arguments.of(server, setting)));
	}

	@ParameterizedTest(name = "{0}, {1}")
	@MethodSource("servers")
	@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void everythingTravels(String server, Setting setting) throws Exception {
		Assumptions.assumeFalse(setting.name().equals("virtual threads") && Runtime.version().feature() < 21,
				"this JDK has no virtual threads");
		try (Service service = Service.start(this.folder, server, setting)) {
			service.resultsReturn();
			service.argumentsArrive();
			service.vendedUrlsWork();
			service.plainCallersAreRedirected();
			service.codedBodiesAreWhatTheyWere();
			service.actuatorAnswers();
			service.badInputIsExplained();
			Awaitility.await().untilAsserted(() -> assertThat(service.allocator().getAllocatedMemory()).isZero());
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "tomcat", "jetty" })
	@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void whoAsksBeforeSendingIsAnswered(String server) throws Exception {
		try (Service service = Service.start(this.folder, server, new Setting("defaults"))) {
			int port = URI.create(service.base()).getPort();
			URI vended = service.client().requestUploadUrls(1).get(0).uploadUrl();
			assertThat(asking(port, "POST", "/length", service.call("length", new byte[10])).status()).isEqualTo(200);
			assertThat(asking(port, "POST", "/length", new byte[2 * CAP]).body()).contains("max_request_bytes");
			assertThat(asking(port, "PUT", vended.getRawPath(), new byte[2 * CAP]).body()).contains("signature");
			String target = vended.getRawPath() + "?" + vended.getRawQuery();
			assertThat(asking(port, "PUT", target, new byte[2 * CAP]).status()).isEqualTo(204);
		}
	}

	private static RawHttp.Response asking(int port, String method, String target, byte[] body) throws IOException {
		try (RawHttp connection = new RawHttp(port)) {
			connection.send(method, target, null, false, "Content-Length: " + body.length, "Expect: 100-continue",
					"Content-Type: " + Loopback.ARROW);
			RawHttp.Response response = connection.receive();
			if (response.status() == 100) {
				connection.write(body);
				response = connection.receive();
			}
			return response;
		}
	}

	/**
	 * What an application sets.
	 *
	 * @param name what it is called
	 * @param properties its properties
	 */
	record Setting(String name, List<String> properties) {

		Setting(String name, String... properties) {
			this(name, List.of(properties));
		}

		boolean has(String text) {
			return this.properties.toString().contains(text);
		}

		@Override
		public String toString() {
			return this.name;
		}

	}

	/**
	 * A running service and its callers.
	 *
	 * @param context the application
	 * @param setting what is set
	 * @param http a plain caller
	 * @param base where ordinary handlers are
	 * @param prefix where RPC methods are, below that
	 * @param actuator where Actuator is
	 * @param proxy in front of it, or {@code null}
	 */
	private record Service(ConfigurableApplicationContext context, Setting setting, HttpClient http, String base,
			String prefix, String actuator, @Nullable ForwardingProxy proxy) implements AutoCloseable {

		static Service start(Path folder, String server, Setting setting) throws Exception {
			boolean tls = setting.has("server.ssl");
			List<String> arguments = new ArrayList<>(List.of("--" + OneServerFilter.PROPERTY + "=" + server,
					"--server.port=0", "--server.address=127.0.0.1", "--spring.main.banner-mode=off",
					"--vgi.external.local.directory=" + folder, "--vgi.external.externalize-threshold=10KB",
					"--vgi.external.client.upload-threshold=10KB", "--vgi.rpc.max-request-size=" + CAP + "B",
					"--management.endpoints.web.exposure.include=health,vgiexternal",
					"--management.endpoint.health.show-components=always"));
			if (tls) {
				Certificates.create(keys);
				for (String part : List.of("keystore", "truststore")) {
					arguments.add("--spring.ssl.bundle.jks.self." + part + ".location=file:" + keys.resolve(part));
					arguments.add("--spring.ssl.bundle.jks.self." + part + ".password=" + Certificates.PASSWORD);
				}
			}
			setting.properties().forEach((property) -> arguments.add("--" + property));
			ConfigurableApplicationContext context = SpringApplication.run(Application.class,
					arguments.toArray(String[]::new));
			Environment environment = context.getEnvironment();
			HttpClient.Builder http = HttpClient.newBuilder()
				.version(setting.has("http2") ? Version.HTTP_2 : Version.HTTP_1_1);
			if (tls) {
				http.sslContext(context.getBean(SslBundles.class).getBundle("self").createSslContext());
			}
			String path = environment.getProperty("server.servlet.context-path", "").replaceAll("/$", "")
					+ environment.getProperty("spring.mvc.servlet.path", "");
			String origin = (tls ? "https" : "http") + "://127.0.0.1:";
			String base = origin + environment.getProperty("local.server.port") + path;
			String actuator = environment.getProperty("management.endpoints.web.base-path", "/actuator");
			String management = (environment.containsProperty("management.server.port")
					? origin + environment.getProperty("local.management.port") : base)
					+ (actuator.equals("/") ? "" : actuator);
			ForwardingProxy proxy = setting.has("forward-headers") ? new ForwardingProxy("/app", base) : null;
			return new Service(context, setting, http.build(), (proxy != null) ? proxy.url() : base,
					environment.getProperty("vgi.rpc.prefix", ""), management, proxy);
		}

		BufferAllocator allocator() {
			return this.context.getBean(BufferAllocator.class);
		}

		private boolean isJetty() {
			return "jetty".equals(this.context.getEnvironment().getProperty(OneServerFilter.PROPERTY));
		}

		private VgiClient client() {
			return this.context.getBean(VgiClient.Builder.class).baseUrl(this.base).prefix(this.prefix).build();
		}

		private Numbers typed() {
			return new RpcClients(client(), allocator()).createClient(Numbers.class);
		}

		void resultsReturn() throws Exception {
			byte[] zeros = typed().zeros(LARGE);
			assertThat(zeros).isEqualTo(new byte[LARGE]);
			// It was a pointer.
			HttpResponse<byte[]> raw = post(this.prefix + "/zeros", call("zeros", LARGE));
			assertThat(raw.statusCode()).isEqualTo(200);
			assertThat(raw.body()).hasSizeLessThan(10_000);
			assertThat(text(raw)).contains(MetadataKeys.LOCATION, "/_vgi/objects/");
			assertThat(raw.headers().firstValue(Capabilities.MAX_REQUEST_BYTES)).contains("" + CAP);
			RestClient ordinary = this.context.getBean(RestClient.Builder.class).baseUrl(this.base).build();
			// Jetty looks for asynchronous handlers below the prefix that Spring has
			// added,
			// whatever they return.
			boolean later = this.proxy == null || !isJetty() || this.setting.has("native");
			for (String path : later ? List.of("/rows", "/later") : List.of("/rows")) {
				try (VectorSchemaRoot rows = ordinary.get().uri(path).retrieve().body(VectorSchemaRoot.class)) {
					assertThat(rows).isNotNull();
					assertThat(rows.getRowCount()).isEqualTo(ROWS);
					assertThat(((BigIntVector) rows.getVector(0)).get(ROWS - 1)).isEqualTo(ROWS - 1);
				}
			}
		}

		void argumentsArrive() {
			assertThat(typed().length(new byte[LARGE])).isEqualTo(LARGE);
			assertThat(typed().length(new byte[10])).isEqualTo(10);
		}

		void vendedUrlsWork() throws Exception {
			UploadUrl target = client().requestUploadUrls(1).get(0);
			assertThat(target.uploadUrl().toString()).startsWith(this.base + "/_vgi/objects/");
			byte[] object = numbers();
			for (int status : List.of(204, 409)) {
				HttpResponse<byte[]> stored = send(HttpRequest.newBuilder(target.uploadUrl())
					.header("Content-Type", "application/x-www-form-urlencoded")
					.PUT(BodyPublishers.ofByteArray(object)));
				assertThat(stored.statusCode()).isEqualTo(status);
			}
			HttpResponse<byte[]> served = send(HttpRequest.newBuilder(target.downloadUrl()));
			assertThat(served.body()).isEqualTo(object);
			assertThat(served.version()).isEqualTo(this.http.version());
			HttpResponse<byte[]> range = send(HttpRequest.newBuilder(target.downloadUrl())
				.header("Range", "bytes=10-19")
				.header("Accept-Encoding", "gzip"));
			assertThat(range.statusCode()).isEqualTo(206);
			assertThat(range.body()).isEqualTo(Arrays.copyOfRange(object, 10, 20));
			HttpResponse<byte[]> head = send(
					HttpRequest.newBuilder(target.downloadUrl()).method("HEAD", BodyPublishers.noBody()));
			assertThat(head.statusCode()).isEqualTo(200);
			assertThat(head.headers().firstValue("Content-Length")).contains("" + object.length);
			HttpResponse<byte[]> sum = post("/sum", pointer(target.downloadUrl().toString()));
			assertThat(text(sum)).isEqualTo(SUM);
		}

		void plainCallersAreRedirected() throws Exception {
			HttpResponse<byte[]> redirect = send(HttpRequest.newBuilder(URI.create(this.base + "/rows")));
			assertThat(redirect.statusCode()).isEqualTo(303);
			URI location = redirect.uri().resolve(redirect.headers().firstValue("Location").orElseThrow());
			assertThat(location.toString()).startsWith(this.base + "/_vgi/objects/");
			for (String codings : List.of("identity", "gzip", "zstd, gzip")) {
				HttpResponse<byte[]> object = send(HttpRequest.newBuilder(location).header("Accept-Encoding", codings));
				assertThat(object.statusCode()).isEqualTo(200);
				assertThat(object.headers().firstValue("Content-Type")).contains(Loopback.ARROW);
				assertThat(decoded(object).getBytes(StandardCharsets.ISO_8859_1)).isEqualTo(numbers());
			}
		}

		void codedBodiesAreWhatTheyWere() throws Exception {
			byte[] object = numbers();
			for (String coding : List.of("gzip", "zstd")) {
				byte[] coded = CodedBodies.encode(coding, object);
				HttpResponse<byte[]> sum = post("/sum", coded, "Content-Encoding", coding);
				assertThat(text(sum)).isEqualTo(SUM);
				UploadUrl target = client().requestUploadUrls(1).get(0);
				assertThat(send(HttpRequest.newBuilder(target.uploadUrl())
					.header("Content-Encoding", coding)
					.PUT(BodyPublishers.ofByteArray(coded))).statusCode()).isEqualTo(204);
				assertThat(text(post("/sum", pointer(target.downloadUrl().toString())))).isEqualTo(SUM);
				for (String accepted : List.of("identity", "gzip, zstd")) {
					HttpResponse<byte[]> served = send(
							HttpRequest.newBuilder(target.downloadUrl()).header("Accept-Encoding", accepted));
					assertThat(served.headers().allValues("Content-Encoding")).containsExactly(coding);
					assertThat(served.body()).isEqualTo(coded);
				}
				HttpResponse<byte[]> answer = post(this.prefix + "/length", call("length", new byte[10]),
						"Accept-Encoding", coding);
				assertThat(decoded(answer)).contains("result");
			}
		}

		private static String decoded(HttpResponse<byte[]> response) throws IOException {
			String coding = response.headers().firstValue("Content-Encoding").orElse("identity");
			byte[] body = response.body();
			return new String(switch (coding) {
				case "gzip" -> new GZIPInputStream(new ByteArrayInputStream(body)).readAllBytes();
				case "zstd" -> new ZstdInputStream(new ByteArrayInputStream(body)).readAllBytes();
				default -> body;
			}, StandardCharsets.ISO_8859_1);
		}

		void actuatorAnswers() throws Exception {
			JsonNode health = json(this.actuator + "/health");
			assertThat(health.get("status").asString()).isEqualTo("UP");
			assertThat(health.get("components").propertyNames()).contains("vgiExternalStorage");
			JsonNode transfers = json(this.actuator + "/vgiexternal");
			assertThat(transfers.toString()).contains("local").doesNotContain("Signature=");
		}

		private JsonNode json(String url) throws Exception {
			HttpResponse<byte[]> response = send(HttpRequest.newBuilder(URI.create(url)));
			assertThat(response.statusCode()).as(text(response)).isEqualTo(200);
			return JsonMapper.shared().readTree(response.body());
		}

		void badInputIsExplained() throws Exception {
			HttpResponse<byte[]> noArrow = post(this.prefix + "/length", "no Arrow".getBytes(StandardCharsets.UTF_8));
			assertThat(noArrow.statusCode()).isEqualTo(400);
			assertArrowError(noArrow, "no Arrow stream");
			HttpResponse<byte[]> unknown = post(this.prefix + "/no_such", call("zeros", 1));
			assertThat(unknown.statusCode()).isEqualTo(404);
			assertArrowError(unknown, "Unknown method: 'no_such'");
			HttpResponse<byte[]> handler = post("/sum", "no Arrow".getBytes(StandardCharsets.UTF_8));
			assertProblem(handler, 400, "stream");
			assertProblem(post("/sum", pointer("https://10.0.0.8/o.arrow?Signature=secret")), 400, "10.0.0.8");
			for (String path : List.of(this.prefix + "/length", "/sum")) {
				HttpResponse<byte[]> large = post(path, new byte[40 * CAP]);
				assertThat(large.statusCode()).isEqualTo(413);
				assertThat(text(large)).contains("max_request_bytes");
				HttpResponse<byte[]> coded = post(path, new byte[10], "Content-Encoding", "br");
				assertThat(coded.statusCode()).isEqualTo(415);
				assertThat(text(coded)).contains("br");
			}
			UploadUrl target = client().requestUploadUrls(1).get(0);
			String forged = target.downloadUrl().toString().replaceFirst("Signature=...", "Signature=AAA");
			HttpResponse<byte[]> refused = send(HttpRequest.newBuilder(URI.create(forged)));
			assertThat(refused.statusCode()).isEqualTo(403);
			assertThat(text(refused)).contains("signature");
			// More than sockets hold, and not a byte is read before it is refused.
			HttpResponse<byte[]> unwanted = send(
					HttpRequest.newBuilder(URI.create(forged)).PUT(BodyPublishers.ofByteArray(new byte[8 << 20])));
			assertThat(unwanted.statusCode()).isEqualTo(403);
			HttpResponse<byte[]> missing = send(HttpRequest.newBuilder(target.downloadUrl()));
			assertThat(missing.statusCode()).isEqualTo(404);
		}

		private void assertArrowError(HttpResponse<byte[]> response, String message) {
			assertThat(response.headers().firstValue("Content-Type")).contains(Loopback.ARROW);
			assertThat(text(response)).contains(message);
		}

		private static void assertProblem(HttpResponse<byte[]> response, int status, String message) {
			assertThat(response.statusCode()).as(text(response)).isEqualTo(status);
			JsonNode problem = JsonMapper.shared().readTree(response.body());
			assertThat(problem.get("detail").asString()).contains(message).doesNotContain("secret");
			assertThat(problem.get("kind").asString()).isNotEmpty();
		}

		private HttpResponse<byte[]> post(String path, byte[] body, String... headers) throws Exception {
			HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(this.base + path))
				.header("Content-Type", Loopback.ARROW)
				.POST(BodyPublishers.ofByteArray(body));
			return send((headers.length > 0) ? request.headers(headers) : request);
		}

		private HttpResponse<byte[]> send(HttpRequest.Builder request) throws Exception {
			return this.http.send(request.build(), BodyHandlers.ofByteArray());
		}

		private static String text(HttpResponse<byte[]> response) {
			return new String(response.body(), StandardCharsets.ISO_8859_1);
		}

		private byte[] call(String method, Object argument) {
			try (FieldVector vector = (argument instanceof byte[] data) ? data(data) : length((Number) argument)) {
				return Loopback.bytes(AnnotatedBatch.of(VectorSchemaRoot.of(vector))
					.withMetadata(
							BatchMetadata.of(MetadataKeys.METHOD, method).with(MetadataKeys.REQUEST_VERSION, "1")));
			}
		}

		private FieldVector data(byte[] data) {
			VarBinaryVector vector = new VarBinaryVector(
					new Field("data", FieldType.notNullable(ArrowType.Binary.INSTANCE), null), allocator());
			vector.setSafe(0, data);
			vector.setValueCount(1);
			return vector;
		}

		private FieldVector length(Number length) {
			BigIntVector vector = new BigIntVector(
					new Field("length", FieldType.notNullable(new ArrowType.Int(64, true)), null), allocator());
			vector.setSafe(0, length.longValue());
			vector.setValueCount(1);
			return vector;
		}

		private byte[] numbers() {
			try (VectorSchemaRoot rows = Handlers.numbers(allocator())) {
				return Loopback.bytes(AnnotatedBatch.of(rows));
			}
		}

		private byte[] pointer(String location) {
			try (VectorSchemaRoot rows = Handlers.numbers(allocator());
					AnnotatedBatch pointer = AnnotatedBatch.empty(rows.getSchema(),
							BatchMetadata.of(MetadataKeys.LOCATION, location), allocator())) {
				return Loopback.bytes(pointer);
			}
		}

		@Override
		public void close() throws Exception {
			if (this.proxy != null) {
				this.proxy.close();
			}
			this.context.close();
		}

	}

	/**
	 * The contract.
	 */
	@RpcService("Numbers")
	interface Numbers {

		@RpcMethod("zeros")
		byte[] zeros(long length);

		@RpcMethod("length")
		long length(byte[] data);

	}

	/**
	 * The application.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import({ Methods.class, Handlers.class, WebMvc.class })
	static class Application {

	}

	/**
	 * What an application has that configures Spring MVC without Boot.
	 */
	@Configuration(proxyBeanMethods = false)
	@Profile("enable-web-mvc")
	@EnableWebMvc
	static class WebMvc {

	}

	/**
	 * Its RPC methods.
	 */
	@RestController
	static class Methods implements Numbers {

		@Override
		public byte[] zeros(long length) {
			return new byte[(int) length];
		}

		@Override
		public long length(byte[] data) {
			return data.length;
		}

	}

	/**
	 * Its handlers.
	 */
	@RestController
	static class Handlers {

		private final BufferAllocator allocator;

		Handlers(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		static VectorSchemaRoot numbers(BufferAllocator allocator) {
			BigIntVector vector = new BigIntVector("n", allocator);
			vector.allocateNew(ROWS);
			for (int i = 0; i < ROWS; i++) {
				vector.set(i, i);
			}
			vector.setValueCount(ROWS);
			return VectorSchemaRoot.of(vector);
		}

		@GetMapping("/rows")
		VectorSchemaRoot rows() {
			return numbers(this.allocator);
		}

		@GetMapping("/later")
		CompletableFuture<VectorSchemaRoot> later() {
			return CompletableFuture.supplyAsync(this::rows);
		}

		@PostMapping("/sum")
		long sum(@RequestBody VectorSchemaRoot rows) {
			long sum = 0;
			for (int i = 0; i < rows.getRowCount(); i++) {
				sum += ((BigIntVector) rows.getVector(0)).get(i);
			}
			return sum;
		}

	}

}
