package dev.vgi.external.web.server;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Principal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

import com.github.luben.zstd.Zstd;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.NumbersReader;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcResult;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.StreamReply;
import dev.vgi.external.rpc.StreamReply.Batch;
import dev.vgi.external.rpc.Turn;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.filter.OncePerRequestFilter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Pointers that callers renew, over HTTP: which responses carry tokens, where they lead,
 * and what the route answers. Everything is stored, in the local store.
 */
@NullUnmarked
@ExtendWith(OutputCaptureExtension.class)
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RenewalOverHttpTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private static final String KEY = "abababababababababababababababababababababababababababababababab";

	private static final Schema NUMBERS = new Schema(List.of(Field.notNullable("n", new ArrowType.Int(64, true))));

	private final BufferAllocator allocator = new RootAllocator();

	@TempDir
	private Path folder;

	private ConfigurableApplicationContext context;

	private int port;

	private Loopback loopback;

	@AfterEach
	void nothingIsLeft() {
		this.allocator.close();
		if (this.context != null) {
			BufferAllocator server = this.context.getBean(BufferAllocator.class);
			Awaitility.await().until(() -> server.getAllocatedMemory() == 0);
			this.context.close();
		}
	}

	private void start(String... settings) {
		List<String> arguments = new ArrayList<>(
				List.of("--server.port=0", "--server.address=127.0.0.1", "--spring.main.banner-mode=off",
						"--vgi.external.local.directory=" + this.folder, "--vgi.external.externalize-threshold=1B"));
		Stream.of(settings).map((setting) -> "--" + setting).forEach(arguments::add);
		this.context = new SpringApplication(Application.class).run(arguments.toArray(String[]::new));
		this.port = this.context.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
		this.loopback = new Loopback(this.port, "", this.allocator);
	}

	@Test
	void everyPointerCarriesATokenForItsReceiver(CapturedOutput output) throws Exception {
		start("vgi.rpc.token-keys=" + KEY, "vgi.rpc.prefix=/vgi", "logging.level.dev.vgi=debug",
				"logging.level.org.springframework.web=debug");
		List<Batch> pointers = new ArrayList<>();
		pointers.add(call("/vgi/greeting", "ann").only(BatchKind.POINTER));
		pointers.add(call("/vgi/published", "ann").only(BatchKind.POINTER));
		pointers.add(call("/vgi/pages/init", "ann").only(BatchKind.POINTER));
		StreamReply exchange = call("/vgi/answers/init", "ann");
		pointers.add(post("/vgi/answers/exchange", numbers(exchange.tokens()), "ann").only(BatchKind.POINTER));
		for (String path : List.of("/one", "/list", "/reader", "/pointer", "/future")) {
			pointers.addAll(get(path, "ann"));
		}
		assertThat(pointers).hasSize(11);
		for (Batch pointer : pointers) {
			assertThat(pointer.kind()).isEqualTo(BatchKind.POINTER);
			assertThat(pointer.metadata().get(MetadataKeys.RENEWAL_PATH)).isEqualTo("/vgi/__renew_url__/init");
			String token = pointer.metadata().get(MetadataKeys.RENEWAL);
			URI link = renewed(renew("/vgi/__renew_url__/init", token, "ann"));
			URI old = URI.create(pointer.metadata().get(MetadataKeys.LOCATION));
			assertThat(link.getPath()).isEqualTo(old.getPath());
			assertThat(get(link).statusCode()).isEqualTo(200);
			ErrorBatchException refusal = refused(renew("/vgi/__renew_url__/init", token, "bob"), 400);
			assertThat(refusal.errorType()).isEqualTo("ValueError");
			assertThat(refusal.errorMessage()).contains("given to somebody else");
			assertThat(refused(renew("/vgi/__renew_url__/init", token, null), 400).errorMessage())
				.isEqualTo(refusal.errorMessage());
			assertThat(output.toString()).doesNotContain(token).doesNotContain(link.getRawQuery());
		}
		assertThat(this.context.getBean(MeterRegistry.class)
			.get("vgi.external.renewals.served")
			.tag("outcome", "success")
			.counter()
			.count()).isEqualTo(11);
		assertThat(this.context.getBean(MeterRegistry.class)
			.get("vgi.external.renewals.served")
			.tag("outcome", "bad-request")
			.counter()
			.count()).isEqualTo(22);
	}

	@Test
	void pointersOfOthersLoseTheirTokens() throws Exception {
		start("vgi.rpc.token-keys=" + KEY);
		Batch pointer = get("/foreign", "ann").get(0);
		assertThat(pointer.metadata().asMap()).containsOnlyKeys(MetadataKeys.LOCATION, "kept");
		assertThat(call("/by_hand", "ann").only(BatchKind.POINTER).metadata().asMap())
			.containsOnlyKeys(MetadataKeys.LOCATION);
	}

	@Test
	void anonymousCallersShareTheirTokens() throws Exception {
		start("vgi.rpc.token-keys=" + KEY);
		String token = call("/greeting", null).only(BatchKind.POINTER).metadata().get(MetadataKeys.RENEWAL);
		assertThat(get(renewed(renew("/__renew_url__/init", token, null))).statusCode()).isEqualTo(200);
		refused(renew("/__renew_url__/init", token, "ann"), 400);
	}

	@Test
	void objectThatIsGoneIsToldApart() throws Exception {
		start("vgi.rpc.token-keys=" + KEY);
		Batch pointer = call("/greeting", "ann").only(BatchKind.POINTER);
		URI url = URI.create(pointer.metadata().get(MetadataKeys.LOCATION));
		Files.delete(this.folder.resolve(Path.of(url.getPath()).getFileName()));
		HttpResponse<byte[]> response = renew("/__renew_url__/init", pointer.metadata().get(MetadataKeys.RENEWAL),
				"ann");
		assertThat(response.headers().firstValue("X-VGI-RPC-Error")).hasValue("true");
		ErrorBatchException error = refused(response, 200);
		assertThat(error.errorKind()).isEqualTo("object_gone");
		assertThat(error.errorMessage()).contains("no such object");
	}

	@Test
	void oldPointerIsToldApart() throws Exception {
		start("vgi.rpc.token-keys=" + KEY, "vgi.external.renewal.max-age=1s");
		String token = call("/greeting", "ann").only(BatchKind.POINTER).metadata().get(MetadataKeys.RENEWAL);
		Awaitility.await().untilAsserted(() -> {
			ErrorBatchException error = refused(renew("/__renew_url__/init", token, "ann"), 200);
			assertThat(error.errorKind()).isEqualTo("link_expired");
			assertThat(error.errorMessage()).contains("'vgi.external.renewal.max-age'");
		});
	}

	@Test
	void tokenOfAStreamRenewsNothingAndTheOtherWayRound() throws Exception {
		start("vgi.rpc.token-keys=" + KEY);
		StreamReply first = call("/pages/init", "ann");
		String cursor = first.tokens().get(MetadataKeys.STREAM_STATE);
		String call = first.tokens().get(MetadataKeys.CALL_STATE);
		refused(renew("/__renew_url__/init", cursor, "ann"), 400);
		refused(renew("/__renew_url__/init", call, "ann"), 400);
		String token = first.only(BatchKind.POINTER).metadata().get(MetadataKeys.RENEWAL);
		for (BatchMetadata swapped : List.of(first.tokens().with(MetadataKeys.STREAM_STATE, token),
				first.tokens().with(MetadataKeys.CALL_STATE, token))) {
			assertThat(this.loopback.post("/pages/exchange", ARROW, numbers(swapped), "X-User", "ann").statusCode())
				.isEqualTo(400);
		}
		assertThat(post("/pages/exchange", numbers(first.tokens()), "ann").flagged()).isFalse();
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			value = { "server.servlet.context-path=/app||/app", "spring.mvc.servlet.path=/mvc||/mvc",
					"server.forward-headers-strategy=framework|X-Forwarded-Prefix: /outer/|/outer",
					"server.forward-headers-strategy=native|X-Forwarded-Prefix: /outer/|/outer",
					"server.forward-headers-strategy=native|X-Forwarded-Prefix: /a, /b/|/a/b",
					"server.forward-headers-strategy=framework|X-Forwarded-Host: evil.example|",
					"server.forward-headers-strategy=none|X-Forwarded-Prefix: /evil|",
					"spring.main.lazy-initialization=false|X-Forwarded-Prefix: /evil|" })
	void pathIsThatOfTheServiceAsTheCallerReachesIt(String setting, @Nullable String header, @Nullable String base)
			throws Exception {
		start("vgi.rpc.token-keys=" + KEY, "vgi.rpc.prefix=/vgi", setting);
		boolean forwarded = setting.contains("forward") || setting.contains("lazy");
		String own = forwarded ? "" : base;
		String[] headers = (header != null) ? header.split(": ") : new String[] { "Accept", "*/*" };
		HttpResponse<byte[]> response = this.loopback.post(own + "/vgi/greeting", ARROW, call("greeting"), headers);
		Batch pointer = StreamReply.of(response, this.allocator).only(BatchKind.POINTER);
		String path = pointer.metadata().get(MetadataKeys.RENEWAL_PATH);
		assertThat(path).isEqualTo(Objects.requireNonNullElse(base, "") + "/vgi/__renew_url__/init");
		assertThat(URI.create(pointer.metadata().get(MetadataKeys.LOCATION)).getPath())
			.startsWith(Objects.requireNonNullElse(base, "") + "/_vgi/objects/");
		renewed(this.loopback.post(own + "/vgi/__renew_url__/init", ARROW,
				request(pointer.metadata().get(MetadataKeys.RENEWAL)), headers));
	}

	@Test
	void forwardedPrefixThatIsNoPathVendsNothing() throws Exception {
		start("vgi.rpc.token-keys=" + KEY, "server.forward-headers-strategy=native");
		for (String prefix : List.of("//evil.example", "/a/../b", "\\evil", "/a?b=c")) {
			HttpResponse<byte[]> response = this.loopback.post("/greeting", ARROW, call("greeting"),
					"X-Forwarded-Prefix", prefix);
			if (response.headers().firstValue("X-VGI-RPC-Error").isEmpty()) {
				assertThat(StreamReply.of(response, this.allocator).only(BatchKind.POINTER).metadata().asMap())
					.doesNotContainKeys(MetadataKeys.RENEWAL, MetadataKeys.RENEWAL_PATH);
			}
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "spring.main.lazy-initialization=false",
			"vgi.rpc.token-keys=" + KEY + "&vgi.external.renewal.enabled=false",
			"vgi.rpc.token-keys=" + KEY + "&vgi.external.enabled=false" })
	void withoutKeysOrConsentNothingIsVended(String settings) throws Exception {
		start(settings.split("&"));
		HttpResponse<byte[]> response = this.loopback.post("/greeting", ARROW, call("greeting"));
		assertThat(response.headers().firstValue("VGI-Pointer-Renewal")).isEmpty();
		assertThat(StreamReply.of(response, this.allocator).data())
			.noneMatch((batch) -> batch.metadata().contains(MetadataKeys.RENEWAL));
		response = renew("/__renew_url__/init", "x", null);
		assertThat(response.statusCode()).isEqualTo(404);
		assertThat(refused(response, 404).errorMessage()).contains("__renew_url__");
		assertThat(get("/pointer", null).get(0).metadata().contains(MetadataKeys.RENEWAL)).isFalse();
	}

	@Test
	void publicationIsSignedAgainWithoutAnUpload() throws Exception {
		start("vgi.rpc.token-keys=" + KEY);
		Externalizer externalizer = this.context.getBean(Externalizer.class);
		try (AnnotatedBatch batch = AnnotatedBatch.of(numbers(this.allocator))) {
			ExternalRef ref = externalizer.publish(batch);
			ExternalRef again = externalizer.signAgain(ref);
			assertThat(again.url().getPath()).isEqualTo(ref.url().getPath());
			assertThat(again.sha256()).isEqualTo(ref.sha256());
			assertThat(again.schema()).isEqualTo(ref.schema());
			assertThat(again.expiresAt()).isAfterOrEqualTo(ref.expiresAt());
			assertThat(get(again.url()).statusCode()).isEqualTo(200);
			assertThat(externalizer.signAgain(ExternalRef.of(URI.create("https://elsewhere.example/x")))).isNull();
			Files.delete(this.folder.resolve(Path.of(ref.url().getPath()).getFileName()));
			assertThat(externalizer.signAgain(ref)).isNull();
		}
	}

	@Test
	void routeFollowsTheRulesOfTheOthers() throws Exception {
		start("vgi.rpc.token-keys=" + KEY, "vgi.rpc.prefix=/vgi");
		String path = "/vgi/__renew_url__/init";
		byte[] request = request("x");
		assertThat(this.loopback.post(path, "application/json", request).statusCode()).isEqualTo(415);
		assertThat(this.loopback.post(path, null, request).statusCode()).isEqualTo(415);
		assertThat(this.loopback.post(path + "x", "application/json", request).statusCode()).isEqualTo(404);
		assertThat(this.loopback.post("/__renew_url__/init", ARROW, request).statusCode()).isEqualTo(404);
		assertThat(this.loopback.post(path, ARROW, new byte[64 * 1024 + 1]).statusCode()).isEqualTo(413);
		assertThat(this.loopback.get(path).statusCode()).isEqualTo(405);
		for (HttpResponse<byte[]> response : List.of(this.loopback.post(path, "application/json", request),
				this.loopback.post(path, ARROW, request), this.loopback.get("/vgi/health"))) {
			assertThat(response.headers().allValues("VGI-Pointer-Renewal")).containsExactly("true");
		}
		String token = call("/vgi/greeting", "ann").only(BatchKind.POINTER).metadata().get(MetadataKeys.RENEWAL);
		renewed(this.loopback.post(path, ARROW, Zstd.compress(request(token)), "Content-Encoding", "zstd", "X-User",
				"ann"));
		HttpResponse<byte[]> coded = this.loopback.post(path, ARROW, request(token), "Accept-Encoding", "zstd",
				"X-User", "ann");
		assertThat(coded.statusCode()).isEqualTo(200);
	}

	@Test
	void withoutMethodsTheRouteIsThere() throws Exception {
		this.context = new SpringApplication(HandlersOnly.class).run("--server.port=0",
				"--vgi.external.local.directory=" + this.folder, "--vgi.external.externalize-threshold=1B",
				"--vgi.rpc.token-keys=" + KEY);
		this.port = this.context.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
		this.loopback = new Loopback(this.port, "", this.allocator);
		Batch pointer = get("/one", "ann").get(0);
		renewed(renew(pointer.metadata().get(MetadataKeys.RENEWAL_PATH), pointer.metadata().get(MetadataKeys.RENEWAL),
				"ann"));
		assertThat(this.loopback.post("/__renew_url__/init", "application/json", new byte[0])
			.headers()
			.firstValue("VGI-Pointer-Renewal")).hasValue("true");
	}

	private StreamReply call(String path, @Nullable String user) {
		return post(path, call(path.replaceAll("/(init|exchange)$", "").replaceAll(".*/", "")), user);
	}

	private StreamReply post(String path, byte[] body, @Nullable String user) {
		HttpResponse<byte[]> response = (user != null) ? this.loopback.post(path, ARROW, body, "X-User", user)
				: this.loopback.post(path, ARROW, body);
		assertThat(response.statusCode()).isEqualTo(200);
		return StreamReply.of(response, this.allocator);
	}

	private byte[] call(String method) {
		VectorSchemaRoot root = new VectorSchemaRoot(List.of());
		try (AnnotatedBatch batch = AnnotatedBatch.of(root)
			.withMetadata(BatchMetadata.of(Map.of(MetadataKeys.METHOD, method, MetadataKeys.REQUEST_VERSION, "1")))) {
			return Loopback.bytes(batch);
		}
	}

	private byte[] numbers(BatchMetadata metadata) {
		try (AnnotatedBatch batch = AnnotatedBatch.of(numbers(this.allocator)).withMetadata(metadata)) {
			return Loopback.bytes(batch);
		}
	}

	private static VectorSchemaRoot numbers(BufferAllocator allocator) {
		VectorSchemaRoot root = VectorSchemaRoot.create(NUMBERS, allocator);
		((BigIntVector) root.getVector("n")).setSafe(0, 1);
		root.setRowCount(1);
		return root;
	}

	private List<Batch> get(String path, @Nullable String user) throws Exception {
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(this.loopback.base() + path))
			.header("VGI-Accept-Pointers", "true");
		if (user != null) {
			request.header("X-User", user);
		}
		HttpResponse<byte[]> response = HttpClient.newHttpClient()
			.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
		assertThat(response.statusCode()).isEqualTo(200);
		return StreamReply.of(response, this.allocator).data();
	}

	private static HttpResponse<byte[]> get(URI url) throws Exception {
		return HttpClient.newHttpClient()
			.send(HttpRequest.newBuilder(url).build(), HttpResponse.BodyHandlers.ofByteArray());
	}

	private HttpResponse<byte[]> renew(String path, String token, @Nullable String user) {
		byte[] body = request(token);
		return (user != null) ? this.loopback.post(path, ARROW, body, "X-User", user)
				: this.loopback.post(path, ARROW, body);
	}

	private byte[] request(String token) {
		VarCharVector vector = new VarCharVector("token", this.allocator);
		vector.allocateNew();
		vector.setSafe(0, token.getBytes());
		vector.setValueCount(1);
		try (AnnotatedBatch batch = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)))
			.withMetadata(BatchMetadata
				.of(Map.of(MetadataKeys.METHOD, "__renew_url__", MetadataKeys.REQUEST_VERSION, "1")))) {
			return Loopback.bytes(batch);
		}
	}

	private URI renewed(HttpResponse<byte[]> response) {
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().firstValue("X-VGI-RPC-Error")).isEmpty();
		Batch row = StreamReply.of(response, this.allocator).only(BatchKind.DATA);
		assertThat(row.columns()).containsOnlyKeys("download_url", "expires_at");
		assertThat(row.columns().get("expires_at").get(0)).isNotNull();
		return URI.create(String.valueOf(row.columns().get("download_url").get(0)));
	}

	private ErrorBatchException refused(HttpResponse<byte[]> response, int status) {
		assertThat(response.statusCode()).isEqualTo(status);
		return StreamReply.of(response, this.allocator).error();
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import({ CatalogController.class, RowsController.class, NamedUsers.class })
	static class Application {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import({ RowsController.class, NamedUsers.class })
	static class HandlersOnly {

	}

	/**
	 * Believes whoever says who it is.
	 */
	static class NamedUsers extends OncePerRequestFilter {

		@Override
		protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
				throws ServletException, IOException {
			String user = request.getHeader("X-User");
			chain.doFilter(new HttpServletRequestWrapper(request) {

				@Override
				public @Nullable Principal getUserPrincipal() {
					return (user != null) ? () -> user : null;
				}

			}, response);
		}

	}

	/**
	 * Methods whose results are stored.
	 */
	@RpcService("Catalog")
	@RestController
	static class CatalogController {

		@RpcMethod("greeting")
		String greeting() {
			return "hello";
		}

		@RpcMethod("published")
		RpcResult<String> published() {
			return RpcResult.published(RpcContext.current().publish("hello"));
		}

		@RpcMethod("by_hand")
		RpcResult<String> byHand() {
			return RpcResult.published(ExternalRef.of(URI.create("https://storage.example/nightly.arrow")));
		}

		@RpcMethod("pages")
		ProducerStream<Void> pages() {
			return ProducerStream.of(NUMBERS, new Page(2));
		}

		@RpcMethod("answers")
		ExchangeStream<Void> answers() {
			return ExchangeStream.of(NUMBERS, NUMBERS, new Answers());
		}

		@RpcTurn
		Turn page(Page page, RpcContext context) {
			AnnotatedBatch batch = AnnotatedBatch.of(numbers(context.allocator()));
			return (page.left() > 1) ? Turn.emit(batch, new Page(page.left() - 1)) : Turn.emitLast(batch);
		}

		@RpcTurn
		Turn answer(Answers state, AnnotatedBatch input, RpcContext context) {
			return Turn.emit(AnnotatedBatch.of(numbers(context.allocator())), state);
		}

	}

	record Page(long left) {

	}

	record Answers() {

	}

	/**
	 * Ordinary handlers.
	 */
	@RestController
	static class RowsController {

		private final BufferAllocator allocator;

		private final Externalizer externalizer;

		RowsController(BufferAllocator allocator, Externalizer externalizer) {
			this.allocator = allocator;
			this.externalizer = externalizer;
		}

		@GetMapping("/one")
		VectorSchemaRoot one() {
			return numbers(this.allocator);
		}

		@GetMapping("/list")
		List<VectorSchemaRoot> list() {
			return List.of(numbers(this.allocator), numbers(this.allocator), numbers(this.allocator));
		}

		@GetMapping("/future")
		Callable<VectorSchemaRoot> future() {
			return () -> numbers(this.allocator);
		}

		@GetMapping("/reader")
		ArrowReader reader() {
			return new NumbersReader(1, 10);
		}

		@GetMapping("/pointer")
		AnnotatedBatch pointer() {
			try (AnnotatedBatch batch = AnnotatedBatch.of(numbers(this.allocator))) {
				ExternalRef ref = (this.externalizer.exceedsThreshold(batch)) ? this.externalizer.publish(batch)
						: ExternalRef.of(URI.create("https://storage.example/x"));
				return ref.pointerBatch(batch, this.allocator);
			}
		}

		@GetMapping("/foreign")
		AnnotatedBatch foreign() {
			return AnnotatedBatch.empty(
					NUMBERS, BatchMetadata.of(Map.of(MetadataKeys.LOCATION, "https://elsewhere.example/x",
							MetadataKeys.RENEWAL, "planted", MetadataKeys.RENEWAL_PATH, "/planted", "kept", "yes")),
					this.allocator);
		}

	}

}
