package dev.vgi.external.web.client;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

import com.github.luben.zstd.Zstd;
import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.FaultServer.Reply;
import dev.vgi.external.transport.FaultServer.Request;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.TimeStampMicroTZVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link VgiClient} with a service and a storage that answer as told.
 */
@SuppressWarnings("NullAway.Init")
class VgiClientStorageTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private static final String SECRET = "5ec7e7";

	private static final int LARGE = 2000;

	private static final Instant EXPIRY = Instant.parse("2026-01-01T00:00:00.123456Z");

	private final BufferAllocator allocator = new RootAllocator();

	private final TransferBudget budget = new TransferBudget(64 << 20, 4);

	private final StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null);

	private final AtomicLong clock = new AtomicLong(123);

	private final List<LogMessage> logs = new ArrayList<>();

	private Service service;

	private FaultServer server;

	private final Map<String, byte[]> objects = new ConcurrentHashMap<>();

	private volatile int uploadStatus = 200;

	private FaultServer storage;

	@BeforeEach
	void setUp() {
		this.service = new Service();
		this.server = new FaultServer(this.service);
		this.storage = new FaultServer((request, reply) -> {
			if (request.method().equals("PUT")) {
				this.objects.put(request.target().replace("put", "get"), request.body());
				reply.empty(this.uploadStatus, "ETag: \"tag\"");
			}
			else {
				reply.object(this.objects.getOrDefault(request.target(), new byte[0]));
			}
		});
	}

	@AfterEach
	void nothingIsLeft() {
		this.server.close();
		this.storage.close();
		assertThat(this.transport.leasedConnections()).isZero();
		this.transport.close();
		assertThat(this.budget.inUse()).isZero();
		this.allocator.close();
	}

	@Test
	void capabilitiesAreAskedForOnceInFiveMinutes() {
		VgiClient client = client();
		assertThat(client.capabilities().maxRequestBytes()).isEqualTo(4096);
		assertThat(client.capabilities().uploadUrlSupport()).isTrue();
		assertThat(this.service.seen).containsExactly("OPTIONS /vgi/health");
		this.clock.addAndGet(Duration.ofMinutes(5).toNanos() - 1);
		client.capabilities();
		assertThat(this.service.seen).hasSize(1);
		this.clock.addAndGet(1);
		this.service.maxRequestBytes = 8192L;
		assertThat(client.capabilities().maxRequestBytes()).isEqualTo(8192);
		assertThat(this.service.seen).hasSize(2);
	}

	@Test
	void everyAnswerRenewsCapabilitiesButOneWithoutThem() {
		VgiClient client = client();
		this.service.maxRequestBytes = 10_000L;
		call(client, 1).close();
		assertThat(client.capabilities().maxRequestBytes()).isEqualTo(10_000);
		this.service.announces = false;
		call(client, 1).close();
		assertThat(client.capabilities().maxRequestBytes()).isEqualTo(10_000);
		assertThat(this.service.seen).containsExactly("POST /vgi/echo", "POST /vgi/echo");
	}

	@Test
	void serviceThatAnnouncesNothingDoesNotSpeakTheProtocol() {
		this.service.announces = false;
		assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> client().capabilities())
			.satisfies((ex) -> assertThat(ex.status()).isEqualTo(200));
	}

	@Test
	void uploadUrlsAreReadByNameAndElseByPosition() {
		for (String[] names : new String[][] { { "upload_url", "download_url", "expires_at" }, { "a", "b", "c" } }) {
			this.service.columns = names;
			List<UploadUrl> urls = client().requestUploadUrls(3);
			assertThat(urls).hasSize(3).doesNotHaveDuplicates();
			assertThat(urls.get(0).uploadUrl()).isEqualTo(this.storage.url("/put/0?sig=" + SECRET));
			assertThat(urls.get(0).downloadUrl()).isEqualTo(this.storage.url("/get/0?sig=" + SECRET));
			assertThat(urls.get(0).expiresAt()).isEqualTo(EXPIRY);
		}
	}

	@Test
	void uploadUrlsAreAskedForInReason() {
		assertThatIllegalArgumentException().isThrownBy(() -> client().requestUploadUrls(0));
		assertThatIllegalArgumentException().isThrownBy(() -> client().requestUploadUrls(101));
		assertThat(this.service.seen).isEmpty();
	}

	@Test
	void brokenUploadUrlsAreNotShown() {
		this.service.brokenUrls = true;
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> client().requestUploadUrls(1))
			.withNoCause()
			.withMessageNotContaining(SECRET);
	}

	@Test
	void uploadUrlsThatAreNotOfferedAreAnUnexpectedAnswer() {
		this.service.vends = false;
		assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> client().requestUploadUrls(1))
			.satisfies((ex) -> assertThat(ex.status()).isEqualTo(404));
	}

	@Test
	void smallRequestTravelsInline() {
		try (AnnotatedBatch answer = call(client(), 5)) {
			assertThat(answer.rowCount()).isEqualTo(5);
		}
		assertThat(this.service.seen).containsExactly("POST /vgi/echo");
		assertThat(this.server.requests().get(0).headers()).containsEntry("VGI-Accept-Pointers", "true")
			.containsEntry("Content-Type", ARROW)
			.containsKey("Content-Length");
		assertThat(this.storage.requests()).isEmpty();
	}

	@Test
	void largeRequestGoesThroughStorageAfterARefusal() {
		try (AnnotatedBatch answer = call(client(), LARGE)) {
			assertThat(answer.rowCount()).isEqualTo(LARGE);
		}
		assertThat(this.service.seen).containsExactly("POST /vgi/echo", "POST /vgi/__upload_url__/init",
				"POST /vgi/echo");
		assertThat(this.storage.requests()).extracting(Request::method).containsExactly("PUT");
	}

	@Test
	void largeRequestGoesThroughStorageBeforehandIfTheCapIsKnown() {
		VgiClient client = client();
		client.capabilities();
		try (AnnotatedBatch answer = call(client, LARGE)) {
			assertThat(answer.rowCount()).isEqualTo(LARGE);
		}
		assertThat(this.service.seen).containsExactly("OPTIONS /vgi/health", "POST /vgi/__upload_url__/init",
				"POST /vgi/echo");
		// Once the knowledge is old, the service is asked by sending.
		this.clock.addAndGet(Duration.ofMinutes(6).toNanos());
		call(client, LARGE).close();
		assertThat(this.service.seen).hasSize(6).element(3).isEqualTo("POST /vgi/echo");
	}

	@Test
	void fromTheThresholdOnRequestsGoThroughStorageCapOrNoCap() {
		for (Long cap : new Long[] { 1L << 20, null }) {
			this.service.seen.clear();
			this.service.maxRequestBytes = cap;
			VgiClient client = builder(UrlValidator.acceptAll()).uploadThreshold(10_000).build();
			call(client, 1000).close();
			assertThat(this.service.seen).containsExactly("POST /vgi/echo");
			try (AnnotatedBatch answer = call(client, LARGE)) {
				assertThat(answer.rowCount()).isEqualTo(LARGE);
			}
			assertThat(this.service.seen).containsExactly("POST /vgi/echo", "POST /vgi/__upload_url__/init",
					"POST /vgi/echo");
			assertThat(this.service.lastMetadata).containsKey(MetadataKeys.LOCATION);
		}
	}

	@Test
	void whatIsVendedIsAskedForBeforeTheFirstRequestFromTheThresholdOn() {
		this.service.maxRequestBytes = null;
		call(builder(UrlValidator.acceptAll()).uploadThreshold(0).build(), 1).close();
		assertThat(this.service.seen).containsExactly("OPTIONS /vgi/health", "POST /vgi/__upload_url__/init",
				"POST /vgi/echo");
	}

	@Test
	void whereNothingIsVendedForALargeRequestItTravelsInline() {
		this.service.maxRequestBytes = 1L << 20;
		this.service.maxUploadBytes = 10_000L;
		VgiClient client = builder(UrlValidator.acceptAll()).uploadThreshold(5000).build();
		call(client, LARGE).close();
		this.service.maxUploadBytes = null;
		this.service.vends = false;
		call(builder(UrlValidator.acceptAll()).uploadThreshold(5000).build(), LARGE).close();
		assertThat(this.service.seen).doesNotContain("POST /vgi/__upload_url__/init");
		assertThat(this.storage.requests()).isEmpty();
	}

	@Test
	void whereAnUploadFailsTheCallFailsUnlessItMayTravelInline() {
		this.service.maxRequestBytes = 1L << 20;
		this.uploadStatus = 403;
		VgiClient client = builder(UrlValidator.acceptAll()).uploadThreshold(10_000).build();
		assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(() -> call(client, LARGE).close());
		assertThat(this.service.seen).containsExactly("OPTIONS /vgi/health", "POST /vgi/__upload_url__/init");
		VgiClient inline = builder(UrlValidator.acceptAll()).uploadThreshold(10_000)
			.inlineOnUploadFailure(true)
			.build();
		try (AnnotatedBatch answer = call(inline, LARGE)) {
			assertThat(answer.rowCount()).isEqualTo(LARGE);
		}
		assertThat(this.service.lastMetadata).doesNotContainKey(MetadataKeys.LOCATION);
		this.service.brokenUrls = true;
		call(inline, LARGE).close();
		assertThat(this.service.lastMetadata).doesNotContainKey(MetadataKeys.LOCATION);
		// Over the cap there is no other way.
		this.service.maxRequestBytes = 4096L;
		call(inline, 1).close();
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> call(inline, LARGE).close());
	}

	@Test
	void storedRequestIsTheInlineOneAndThePointerKeepsItsMetadataAndHasADigest() throws Exception {
		byte[] stored;
		try (AnnotatedBatch batch = numbers(LARGE);
				AnnotatedBatch answer = client().call("/echo", batch, this.logs::add)) {
			assertThat(answer.rowCount()).isEqualTo(LARGE);
			stored = Loopback.bytes(batch);
			assertThat(this.objects.values()).containsExactly(stored);
		}
		assertThat(this.service.lastMetadata).containsEntry(MetadataKeys.METHOD, "echo")
			.containsEntry(MetadataKeys.LOCATION, this.storage.url("/get/0?sig=" + SECRET).toString())
			.containsEntry(MetadataKeys.LOCATION_SHA256,
					HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(stored)));
	}

	@Test
	void nothingOfTheApplicationReachesTheStorage() {
		call(client(), LARGE).close();
		assertThat(this.server.requests().get(0).headers()).containsEntry("Authorization", "Bearer " + SECRET)
			.containsEntry("X-Tenant", "one");
		assertThat(this.storage.requests().get(0).headers().keySet()).containsExactlyInAnyOrder("Host", "User-Agent",
				"Content-Type", "Content-Length");
	}

	@Test
	void secondRefusalIsFinal() {
		this.service.refusesAll = true;
		assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> call(client(), LARGE).close())
			.satisfies((ex) -> assertThat(ex.status()).isEqualTo(413));
		assertThat(this.service.seen).containsExactly("POST /vgi/echo", "POST /vgi/__upload_url__/init",
				"POST /vgi/echo");
	}

	@Test
	void refusalWithoutUploadUrlsIsFinal() {
		this.service.vends = false;
		assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> call(client(), LARGE).close())
			.withMessageContaining("vends no upload URLs")
			.satisfies((ex) -> assertThat(ex.status()).isEqualTo(413));
		assertThat(this.service.seen).containsExactly("POST /vgi/echo");
		assertThat(this.storage.requests()).isEmpty();
	}

	@Test
	void failedUploadSendsNoPointer() {
		this.uploadStatus = 403;
		assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(() -> call(client(), LARGE).close())
			.withMessageNotContaining(SECRET);
		assertThat(this.service.seen).containsExactly("POST /vgi/echo", "POST /vgi/__upload_url__/init");
	}

	@Test
	void vendedUrlThatIsRefusedIsNotUsed() {
		VgiClient client = builder((url) -> {
			throw new UrlRejectedException(url, "no");
		}).build();
		assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> call(client, LARGE).close())
			.withMessageNotContaining(SECRET);
		assertThat(this.storage.requests()).isEmpty();
	}

	@Test
	void pointerInTheAnswerIsResolvedAndItsFailureIsTold() {
		this.service.answersPointer = true;
		try (AnnotatedBatch stored = numbers(7)) {
			this.objects.put("/get/answer?sig=" + SECRET, Loopback.bytes(stored));
		}
		try (AnnotatedBatch answer = call(client(), 1)) {
			assertThat(answer.rowCount()).isEqualTo(7);
		}
		this.objects.clear();
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> call(client(), 1).close())
			.withMessageNotContaining(SECRET);
	}

	@Test
	void errorsAndLogsOfTheServiceArrive() {
		this.service.fails = true;
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> call(client(), 1).close())
			.satisfies((ex) -> {
				assertThat(ex.errorType()).isEqualTo("ValueError");
				assertThat(ex.errorMessage()).isEqualTo("bad input");
			});
		assertThat(this.logs).extracting(LogMessage::message).containsExactly("about to fail");
	}

	@Test
	void whatIsNoArrowIsAnUnexpectedAnswer() {
		this.service.status = 503;
		assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> call(client(), 1).close())
			.withMessageContaining("503")
			.satisfies((ex) -> assertThat(ex.status()).isEqualTo(503));
	}

	@Test
	void answerIsDecodedByTheProtocolsHeaderFirst() {
		this.service.coded = true;
		try (AnnotatedBatch answer = call(client(), 5)) {
			assertThat(answer.rowCount()).isEqualTo(5);
		}
	}

	@Test
	void answerIsNoLargerThanAllowed() {
		assertThatExceptionOfType(VgiExternalException.class)
			.isThrownBy(() -> call(builder(UrlValidator.acceptAll()).maxResponseSize(100).build(), 5).close());
	}

	@Test
	void serviceThatIsGoneIsUnavailable() {
		VgiClient client = client();
		this.server.close();
		assertThatExceptionOfType(ServiceUnavailableException.class).isThrownBy(() -> call(client, 1).close())
			.withNoCause()
			.withMessageContaining(" cannot be reached");
	}

	private VgiClient client() {
		return builder(UrlValidator.acceptAll()).build();
	}

	private VgiClient.Builder builder(UrlValidator policy) {
		ExternalLocationConfig config = ExternalLocationConfig.defaults().withUrlValidator(policy);
		TransferResources resources = new TransferResources(this.transport, this.budget,
				new SlabPool(0, Duration.ofSeconds(1)), TransferThreads.platform(), TransferListener.none());
		RestClient.Builder restClient = RestClient.builder()
			.defaultHeader("Authorization", "Bearer " + SECRET)
			.defaultHeader("X-Tenant", "one");
		return new VgiClient.Builder(restClient, this.allocator, new LocationResolver(config, resources))
			.uploader(new PayloadUploader(resources, Duration.ofSeconds(20), RetryPolicy.defaults(this.transport)))
			.baseUrl(this.server.url("").toString())
			.prefix("/vgi")
			.nanoTime(this.clock::get);
	}

	private AnnotatedBatch call(VgiClient client, int rows) {
		try (AnnotatedBatch batch = numbers(rows)) {
			return client.call("/echo", batch, this.logs::add);
		}
	}

	private AnnotatedBatch numbers(int rows) {
		BigIntVector vector = new BigIntVector("n", this.allocator);
		vector.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			vector.set(i, i);
		}
		vector.setValueCount(rows);
		return AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)))
			.withMetadata(BatchMetadata.of(MetadataKeys.METHOD, "echo").with(MetadataKeys.REQUEST_VERSION, "1"));
	}

	/**
	 * A service that echoes batches. Uses memory of its own.
	 */
	private final class Service implements FaultServer.Handler {

		final List<String> seen = new ArrayList<>();

		volatile Map<String, String> lastMetadata = Map.of();

		volatile @Nullable Long maxRequestBytes = 4096L;

		volatile @Nullable Long maxUploadBytes;

		volatile boolean announces = true;

		volatile boolean vends = true;

		volatile boolean brokenUrls;

		volatile boolean refusesAll;

		volatile boolean answersPointer;

		volatile boolean fails;

		volatile boolean coded;

		volatile int status = 200;

		volatile String[] columns = { "upload_url", "download_url", "expires_at" };

		private int vended;

		@Override
		public void handle(Request request, Reply reply) throws Exception {
			byte[] body = request.body();
			this.seen.add(request.method() + " " + request.target());
			if (request.target().endsWith("/health")) {
				answer(reply, 200, "application/json", "{}".getBytes(StandardCharsets.UTF_8));
			}
			else if (request.target().endsWith("/__upload_url__/init")) {
				if (this.vends) {
					answer(reply, 200, ARROW, vend(body));
				}
				else {
					answer(reply, 404, "text/plain", new byte[0]);
				}
			}
			else if (this.refusesAll || isTooLarge(body)) {
				answer(reply, 413, "text/plain", "too large".getBytes(StandardCharsets.UTF_8));
			}
			else if (this.status != 200) {
				answer(reply, this.status, "text/html", "<html>no</html>".getBytes(StandardCharsets.UTF_8));
			}
			else {
				answer(reply, 200, ARROW, echo(body));
			}
		}

		private boolean isTooLarge(byte[] body) {
			Long max = this.maxRequestBytes;
			return max != null && body.length > max;
		}

		private void answer(Reply reply, int status, String contentType, byte[] body) throws Exception {
			List<String> headers = new ArrayList<>();
			if (this.announces) {
				headers.addAll(List.of("VGI-Supported-Encodings: zstd", "VGI-Upload-URL-Support: " + this.vends));
				if (this.maxRequestBytes != null) {
					headers.add("VGI-Max-Request-Bytes: " + this.maxRequestBytes);
				}
				if (this.maxUploadBytes != null) {
					headers.add("VGI-Max-Upload-Bytes: " + this.maxUploadBytes);
				}
			}
			byte[] sent = body;
			if (this.coded && contentType.equals(ARROW)) {
				sent = Zstd.compress(body);
				// The standard header is for others: the protocol's own wins.
				headers.addAll(List.of("X-VGI-Content-Encoding: zstd", "Content-Encoding: identity"));
			}
			headers.add("Content-Type: " + contentType);
			headers.add("Content-Length: " + sent.length);
			reply.head(status, headers.toArray(String[]::new));
			reply.raw(sent);
		}

		private byte[] echo(byte[] body) {
			try (BufferAllocator own = new RootAllocator(); AnnotatedBatch batch = read(body, own)) {
				this.lastMetadata = batch.metadata().asMap();
				if (this.fails) {
					return failure(batch, own);
				}
				String location = batch.metadata().get(MetadataKeys.LOCATION);
				if (location != null) {
					return VgiClientStorageTests.this.objects
						.getOrDefault(URI.create(location).getPath() + "?sig=" + SECRET, new byte[0]);
				}
				if (this.answersPointer) {
					try (AnnotatedBatch pointer = batch.zeroRows(
							BatchMetadata.of(MetadataKeys.LOCATION,
									VgiClientStorageTests.this.storage.url("/get/answer?sig=" + SECRET).toString()),
							own)) {
						return Loopback.bytes(pointer);
					}
				}
				return Loopback.bytes(batch);
			}
		}

		private byte[] failure(AnnotatedBatch batch, BufferAllocator own) {
			BatchMetadata error = new LogMessage(LogMessage.EXCEPTION, "ValueError: bad input",
					Map.of("exception_type", "ValueError", "exception_message", "bad input"))
				.toMetadata();
			try (AnnotatedBatch empty = batch.zeroRows(error, own);
					var stream = IpcStreamWriter
						.gather(new OutputCycle(List.of(new LogMessage("INFO", "about to fail", Map.of())), empty))) {
				var bytes = new ByteArrayOutputStream();
				stream.writeTo(Channels.newChannel(bytes));
				return bytes.toByteArray();
			}
			catch (IOException ex) {
				throw new UncheckedIOException(ex);
			}
		}

		private byte[] vend(byte[] body) {
			try (BufferAllocator own = new RootAllocator(); AnnotatedBatch request = read(body, own)) {
				int count = (int) ((BigIntVector) request.root().getVector("count")).get(0);
				VarCharVector upload = new VarCharVector(this.columns[0], own);
				VarCharVector download = new VarCharVector(this.columns[1], own);
				TimeStampMicroTZVector expiry = new TimeStampMicroTZVector(this.columns[2], own, "UTC");
				for (int i = 0; i < count; i++) {
					String query = (this.brokenUrls ? " " : "") + "?sig=" + SECRET;
					upload.setSafe(i, text(VgiClientStorageTests.this.storage.url("/put/" + this.vended) + query));
					download.setSafe(i, text(VgiClientStorageTests.this.storage.url("/get/" + this.vended) + query));
					expiry.setSafe(i, 1767225600123456L);
					this.vended++;
				}
				List<FieldVector> vectors = List.of(upload, download, expiry);
				vectors.forEach((vector) -> vector.setValueCount(count));
				this.vended = 0;
				try (AnnotatedBatch answer = AnnotatedBatch.of(new VectorSchemaRoot(vectors))) {
					return Loopback.bytes(answer);
				}
			}
		}

		private static byte[] text(String text) {
			return text.getBytes(StandardCharsets.UTF_8);
		}

		private static AnnotatedBatch read(byte[] body, BufferAllocator allocator) {
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(body), body.length, allocator)) {
				AnnotatedBatch batch = reader.nextStream() ? reader.next() : null;
				if (batch == null) {
					throw new IllegalStateException("no batch");
				}
				return batch;
			}
		}

	}

}
