package dev.vgi.external;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

import com.github.luben.zstd.Zstd;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.ArrowField;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcParam;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferListener;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.SmallIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Small requests that would make a service take memory without end, to a running one with
 * a budget of 64 MB, half of which one request may hold.
 */
@SpringBootTest(classes = SmallRequestsTests.Application.class,
		webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT, properties = "vgi.external.memory.budget=64MB")
@SuppressWarnings("NullAway.Init")
class SmallRequestsTests {

	private static final long CAP = 16L << 20;

	private static final String KEY = "vgi.external.memory.max-per-request";

	private static final ArrowType INT64 = new ArrowType.Int(64, true);

	private static final Schema NUMBERS = new Schema(List.of(Field.nullable("v", INT64)));

	@TempDir
	static java.nio.file.Path folder;

	@LocalServerPort
	private int port;

	@Autowired
	private BufferAllocator serverAllocator;

	@Autowired
	private TransferBudget budget;

	@Autowired
	private UploadUrlProvider uploadUrls;

	@Autowired
	private Fetches fetches;

	private RootAllocator allocator;

	private Loopback loopback;

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", () -> folder.resolve("objects").toString());
	}

	@BeforeEach
	void setUp() {
		this.allocator = new RootAllocator();
		this.loopback = new Loopback(this.port, "", this.allocator);
		this.fetches.count.set(0);
	}

	@AfterEach
	void nothingIsHeldAndTheNextRequestWorks() {
		assertThat(body(this.loopback.post("/rows", Loopback.ARROW, stream(numbers(7))))).isEqualTo("7");
		assertThat(this.serverAllocator.getPeakMemoryAllocation()).isLessThanOrEqualTo(this.budget.maxBytes());
		assertThat(this.budget.peak()).isLessThanOrEqualTo(this.budget.maxBytes());
		Awaitility.await().untilAsserted(() -> {
			assertThat(this.serverAllocator.getAllocatedMemory()).isZero();
			assertThat(this.budget.inUse()).isZero();
		});
		this.allocator.close();
	}

	static List<Rows> rowsWithoutBytes() {
		Field item = Field.nullable("item", INT64);
		return List.of(new Rows("null", Field.nullable("v", ArrowType.Null.INSTANCE), Integer.MAX_VALUE),
				new Rows("no columns", null, Integer.MAX_VALUE),
				new Rows("struct", Field.nullable("v",
						ArrowType.Struct.INSTANCE), 40_000_000),
				new Rows("fixed-size list",
						new Field("v", FieldType.nullable(new ArrowType.FixedSizeList(0)), List.of(item)), 40_000_000),
				new Rows("run-end encoded",
						new Field("v", FieldType.nullable(new ArrowType.RunEndEncoded()),
								List.of(new Field("run_ends", FieldType.notNullable(new ArrowType.Int(32, true)), null),
										Field.nullable("values", INT64))),
						Integer.MAX_VALUE));
	}

	@ParameterizedTest
	@MethodSource
	void rowsWithoutBytes(Rows rows) {
		byte[] request = stream(rows);
		assertThat(request.length).isLessThan(6 << 20);
		HttpResponse<byte[]> response = this.loopback.post("/rows", Loopback.ARROW, request);
		assertRefused(response, 503, KEY);
		assertThat(response.headers().firstValue("Retry-After")).isEmpty();
	}

	@Test
	void nullRowsOfAnExchangeAreNotMadeToNumbers() {
		BatchMetadata tokens = startExchange();
		byte[] all = stream(new Rows("null", Field.nullable("v", ArrowType.Null.INSTANCE), Integer.MAX_VALUE), tokens);
		assertThat(error(this.loopback.post("/echo/exchange", Loopback.ARROW, all))).contains(KEY, "budget_exhausted");
		// Few enough to be read, too many to become numbers.
		byte[] some = stream(new Rows("null", Field.nullable("v", ArrowType.Null.INSTANCE), 5_000_000), tokens);
		assertThat(error(this.loopback.post("/echo/exchange", Loopback.ARROW, some))).contains(KEY, "budget_exhausted");
	}

	@Test
	void severalPointersToAHandlerOfOneBatchAreNotFetched() throws Exception {
		URI location = stored(Zstd.compress(stream(numbers(1_000_000))), "zstd");
		HttpResponse<byte[]> response = this.loopback.post("/rows", Loopback.ARROW, pointers(NUMBERS, location, 12));
		assertRefused(response, 400, "12 batches");
		assertThat(this.fetches.count).hasValue(0);
	}

	@Test
	void allPointersOfARequestCountTogether() throws Exception {
		URI location = stored(Zstd.compress(stream(numbers(1_000_000))), "zstd");
		assertThat(body(this.loopback.post("/all", Loopback.ARROW, pointers(NUMBERS, location, 3))))
			.isEqualTo("3000000");
		assertRefused(this.loopback.post("/all", Loopback.ARROW, pointers(NUMBERS, location, 12)), 503, KEY);
		assertThat(this.fetches.count.get()).isBetween(3 + 3, 3 + 4);
	}

	@Test
	void pointersOfOtherColumnsAreNotFetched() throws Exception {
		URI location = stored(stream(numbers(1)), null);
		Schema other = new Schema(List.of(Field.nullable("text", ArrowType.Utf8.INSTANCE)));
		BatchMetadata call = call("sum").with(MetadataKeys.LOCATION, location.toString());
		HttpResponse<byte[]> unary = this.loopback.post("/sum", Loopback.ARROW,
				stream((allocator) -> AnnotatedBatch.empty(other, call, allocator)));
		assertThat(unary.statusCode()).isEqualTo(400);
		BatchMetadata turn = startExchange().with(MetadataKeys.LOCATION, location.toString());
		HttpResponse<byte[]> exchange = this.loopback.post("/echo/exchange", Loopback.ARROW,
				stream((allocator) -> AnnotatedBatch.empty(other, turn, allocator)));
		assertThat(error(exchange)).contains("Input schema mismatch");
		assertThat(this.fetches.count).hasValue(0);
	}

	@Test
	void aSmallCodedRequestIsRefusedAtTheCapThatIsAnnounced() {
		byte[] coded = Zstd.compress(stream(numbers(5_000_000)));
		HttpResponse<byte[]> response = this.loopback.post("/rows", Loopback.ARROW, coded, "Content-Encoding", "zstd");
		assertThat(response.statusCode()).isEqualTo(413);
		assertThat(response.headers().firstValue("VGI-Max-Request-Bytes")).hasValue(Long.toString(CAP));
	}

	@Test
	void whatIsAnnouncedHoldsForCodedRequestsToo() {
		// A number takes eight bytes and a bit.
		int rows = (int) (CAP * 8 / 65 - 2000);
		byte[] plain = stream(numbers(rows));
		assertThat(plain.length).isBetween((int) CAP - 100_000, (int) CAP);
		for (byte[] body : List.of(plain, Zstd.compress(plain, 19))) {
			String[] coding = (body == plain) ? new String[0] : new String[] { "Content-Encoding", "zstd" };
			assertThat(body(this.loopback.post("/rows", Loopback.ARROW, body, coding))).isEqualTo("" + rows);
		}
	}

	@Test
	void whatDictionariesBecomeIsCharged() {
		byte[] request = stream((allocator) -> dictionary(allocator, Field.nullable("v", new ArrowType.Int(16, true)),
				1 << 20, 300, BatchMetadata.empty()));
		assertRefused(this.loopback.post("/rows", Loopback.ARROW, request), 503, KEY);
	}

	@Test
	void textsOfAListAreCharged() {
		byte[] request = stream((allocator) -> texts(allocator, 1_000_000, call("texts")));
		assertThat(error(this.loopback.post("/texts", Loopback.ARROW, request))).contains(KEY, "budget_exhausted");
		byte[] fewer = stream((allocator) -> texts(allocator, 10_000, call("texts")));
		assertThat(result(this.loopback.post("/texts", Loopback.ARROW, fewer))).isEqualTo(10_000);
	}

	@Test
	void oneTextOfADictionaryIsChargedOnce() {
		byte[] request = stream((allocator) -> dictionaryList(allocator, 100_000, 500_000, call("words")));
		assertThat(result(this.loopback.post("/words", Loopback.ARROW, request))).isEqualTo(500_000);
	}

	@Test
	void aCallableServesTheSameRequest() {
		assertThat(body(this.loopback.post("/later", Loopback.ARROW, stream(numbers(3))))).isEqualTo("true 3");
	}

	private void assertRefused(HttpResponse<byte[]> response, int status, String message) {
		assertThat(response.statusCode()).as(body(response)).isEqualTo(status);
		JsonNode problem = JsonMapper.shared().readTree(response.body());
		assertThat(problem.get("detail").asString()).contains(message);
	}

	private static String body(HttpResponse<byte[]> response) {
		return new String(response.body(), StandardCharsets.UTF_8);
	}

	private String error(HttpResponse<byte[]> response) {
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().firstValue("X-VGI-RPC-Error")).hasValue("true");
		try (Loopback.Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.error()).isNotNull();
			return answer.error().getMessage() + " " + answer.error().errorKind();
		}
	}

	private long result(HttpResponse<byte[]> response) {
		try (Loopback.Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.data()).as(() -> String.valueOf(answer.error())).isNotNull();
			return ((BigIntVector) answer.data().root().getVector(0)).get(0);
		}
	}

	private BatchMetadata startExchange() {
		byte[] request = stream((allocator) -> AnnotatedBatch.empty(new Schema(List.of()), call("echo"), allocator));
		HttpResponse<byte[]> response = this.loopback.post("/echo/init", Loopback.ARROW, request);
		try (Loopback.Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.data()).as(() -> String.valueOf(answer.error())).isNotNull();
			return answer.data().metadata();
		}
	}

	private static BatchMetadata call(String method) {
		return BatchMetadata.of(MetadataKeys.METHOD, method).with(MetadataKeys.REQUEST_VERSION, "1");
	}

	private URI stored(byte[] object, @Nullable String coding) throws Exception {
		UploadUrl pair = this.uploadUrls.generateUploadUrl(NUMBERS);
		HttpRequest.Builder put = HttpRequest.newBuilder(pair.uploadUrl())
			.PUT(HttpRequest.BodyPublishers.ofByteArray(object));
		if (coding != null) {
			put.header("Content-Encoding", coding);
		}
		assertThat(HttpClient.newHttpClient().send(put.build(), HttpResponse.BodyHandlers.discarding()).statusCode())
			.isEqualTo(204);
		return pair.downloadUrl();
	}

	private byte[] pointers(Schema schema, URI location, int count) {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.LOCATION, location.toString());
		return stream(schema,
				Collections.nCopies(count, (allocator) -> AnnotatedBatch.empty(schema, metadata, allocator)));
	}

	private byte[] stream(Rows rows) {
		return stream(rows, BatchMetadata.empty());
	}

	private byte[] stream(Rows rows, BatchMetadata metadata) {
		return stream((allocator) -> {
			List<FieldVector> columns = new ArrayList<>();
			if (rows.column() != null) {
				FieldVector column = rows.column().createVector(allocator);
				columns.add(column);
				if (rows.column().getType() instanceof ArrowType.RunEndEncoded) {
					org.apache.arrow.vector.complex.RunEndEncodedVector runs = (org.apache.arrow.vector.complex.RunEndEncodedVector) column;
					((org.apache.arrow.vector.IntVector) runs.getRunEndsVector()).setSafe(0, rows.count());
					runs.getRunEndsVector().setValueCount(1);
					((BigIntVector) runs.getValuesVector()).setSafe(0, 1);
					runs.getValuesVector().setValueCount(1);
				}
				column.setValueCount(rows.count());
			}
			Schema schema = new Schema(columns.stream().map(FieldVector::getField).toList());
			return AnnotatedBatch.of(new VectorSchemaRoot(schema, columns, rows.count())).withMetadata(metadata);
		});
	}

	private byte[] stream(Function<BufferAllocator, AnnotatedBatch> batch) {
		try (AnnotatedBatch made = batch.apply(this.allocator)) {
			return Loopback.bytes(made);
		}
	}

	private byte[] stream(Schema schema, List<Function<BufferAllocator, AnnotatedBatch>> batches) {
		java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();
		List<AnnotatedBatch> made = batches.stream().map((batch) -> batch.apply(this.allocator)).toList();
		try (GatheredStream stream = IpcStreamWriter.gather(schema, made)) {
			stream.writeTo(Channels.newChannel(bytes));
		}
		catch (java.io.IOException ex) {
			throw new java.io.UncheckedIOException(ex);
		}
		made.forEach(AnnotatedBatch::close);
		return bytes.toByteArray();
	}

	private static Function<BufferAllocator, AnnotatedBatch> numbers(int rows) {
		return (allocator) -> {
			VectorSchemaRoot root = VectorSchemaRoot.create(NUMBERS, allocator);
			BigIntVector vector = (BigIntVector) root.getVector(0);
			vector.allocateNew(rows);
			for (int i = 0; i < rows; i++) {
				vector.set(i, 0);
			}
			root.setRowCount(rows);
			return AnnotatedBatch.of(root);
		};
	}

	private static AnnotatedBatch dictionary(BufferAllocator allocator, Field indices, int length, int rows,
			BatchMetadata metadata) {
		DictionaryEncoding encoding = new DictionaryEncoding(0, false, new ArrowType.Int(16, true));
		SmallIntVector vector = new SmallIntVector("v", new FieldType(true, encoding.getIndexType(), encoding),
				allocator);
		vector.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			vector.set(i, 0);
		}
		vector.setValueCount(rows);
		return new AnnotatedBatch(new VectorSchemaRoot(List.of(vector)),
				new MapDictionaryProvider(new Dictionary(text(allocator, length), encoding)), metadata);
	}

	private static AnnotatedBatch dictionaryList(BufferAllocator allocator, int length, int rows,
			BatchMetadata metadata) {
		DictionaryEncoding encoding = new DictionaryEncoding(0, false, new ArrowType.Int(16, true));
		Field item = new Field("item", new FieldType(true, encoding.getIndexType(), encoding), null);
		ListVector list = (ListVector) new Field("a", FieldType.notNullable(ArrowType.List.INSTANCE), List.of(item))
			.createVector(allocator);
		list.allocateNew();
		list.startNewValue(0);
		SmallIntVector indices = (SmallIntVector) list.getDataVector();
		for (int i = 0; i < rows; i++) {
			indices.setSafe(i, 0);
		}
		list.endValue(0, rows);
		list.setValueCount(1);
		return new AnnotatedBatch(new VectorSchemaRoot(List.of(list)),
				new MapDictionaryProvider(new Dictionary(text(allocator, length), encoding)), metadata);
	}

	private static VarCharVector text(BufferAllocator allocator, int length) {
		VarCharVector text = new VarCharVector("text", allocator);
		text.setSafe(0, "x".repeat(length).getBytes(StandardCharsets.US_ASCII));
		text.setValueCount(1);
		return text;
	}

	private static AnnotatedBatch texts(BufferAllocator allocator, int count, BatchMetadata metadata) {
		ListVector list = (ListVector) new Field("a", FieldType.notNullable(ArrowType.List.INSTANCE),
				List.of(Field.nullable("item", ArrowType.Utf8.INSTANCE)))
			.createVector(allocator);
		list.allocateNew();
		list.startNewValue(0);
		VarCharVector items = (VarCharVector) list.getDataVector();
		for (int i = 0; i < count; i++) {
			items.setSafe(i, new byte[] { 'x' });
		}
		list.endValue(0, count);
		list.setValueCount(1);
		return AnnotatedBatch.of(new VectorSchemaRoot(List.of(list))).withMetadata(metadata);
	}

	/**
	 * Rows that take no bytes.
	 *
	 * @param name how it shows
	 * @param column their column, or {@code null} for none
	 * @param count how many
	 */
	record Rows(String name, @Nullable Field column, int count) {

		@Override
		public String toString() {
			return this.name;
		}

	}

	/**
	 * Counts the fetches that succeeded.
	 */
	static final class Fetches implements TransferListener {

		private final AtomicInteger count = new AtomicInteger();

		@Override
		public Watch begin(Transfer transfer) {
			return new Watch() {

				@Override
				public void ended() {
					if (transfer.statistics() != null) {
						Fetches.this.count.incrementAndGet();
					}
				}

			};
		}

	}

	/**
	 * The contract.
	 */
	@RpcService("Small")
	interface SmallService {

		@RpcMethod("sum")
		long sum(@RpcParam("batch") VectorSchemaRoot batch);

		@RpcMethod("texts")
		long texts(@RpcParam("a") List<String> texts);

		@RpcMethod("words")
		long words(@RpcParam("a") List<@ArrowField(ArrowField.Type.DICTIONARY) String> words);

		@RpcMethod("echo")
		ExchangeStream<Void> echo();

	}

	/**
	 * The application.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(SmallController.class)
	static class Application {

		@Bean
		Fetches fetches() {
			return new Fetches();
		}

	}

	/**
	 * RPC methods and ordinary handlers.
	 */
	@RestController
	static class SmallController implements SmallService {

		private final BufferAllocator allocator;

		SmallController(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@Override
		public long sum(VectorSchemaRoot batch) {
			return batch.getRowCount();
		}

		@Override
		public long texts(List<String> texts) {
			return texts.size();
		}

		@Override
		public long words(List<String> words) {
			return words.size();
		}

		@Override
		public ExchangeStream<Void> echo() {
			return ExchangeStream.of(NUMBERS, NUMBERS, new Position(0));
		}

		@RpcTurn
		Turn echo(Position position, VectorSchemaRoot input) {
			VectorSchemaRoot output = VectorSchemaRoot.create(NUMBERS, this.allocator);
			output.setRowCount(0);
			return Turn.emit(output, new Position(position.turn() + input.getRowCount()));
		}

		@PostMapping("/rows")
		String rows(@RequestBody VectorSchemaRoot root) {
			return String.valueOf(root.getRowCount());
		}

		@PostMapping("/all")
		String all(@RequestBody List<AnnotatedBatch> batches) {
			return String.valueOf(batches.stream().mapToLong(AnnotatedBatch::rowCount).sum());
		}

		@PostMapping("/later")
		Callable<String> later(@RequestBody VectorSchemaRoot root) {
			BufferAllocator own = RequestMemory.allocator(this.allocator);
			return () -> (RequestMemory.allocator(this.allocator) == own && own != this.allocator) + " "
					+ root.getRowCount();
		}

	}

	/**
	 * Where the exchange stands.
	 *
	 * @param turn how far
	 */
	record Position(long turn) {

	}

}
