package dev.vgi.external;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdOutputStream;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.ForeignStreams;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.codec.CodedBodies;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.storage.s3.S3Clients;
import dev.vgi.external.storage.s3.S3Storage;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.RecordedTransfers;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.FaultServer.Reply;
import dev.vgi.external.transport.FaultServer.Request;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.web.client.PlainClient;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Everything bad that a caller or a storage can send, to a running service with a bucket:
 * each is a clear error of the RPC method and of an ordinary handler, nothing is lost and
 * the next request works. The bucket is a server that misbehaves as told.
 */
@SpringBootTest(classes = BadInputTests.Application.class, webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		properties = { "vgi.external.s3.bucket=our-bucket", "spring.cloud.aws.region.static=us-east-1",
				"spring.cloud.aws.credentials.access-key=key", "spring.cloud.aws.credentials.secret-key=secret",
				"vgi.external.externalize-threshold=64KB", "vgi.external.retry-delay=0",
				"vgi.external.upload.max-retries=0", "vgi.external.upload.timeout=7s", "vgi.external.fetch.timeout=7s",
				"vgi.external.fetch.max-fetch-size=256KB", "vgi.external.fetch.max-decompressed-size=1MB",
				"vgi.external.limits.log-batches=3", "vgi.external.limits.metadata-size=100KB",
				"vgi.external.limits.fields=10", "vgi.rpc.max-request-size=64KB" })
@SuppressWarnings("NullAway.Init")
class BadInputTests {

	private static final Duration TIMEOUT = Duration.ofSeconds(7);

	private static final int MAX_FETCH_SIZE = 256 * 1024;

	private static final int MAX_REQUEST_SIZE = 64 * 1024;

	private static final Schema SCHEMA = schema("n");

	private static final FaultServer.Handler NOTHING = (request, reply) -> reply.empty(404);

	private static final AtomicReference<FaultServer.Handler> storage = new AtomicReference<>(NOTHING);

	private static final FaultServer server = new FaultServer((request, reply) -> storage.get().handle(request, reply));

	private static final ManualTimer timer = new ManualTimer();

	private static final RecordedTransfers transfers = new RecordedTransfers();

	private static final AtomicReference<String> actuator = new AtomicReference<>("");

	@LocalServerPort
	private int port;

	@Autowired
	private BufferAllocator serverAllocator;

	@Autowired
	private TransferBudget budget;

	@Autowired
	private SlabPool slabs;

	@Autowired
	private StorageTransport transport;

	@Autowired
	private S3Storage bucket;

	@Autowired
	private AwsCredentialsProvider credentials;

	@Autowired
	private AtomicInteger actuatorRequests;

	private BufferAllocator allocator;

