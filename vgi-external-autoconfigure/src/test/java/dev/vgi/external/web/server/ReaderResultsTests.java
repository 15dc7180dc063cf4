package dev.vgi.external.web.server;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;

import com.github.luben.zstd.Zstd;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.location.NumbersReader;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.web.ArrowValues;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.http.ResponseEntity;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.function.RouterFunction;
import org.springframework.web.servlet.function.RouterFunctions;
import org.springframework.web.servlet.function.ServerResponse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * Handlers that return readers, over HTTP: who gets pointers, a redirect or everything
 * inline, and what a failure in the middle looks like. A batch has about 80 KB.
 */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		properties = { "vgi.external.externalize-threshold=64KB", "vgi.external.segment-size=256KB",
				"vgi.external.upload.part-size=5MB", "vgi.rpc.max-externalized-response-size=40MB",
				"server.forward-headers-strategy=framework" })
@ExtendWith(OutputCaptureExtension.class)
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ReaderResultsTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private static final int ROWS = 10_000;

	@TempDir
	static Path folder;

	@LocalServerPort
	private int port;

	@Autowired
	private BufferAllocator serverAllocator;

	@Autowired
	private TransferBudget budget;

	@Autowired
	private LocationResolver resolver;

	@Autowired
	private Readers readers;

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", () -> folder.toString());
	}

	@AfterEach
	void nothingIsLeft() {
		this.readers.proceed.countDown();
		Awaitility.await().untilAsserted(() -> {
			assertThat(this.readers.made).allMatch(NumbersReader::isDone);
			assertThat(this.serverAllocator.getAllocatedMemory()).isZero();
			assertThat(this.budget.inUse()).isZero();
		});
		this.readers.made.clear();
		this.readers.proceed = new CountDownLatch(1);
	}

	@ParameterizedTest
	@ValueSource(strings = { "/declared", "/subclass", "/object", "/entity", "/callable", "/future", "/functional" })
	void readerIsAResultOnEveryWay(String path) throws Exception {
		HttpResponse<byte[]> response = get(path + "/2", "VGI-Accept-Pointers", "true");
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().firstValue("Content-Type")).contains(ARROW);
		assertThat(resolved(response.body())).isEqualTo(2 * ROWS);
		assertThat(pointers(response.body())).isOne();
		response = get(path + "/2");
		assertThat(response.statusCode()).isEqualTo(303);
		assertThat(batches(follow(response))).isEqualTo(2);
	}

	@Test
	void whoeverResolvesPointersGetsOneForEachSegment() throws Exception {
		HttpResponse<byte[]> response = get("/declared/20", "VGI-Accept-Pointers", "true");
		assertThat(resolved(response.body())).isEqualTo(20 * ROWS);
		assertThat(pointers(response.body())).isBetween(5L, 8L);
		assertThat(response.headers().firstValue("Cache-Control")).contains("no-store");
	}

	@Test
	void whoeverDoesNotIsRedirectedToTheBatchesAsTheyAre() throws Exception {
		HttpResponse<byte[]> response = get("/declared/100");
		assertThat(response.statusCode()).isEqualTo(303);
		assertThat(batches(follow(response))).isEqualTo(100);
		assertThat(get("/declared/100", "VGI-Accept-Pointers", "where-named", "Accept", "*/*").statusCode())
			.isEqualTo(200);
	}

	@Test
	void pointersNameTheServiceAsTheCallerDoes() throws Exception {
		HttpResponse<byte[]> response = get("/declared/20", "VGI-Accept-Pointers", "true", "X-Forwarded-Host",
				"flights.example", "X-Forwarded-Proto", "https");
		assertThat(locations(response.body())).isNotEmpty()
			.allMatch((url) -> url.startsWith("https://flights.example/"));
		response = get("/declared/20", "X-Forwarded-Host", "flights.example", "X-Forwarded-Proto", "https");
		assertThat(response.statusCode()).isEqualTo(303);
	}

	@Test
	void smallResultIsInlineForEveryone() throws Exception {
		for (String announced : new String[] { "true", "false" }) {
			HttpResponse<byte[]> response = get("/small/3", "VGI-Accept-Pointers", announced);
			assertThat(response.statusCode()).isEqualTo(200);
			assertThat(batches(response.body())).isEqualTo(3);
		}
	}

	@Test
	void nothingIsAnEmptyStreamWithItsSchema() throws Exception {
		for (String announced : new String[] { "true", "false" }) {
			HttpResponse<byte[]> response = get("/declared/0", "VGI-Accept-Pointers", announced);
			assertThat(response.statusCode()).isEqualTo(200);
			assertThat(batches(response.body())).isZero();
		}
	}

	@Test
	void nothingIsReadForAHead() throws Exception {
		HttpResponse<byte[]> response = send(
				request("/declared/100").method("HEAD", HttpRequest.BodyPublishers.noBody()));
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().firstValue("Content-Type")).contains(ARROW);
		assertThat(this.readers.made.element().loaded()).isZero();
	}

	@Test
	void firstPointerArrivesBeforeTheLastSegmentIsRead() throws Exception {
		HttpResponse<InputStream> response = HttpClient.newHttpClient()
			.send(request("/waiting/20").header("VGI-Accept-Pointers", "true").build(),
					HttpResponse.BodyHandlers.ofInputStream());
		try (BufferAllocator allocator = new RootAllocator();
				IpcStreamReader stream = IpcStreamReader.of(response.body(), Long.MAX_VALUE, allocator)) {
			assertThat(stream.nextStream()).isTrue();
			try (AnnotatedBatch pointer = stream.next()) {
				assertThat(pointer).isNotNull();
				assertThat(pointer.isPointer()).isTrue();
			}
			this.readers.proceed.countDown();
			int more = 0;
			for (AnnotatedBatch batch = stream.next(); batch != null; batch = stream.next()) {
				batch.close();
				more++;
			}
			assertThat(more).isBetween(4, 7);
		}
	}

	@Test
	void callerWhoLeavesEndsTheReading(CapturedOutput output) throws Exception {
		try (Socket caller = new Socket("localhost", this.port)) {
			caller.getOutputStream()
				.write("GET /waiting/100000 HTTP/1.1\r\nHost: x\r\nVGI-Accept-Pointers: true\r\n\r\n".getBytes());
			assertThat(caller.getInputStream().read()).isNotNegative();
		}
		this.readers.proceed.countDown();
		Awaitility.await().until(this.readers.made.element()::isDone);
		assertThat(this.readers.made.element().loaded()).isLessThan(100_000);
		assertThat(
				output.toString()
					.lines()
					.filter((line) -> line.contains("ERROR")
							|| line.contains("WARN") && !line.contains("Nothing secures the route of upload URLs")))
			.isEmpty();
	}

	@Test
	void readerThatFailsBeforeAnythingWasSentIsAnswered() throws Exception {
		assertThat(get("/failing/20").statusCode()).isEqualTo(500);
		assertThat(get("/failing-at-once/20", "VGI-Accept-Pointers", "true").statusCode()).isEqualTo(500);
		assertThat(get("/failing-typed/20").statusCode()).isEqualTo(502);
	}

	@Test
	void failedReaderIsLoggedWithoutSecrets(CapturedOutput output) throws Exception {
		HttpResponse<byte[]> response = get("/failing-late/20");
		assertThat(response.statusCode()).isEqualTo(502);
		assertThat(new String(response.body(), StandardCharsets.UTF_8)).doesNotContain("5ecret");
		assertThat(output.toString().lines().filter((line) -> line.contains("Upload to "))).isNotEmpty()
			.noneMatch((line) -> line.contains("5ecret"));
	}

	@ParameterizedTest
	@CsvSource({ "VGI-Accept-Pointers,true", "VGI-Accept-Pointers,where-named" })
	void laterFailureIsNoEnd(String header, String value) throws Exception {
		byte[] received = broken("/failing-late/20", header, value, "Accept", "*/*");
		try (BufferAllocator allocator = new RootAllocator()) {
			// As every reader of Arrow sees it
			assertThatIOException().isThrownBy(() -> batches(received));
			// Some take what ends between a length and its message for the end
			ByteBuffer cut = ByteBuffer.wrap(received, received.length - 12, 12).order(ByteOrder.LITTLE_ENDIAN);
			assertThat(cut.getInt()).isEqualTo(-1);
			assertThat(cut.getInt()).isGreaterThan(cut.remaining());
			// The protocol's reader knows the reason
			try (IpcStreamReader stream = IpcStreamReader.of(new ByteArrayInputStream(received), Long.MAX_VALUE,
					allocator)) {
				assertThat(stream.nextStream()).isTrue();
				LogMessage reason = null;
				Throwable end = null;
				while (end == null) {
					try {
						AnnotatedBatch batch = stream.next();
						assertThat(batch).isNotNull();
						if (BatchKind.of(batch.rowCount(), batch.metadata()) == BatchKind.ERROR) {
							reason = LogMessage.from(batch.metadata());
							assertThat(batch.metadata().get(MetadataKeys.ERROR_KIND)).isEqualTo("upload_refused");
						}
						batch.close();
					}
					catch (CorruptStreamException ex) {
						end = ex;
					}
				}
				assertThat(reason).isNotNull();
				assertThat(reason.message()).contains("the shelf is full").doesNotContain("sig=5ecret");
			}
		}
	}

	@Test
	void codedAnswerBreaksOffAsWell() throws Exception {
		byte[] received = broken("/failing-late/20", "VGI-Accept-Pointers", "where-named", "Accept", "*/*",
				"Accept-Encoding", "zstd");
		Throwable failure = catchThrowable(() -> batches(Zstd.decompress(received, 10 << 20)));
		assertThat(failure).isNotNull();
	}

	@Test
	void batchThatCannotBeWrittenIsNoEnd() throws Exception {
		byte[] received = broken("/mismatched", "VGI-Accept-Pointers", "where-named", "Accept", "*/*");
		assertThatIOException().isThrownBy(() -> batches(received));
	}

	@Test
	void readerThatCannotBeClosedLeavesNothing() throws Exception {
		byte[] body = get("/small/1").body();
		HttpResponse<byte[]> response = send(request("/unclosable").headers("Content-Type", ARROW, "Accept", "text/csv")
			.POST(HttpRequest.BodyPublishers.ofByteArray(body)));
		assertThat(response.statusCode()).isEqualTo(406);
	}

	@Test
	void capHoldsWhileTheResultIsRead() throws Exception {
		HttpResponse<byte[]> response = get("/declared/10000");
		assertThat(response.statusCode()).isBetween(400, 599);
		assertThat(this.readers.made.element().loaded()).isLessThan(10_000);
	}

	private static HttpResponse<byte[]> send(HttpRequest.Builder request) throws Exception {
		return HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
	}

	private HttpRequest.Builder request(String path) {
		return HttpRequest.newBuilder(URI.create("http://localhost:" + this.port + path));
	}

	private HttpResponse<byte[]> get(String path, String... headers) throws Exception {
		HttpRequest.Builder request = request(path);
		return send((headers.length > 0) ? request.headers(headers) : request);
	}

	private byte[] follow(HttpResponse<byte[]> redirect) throws Exception {
		String location = redirect.headers().firstValue("Location").orElseThrow();
		HttpResponse<byte[]> response = send(HttpRequest.newBuilder(redirect.uri().resolve(location)));
		assertThat(response.statusCode()).isEqualTo(200);
		return response.body();
	}

	// What arrives of an answer whose connection is broken off. The client of the JDK
	// would drop what it has not read yet.
	private byte[] broken(String path, String... headers) throws Exception {
		return broken(this.port, path, headers);
	}

	static byte[] broken(int port, String path, String... headers) throws Exception {
		HttpURLConnection connection = (HttpURLConnection) URI.create("http://localhost:" + port + path)
			.toURL()
			.openConnection();
		for (int i = 0; i < headers.length; i += 2) {
			connection.setRequestProperty(headers[i], headers[i + 1]);
		}
		assertThat(connection.getResponseCode()).isEqualTo(200);
		ByteArrayOutputStream received = new ByteArrayOutputStream();
		assertThatIOException().as("the connection is broken off")
			.isThrownBy(() -> connection.getInputStream().transferTo(received));
		return received.toByteArray();
	}

	static int batches(byte[] stream) throws IOException {
		try (BufferAllocator allocator = new RootAllocator();
				ArrowStreamReader reader = new ArrowStreamReader(new ByteArrayInputStream(stream), allocator)) {
			assertThat(reader.getVectorSchemaRoot().getSchema()).isEqualTo(NumbersReader.SCHEMA);
			int batches = 0;
			while (reader.loadNextBatch()) {
				batches++;
			}
			return batches;
		}
	}

	private static long pointers(byte[] body) {
		return locations(body).size();
	}

	private static List<String> locations(byte[] body) {
		List<String> locations = new ArrayList<>();
		try (BufferAllocator allocator = new RootAllocator();
				IpcStreamReader stream = IpcStreamReader.of(new ByteArrayInputStream(body), Long.MAX_VALUE,
						allocator)) {
			assertThat(stream.nextStream()).isTrue();
			for (AnnotatedBatch next = stream.next(); next != null; next = stream.next()) {
				try (AnnotatedBatch batch = next) {
					assertThat(batch.isPointer()).isTrue();
					locations.add(String.valueOf(batch.metadata().get(MetadataKeys.LOCATION)));
				}
			}
		}
		return locations;
	}

	private long resolved(byte[] body) {
		long rows = 0;
		try (BufferAllocator allocator = new RootAllocator();
				IpcStreamReader stream = IpcStreamReader.of(new ByteArrayInputStream(body), Long.MAX_VALUE,
						allocator)) {
			assertThat(stream.nextStream()).isTrue();
			for (AnnotatedBatch batch = stream.next(); batch != null; batch = stream.next()) {
				try (AnnotatedBatch data = this.resolver.resolve(batch, allocator, LogSink.discarding())) {
					BigIntVector numbers = (BigIntVector) data.root().getVector(0);
					for (int i = 0; i < data.rowCount(); i++) {
						assertThat(numbers.get(i)).isEqualTo(rows++);
					}
				}
			}
		}
		return rows;
	}

	/**
	 * Makes readers and remembers them.
	 */
	static final class Readers {

		final Queue<NumbersReader> made = new ConcurrentLinkedQueue<>();

		private volatile CountDownLatch proceed = new CountDownLatch(1);

		NumbersReader of(int batches, int rows) {
			return remember(new NumbersReader(batches, rows));
		}

		NumbersReader failing(int batches, int at, RuntimeException failure) {
			return remember(new NumbersReader(batches, ROWS) {

				@Override
				protected void beforeBatch(int number) {
					if (number == at) {
						throw failure;
					}
				}

			});
		}

		NumbersReader waiting(int batches) {
			CountDownLatch latch = this.proceed;
			return remember(new NumbersReader(batches, ROWS) {

				@Override
				protected void beforeBatch(int number) throws IOException {
					try {
						if (number == 15) {
							latch.await();
						}
					}
					catch (InterruptedException ex) {
						throw new IOException(ex);
					}
				}

			});
		}

		private NumbersReader remember(NumbersReader reader) {
			this.made.add(reader);
			return reader;
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(ReadersController.class)
	static class Application {

		@Bean
		Readers readers() {
			return new Readers();
		}

		@Bean
		RouterFunction<ServerResponse> routes(Readers readers) {
			return RouterFunctions.route()
				.GET("/functional/{n}",
						(request) -> ServerResponse.ok()
							.body(readers.of(Integer.parseInt(request.pathVariable("n")), ROWS)))
				.build();
		}

	}

	@RestController
	static class ReadersController {

		private final Readers readers;

		private final BufferAllocator allocator;

		ReadersController(Readers readers, BufferAllocator allocator) {
			this.readers = readers;
			this.allocator = allocator;
		}

		@GetMapping("/declared/{n}")
		ArrowReader declared(@PathVariable int n) {
			return this.readers.of(n, ROWS);
		}

		@GetMapping("/subclass/{n}")
		NumbersReader subclass(@PathVariable int n) {
			return this.readers.of(n, ROWS);
		}

		@GetMapping("/object/{n}")
		Object object(@PathVariable int n) {
			return this.readers.of(n, ROWS);
		}

		@GetMapping("/entity/{n}")
		ResponseEntity<ArrowReader> entity(@PathVariable int n) {
			return ResponseEntity.ok(this.readers.of(n, ROWS));
		}

		@GetMapping("/callable/{n}")
		Callable<ArrowReader> callable(@PathVariable int n) {
			return () -> this.readers.of(n, ROWS);
		}

		@GetMapping("/future/{n}")
		CompletableFuture<ArrowReader> future(@PathVariable int n) {
			return CompletableFuture.supplyAsync(() -> this.readers.of(n, ROWS));
		}

		@GetMapping("/mismatched")
		List<AnnotatedBatch> mismatched() {
			VectorSchemaRoot numbers = VectorSchemaRoot.of(column("n"));
			VectorSchemaRoot others = VectorSchemaRoot.of(column("n"), column("m"));
			return List.of(AnnotatedBatch.of(numbers), AnnotatedBatch.of(others));
		}

		private BigIntVector column(String name) {
			BigIntVector column = new BigIntVector(name, this.allocator);
			column.setValueCount(ROWS);
			return column;
		}

		@PostMapping("/unclosable")
		ArrowReader unclosable(@RequestBody AnnotatedBatch batch) {
			assertThat(batch.rowCount()).isPositive();
			NumbersReader reader = this.readers.of(1, ROWS);
			return new NumbersReader(1, ROWS) {

				@Override
				protected void closeReadSource() {
					super.closeReadSource();
					ArrowValues.close(reader);
					throw new IllegalStateException("memory was leaked");
				}

			};
		}

		@GetMapping("/small/{n}")
		ArrowReader small(@PathVariable int n) {
			return this.readers.of(n, 10);
		}

		@GetMapping("/waiting/{n}")
		ArrowReader waiting(@PathVariable int n) {
			return this.readers.waiting(n);
		}

		@GetMapping("/failing/{n}")
		ArrowReader failing(@PathVariable int n) {
			return this.readers.failing(n, 7, new IllegalStateException("the disk is gone"));
		}

		@GetMapping("/failing-at-once/{n}")
		ArrowReader failingAtOnce(@PathVariable int n) {
			return this.readers.failing(n, 1, new IllegalStateException("the disk is gone"));
		}

		@GetMapping("/failing-typed/{n}")
		ArrowReader failingTyped(@PathVariable int n) {
			return this.readers.failing(n, 7, new UploadRefusedException("the shelf is full", null));
		}

		@GetMapping("/failing-late/{n}")
		ArrowReader failingLate(@PathVariable int n) {
			return this.readers.failing(n, 17,
					new UploadRefusedException("the shelf is full: https://storage.example/x?sig=5ecret", null));
		}

	}

}
