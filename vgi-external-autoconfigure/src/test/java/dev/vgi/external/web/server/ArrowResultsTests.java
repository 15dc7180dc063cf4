package dev.vgi.external.web.server;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.NumbersReader;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.MethodParameter;
import org.springframework.http.CacheControl;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.http.converter.HttpMessageConverter;
import org.springframework.http.server.ServerHttpRequest;
import org.springframework.http.server.ServerHttpResponse;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.web.bind.annotation.ControllerAdvice;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.context.request.async.DeferredResult;
import org.springframework.web.context.request.async.WebAsyncTask;
import org.springframework.web.servlet.function.RouterFunction;
import org.springframework.web.servlet.function.RouterFunctions;
import org.springframework.web.servlet.function.ServerResponse;
import org.springframework.web.servlet.mvc.method.annotation.ResponseBodyAdvice;
import org.springframework.web.servlet.mvc.method.annotation.ResponseBodyEmitter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What becomes of Arrow values on each way by which Spring MVC takes a result or hands
 * out a body: as Arrow, or refused, and closed in the end.
 */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		properties = { "vgi.external.externalize-threshold=64KB", "spring.mvc.async.request-timeout=200ms" })
class ArrowResultsTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private static final int LARGE = 100_000;

	private static final CacheControl PUBLIC = CacheControl.maxAge(Duration.ofMinutes(10)).cachePublic();

	@TempDir
	static Path folder;

	@LocalServerPort
	private int port;

	@Autowired
	private BufferAllocator serverAllocator;

	@Autowired
	private Results results;

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", () -> folder.toString());
	}

	@AfterEach
	void nothingIsLeftAllocated() {
		Awaitility.await()

			.untilAsserted(() -> assertThat(this.serverAllocator.getAllocatedMemory()).isZero());
	}

	@ParameterizedTest
	@ValueSource(strings = { "/declared", "/object", "/wildcard", "/optional", "/entity-of-optional", "/failing",
			"/list-as-object", "/collection-of-anything", "/callable", "/future", "/deferred", "/task",
			"/future-of-object", "/functional", "/emitter" })
	void whenTheValueIsArrowItIsWrittenAsArrowWhateverIsDeclared(String path) throws Exception {
		HttpResponse<byte[]> response = get(path, "*/*");
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(rows(response.body())).isPositive();
	}

	@ParameterizedTest
	@ValueSource(strings = { "/declared", "/object", "/wildcard", "/optional", "/entity-of-optional", "/failing",
			"/list-as-object", "/collection-of-anything", "/callable", "/future", "/deferred", "/task",
			"/future-of-object" })
	void whenTheCallerWantsJsonItIsNotAcceptable(String path) throws Exception {
		HttpResponse<byte[]> response = get(path, "application/json");
		assertThat(response.statusCode()).isEqualTo(406);
	}

	@ParameterizedTest
	@ValueSource(strings = { "/map", "/record", "/reader-in-record", "/array", "/json-entity", "/stream-of-anything",
			"/functional-list", "/functional-json" })
	void whenOtherConvertersWouldWriteTheValueItIsRefused(String path) throws Exception {
		for (String accept : List.of("*/*", "application/json", "application/xml")) {
			HttpResponse<byte[]> response = get(path, accept);
			assertThat(response.statusCode()).isEqualTo(406);
			assertThat(new String(response.body())).doesNotContain("allocator").doesNotContain("fieldVectors");
		}
	}

	@Test
	void whenAnAdviceReplacesTheValueItIsClosed() throws Exception {
		assertThat(get("/replaced", "*/*").statusCode()).isEqualTo(500);
	}

	@ParameterizedTest
	@CsvSource({ "/count,application/json", "/count,application/octet-stream", "/counts,application/json",
			"/functional-count,application/json" })
	void whenTheBodyIsNoArrowTheMediaTypeIsNotSupported(String path, String contentType) throws Exception {
		HttpResponse<byte[]> response = post(path, contentType, "{}".getBytes());
		assertThat(response.statusCode()).isEqualTo(415);
		assertThat(response.headers().allValues("Accept")).containsExactly(ARROW);
	}

	@ParameterizedTest
	@ValueSource(strings = { "/count", "/counts", "/functional-count" })
	void whenABodyIsHandedOutItBelongsToTheRequest(String path) throws Exception {
		HttpResponse<byte[]> response = post(path, ARROW, stream(10));
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(new String(response.body())).isEqualTo("10");
	}

	@ParameterizedTest
	@ValueSource(strings = { "/late-callable", "/late-task", "/late-future", "/late-entity", "/late-map" })
	void whenAResultComesAfterTheTimeoutItIsClosed(String path) throws Exception {
		assertThat(get(path, "*/*").statusCode()).isEqualTo(503);
		// What the timeout has interrupted fails, and never makes a result.
		this.results.proceed.countDown();
		Awaitility.await().untilAsserted(() -> assertThat(this.results.made).isTrue());
		this.results.reset();
	}

	@ParameterizedTest
	@ValueSource(strings = { "/large", "/functional-large" })
	void whenTheCallerAnnouncedNothingItIsRedirected(String path) throws Exception {
		HttpResponse<byte[]> response = get(path, ARROW);
		assertThat(response.statusCode()).isEqualTo(303);
		// By whatever name and port the caller has reached the service.
		assertThat(response.headers().firstValue("Location")).get().asString().startsWith("/_vgi/objects/");
		URI location = response.uri().resolve(response.headers().firstValue("Location").orElseThrow());
		assertThat(rows(send(HttpRequest.newBuilder(location)).body())).isEqualTo(LARGE);
	}

	@ParameterizedTest
	@ValueSource(strings = { "/emitter-large", "/published-list" })
	void whenItCannotBeRedirectedEverythingIsInline(String path) throws Exception {
		HttpResponse<byte[]> response = get(path, ARROW);
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(rows(response.body())).isGreaterThanOrEqualTo(LARGE);
		assertThat(new String(response.body())).doesNotContain("signature").doesNotContain("Signature");
	}

	@ParameterizedTest
	@ValueSource(strings = { "/large", "/functional-large", "/published-list" })
	void whenTheCallerResolvesPointersItGetsOne(String path) throws Exception {
		HttpResponse<byte[]> response = send(request(path, ARROW).header("VGI-Accept-Pointers", "true"));
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(rows(response.body())).isLessThan(LARGE);
		assertThat(response.body().length).isLessThan(8 * 1024);
	}

	@ParameterizedTest
	@ValueSource(strings = { "/large", "/functional-large", "/large-list" })
	void whenTheCallerResolvesPointersWhereItNamesArrowItIsNeverRedirected(String path) throws Exception {
		for (String accept : List.of(ARROW, "application/json, " + ARROW + ";q=0.5")) {
			HttpResponse<byte[]> response = send(request(path, accept).header("VGI-Accept-Pointers", "where-named"));
			assertThat(response.statusCode()).isEqualTo(200);
			assertThat(rows(response.body())).isLessThan(LARGE);
		}
		for (String accept : List.of("*/*", "application/*", "text/plain, */*;q=0.1")) {
			HttpResponse<byte[]> response = send(request(path, accept).header("VGI-Accept-Pointers", "where-named"));
			assertThat(response.statusCode()).isEqualTo(200);
			assertThat(rows(response.body())).isGreaterThanOrEqualTo(LARGE);
		}
	}

	@Test
	void whenOnlyTheHeadIsAskedForNothingIsStored() throws Exception {
		long before = objects();
		for (String path : List.of("/large", "/large-list")) {
			for (String announced : List.of("true", "false")) {
				HttpResponse<byte[]> response = send(
						request(path, ARROW).method("HEAD", HttpRequest.BodyPublishers.noBody())
							.header("VGI-Accept-Pointers", announced));
				assertThat(response.statusCode()).isEqualTo(200);
				assertThat(response.headers().firstValue("Content-Type")).contains(ARROW);
			}
		}
		assertThat(objects()).isEqualTo(before);
	}

	@ParameterizedTest
	@CsvSource({ "/declared,*/*,true", "/declared,*/*,false", "/declared,application/json,false", "/large,*/*,true",
			"/large,*/*,false", "/functional-large,*/*,true", "/functional-large,*/*,false", "/cached,*/*,false" })
	void whatTheAnswerDependsOnIsToldToCaches(String path, String accept, String announced) throws Exception {
		HttpResponse<byte[]> response = send(request(path, accept).header("VGI-Accept-Pointers", announced));
		assertThat(String.join(",", response.headers().allValues("Vary"))).contains("Accept,")
			.contains("Accept-Encoding")
			.contains("X-VGI-Accept-Encoding")
			.containsOnlyOnce("VGI-Accept-Pointers");
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			value = { "/cached|true|no-store", "/cached|false|no-store", "/functional-cached|true|no-store",
					"/functional-cached|false|no-store", "/cached-privately|true|max-age=600, private",
					"/cached-privately|false|no-store", "/cached-small|true|max-age=600, public" })
	void whatHasAPointerIsKeptByNobodyUnlessItIsPrivate(String path, String announced, String control)
			throws Exception {
		HttpResponse<byte[]> response = send(request(path, ARROW).header("VGI-Accept-Pointers", announced));
		assertThat(response.headers().allValues("Cache-Control")).containsExactly(control);
	}

	private static long objects() throws Exception {
		try (Stream<Path> files = Files.walk(folder)) {
			return files.filter((file) -> file.toFile().length() > 64).count();
		}
	}

	private HttpRequest.Builder request(String path, String accept) {
		return HttpRequest.newBuilder(URI.create("http://localhost:" + this.port + path)).header("Accept", accept);
	}

	private HttpResponse<byte[]> get(String path, String accept) throws Exception {
		return send(request(path, accept));
	}

	private HttpResponse<byte[]> post(String path, String contentType, byte[] body) throws Exception {
		return send(request(path, "*/*").header("Content-Type", contentType)
			.POST(HttpRequest.BodyPublishers.ofByteArray(body)));
	}

	private static HttpResponse<byte[]> send(HttpRequest.Builder request) throws Exception {
		return HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
	}

	private static int rows(byte[] stream) throws Exception {
		try (BufferAllocator allocator = new RootAllocator();
				ArrowStreamReader reader = new ArrowStreamReader(new ByteArrayInputStream(stream), allocator)) {
			int rows = 0;
			while (reader.loadNextBatch()) {
				rows += reader.getVectorSchemaRoot().getRowCount();
			}
			return rows;
		}
	}

	private static byte[] stream(int rows) throws Exception {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		try (BufferAllocator allocator = new RootAllocator();
				VectorSchemaRoot root = numbers(allocator, rows);
				ArrowStreamWriter writer = new ArrowStreamWriter(root, null, Channels.newChannel(out))) {
			writer.start();
			writer.writeBatch();
			writer.end();
		}
		return out.toByteArray();
	}

	private static VectorSchemaRoot numbers(BufferAllocator allocator, int rows) {
		BigIntVector vector = new BigIntVector("n", allocator);
		vector.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			vector.set(i, i);
		}
		vector.setValueCount(rows);
		return new VectorSchemaRoot(List.of(vector));
	}

	/**
	 * Says when late results are made, and whether they were.
	 */
	static class Results {

		private final BufferAllocator allocator;

		private volatile CountDownLatch proceed = new CountDownLatch(1);

		private volatile boolean made;

		Results(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		void reset() {
			this.proceed = new CountDownLatch(1);
			this.made = false;
		}

		VectorSchemaRoot late() {
			while (this.proceed.getCount() > 0) {
				try {
					this.proceed.await();
				}
				catch (InterruptedException ex) {
					// A task that takes no notice of its end.
				}
			}
			VectorSchemaRoot root = numbers(this.allocator, 10);
			this.made = true;
			return root;
		}

	}

	/**
	 * A batch beside something else.
	 *
	 * @param name something else
	 * @param rows the batch
	 * @param more another one
	 */
	record Wrapped(String name, ArrowReader rows) {

	}

	record Named(String name, VectorSchemaRoot rows, VectorSchemaRoot more) {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import({ ResultsController.class, Replacing.class })
	static class Application {

		@Bean
		Results results(BufferAllocator allocator) {
			return new Results(allocator);
		}

		@Bean
		RouterFunction<ServerResponse> routes(BufferAllocator allocator) {
			return RouterFunctions.route()
				.GET("/functional", (request) -> ServerResponse.ok().body(numbers(allocator, 10)))
				.GET("/functional-json",
						(request) -> ServerResponse.ok()
							.contentType(MediaType.APPLICATION_JSON)
							.body(numbers(allocator, 10)))
				.GET("/functional-list",
						(request) -> ServerResponse.ok()
							.contentType(MediaType.APPLICATION_JSON)
							.body(List.of(numbers(allocator, 10), numbers(allocator, 10))))
				.GET("/functional-large", (request) -> ServerResponse.ok().body(numbers(allocator, LARGE)))
				.GET("/functional-cached",
						(request) -> ServerResponse.ok().cacheControl(PUBLIC).body(numbers(allocator, LARGE)))
				.POST("/functional-count",
						(request) -> ServerResponse.ok()
							.body(String.valueOf(request.body(VectorSchemaRoot.class).getRowCount())))
				.build();
		}

	}

	/**
	 * Puts something else in the place of a result.
	 */
	@ControllerAdvice
	static class Replacing implements ResponseBodyAdvice<Object> {

		@Override
		public boolean supports(MethodParameter returnType, Class<? extends HttpMessageConverter<?>> converterType) {
			return returnType.getMethod() != null && returnType.getMethod().getName().equals("replaced");
		}

		@Override
		public Object beforeBodyWrite(@Nullable Object body, MethodParameter returnType, MediaType selectedContentType,
				Class<? extends HttpMessageConverter<?>> selectedConverterType, ServerHttpRequest request,
				ServerHttpResponse response) {
			return Map.of("status", "replaced");
		}

	}

	@RestController
	static class ResultsController {

		private final BufferAllocator allocator;

		private final Results results;

		private final Externalizer externalizer;

		ResultsController(BufferAllocator allocator, Results results, Externalizer externalizer) {
			this.allocator = allocator;
			this.results = results;
			this.externalizer = externalizer;
		}

		private VectorSchemaRoot numbers() {
			return ArrowResultsTests.numbers(this.allocator, 10);
		}

		@GetMapping("/declared")
		VectorSchemaRoot declared() {
			return numbers();
		}

		@GetMapping("/replaced")
		VectorSchemaRoot replaced() {
			return numbers();
		}

		@GetMapping("/object")
		Object object() {
			return numbers();
		}

		@GetMapping("/wildcard")
		ResponseEntity<?> wildcard() {
			return ResponseEntity.ok(numbers());
		}

		@GetMapping("/json-entity")
		ResponseEntity<?> jsonEntity() {
			return ResponseEntity.ok().contentType(MediaType.APPLICATION_JSON).body(numbers());
		}

		@GetMapping("/optional")
		Optional<VectorSchemaRoot> optional() {
			return Optional.of(numbers());
		}

		@GetMapping("/entity-of-optional")
		ResponseEntity<Optional<?>> entityOfOptional() {
			return ResponseEntity.ok(Optional.of(numbers()));
		}

		@GetMapping("/list-as-object")
		Object listAsObject() {
			return List.of(numbers(), numbers());
		}

		@GetMapping("/collection-of-anything")
		ResponseEntity<List<?>> collectionOfAnything() {
			return ResponseEntity.ok(List.of(AnnotatedBatch.of(numbers())));
		}

		@GetMapping("/stream-of-anything")
		Stream<?> streamOfAnything() {
			return Stream.of(1, 2).map((i) -> numbers());
		}

		@GetMapping("/map")
		Map<String, Object> map() {
			return Map.of("a", numbers(), "b", List.of(numbers()), "c", numbers());
		}

		@GetMapping("/record")
		Named inRecord() {
			return new Named("a", numbers(), numbers());
		}

		@GetMapping("/reader-in-record")
		Wrapped readerInRecord() {
			return new Wrapped("a", new NumbersReader(1, 1));
		}

		@GetMapping("/array")
		Object array() {
			return new Object[] { numbers(), numbers() };
		}

		@GetMapping("/failing")
		String failing() {
			throw new IllegalArgumentException("planned");
		}

		@ExceptionHandler(IllegalArgumentException.class)
		ResponseEntity<Object> handle() {
			return ResponseEntity.ok(numbers());
		}

		@GetMapping("/callable")
		Callable<VectorSchemaRoot> callable() {
			return this::numbers;
		}

		@GetMapping("/task")
		WebAsyncTask<ResponseEntity<VectorSchemaRoot>> task() {
			return new WebAsyncTask<>(() -> ResponseEntity.ok(numbers()));
		}

		@GetMapping("/future")
		CompletableFuture<VectorSchemaRoot> future() {
			return CompletableFuture.supplyAsync(this::numbers);
		}

		@GetMapping("/future-of-object")
		CompletableFuture<Object> futureOfObject() {
			return CompletableFuture.completedFuture(List.of(numbers()));
		}

		@GetMapping("/deferred")
		DeferredResult<VectorSchemaRoot> deferred() {
			DeferredResult<VectorSchemaRoot> deferred = new DeferredResult<>();
			CompletableFuture.runAsync(() -> deferred.setResult(numbers()));
			return deferred;
		}

		@GetMapping("/late-callable")
		Callable<VectorSchemaRoot> lateCallable() {
			return this.results::late;
		}

		@GetMapping("/late-task")
		WebAsyncTask<VectorSchemaRoot> lateTask() {
			return new WebAsyncTask<>(100L, this.results::late);
		}

		@GetMapping("/late-future")
		CompletableFuture<VectorSchemaRoot> lateFuture() {
			return CompletableFuture.supplyAsync(this.results::late);
		}

		@GetMapping("/late-entity")
		CompletableFuture<ResponseEntity<?>> lateEntity() {
			return CompletableFuture.supplyAsync(() -> ResponseEntity.ok(this.results.late()));
		}

		@GetMapping("/late-map")
		Callable<Map<String, ?>> lateMap() {
			return () -> Map.of("rows", this.results.late());
		}

		@GetMapping("/large")
		VectorSchemaRoot large() {
			return ArrowResultsTests.numbers(this.allocator, LARGE);
		}

		@GetMapping("/cached")
		ResponseEntity<VectorSchemaRoot> cached() {
			return ResponseEntity.ok().cacheControl(PUBLIC).body(large());
		}

		@GetMapping("/cached-small")
		ResponseEntity<VectorSchemaRoot> cachedSmall() {
			return ResponseEntity.ok().cacheControl(PUBLIC).body(numbers());
		}

		@GetMapping("/cached-privately")
		ResponseEntity<VectorSchemaRoot> cachedPrivately() {
			return ResponseEntity.ok()
				.cacheControl(CacheControl.maxAge(Duration.ofMinutes(10)).cachePrivate())
				.body(large());
		}

		@GetMapping("/large-list")
		List<VectorSchemaRoot> largeList() {
			return List.of(large(), numbers());
		}

		@GetMapping("/published-list")
		List<AnnotatedBatch> publishedList() {
			try (AnnotatedBatch numbers = AnnotatedBatch.of(large())) {
				return List.of(this.externalizer.publish(numbers).pointerBatch(numbers, this.allocator),
						AnnotatedBatch.of(numbers()));
			}
		}

		@GetMapping("/emitter")
		ResponseBodyEmitter emitter() throws Exception {
			return emitting(10);
		}

		@GetMapping("/emitter-large")
		ResponseBodyEmitter largeEmitter() throws Exception {
			return emitting(LARGE);
		}

		private ResponseBodyEmitter emitting(int rows) throws Exception {
			ResponseBodyEmitter emitter = new ResponseBodyEmitter();
			emitter.send(ArrowResultsTests.numbers(this.allocator, rows), MediaType.parseMediaType(ARROW));
			emitter.complete();
			return emitter;
		}

		@PostMapping("/count")
		String count(@RequestBody VectorSchemaRoot root) {
			return String.valueOf(root.getRowCount());
		}

		@PostMapping("/counts")
		String counts(@RequestBody List<VectorSchemaRoot> roots) {
			return String.valueOf(roots.get(0).getRowCount());
		}

	}

}