	private Loopback loopback;

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.s3.endpoint", () -> server.url("").toString());
	}

	@AfterAll
	static void stop() {
		server.close();
	}

	@BeforeEach
	void setUp() {
		this.allocator = new RootAllocator();
		this.loopback = new Loopback(this.port, "", this.allocator);
		actuator.set(this.loopback.base() + "/actuator/env");
	}

	@AfterEach
	void nothingIsLostAndTheNextRequestWorks() throws Exception {
		storage.set(FaultServer.object(object(row(41))));
		URI good = download();
		Outcome rpc = rpcWithPointer(good, null);
		assertThat(rpc.error()).isNull();
		assertThat(rpc.value()).isEqualTo(42);
		assertThat(mvcWithPointer(good, null).body()).isEqualTo("1");
		storage.set(NOTHING);
		assertThat(this.actuatorRequests).hasValue(0);
		this.allocator.close();
		// The last byte of an answer leaves before the server cleans up.
		Awaitility.await().untilAsserted(() -> {
			assertThat(this.serverAllocator.getAllocatedMemory()).isZero();
			assertThat(this.budget.inUse()).isZero();
			assertThat(this.slabs.leasedBytes()).isZero();
			assertThat(this.transport.leasedConnections()).isZero();
			assertThat(Thread.getAllStackTraces().keySet()).extracting(Thread::getName)
				.doesNotContain("vgi-external-range", "vgi-external-digest");
		});
	}

	@ParameterizedTest
	@MethodSource
	void badPointers(BadPointer bad) throws Exception {
		storage.set(bad.storage());
		URI location = bad.location().apply(this);
		Outcome rpc = rpcWithPointer(location, bad.sha256());
		assertThat(rpc.status()).isEqualTo(200);
		assertThat(rpc.flagged()).isTrue();
		assertThat(rpc.error()).isNotNull().contains(bad.message());
		HttpResponse<String> mvc = mvcWithPointer(location, bad.sha256());
		assertProblem(mvc, bad.status(), bad.message());
		if (location.getRawQuery() != null) {
			assertThat(rpc.error()).doesNotContain(location.getRawQuery());
			assertThat(mvc.body()).doesNotContain(location.getRawQuery());
		}
	}

	static List<BadPointer> badPointers() {
		byte[] good = object(row(1));
		byte[] large = new byte[MAX_FETCH_SIZE + 1];
		return List.of(
				BadPointer.elsewhere("http", "http://storage.example/x.arrow?X-Amz-Signature=5ec7e7", "scheme http"),
				BadPointer.elsewhere("private address", "https://10.0.0.8/x.arrow", "host 10.0.0.8 is not among"),
				BadPointer.elsewhere("metadata service", "https://169.254.169.254/latest/meta-data/",
						"host 169.254.169.254 is not among"),
				BadPointer.elsewhere(
						"foreign host", "https://storage.example/x.arrow?sig=5ec7e7", "vgi.external.url.allowed-hosts"),
				BadPointer.elsewhere("no URL", "not-even-a-url", "URL"),
				BadPointer.elsewhere("host with an underscore", "https://minio_server/x.arrow",
						"must not have an underscore"),
				BadPointer.elsewhere("port that there is not", "https://storage.example:65536/x.arrow", "a valid port"),
				new BadPointer("actuator", NOTHING, (test) -> URI.create(actuator.get()), null, 400, "scheme http"),
				new BadPointer("redirect to actuator",
						(request, reply) -> reply.empty(302, "Location: " + actuator.get()), BadInputTests::download,
						null, 400, "scheme http"),
				new BadPointer("another bucket", FaultServer.object(good),
						(test) -> test.signed("other-bucket", "vgi-rpc/"), null, 400, "scheme http"),
				new BadPointer("another prefix", FaultServer.object(good),
						(test) -> test.signed("our-bucket", "private/"), null, 400, "scheme http"),
				new BadPointer("unsigned", FaultServer.object(good),
						(test) -> URI.create(test.download().toString().replaceAll("\\?.*", "")), null, 400,
						"scheme http"),
				BadPointer.object("redirect loop",
						(request, reply) -> reply.empty(302, "Location: " + request.target()), 400,
						"redirect limit of 5"),
				BadPointer.object("stored pointer", FaultServer.object(object(pointer("https://storage.example/x"))),
						400, "Redirect loop"),
				BadPointer.object("missing object", NOTHING, 502, "storage answered 404"),
				BadPointer.object("expired link",
						(request, reply) -> reply.empty(403, "Date: Fri, 01 Jan 2100 00:00:00 GMT"), 400, "expired"),
				new BadPointer("wrong digest", FaultServer.object(good), BadInputTests::download, "0".repeat(64), 400,
						"checksum"),
				BadPointer.object("two data batches", FaultServer.object(object(row(1), row(2))), 400,
						"multiple data batches"),
				BadPointer.object("no data batch", FaultServer.object(object()), 400, "no data batch"),
				BadPointer.object("wrong schema", FaultServer.object(object(numbers(schema("other"), 1))), 400,
						"Schema mismatch"),
				BadPointer.object("type without a vector", FaultServer.object(ForeignStreams.of("decimal64")), 400,
						"Not supported: decimal64 in column 'x'"),
				BadPointer.object("too many log batches",
						FaultServer.object(object(log(), log(), log(), log(), row(1))), 400,
						"vgi.external.limits.log-batches"),
				BadPointer.object("too much metadata",
						FaultServer.object(object((allocator) -> AnnotatedBatch.empty(SCHEMA,
								BatchMetadata.of("key", "v".repeat(100 << 10)), allocator))),
						400, "vgi.external.limits.metadata-size"),
				BadPointer.object("too many fields", FaultServer.object(object(fields(11))), 400,
						"vgi.external.limits.fields"),
				BadPointer.object("truncated object", FaultServer.object(Arrays.copyOf(good, good.length / 2)), 400,
						"stream"),
				BadPointer.object("truncated on the way", BadInputTests::breakOff, 502, "3 attempts"),
				BadPointer.object("reset", (request, reply) -> reply.reset(), 502, "3 attempts"),
				BadPointer.object("storage fails", (request, reply) -> reply.empty(500), 502, "storage answered 500"),
				BadPointer.object("zstd bomb",
						FaultServer.object(Zstd.compress(new byte[16 << 20]), "Content-Encoding: zstd"), 400,
						"max-decompressed-size"),
				BadPointer.object("zstd bomb without a size",
						FaultServer.object(bombWithoutSize(), "Content-Encoding: zstd"), 400, "max-decompressed-size"),
				BadPointer.object("zstd bomb in a buffer", FaultServer.object(stored(bufferBomb(2 << 20))), 400,
						"raise vgi.external.fetch.max-decompressed-size"),
				BadPointer.object("broken compressed buffer",
						FaultServer.object(stored(
								ForeignStreams.compressed(1, 0, 1, ForeignStreams.compressedBuffer(8, new byte[9])))),
						400, "cannot be decoded as ZSTD"),
				BadPointer.object("no zstd", FaultServer.object(good, "Content-Encoding: zstd"), 400, "zstd"),
				BadPointer.object("ended by an operator", BadInputTests::endByOperator, 503,
						"was ended by an operator"),
				BadPointer.object("too large", FaultServer.object(large), 400, "max-fetch-size"),
				BadPointer.object("too large without a length", (request, reply) -> {
					reply.head(200, "Connection: close");
					reply.raw(large);
					reply.hangUp();
				}, 400, "max-fetch-size"), BadPointer.object("too large in chunks", (request, reply) -> {
					reply.head(200, "Transfer-Encoding: chunked");
					reply.raw((Integer.toHexString(large.length) + "\r\n").getBytes(StandardCharsets.US_ASCII));
					reply.raw(large);
					reply.raw("\r\n0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
				}, 400, "max-fetch-size"),
				BadPointer.object("stalled body", BadInputTests::stall, 504, TIMEOUT.toMillis() + " ms"),
				BadPointer.object("stalled head", (request, reply) -> {
					timer.advance(TIMEOUT);
					reply.stall();
				}, 504, TIMEOUT.toMillis() + " ms"), BadPointer.object("no Arrow",
						FaultServer.object("<html>not here</html>".getBytes(StandardCharsets.UTF_8)), 400, "stream"));
	}

	// Half of what is asked for, whenever it is. An attempt goes on twice, after a pause.
	private static void breakOff(Request request, Reply reply) throws Exception {
		byte[] content = object(row(1));
		int[] range = reply.range(content);
		assertThat(range).isNotNull();
		reply.rangeHead(content, range);
		reply.raw(content, range[0], (range[0] + range[1]) / 2);
		reply.hangUp();
		int half = content.length / 2;
		if (range[0] <= half) {
			Duration pause = Duration.ofMillis((range[0] < half) ? 100 : 200);
			timer.awaitAlarmIn(pause);
			timer.advance(pause);
		}
	}

	private static void stall(Request request, Reply reply) throws Exception {
		byte[] content = object(row(1));
		reply.rangeHead(content, new int[] { 0, content.length });
		reply.raw(content, 0, content.length / 2);
		timer.advance(TIMEOUT);
		reply.stall();
	}

	private static void endByOperator(Request request, Reply reply) throws Exception {
		transfers.transfers().forEach(Transfer::end);
		reply.stall();
	}

	private static byte[] bombWithoutSize() {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (ZstdOutputStream encoder = new ZstdOutputStream(bytes)) {
			encoder.write(new byte[16 << 20]);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return bytes.toByteArray();
	}

	@ParameterizedTest
	@CsvSource({ "/add_one, false", "/add_one, true", "/rows, false", "/rows, true" })
	void requestOverTheCapIsRefusedWithAnAnswerThatArrives(String path, boolean chunked) throws Exception {
		// More than socket buffers hold: who does not read it gets a broken connection.
		byte[] large = object(numbers(schema("n"), 40L * MAX_REQUEST_SIZE));
		try (RawHttp connection = new RawHttp(this.port)) {
			connection.send("POST", path, large, chunked, "Content-Type: " + Loopback.ARROW);
			RawHttp.Response response = connection.receive();
			assertThat(response.status()).isEqualTo(413);
			assertThat(response.body()).contains("max_request_bytes", "65536");
			// Tomcat ends a connection after 413, whatever was read of it, and says so:
			// not in the middle of anything.
			assertThat(response.header("Connection")).isEqualTo("close");
			assertThat(connection.isAtEnd()).isTrue();
		}
	}

	private static byte[] bufferBomb(int size) {
		return numbersCompressed(new byte[size]);
	}

	private static byte[] numbersCompressed(byte[] values) {
		return ForeignStreams.compressed(1, 0, values.length / Long.BYTES,
				ForeignStreams.compressedBuffer(values.length, Zstd.compress(values)));
	}

	// the same stream with the schema of our objects
	private static byte[] stored(byte[] stream) {
		byte[] empty = object();
		int schema = 2 * Integer.BYTES + ByteBuffer.wrap(stream).order(ByteOrder.LITTLE_ENDIAN).getInt(Integer.BYTES);
		ByteArrayOutputStream stored = new ByteArrayOutputStream();
		stored.write(empty, 0, empty.length - 2 * Integer.BYTES);
		stored.write(stream, schema, stream.length - schema);
		return stored.toByteArray();
	}

	@ParameterizedTest
	@ValueSource(strings = { "/add_one", "/rows" })
	void compressedBuffersCountTowardTheCapOfARequest(String path) {
		byte[] bomb = bufferBomb(MAX_REQUEST_SIZE);
		assertThat(bomb).hasSizeLessThan(1000);
		HttpResponse<byte[]> response = this.loopback.post(path, Loopback.ARROW, bomb);
		assertThat(response.statusCode()).isEqualTo(413);
		assertThat(new String(response.body(), StandardCharsets.UTF_8)).contains("65536");
	}

	@Test
	void compressedObjectIsRead() throws Exception {
		storage.set(FaultServer.object(stored(bufferBomb(1 << 19))));
		assertThat(mvcWithPointer(download(), null).body()).isEqualTo("65536");
	}

	@Test
	void compressedRequestIsRead() {
		byte[] body = numbersCompressed(new byte[MAX_REQUEST_SIZE / 2]);
		HttpResponse<byte[]> response = this.loopback.post("/rows", Loopback.ARROW, body);
		assertThat(new String(response.body(), StandardCharsets.UTF_8)).isEqualTo("4096");
	}

	@Test
	void requestThatIsNoArrowIsRefused() throws Exception {
		byte[] noArrow = "this is no Arrow".getBytes(StandardCharsets.UTF_8);
		HttpResponse<byte[]> rpc = this.loopback.post("/add_one", Loopback.ARROW, noArrow);
		assertThat(rpc.statusCode()).isEqualTo(400);
		try (Loopback.Answer answer = this.loopback.read(rpc.body())) {
			assertThat(answer.error()).isNotNull()
				.extracting(ErrorBatchException::errorMessage)
				.asString()
				.contains("no Arrow stream");
		}
		HttpResponse<byte[]> mvc = this.loopback.post("/rows", Loopback.ARROW, noArrow);
		assertProblem(mvc.statusCode(), new String(mvc.body(), StandardCharsets.UTF_8), 400, "stream");
	}

	@Test
	@Timeout(value = 10, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void aLongNameInTheRequestIsCutInTheAnswer() {
		String name = "x".repeat(60_000);
		byte[] request = request(numbers(schema(name), 1), this.allocator);
		HttpResponse<byte[]> rpc = this.loopback.post("/add_one", Loopback.ARROW, request);
		assertThat(rpc.statusCode()).isEqualTo(400);
		try (Loopback.Answer answer = this.loopback.read(rpc.body())) {
			assertThat(answer.error()).isNotNull()
				.extracting(ErrorBatchException::errorMessage)
				.asString()
				.endsWith("... [truncated]")
				.hasSizeLessThan(20_000);
		}
	}

	@ParameterizedTest
	@MethodSource
	void requestThatCannotBeReadIsRefusedWithTheReason(byte[] body, String reason) {
		HttpResponse<byte[]> rpc = this.loopback.post("/add_one", Loopback.ARROW, body);
		assertThat(rpc.statusCode()).isEqualTo(400);
		try (Loopback.Answer answer = this.loopback.read(rpc.body())) {
			assertThat(answer.error()).isNotNull().hasMessageStartingWith("ValueError: Not supported: " + reason);
			assertThat(answer.error().errorCode()).isEqualTo("INVALID_ARGUMENT");
		}
		HttpResponse<byte[]> mvc = this.loopback.post("/rows", Loopback.ARROW, body);
		String problem = new String(mvc.body(), StandardCharsets.UTF_8);
		assertProblem(mvc.statusCode(), problem, 400, "Not supported: " + reason);
		assertThat(problem).contains("\"kind\":\"unsupported\"");
	}

	static List<Arguments> requestThatCannotBeReadIsRefusedWithTheReason() {
		return List.of(Arguments.of(ForeignStreams.of("decimal64"), "decimal64 in column 'x'"),
				Arguments.of(ForeignStreams.of("metadata"), "metadata 'key' that is not UTF-8 in column 'x'"),
				Arguments.of(ForeignStreams.batchMetadata(), "metadata 'key' that is not UTF-8"),
				Arguments.of(ForeignStreams.compressed(7, 0, 1, new byte[8]), "the compression 7 of Arrow buffers"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "/add_one", "/__upload_url__/init", "/__describe__" })
	void requestWithANamelessFieldIsABadArgument(String path) {
		HttpResponse<byte[]> response = this.loopback.post(path, Loopback.ARROW, ForeignStreams.of("no name"));
		assertThat(response.statusCode()).isEqualTo(400);
		try (Loopback.Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.error()).isNotNull().hasMessageContaining("a field without a name");
			assertThat(answer.error().errorType()).isEqualTo("ValueError");
			assertThat(answer.error().errorCode()).isEqualTo("INVALID_ARGUMENT");
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "/add_one", "/__upload_url__/init", "/__describe__" })
	void requestOverALimitIsAFlaggedError(String path) {
		byte[] endless = { -1, -1, -1, -1, 0, 0, 0, 0x10 };
		HttpResponse<byte[]> response = this.loopback.post(path, Loopback.ARROW, endless);
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().firstValue("X-VGI-RPC-Error")).isPresent();
		try (Loopback.Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.error()).isNotNull();
			assertThat(answer.error().errorKind()).isEqualTo("limit_exceeded");
		}
	}

	@Test
	void bodyOfMoreThanOneBatchSaysHowToTakeIt() {
		HttpResponse<byte[]> response = this.loopback.post("/rows", Loopback.ARROW, object(row(1), row(2)));
		assertProblem(response.statusCode(), new String(response.body(), StandardCharsets.UTF_8), 400,
				"has 2 batches where one is expected: declare List<VectorSchemaRoot>");
	}

	@ParameterizedTest
	@CsvSource({ "false, true", "true, false" })
	void bodyOfTwoStreamsIsRefused(boolean firstOld, boolean secondOld) {
		byte[] stream = object(row(1));
		byte[] old = ForeignStreams.framedAsBefore015(stream);
		ByteArrayOutputStream both = new ByteArrayOutputStream();
		both.writeBytes(firstOld ? old : stream);
		both.writeBytes(secondOld ? old : stream);
		HttpResponse<byte[]> response = this.loopback.post("/rows", Loopback.ARROW, both.toByteArray());
		assertProblem(response.statusCode(), new String(response.body(), StandardCharsets.UTF_8), 400,
				"a second Arrow stream");
		byte[] padded = Arrays.copyOf(stream, stream.length + 100);
		assertThat(this.loopback.post("/rows", Loopback.ARROW, padded).statusCode()).isEqualTo(200);
	}

	@Test
	void requestThatBreaksOffIsRefused() {
		byte[] whole = request(row(41), this.allocator);
		byte[] half = Arrays.copyOf(whole, whole.length / 2);
		assertThat(this.loopback.post("/add_one", Loopback.ARROW, half).statusCode()).isEqualTo(400);
		assertThat(this.loopback.post("/rows", Loopback.ARROW, half).statusCode()).isEqualTo(400);
	}

	@ParameterizedTest
	@CsvSource({ "gzip, WRONG", "gzip, MISSING", "zstd, WRONG", "zstd, MISSING" })
	void codedRequestIsReadToItsChecksum(String coding, CodedBodies.End end) throws Exception {
		byte[] body = CodedBodies.encode(coding, request(row(41), this.allocator), end);
		HttpResponse<byte[]> mvc = this.loopback.post("/rows", Loopback.ARROW, body, "Content-Encoding", coding);
		assertProblem(mvc.statusCode(), new String(mvc.body(), StandardCharsets.UTF_8), 400, coding);
		HttpResponse<byte[]> rpc = this.loopback.post("/add_one", Loopback.ARROW, body, "Content-Encoding", coding);
		assertThat(rpc.statusCode()).isEqualTo(400);
		try (Loopback.Answer answer = this.loopback.read(rpc.body())) {
			assertThat(answer.error()).isNotNull()
				.extracting(ErrorBatchException::errorMessage)
				.asString()
				.contains(coding);
		}
	}

	@ParameterizedTest
	@MethodSource
	void failedUploads(FailedUpload bad) throws Exception {
		storage.set(bad.storage());
		try (PlainClient http = new PlainClient(this.allocator)) {
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> client(http).blob(100_000))
				.satisfies((ex) -> assertThat(ex.errorMessage()).contains(bad.message()).doesNotContain("X-Amz-"));
		}
		// Those who resolve pointers, and those who are redirected to the object.
		assertProblem(get("/numbers/20000", "VGI-Accept-Pointers", "true"), bad.status(), bad.message());
		assertProblem(get("/numbers/20000"), bad.status(), bad.message());
	}

	static List<FailedUpload> failedUploads() {
		return List.of(new FailedUpload("unavailable", (request, reply) -> {
			request.body();
			reply.empty(500);
		}, 502, "500"), new FailedUpload("refused", (request, reply) -> {
			request.body();
			reply.empty(403);
		}, 502, "403"), new FailedUpload("reset", (request, reply) -> reply.reset(), 502, "cannot be reached"),
				new FailedUpload("stalled", (request, reply) -> {
					request.body();
					timer.advance(TIMEOUT);
					reply.stall();
				}, 504, "ms"));
	}

	private URI download() {
		return this.bucket.generateUploadUrl(SCHEMA).downloadUrl();
	}

	private URI signed(String bucket, String prefix) {
		try (S3Presigner presigner = S3Clients.presigner(this.credentials, "us-east-1", server.url(""), true)) {
			return URI.create(presigner
				.presignGetObject((presign) -> presign.signatureDuration(Duration.ofMinutes(1))
					.getObjectRequest((get) -> get.bucket(bucket).key(prefix + "0".repeat(32) + ".arrow")))
				.url()
				.toString());
		}
	}

	private BadInputService client(PlainClient http) {
		return new RpcClients(http.builder(this.loopback.base()).build(), this.allocator, LogSink.discarding())
			.createClient(BadInputService.class);
	}

	private Outcome rpcWithPointer(URI location, @Nullable String sha256) {
		BatchMetadata metadata = pointerMetadata(location, sha256).with(MetadataKeys.METHOD, "add_one")
			.with(MetadataKeys.REQUEST_VERSION, "1");
		try (AnnotatedBatch pointer = AnnotatedBatch.empty(SCHEMA, metadata, this.allocator)) {
			HttpResponse<byte[]> response = this.loopback.post("/add_one", Loopback.ARROW, Loopback.bytes(pointer));
			boolean flagged = response.headers().firstValue("X-VGI-RPC-Error").isPresent();
			try (Loopback.Answer answer = this.loopback.read(response.body())) {
				String error = (answer.error() != null) ? answer.error().errorMessage() : null;
				long value = (error == null && answer.data() != null)
						? ((BigIntVector) answer.data().root().getVector(0)).get(0) : -1;
				return new Outcome(response.statusCode(), flagged, error, value);
			}
		}
	}

	private HttpResponse<String> mvcWithPointer(URI location, @Nullable String sha256) throws Exception {
		try (AnnotatedBatch pointer = AnnotatedBatch.empty(SCHEMA, pointerMetadata(location, sha256), this.allocator)) {
			return send(HttpRequest.newBuilder(URI.create(this.loopback.base() + "/rows"))
				.header("Content-Type", Loopback.ARROW)
				.POST(HttpRequest.BodyPublishers.ofByteArray(Loopback.bytes(pointer))));
		}
	}

	private HttpResponse<String> get(String path, String... headers) throws Exception {
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(this.loopback.base() + path));
		return send((headers.length > 0) ? request.headers(headers) : request);
	}

	private static HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
		return HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
	}

	private static void assertProblem(HttpResponse<String> response, int status, String message) {
		assertProblem(response.statusCode(), response.body(), status, message);
	}

	private static void assertProblem(int actual, String body, int status, String message) {
		assertThat(actual).as(body).isEqualTo(status);
		JsonNode problem = JsonMapper.shared().readTree(body);
		assertThat(problem.get("status").asInt()).isEqualTo(status);
		assertThat(problem.get("detail").asString()).contains(message);
		assertThat(problem.get("kind").asString()).matches("[a-z-]+");
	}

	private static BatchMetadata pointerMetadata(URI location, @Nullable String sha256) {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.LOCATION, location.toString());
		return (sha256 != null) ? metadata.with(MetadataKeys.LOCATION_SHA256, sha256) : metadata;
	}

	private static Schema schema(String name) {
		return new Schema(List.of(new Field(name, FieldType.notNullable(new ArrowType.Int(64, true)), null)));
	}

	private static Function<BufferAllocator, AnnotatedBatch> row(long value) {
		return numbers(SCHEMA, value, value + 1);
	}

	private static Function<BufferAllocator, AnnotatedBatch> numbers(Schema schema, long rows) {
		return numbers(schema, 0, rows);
	}

	private static Function<BufferAllocator, AnnotatedBatch> numbers(Schema schema, long from, long to) {
		return (allocator) -> {
			VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator);
			BigIntVector vector = (BigIntVector) root.getVector(0);
			vector.allocateNew((int) (to - from));
			for (long value = from; value < to; value++) {
				vector.set((int) (value - from), value);
			}
			root.setRowCount((int) (to - from));
			return AnnotatedBatch.of(root);
		};
	}

	private static Function<BufferAllocator, AnnotatedBatch> log() {
		return (allocator) -> AnnotatedBatch.empty(SCHEMA, new LogMessage("INFO", "message", Map.of()).toMetadata(),
				allocator);
	}

	private static Function<BufferAllocator, AnnotatedBatch> fields(int count) {
		return (allocator) -> AnnotatedBatch.empty(new Schema(Collections.nCopies(count, SCHEMA.getFields().get(0))),
				BatchMetadata.empty(), allocator);
	}

	private static Function<BufferAllocator, AnnotatedBatch> pointer(String location) {
		return (allocator) -> AnnotatedBatch.empty(SCHEMA, BatchMetadata.of(MetadataKeys.LOCATION, location),
				allocator);
	}

	private static byte[] request(Function<BufferAllocator, AnnotatedBatch> batch, BufferAllocator allocator) {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, "add_one")
			.with(MetadataKeys.REQUEST_VERSION, "1");
		try (AnnotatedBatch request = batch.apply(allocator).withMetadata(metadata)) {
			return Loopback.bytes(request);
		}
	}

	@SafeVarargs
	private static byte[] object(Function<BufferAllocator, AnnotatedBatch>... batches) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (BufferAllocator allocator = new RootAllocator()) {
			List<AnnotatedBatch> all = Arrays.stream(batches).map((batch) -> batch.apply(allocator)).toList();
			Schema schema = all.isEmpty() ? SCHEMA : all.get(0).schema();
			try (GatheredStream stream = IpcStreamWriter.gather(schema, all)) {
				stream.writeTo(Channels.newChannel(bytes));
			}
			all.forEach(AnnotatedBatch::close);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return bytes.toByteArray();
	}

	/**
	 * What came back from the RPC method.
	 *
	 * @param status the HTTP status
	 * @param flagged whether it is flagged as an error
	 * @param error the message of the error batch
	 * @param value the result, if there is no error
	 */
	private record Outcome(int status, boolean flagged, @Nullable String error, long value) {

	}

	/**
	 * A pointer that must fail.
	 *
	 * @param name what is bad about it
	 * @param storage what the storage does
	 * @param location where it points to
	 * @param sha256 its digest
	 * @param status the status of an ordinary handler
	 * @param message part of the error's message
	 */
	record BadPointer(String name, FaultServer.Handler storage, Function<BadInputTests, URI> location,
			@Nullable String sha256, int status, String message) {

		static BadPointer elsewhere(String name, String location, String message) {
			return new BadPointer(name, NOTHING, (test) -> URI.create(location), null, 400, message);
		}

		static BadPointer object(String name, FaultServer.Handler storage, int status, String message) {
			return new BadPointer(name, storage, BadInputTests::download, null, status, message);
		}

		@Override
		public String toString() {
			return this.name;
		}

	}

	/**
	 * An upload that must fail.
	 *
	 * @param name what is bad about it
	 * @param storage what the storage does
	 * @param status the status of an ordinary handler
	 * @param message part of the error's message
	 */
	record FailedUpload(String name, FaultServer.Handler storage, int status, String message) {

		@Override
		public String toString() {
			return this.name;
		}

	}

	/**
	 * The contract.
	 */
	@RpcService("BadInput")
	interface BadInputService {

		@RpcMethod("add_one")
		long addOne(long n);

		@RpcMethod("blob")
		byte[] blob(long size);

	}

	/**
	 * The application.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(BadInputController.class)
	static class Application {

		// The clock of the deadlines is the test's.
		@Bean
		StorageTransport storageTransport() {
			return FixedPace.transport(TransportSettings.defaults(), timer);
		}

		@Bean
		RecordedTransfers recordedTransfers() {
			return transfers;
		}

		@Bean
		AtomicInteger actuatorRequests() {
			return new AtomicInteger();
		}

		@Bean
		FilterRegistrationBean<Filter> actuatorCounter(AtomicInteger actuatorRequests) {
			return new FilterRegistrationBean<>((request, response, chain) -> {
				if (((HttpServletRequest) request).getRequestURI().startsWith("/actuator")) {
					actuatorRequests.incrementAndGet();
				}
				chain.doFilter(request, response);
			});
		}

	}

	/**
	 * An RPC method and ordinary handlers.
	 */
	@RestController
	static class BadInputController implements BadInputService {

		private final BufferAllocator allocator;

		BadInputController(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@Override
		public long addOne(long n) {
			return n + 1;
		}

		@Override
		public byte[] blob(long size) {
			return new byte[(int) size];
		}

		@PostMapping("/rows")
		String rows(@RequestBody VectorSchemaRoot root) {
			return String.valueOf(root.getRowCount());
		}

		@GetMapping("/numbers/{rows}")
		AnnotatedBatch numbers(@PathVariable int rows) {
			return BadInputTests.numbers(SCHEMA, rows).apply(this.allocator);
		}

	}

}
