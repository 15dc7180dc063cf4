package dev.vgi.external.web;

import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.Publications;
import dev.vgi.external.web.client.VgiClient;
import io.micrometer.core.instrument.MeterRegistry;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.MediaType;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.HttpClientErrorException;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Ordinary handlers that return and accept Arrow, called over real HTTP with the embedded
 * local store.
 */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		properties = { "vgi.external.externalize-threshold=64KB", "vgi.rpc.max-request-size=256KB",
				"vgi.external.client.upload-threshold=128KB" })
class ArrowOverHttpTests {

	private static final int SMALL = 10;

	private static final int LARGE = 100_000;

	@TempDir
	static Path folder;

	@LocalServerPort
	private int port;

	@Autowired
	private RestClient.Builder restClientBuilder;

	@Autowired
	private VgiClient.Builder vgiClientBuilder;

	@Autowired
	private BufferAllocator serverAllocator;

	@Autowired
	private MeterRegistry meters;

	private BufferAllocator allocator;

	private RestClient restClient;

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", () -> folder.toString());
	}

	@BeforeEach
	void setUp() {
		this.allocator = new RootAllocator();
		this.restClient = this.restClientBuilder.baseUrl("http://localhost:" + this.port).build();
	}

	@AfterEach
	void nothingIsLeftAllocated() {
		this.allocator.close();
		// The server lets go of a request after its response has arrived here.
		Awaitility.await().untilAsserted(() -> assertThat(this.serverAllocator.getAllocatedMemory()).isZero());
	}

	@Test
	void whenResultIsSmallItTravelsInline() throws Exception {
		long before = objects();
		try (VectorSchemaRoot root = get("/numbers/" + SMALL, VectorSchemaRoot.class)) {
			assertNumbers(root, SMALL);
		}
		assertThat(objects()).isEqualTo(before);
	}

	@Test
	void whenResultIsLargeItTravelsThroughStorageUnnoticed() throws Exception {
		long before = objects();
		double fetches = fetches();
		try (VectorSchemaRoot root = get("/numbers/" + LARGE, VectorSchemaRoot.class)) {
			assertNumbers(root, LARGE);
		}
		assertThat(objects()).isEqualTo(before + 1);
		assertThat(fetches()).isEqualTo(fetches + 1);
	}

	@Test
	void whenBatchIsReadItTellsWhereItCameFrom() {
		try (AnnotatedBatch batch = get("/numbers/" + LARGE, AnnotatedBatch.class)) {
			assertThat(batch.metadata().get(MetadataKeys.LOCATION_SOURCE)).startsWith("http://");
			assertThat(batch.metadata().get(MetadataKeys.LOCATION_FETCH_MS)).matches("\\d+\\.\\d");
		}
	}

	/**
	 * The link is for the service that has read it, and perhaps was another caller's.
	 */
	@Test
	void whenBatchIsPassedOnItTellsNobodyWhereItCameFrom() throws Exception {
		HttpClient client = HttpClient.newHttpClient();
		byte[] pointer = client
			.send(HttpRequest.newBuilder(request("/numbers/" + LARGE), (name, value) -> true)
				.header(Capabilities.ACCEPT_POINTERS, "true")
				.build(), HttpResponse.BodyHandlers.ofByteArray())
			.body();
		assertThat(new String(pointer, StandardCharsets.ISO_8859_1)).contains("Signature=");
		HttpResponse<byte[]> passedOn = client
			.send(HttpRequest.newBuilder(URI.create("http://localhost:" + this.port + "/passed-on"))
				.header("Content-Type", "application/vnd.apache.arrow.stream")
				.POST(HttpRequest.BodyPublishers.ofByteArray(pointer))
				.build(), HttpResponse.BodyHandlers.ofByteArray());
		assertThat(passedOn.statusCode()).isEqualTo(200);
		assertThat(new String(passedOn.body(), StandardCharsets.ISO_8859_1)).contains("own entry")
			.doesNotContain("Signature=")
			.doesNotContain(MetadataKeys.LOCATION_SOURCE)
			.doesNotContain(MetadataKeys.LOCATION_FETCH_MS);
	}

	@Test
	void whenCallerDoesNotAnnounceItFollowsARedirectToTheWholeStream() throws Exception {
		HttpResponse<byte[]> response = HttpClient.newBuilder()
			.followRedirects(HttpClient.Redirect.NORMAL)
			.build()
			.send(request("/numbers/" + LARGE), HttpResponse.BodyHandlers.ofByteArray());
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.previousResponse()).get().extracting(HttpResponse::statusCode).isEqualTo(303);
		assertThat(response.headers().firstValue("X-Content-Type-Options")).contains("nosniff");
		assertStream(response.body(), LARGE);
	}

	@Test
	void whenCallerDoesNotFollowRedirectsItSeesNoEmptyResult() throws Exception {
		HttpResponse<byte[]> response = HttpClient.newHttpClient()
			.send(request("/numbers/" + LARGE), HttpResponse.BodyHandlers.ofByteArray());
		assertThat(response.statusCode()).isEqualTo(303);
		assertThat(response.headers().firstValue("Location")).isPresent();
		assertThat(response.body()).isEmpty();
	}

	@Test
	void whenResultIsSmallPlainCallerGetsItDirectly() throws Exception {
		HttpResponse<byte[]> response = HttpClient.newHttpClient()
			.send(request("/numbers/" + SMALL), HttpResponse.BodyHandlers.ofByteArray());
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().firstValue("Content-Type")).contains("application/vnd.apache.arrow.stream");
		assertStream(response.body(), SMALL);
	}

	@Test
	void whenListIsReturnedEachLargeBatchBecomesItsOwnPointer() throws Exception {
		long before = objects();
		List<VectorSchemaRoot> roots = this.restClient.get()
			.uri("/lists/" + LARGE)
			.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
			.retrieve()
			.body(new ParameterizedTypeReference<>() {
			});
		assertThat(roots).hasSize(2);
		assertNumbers(roots.get(0), LARGE);
		assertNumbers(roots.get(1), SMALL);
		roots.forEach(VectorSchemaRoot::close);
		assertThat(objects()).isEqualTo(before + 1);
	}

	@Test
	void whenSequenceIsLazyItIsWrittenBatchByBatch() {
		List<AnnotatedBatch> batches = this.restClient.get()
			.uri("/streams/" + SMALL)
			.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
			.retrieve()
			.body(new ParameterizedTypeReference<>() {
			});
		assertThat(batches).hasSize(5).allSatisfy((batch) -> assertThat(batch.rowCount()).isEqualTo(SMALL));
		batches.forEach(AnnotatedBatch::close);
	}

	@Test
	void whenResultWasPublishedEveryCallerGetsTheOneObject() throws Exception {
		long before = objects();
		for (int i = 0; i < 2; i++) {
			try (VectorSchemaRoot root = get("/published", VectorSchemaRoot.class)) {
				assertNumbers(root, SMALL);
			}
			HttpResponse<byte[]> response = HttpClient.newBuilder()
				.followRedirects(HttpClient.Redirect.NORMAL)
				.build()
				.send(request("/published"), HttpResponse.BodyHandlers.ofByteArray());
			assertThat(response.previousResponse()).get().extracting(HttpResponse::statusCode).isEqualTo(303);
			assertStream(response.body(), SMALL);
		}
		assertThat(objects()).isEqualTo(before + 1);
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void whenAHandlersPointerIsBrokenNobodySeesItsSignature(CapturedOutput output) throws Exception {
		HttpResponse<String> response = HttpClient.newHttpClient()
			.send(request("/broken-pointer"), HttpResponse.BodyHandlers.ofString());
		assertThat(response.statusCode()).isGreaterThanOrEqualTo(400);
		assertThat(response.body()).doesNotContain("planted");
		assertThat(output).doesNotContain("planted");
	}

	@Test
	void whenHandlerIsGivenABatchItIsClosedAfterwards() {
		try (VectorSchemaRoot numbers = numbers(this.allocator, 100)) {
			String sum = this.restClient.post()
				.uri("/sum")
				.contentType(ArrowStreamHttpMessageConverter.ARROW_STREAM)
				.body(numbers)
				.retrieve()
				.body(String.class);
			assertThat(sum).isEqualTo("4950");
			// What a client sends stays the caller's.
			assertNumbers(numbers, 100);
		}
	}

	@Test
	void whenInputIsLargerThanTheCapItGoesThroughAnUploadUrl() throws Exception {
		long before = objects();
		VgiClient client = this.vgiClientBuilder.baseUrl("http://localhost:" + this.port).build();
		try (AnnotatedBatch batch = AnnotatedBatch.of(numbers(this.allocator, LARGE));
				AnnotatedBatch answer = client.call("/double", batch, (log) -> {
				})) {
			assertThat(answer.rowCount()).isEqualTo(LARGE);
			assertThat(((BigIntVector) answer.root().getVector(0)).get(LARGE - 1)).isEqualTo(2L * (LARGE - 1));
		}
		assertThat(client.capabilities().uploadUrlSupport()).isTrue();
		assertThat(client.capabilities().maxRequestBytes()).isEqualTo(256 * 1024);
		assertThat(objects()).isEqualTo(before + 2);
	}

	@Test
	void whenInputReachesTheThresholdItGoesThroughAnUploadUrlBelowTheCap() throws Exception {
		VgiClient client = this.vgiClientBuilder.baseUrl("http://localhost:" + this.port).build();
		// Without an RPC method, the service says with an answer what it vends.
		for (int rows : new int[] { 10_000, 20_000 }) {
			long before = objects();
			try (AnnotatedBatch batch = AnnotatedBatch.of(numbers(this.allocator, rows));
					AnnotatedBatch answer = client.call("/double", batch, (log) -> {
					})) {
				assertThat(answer.rowCount()).isEqualTo(rows);
			}
			// The result is stored in any case.
			assertThat(objects()).isEqualTo(before + ((rows < 15_000) ? 1 : 2));
		}
	}

	@Test
	void whenHandlerReturnsSomethingElseItIsUntouched() {
		assertThat(this.restClient.get().uri("/text").retrieve().body(String.class)).isEqualTo("plain");
		assertThat(this.restClient.get().uri("/json").retrieve().body(String.class)).isEqualTo("[1,2,3]");
	}

	@Test
	void whenCallerAcceptsOnlyJsonArrowIsNotAcceptable() {
		assertThatExceptionOfType(HttpClientErrorException.NotAcceptable.class).isThrownBy(() -> this.restClient.get()
			.uri("/numbers/" + LARGE)
			.accept(MediaType.APPLICATION_JSON)
			.retrieve()
			.body(String.class));
	}

	@Test
	void whenBodyIsNoArrowItIsABadRequestAndTheNextWorks() {
		assertThatExceptionOfType(HttpClientErrorException.BadRequest.class).isThrownBy(() -> this.restClient.post()
			.uri("/sum")
			.contentType(ArrowStreamHttpMessageConverter.ARROW_STREAM)
			.body("this is no Arrow".getBytes())
			.retrieve()
			.toBodilessEntity());
		whenHandlerIsGivenABatchItIsClosedAfterwards();
	}

	@Test
	void whenResultIsArrowCapabilitiesComeAlong() throws Exception {
		HttpResponse<byte[]> response = HttpClient.newHttpClient()
			.send(request("/numbers/" + SMALL), HttpResponse.BodyHandlers.ofByteArray());
		assertThat(response.headers().allValues("VGI-Accept-Max-Response-Bytes-Support")).containsExactly("true");
		assertThat(response.headers().allValues("VGI-Supported-Encodings")).containsExactly("zstd, gzip");
		assertThat(response.headers().firstValue("X-Request-ID")).isPresent();
	}

	@Test
	void whenPointerLeadsToActuatorItIsRefused() {
		BatchHelper.withPointer(this.allocator, "http://localhost:" + this.port + "/actuator/health", (pointer) -> {
			VgiClient client = this.vgiClientBuilder.baseUrl("http://localhost:" + this.port).build();
			assertThatExceptionOfType(VgiExternalException.class)
				.isThrownBy(() -> client.call("/double", pointer, (log) -> {
				}).close())
				.withMessageContaining("400");
		});
	}

	private <T> T get(String path, Class<T> type) {
		T body = this.restClient.get()
			.uri(path)
			.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
			.retrieve()
			.body(type);
		assertThat(body).isNotNull();
		return body;
	}

	private HttpRequest request(String path) {
		return HttpRequest.newBuilder(URI.create("http://localhost:" + this.port + path)).build();
	}

	private static long objects() throws Exception {
		try (Stream<Path> files = Files.walk(folder)) {
			return files.filter((file) -> file.toFile().length() > 64).count();
		}
	}

	private double fetches() {
		return this.meters.find("vgi.external.fetch").timers().stream().mapToLong((timer) -> timer.count()).sum();
	}

	private void assertStream(byte[] body, int rows) {
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(body), body.length, this.allocator)) {
			assertThat(reader.nextStream()).isTrue();
			try (AnnotatedBatch batch = reader.next()) {
				assertThat(batch).isNotNull();
				assertNumbers(batch.root(), rows);
			}
			assertThat(reader.next()).isNull();
			assertThat(reader.nextStream()).isFalse();
		}
	}

	private static void assertNumbers(VectorSchemaRoot root, int rows) {
		assertThat(root.getRowCount()).isEqualTo(rows);
		BigIntVector vector = (BigIntVector) root.getVector("n");
		assertThat(IntStream.range(0, rows).allMatch((i) -> vector.get(i) == i)).isTrue();
	}

	static VectorSchemaRoot numbers(BufferAllocator allocator, int rows) {
		BigIntVector vector = new BigIntVector("n", allocator);
		vector.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			vector.set(i, i);
		}
		vector.setValueCount(rows);
		return new VectorSchemaRoot(List.of(vector));
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(NumbersController.class)
	static class Application {

	}

	@RestController
	static class NumbersController {

		private final BufferAllocator allocator;

		private final Externalizer externalizer;

		private final Publications<String> published = new Publications<>(Clock.systemUTC());

		NumbersController(BufferAllocator allocator, Externalizer externalizer) {
			this.allocator = allocator;
			this.externalizer = externalizer;
		}

		@GetMapping("/published")
		AnnotatedBatch published() {
			try (AnnotatedBatch numbers = AnnotatedBatch.of(numbers(SMALL))) {
				return this.published.get("numbers", () -> this.externalizer.publish(numbers))
					.pointerBatch(numbers, this.allocator);
			}
		}

		@GetMapping("/broken-pointer")
		AnnotatedBatch brokenPointer() {
			try (AnnotatedBatch numbers = AnnotatedBatch.of(numbers(1))) {
				return numbers.zeroRows(
						BatchMetadata.of(MetadataKeys.LOCATION, "https://example.com/a b?signature=planted"),
						this.allocator);
			}
		}

		@GetMapping("/numbers/{rows}")
		VectorSchemaRoot numbers(@PathVariable int rows) {
			return ArrowOverHttpTests.numbers(this.allocator, rows);
		}

		@GetMapping("/lists/{rows}")
		List<VectorSchemaRoot> lists(@PathVariable int rows) {
			return List.of(numbers(rows), numbers(SMALL));
		}

		@GetMapping("/streams/{rows}")
		Stream<AnnotatedBatch> streams(@PathVariable int rows) {
			return IntStream.range(0, 5).mapToObj((i) -> AnnotatedBatch.of(numbers(rows)));
		}

		@PostMapping("/sum")
		String sum(@RequestBody VectorSchemaRoot root) {
			BigIntVector vector = (BigIntVector) root.getVector("n");
			return String.valueOf(IntStream.range(0, root.getRowCount()).mapToLong(vector::get).sum());
		}

		@PostMapping("/double")
		VectorSchemaRoot doubled(@RequestBody AnnotatedBatch batch) {
			BigIntVector vector = (BigIntVector) batch.root().getVector("n");
			VectorSchemaRoot result = numbers(batch.rowCount());
			BigIntVector target = (BigIntVector) result.getVector("n");
			for (int i = 0; i < batch.rowCount(); i++) {
				target.set(i, 2 * vector.get(i));
			}
			return result;
		}

		@PostMapping("/passed-on")
		AnnotatedBatch passedOn(@RequestBody AnnotatedBatch batch) {
			assertThat(batch.metadata().get(MetadataKeys.LOCATION_SOURCE)).contains("Signature=");
			return batch.zeroRows(batch.metadata().with("own entry", "kept"), this.allocator);
		}

		@GetMapping("/text")
		String text() {
			return "plain";
		}

		@GetMapping("/json")
		List<Integer> json() {
			return List.of(1, 2, 3);
		}

	}

}
