package dev.vgi.external.web.client;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.transfer.RecordedEvents;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.TransferCancelledException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link VgiClient} with readers as inputs and results of ordinary handlers,
 * over real HTTP and the embedded local store.
 */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		properties = { "vgi.external.externalize-threshold=64KB", "vgi.external.segment-size=64KB",
				"vgi.rpc.max-request-size=256KB", "vgi.external.upload-url.max-upload-size=256KB",
				"vgi.external.client.upload-threshold=100KB" })
@Timeout(60)
class SentReaderTests {

	private static final LogSink NO_LOGS = LogSink.discarding();

	@TempDir
	static Path folder;

	@LocalServerPort
	private int port;

	@Autowired
	private BufferAllocator serverAllocator;

	@Autowired
	private VgiClient.Builder builder;

	@Autowired
	private RestClient.Builder restClients;

	@Autowired
	private ReadingController controller;

	@Autowired
	private TransferBudget budget;

	private final BufferAllocator allocator = new RootAllocator();

	private final AtomicInteger closed = new AtomicInteger();

	private VgiClient client;

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", () -> folder.toString());
	}

	@BeforeEach
	void setUp() throws IOException {
		this.client = this.builder.baseUrl("http://127.0.0.1:" + this.port).segmentSize(64 << 10).build();
		Files.createDirectories(folder);
		// A service without RPC methods says with an answer what it vends.
		this.client.send("/total", reader(), Void.class, NO_LOGS);
		this.closed.set(0);
	}

	@AfterEach
	void nothingIsLeft() {
		this.allocator.close();
		Awaitility.await().untilAsserted(() -> {
			assertThat(this.serverAllocator.getAllocatedMemory()).isZero();
			assertThat(this.budget.inUse()).isZero();
		});
	}

	@Test
	void smallInputTravelsInline() throws Exception {
		long before = objects();
		assertThat(this.client.send("/total", reader(10, 20, 0, 30), String.class, NO_LOGS)).isEqualTo("60 in 4");
		assertThat(objects()).isEqualTo(before);
		assertThat(this.closed).hasValue(1);
	}

	@Test
	void inputWithoutBatchesHasASchema() {
		assertThat(this.client.send("/total", reader(), String.class, NO_LOGS)).isEqualTo("0 in 0");
	}

	@Test
	void largeInputGoesUpInSegments() throws Exception {
		long before = objects();
		// 20 batches of 16 KB are packed by four.
		assertThat(this.client.send("/total", reader(IntStream.range(0, 20).map((i) -> 2048).toArray()), String.class,
				NO_LOGS))
			.isEqualTo(20 * 2048 + " in 5");
		assertThat(objects()).isEqualTo(before + 5);
		assertThat(this.closed).hasValue(1);
	}

	@Test
	void inputThatIsRefusedGoesUpInSegmentsWithoutBeingReadAgain() throws Exception {
		long before = objects();
		VgiClient stranger = this.builder.baseUrl("http://127.0.0.1:" + this.port).build();
		assertThat(stranger.send("/total", reader(IntStream.range(0, 20).map((i) -> 2048).toArray()), String.class,
				NO_LOGS))
			.isEqualTo(20 * 2048 + " in 5");
		assertThat(objects()).isEqualTo(before + 5);
		assertThat(this.closed).hasValue(1);
	}

	@Test
	void inputWithASegmentThatIsEndedFails() {
		RecordedEvents recorded = new RecordedEvents();
		recorded.onEvent((transfer, event) -> {
			if (transfer.segment() == 2 && event.equals("1 sent")) {
				transfer.end();
			}
		});
		try (TransferResources resources = TransferResources.create().withListener(recorded)) {
			VgiClient stranger = this.builder.baseUrl("http://127.0.0.1:" + this.port)
				.uploader(new PayloadUploader(ExternalLocationConfig.defaults(), resources))
				.build();
			assertThatExceptionOfType(TransferCancelledException.class)
				.isThrownBy(() -> stranger.send("/total", reader(IntStream.range(0, 20).map((i) -> 2048).toArray()),
						String.class, NO_LOGS))
				.withMessageContaining("was ended by an operator");
		}
		assertThat(Thread.interrupted()).isFalse();
		assertThat(recorded.transfers()).hasSizeGreaterThan(1).allMatch(RecordedEvents.Timeline::hasEnded);
		assertThat(this.closed).hasValue(1);
	}

	@Test
	void batchThatIsLargerThanASegmentIsTakenAsItIs() throws Exception {
		long before = objects();
		assertThat(this.client.send("/total", reader(20_000, 10, 10), String.class, NO_LOGS)).isEqualTo("20020 in 2");
		assertThat(objects()).isEqualTo(before + 2);
	}

	@Test
	void batchThatIsLargerThanAnUploadMayBeFails() {
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> this.client.send("/total", reader(100, 100_000, 100), String.class, NO_LOGS));
		assertThat(this.closed).hasValue(1);
	}

	@Test
	void resultsHaveTheTypeThatIsAskedFor() throws Exception {
		assertThat(this.client.send("/total", reader(10), Void.class, NO_LOGS)).isNull();
		assertThat(this.client.send("/json", reader(10), Map.class, NO_LOGS)).isEqualTo(Map.of("rows", 10));
		try (AnnotatedBatch batch = this.client.send("/first", reader(10, 20_000), AnnotatedBatch.class, NO_LOGS)) {
			assertThat(batch).isNotNull();
			assertThat(batch.rowCount()).isEqualTo(10);
		}
		try (VectorSchemaRoot root = this.client.send("/first", reader(20_000, 10), VectorSchemaRoot.class, NO_LOGS)) {
			assertThat(root).isNotNull();
			assertThat(root.getRowCount()).isEqualTo(20_000);
		}
		try (ArrowReader answer = this.client.send("/all", reader(10_000, 10_000), ArrowReader.class, NO_LOGS)) {
			assertThat(answer).isNotNull();
			assertThat(rows(answer)).containsExactly(10_000, 10_000);
		}
	}

	@Test
	void resultsAreReadLazily() throws Exception {
		try (ArrowReader answer = this.client.read("/numbers", NO_LOGS)) {
			assertThat(rows(answer)).containsExactly(10, 20_000, 30);
		}
		assertThatExceptionOfType(UnexpectedResponseException.class)
			.isThrownBy(() -> this.client.read("/nowhere", NO_LOGS))
			.satisfies((ex) -> assertThat(ex.status()).isEqualTo(404));
	}

	@Test
	void resultThatFailsInTheMiddleIsNeverTakenForTheEnd() throws Exception {
		for (ArrowReader answer : List.of(this.client.read("/failing/8192", NO_LOGS), open("/failing/8192"))) {
			try (answer) {
				assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> rows(answer));
			}
		}
		// Nothing was sent before the failure.
		assertThatExceptionOfType(UnexpectedResponseException.class)
			.isThrownBy(() -> this.client.read("/failing/10", NO_LOGS));
	}

	@Test
	void firstSegmentIsReadBeforeTheLastOneIsMade() throws Exception {
		for (int i = 0; i < 2; i++) {
			CountDownLatch gate = new CountDownLatch(1);
			this.controller.gate = gate;
			try (ArrowReader answer = (i == 0) ? this.client.read("/waiting", NO_LOGS) : open("/waiting")) {
				assertThat(answer.loadNextBatch()).isTrue();
				gate.countDown();
				assertThat(rows(answer)).hasSize(9);
			}
		}
	}

	private ArrowReader open(String path) {
		return ArrowResponses
			.read(this.restClients.clone().baseUrl("http://127.0.0.1:" + this.port).build().get().uri(path).retrieve());
	}

	@Test
	void failureOfTheServiceIsReported() {
		assertThatExceptionOfType(UnexpectedResponseException.class)
			.isThrownBy(() -> this.client.send("/nowhere", reader(10, 20_000), String.class, NO_LOGS))
			.withMessageContaining("/nowhere with status 404 and ")
			.satisfies((ex) -> assertThat(ex.status()).isEqualTo(404));
		assertThat(this.closed).hasValue(1);
	}

	@Test
	void readerThatFailsEndsTheUploads() {
		ArrowReader failing = new ArrowStreamReader(new ByteArrayInputStream(stream(this.allocator, 8192, 8192, 8192)),
				this.allocator) {

			private int loaded;

			@Override
			public boolean loadNextBatch() throws IOException {
				if (++this.loaded == 3) {
					throw new IOException("batch 3 is broken");
				}
				return super.loadNextBatch();
			}

		};
		assertThatExceptionOfType(UncheckedIOException.class)
			.isThrownBy(() -> this.client.send("/total", failing, String.class, NO_LOGS))
			.withMessageContaining("batch 3 is broken");
		assertThat(Thread.getAllStackTraces().keySet()).noneMatch((thread) -> thread.getName().endsWith("-segment"));
	}

	@Test
	void uploadThatFailsEndsTheCall() throws Exception {
		long before = objects();
		// The second batch is refused; the reader is not read to its end for nothing.
		assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(() -> this.client.send("/total",
				reader(8192, 100_000, 8192, 8192, 8192, 8192, 8192, 8192, 8192), String.class, NO_LOGS));
		assertThat(objects()).isLessThan(before + 8);
		assertThat(this.closed).hasValue(1);
	}

	private ArrowReader reader(int... rows) {
		return new ArrowStreamReader(new ByteArrayInputStream(stream(this.allocator, rows)), this.allocator) {

			@Override
			protected void closeReadSource() {
				SentReaderTests.this.closed.incrementAndGet();
			}

		};
	}

	private static byte[] stream(BufferAllocator allocator, int... rows) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (VectorSchemaRoot root = numbers(allocator, 0);
				ArrowStreamWriter writer = new ArrowStreamWriter(root, null, bytes)) {
			writer.start();
			for (int count : rows) {
				fill(root, count);
				writer.writeBatch();
			}
			writer.end();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return bytes.toByteArray();
	}

	private static List<Integer> rows(ArrowReader reader) throws IOException {
		List<Integer> rows = new ArrayList<>();
		while (reader.loadNextBatch()) {
			rows.add(reader.getVectorSchemaRoot().getRowCount());
		}
		return rows;
	}

	private static long objects() throws IOException {
		// Not a walk: what is being received may disappear.
		try (Stream<Path> files = Files.list(folder)) {
			return files.filter((file) -> file.toFile().length() > 64).count();
		}
	}

	private static VectorSchemaRoot numbers(BufferAllocator allocator, int rows) {
		VectorSchemaRoot root = new VectorSchemaRoot(List.of(new BigIntVector("n", allocator)));
		fill(root, rows);
		return root;
	}

	private static void fill(VectorSchemaRoot root, int rows) {
		BigIntVector vector = (BigIntVector) root.getVector(0);
		vector.allocateNew(Math.max(1, rows));
		for (int i = 0; i < rows; i++) {
			vector.set(i, i);
		}
		root.setRowCount(rows);
	}

	/**
	 * The application.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(ReadingController.class)
	static class Application {

	}

	/**
	 * Handlers.
	 */
	@RestController
	static class ReadingController {

		private final BufferAllocator allocator;

		volatile CountDownLatch gate = new CountDownLatch(0);

		ReadingController(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@PostMapping("/total")
		String total(@RequestBody ArrowReader reader) throws IOException {
			List<Integer> rows = new ArrayList<>();
			while (reader.loadNextBatch()) {
				BigIntVector vector = (BigIntVector) reader.getVectorSchemaRoot().getVector("n");
				rows.add(vector.getValueCount());
			}
			return rows.stream().mapToInt(Integer::intValue).sum() + " in " + rows.size();
		}

		@PostMapping("/json")
		Map<String, Integer> json(@RequestBody ArrowReader reader) throws IOException {
			return Map.of("rows", rows(reader).get(0));
		}

		@PostMapping("/first")
		VectorSchemaRoot first(@RequestBody ArrowReader reader) throws IOException {
			reader.loadNextBatch();
			return SentReaderTests.numbers(this.allocator, reader.getVectorSchemaRoot().getRowCount());
		}

		@PostMapping("/all")
		List<AnnotatedBatch> all(@RequestBody List<AnnotatedBatch> batches) {
			return batches;
		}

		@GetMapping("/waiting")
		ArrowReader waiting() {
			int[] rows = IntStream.range(0, 10).map((i) -> 8192).toArray();
			CountDownLatch waited = this.gate;
			return new ArrowStreamReader(new ByteArrayInputStream(stream(this.allocator, rows)), this.allocator) {

				private int loaded;

				@Override
				public boolean loadNextBatch() throws IOException {
					if (++this.loaded == 10) {
						try {
							waited.await();
						}
						catch (InterruptedException ex) {
							throw new InterruptedIOException();
						}
					}
					return super.loadNextBatch();
				}

			};
		}

		@GetMapping("/failing/{rows}")
		ArrowReader failing(@PathVariable int rows) {
			byte[] stream = stream(this.allocator, rows, rows, rows, rows, rows);
			return new ArrowStreamReader(new ByteArrayInputStream(stream), this.allocator) {

				private int loaded;

				@Override
				public boolean loadNextBatch() throws IOException {
					if (++this.loaded == 5) {
						throw new IOException("batch 5 is broken");
					}
					return super.loadNextBatch();
				}

			};
		}

		@GetMapping("/numbers")
		List<VectorSchemaRoot> numbers() {
			return Stream.of(10, 20_000, 30).map((rows) -> SentReaderTests.numbers(this.allocator, rows)).toList();
		}

	}

}
