package dev.vgi.external.web.server;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.codec.CodedBodies;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.memory.TransferBudget;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.http.HttpEntity;
import org.springframework.http.HttpStatus;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.servlet.function.RouterFunction;
import org.springframework.web.servlet.function.RouterFunctions;
import org.springframework.web.servlet.function.ServerResponse;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Handlers that take an {@link ArrowReader}, over real HTTP.
 */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		properties = { "vgi.external.externalize-threshold=64KB", "vgi.rpc.max-request-size=256KB",
				"vgi.external.memory.budget=64MB", "vgi.external.memory.max-per-request=16MB",
				"vgi.external.max-retries=0" })
@Timeout(60)
class ReaderArgumentTests {

	private static final int LARGE = 100_000;

	private static final int MEGABYTES = 1 << 18;

	@TempDir
	static Path folder;

	private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	@LocalServerPort
	private int port;

	@Autowired
	private BufferAllocator serverAllocator;

	@Autowired
	private TransferBudget budget;

	@Autowired
	private Externalizer externalizer;

	@Autowired
	private ReadingController controller;

	private final BufferAllocator allocator = new RootAllocator();

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", () -> folder.toString());
	}

	@AfterEach
	void nothingIsLeft() {
		this.allocator.close();
		Awaitility.await().untilAsserted(() -> {
			assertThat(this.serverAllocator.getAllocatedMemory()).isZero();
			assertThat(this.budget.inUse()).isZero();
		});
	}

	@ParameterizedTest
	@ValueSource(strings = { "/total", "/entity", "/callable", "/future", "/functional" })
	void inlineBatchesAndPointersAreRead(String path) throws Exception {
		try (Body body = new Body()) {
			body.inline(10).pointer(LARGE).inline(20).pointer(LARGE);
			assertThat(post(path, body.bytes()).body()).isEqualTo(String.valueOf(30 + 2 * LARGE));
		}
	}

	@Test
	void streamWithoutBatchesHasASchema() throws Exception {
		try (Body body = new Body()) {
			assertThat(post("/total", body.bytes()).body()).isEqualTo("0");
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 0, 1, 100 })
	void firstBatchIsReadBeforeTheSecondArrives(int begun) throws Exception {
		try (Body body = new Body()) {
			body.inline(10);
			int first = body.length() + begun;
			body.inline(20);
			byte[] bytes = body.bytes();
			this.controller.firstRead = new CountDownLatch(1);
			// Java's own client reads ahead before it sends.
			try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), this.port)) {
				OutputStream out = socket.getOutputStream();
				out.write(("POST /total HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
						+ bytes.length + "\r\nContent-Type: application/vnd.apache.arrow.stream\r\n\r\n")
					.getBytes());
				out.write(bytes, 0, first);
				out.flush();
				this.controller.firstRead.await();
				out.write(bytes, first, bytes.length - first);
				out.flush();
				assertThat(new String(socket.getInputStream().readAllBytes())).endsWith("\r\n\r\n30");
			}
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "zstd", "gzip" })
	void codedBodiesAreRead(String coding) throws Exception {
		try (Body body = new Body()) {
			body.inline(10).pointer(LARGE);
			HttpResponse<String> response = post("/total", CodedBodies.encode(coding, body.bytes()), "Content-Encoding",
					coding);
			assertThat(response.body()).isEqualTo(String.valueOf(10 + LARGE));
		}
	}

	@Test
	void readsMoreThanARequestMayHold() throws Exception {
		try (Body body = new Body()) {
			int total = 0;
			for (int i = 0; i < 16; i++) {
				body.pointer(MEGABYTES);
				total += MEGABYTES;
			}
			assertThat(post("/total", body.bytes()).body()).isEqualTo(String.valueOf(total));
		}
	}

	@Test
	void handlerStopsWhenItHasEnough() throws Exception {
		long before = objects();
		try (Body body = new Body()) {
			body.pointer(LARGE).pointer(LARGE).pointer(LARGE);
			HttpResponse<String> response = post("/at-most/1000000", body.bytes());
			assertThat(response.statusCode()).isEqualTo(413);
		}
		assertThat(objects()).isEqualTo(before + 3);
	}

	@ParameterizedTest
	@ValueSource(strings = { "/unread", "/callable-unread" })
	void readerThatIsNotReadIsClosed(String path) throws Exception {
		try (Body body = new Body()) {
			body.inline(10).pointer(LARGE).inline(20);
			assertThat(post(path, body.bytes()).body()).isEqualTo("unread");
			assertThat(post("/total", body.bytes()).body()).isEqualTo(String.valueOf(30 + LARGE));
		}
	}

	@Test
	void whatIsNoStreamIsRefusedAtOnce() throws Exception {
		this.controller.called = false;
		assertThat(post("/total", "no Arrow at all".getBytes()).statusCode()).isEqualTo(400);
		assertThat(this.controller.called).isFalse();
		assertThat(post("/total", new byte[0]).statusCode()).isEqualTo(400);
		assertThat(post("/total", "text".getBytes(), "Content-Type", "text/plain").statusCode()).isEqualTo(415);
	}

	@Test
	void whatIsWrongLaterIsRefusedWithItsStatus() throws Exception {
		try (Body body = new Body()) {
			body.inline(10).inline(20);
			byte[] bytes = body.bytes();
			assertThat(post("/total", Arrays.copyOf(bytes, bytes.length - 60)).statusCode()).isEqualTo(400);
			byte[] twice = new byte[2 * bytes.length];
			System.arraycopy(bytes, 0, twice, 0, bytes.length);
			System.arraycopy(bytes, 0, twice, bytes.length, bytes.length);
			assertThat(post("/total", twice)).satisfies((response) -> {
				assertThat(response.statusCode()).isEqualTo(400);
				assertThat(response.body()).contains("second Arrow stream");
			});
		}
	}

	@Test
	void whatIsInlineIsCapped() throws Exception {
		try (Body body = new Body()) {
			body.inline(20_000).inline(20_000);
			assertThat(post("/total", body.bytes()).statusCode()).isEqualTo(413);
			assertThat(
					post("/total", CodedBodies.encode("zstd", body.bytes()), "Content-Encoding", "zstd").statusCode())
				.isEqualTo(413);
		}
	}

	@Test
	void pointersOutsideThePolicyAreRefused() throws Exception {
		try (Body body = new Body()) {
			body.pointerTo("https://10.0.0.8/x.arrow");
			assertThat(post("/total", body.bytes())).satisfies((response) -> {
				assertThat(response.statusCode()).isEqualTo(400);
				assertThat(response.body()).contains("url-rejected");
			});
		}
	}

	@Test
	void objectThatWasDeletedIsAnErrorOfItsOwn() throws Exception {
		try (Body body = new Body()) {
			body.pointer(LARGE);
			deleteObjects();
			assertThat(post("/total", body.bytes())).satisfies((response) -> {
				assertThat(response.statusCode()).isEqualTo(502);
				assertThat(response.body()).contains("storage-unavailable");
			});
		}
	}

	private static long objects() throws IOException {
		try (Stream<Path> files = Files.walk(folder)) {
			return files.filter((file) -> file.toFile().length() > 1000).count();
		}
	}

	private static void deleteObjects() throws IOException {
		try (Stream<Path> files = Files.walk(folder)) {
			files.filter((file) -> Files.isRegularFile(file) && file.toFile().length() > 1000)
				.forEach((file) -> file.toFile().delete());
		}
	}

	private HttpResponse<String> post(String path, byte[] body, String... headers) throws Exception {
		return send(path, HttpRequest.BodyPublishers.ofByteArray(body), headers);
	}

	private HttpResponse<String> send(String path, HttpRequest.BodyPublisher body, String... headers) throws Exception {
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + this.port + path))
			.setHeader("Content-Type", "application/vnd.apache.arrow.stream")
			.POST(body);
		for (int i = 0; i < headers.length; i += 2) {
			request.setHeader(headers[i], headers[i + 1]);
		}
		return HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
	}

	/**
	 * A request body that is put together batch by batch.
	 */
	private final class Body implements AutoCloseable {

		private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

		private final AnnotatedBatch empty = AnnotatedBatch.of(numbers(0));

		private final IpcStreamWriter writer;

		Body() throws IOException {
			this.writer = new IpcStreamWriter(Channels.newChannel(this.bytes), this.empty.schema(),
					this.empty.dictionaries());
		}

		Body inline(int rows) throws IOException {
			try (AnnotatedBatch batch = AnnotatedBatch.of(numbers(rows))) {
				this.writer.write(batch);
			}
			return this;
		}

		Body pointer(int rows) throws IOException {
			try (AnnotatedBatch batch = AnnotatedBatch.of(numbers(rows));
					OutputCycle pointer = ReaderArgumentTests.this.externalizer.externalize(OutputCycle.of(batch))) {
				this.writer.write(pointer.data());
			}
			return this;
		}

		Body pointerTo(String url) throws IOException {
			this.writer.writeEmpty(BatchMetadata.of(MetadataKeys.LOCATION, url));
			return this;
		}

		int length() {
			return this.bytes.size();
		}

		byte[] bytes() throws IOException {
			this.writer.end();
			return this.bytes.toByteArray();
		}

		private VectorSchemaRoot numbers(int rows) {
			BigIntVector vector = new BigIntVector("n", ReaderArgumentTests.this.allocator);
			vector.allocateNew(Math.max(1, rows));
			for (int i = 0; i < rows; i++) {
				vector.set(i, i);
			}
			vector.setValueCount(rows);
			return new VectorSchemaRoot(List.of(vector));
		}

		@Override
		public void close() throws IOException {
			this.writer.close();
			this.empty.close();
		}

	}

	/**
	 * The application.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(ReadingController.class)
	static class Application {

		@Bean
		RouterFunction<ServerResponse> functional(ReadingController controller) {
			return RouterFunctions.route()
				.POST("/functional",
						(request) -> ServerResponse.ok().body(controller.total(request.body(ArrowReader.class))))
				.build();
		}

	}

	/**
	 * Handlers.
	 */
	@RestController
	static class ReadingController {

		volatile CountDownLatch firstRead = new CountDownLatch(0);

		volatile boolean called;

		@PostMapping("/total")
		String total(@RequestBody ArrowReader reader) throws IOException {
			this.called = true;
			long total = 0;
			while (reader.loadNextBatch()) {
				VectorSchemaRoot root = reader.getVectorSchemaRoot();
				total += root.getRowCount();
				BigIntVector vector = (BigIntVector) root.getVector("n");
				assertThat(vector.get(root.getRowCount() - 1)).isEqualTo(root.getRowCount() - 1);
				this.firstRead.countDown();
			}
			return String.valueOf(total);
		}

		@PostMapping("/entity")
		String entity(HttpEntity<ArrowReader> entity) throws IOException {
			return total(Objects.requireNonNull(entity.getBody()));
		}

		@PostMapping("/callable")
		Callable<String> callable(@RequestBody ArrowReader reader) {
			return () -> total(reader);
		}

		@PostMapping("/future")
		CompletableFuture<String> future(@RequestBody ArrowReader reader) {
			return CompletableFuture.supplyAsync(() -> {
				try {
					return total(reader);
				}
				catch (IOException ex) {
					throw new UncheckedIOException(ex);
				}
			});
		}

		@PostMapping("/at-most/{bytes}")
		String atMost(@PathVariable long bytes, @RequestBody ArrowReader reader) throws IOException {
			while (reader.loadNextBatch()) {
				if (reader.bytesRead() > bytes) {
					throw new ResponseStatusException(HttpStatus.CONTENT_TOO_LARGE, "at most " + bytes + " bytes");
				}
			}
			return "all";
		}

		@PostMapping("/unread")
		String unread(@RequestBody ArrowReader reader) {
			return "unread";
		}

		@PostMapping("/callable-unread")
		Callable<String> callableUnread(@RequestBody ArrowReader reader) {
			return () -> {
				reader.loadNextBatch();
				return "unread";
			};
		}

	}

}
