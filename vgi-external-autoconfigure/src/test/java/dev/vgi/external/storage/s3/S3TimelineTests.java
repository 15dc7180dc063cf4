package dev.vgi.external.storage.s3;

import java.io.IOException;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.NumbersReader;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.location.ResultBatches;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.RecordedEvents;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportSettings;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests of what {@link S3Storage} reports about uploads, and of what becomes of those
 * that an operator ends.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class S3TimelineTests {

	private static final int PART = 5 << 20;

	/** Of 8 bytes: three parts. */
	private static final int ROWS = 1_500_000;

	private static final AwsCredentialsProvider CREDENTIALS = StaticCredentialsProvider
		.create(AwsBasicCredentials.create("access", "planted-secret"));

	private final List<AutoCloseable> resources = new ArrayList<>();

	private final RecordedPauses pauses = new RecordedPauses();

	private final RecordedEvents recorded = new RecordedEvents();

	private final BufferAllocator allocator = new RootAllocator();

	private final SlabPool slabs = new SlabPool(0, Duration.ofHours(1));

	private TransferBudget budget = new TransferBudget(4 * PART, 8);

	private RecordingS3 server;

	private StorageTransport transport;

	@BeforeEach
	void start() throws Exception {
		this.server = closed(new RecordingS3());
		this.transport = closed(FixedPace.transport(TransportSettings.defaults()));
	}

	@AfterEach
	void stop() throws Exception {
		assertThat(this.recorded.transfers()).allMatch(RecordedEvents.Timeline::hasEnded);
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.budget.transfers().count()).isZero();
		assertThat(this.slabs.leasedSlabs()).isZero();
		assertThat(this.transport.leasedConnections()).isZero();
		assertThat(Thread.getAllStackTraces().keySet())
			.noneMatch((thread) -> thread.getName().matches("vgi-external-(upload|digest)"));
		for (AutoCloseable resource : this.resources) {
			resource.close();
		}
		this.allocator.close();
	}

	private <T extends AutoCloseable> T closed(T resource) {
		this.resources.add(resource);
		return resource;
	}

	@Test
	void smallObjectIsOneRequest() {
		long length = length(store(1000));
		RecordedEvents.Timeline timeline = this.recorded.only();
		assertThat(timeline.withoutDigest()).containsExactly("size " + length + " null", "upload {",
				"1 object 0 0+" + length, "1 sent", "1 answered 200 REQUEST1", "1 complete " + length, "} upload");
		assertThat(timeline.where((line) -> line.contains("digest"))).containsExactly("digest {", "} digest");
		assertThat(timeline.progress()).containsExactly(length);
		assertThat(timeline.transfer().location()).startsWith("http://127.0.0.1:").doesNotContain("?");
	}

	@Test
	void objectWithoutAnEntityTagIsConfirmed() {
		this.server.untagged();
		assertThat(store(1000)).isNull();
		assertThat(this.recorded.only().where((line) -> line.contains("confirmation") || line.startsWith("retry")))
			.containsExactly("2 confirmation 0 0+0", "retry -1 storage-unavailable 500 ms", "4 confirmation 0 0+0");
		assertThat(this.recorded.only().transfer().retries()).isOne();
	}

	@Test
	void objectThatIsSentAgainStartsOver() {
		AtomicInteger failures = new AtomicInteger();
		this.server.failing((request) -> (failures.getAndIncrement() == 0) ? "500 InternalError" : null);
		long length = length(store(1000));
		RecordedEvents.Timeline timeline = this.recorded.only();
		assertThat(timeline.where((line) -> !line.contains("digest") && !line.startsWith("1 "))).containsExactly(
				"size " + length + " null", "upload {", "retry -1 storage-unavailable 500 ms", "pause {", "} pause",
				"2 object 0 0+" + length, "2 sent", "2 answered 200 REQUEST1", "2 complete " + length, "} upload");
		assertThat(timeline.where((line) -> line.startsWith("1 "))).contains("1 answered 500 REQUEST1");
		assertThat(timeline.transfer().retries()).isOne();
	}

	@Test
	void partsAreRequestsOfTheirOwnAndOneIsRetriedAlone() {
		AtomicInteger failures = new AtomicInteger();
		this.server
			.failing((request) -> (request.isPart(2) && failures.getAndIncrement() == 0) ? "503 SlowDown" : null);
		long length = length(store(ROWS, 1));
		long last = length - 2 * PART;
		RecordedEvents.Timeline timeline = this.recorded.only();
		assertThat(timeline.where((line) -> !line.contains("digest") && !line.startsWith("3 "))).containsExactly(
				"size " + length + " null", "upload {", "1 session 0 0+0", "1 sent", "1 answered 200 REQUEST1",
				"1 complete 0", "2 part 0 0+5242880", "2 sent", "2 answered 200 REQUEST1", "2 complete 5242880",
				"done 0", "retry 1 storage-unavailable 100 ms", "4 part 1 5242880+5242880", "4 sent",
				"4 answered 200 REQUEST1", "4 complete 5242880", "done 1", "5 part 2 10485760+" + last, "5 sent",
				"5 answered 200 REQUEST1", "5 complete " + last, "done 2", "6 session 0 0+0", "6 sent",
				"6 answered 200 REQUEST1", "6 complete 0", "} upload");
		assertThat(timeline.where((line) -> line.startsWith("3 "))).startsWith("3 part 1 5242880+5242880", "3 sent",
				"3 answered 503 REQUEST1");
		assertThat(timeline.progress()).containsExactly((long) PART, 2L * PART, length);
		// Nothing has started over.
		assertThat(timeline.transfer().retries()).isZero();
	}

	@Test
	void thereAreNoMoreEventsThanRequestsAllow() {
		store(ROWS, 3);
		RecordedEvents.Timeline timeline = this.recorded.only();
		int requests = this.server.requests().size();
		assertThat(requests).isEqualTo(5);
		assertThat(timeline.events()).hasSize(4 * requests + 3 + 5);
		assertThat(timeline.where((line) -> line.startsWith("done"))).containsExactlyInAnyOrder("done 0", "done 1",
				"done 2");
		assertThat(timeline.progress()).isSorted().hasSize(3);
	}

	@ParameterizedTest
	@ValueSource(strings = { "create", "complete" })
	void stepThatIsMadeAgainIsNoNewBeginning(String step) {
		AtomicInteger failures = new AtomicInteger();
		this.server.storing();
		this.server.failing((request) -> (request.method().equals("POST")
				&& request.query().equals("uploads") == step.equals("create") && failures.getAndIncrement() == 0)
						? "500 InternalError" : null);
		store(ROWS, 1);
		RecordedEvents.Timeline timeline = this.recorded.only();
		assertThat(timeline.where((line) -> line.startsWith("retry") || line.contains("pause")))
			.containsExactly("retry -2 storage-unavailable 500 ms", "pause {", "} pause");
		assertThat(timeline.where((line) -> line.contains("answered 500"))).hasSize(1);
		assertThat(timeline.transfer().retries()).isZero();
	}

	@Test
	void partsThatAreCompressedShowIt() {
		this.budget = new TransferBudget(PART, 8);
		store(ROWS, 1, true);
		RecordedEvents.Timeline timeline = this.recorded.only();
		assertThat(timeline.where((line) -> line.contains("coding") || line.contains("upload")
				|| line.startsWith("size") || line.contains("memory")))
			.first()
			.isEqualTo("coding {");
		assertThat(timeline.where((line) -> line.startsWith("size"))).singleElement().asString().endsWith(" zstd");
		assertThat(timeline.where((line) -> line.contains("coding")).size() / 2)
			.isEqualTo(Math.max(1, timeline.where((line) -> line.startsWith("done")).size()));
		assertThat(timeline.where((line) -> line.contains("memory"))).isEmpty();
	}

	@Test
	void onlyARealWaitForMemoryIsAPhase() {
		TransferBudget.Lease others = this.budget.acquire(4L * PART, Duration.ZERO);
		this.recorded.onEvent((transfer, event) -> {
			if (event.equals("memory {")) {
				others.close();
			}
		});
		store(1000, 1, true);
		assertThat(this.recorded.only().withoutDigest()).startsWith("memory {", "} memory", "coding {", "} coding",
				"upload {");
	}

	@Test
	void requestsOfAFailedUploadAreThereToo() {
		this.server.failing((request) -> request.isPart(2) ? "403 AccessDenied" : null);
		assertThat(store(ROWS, 1)).isNull();
		assertThat(this.recorded.only().where((line) -> line.matches("[0-9]+ [a-z]+ [0-9]+ [0-9]+\\+[0-9]+")))
			.containsExactly("1 session 0 0+0", "2 part 0 0+5242880", "3 part 1 5242880+5242880", "4 removal 0 0+0",
					"5 removal 0 0+0");
	}

	@ParameterizedTest
	@ValueSource(strings = { "PUT", "part 1", "part 3", "create", "complete" })
	void uploadThatIsEndedWhileARequestIsUnderWayLeavesNothing(String where) {
		CountDownLatch release = new CountDownLatch(1);
		this.server.failing((request) -> {
			boolean there = switch (where) {
				case "PUT" -> request.method().equals("PUT");
				case "part 1" -> request.isPart(1);
				case "part 3" -> request.isPart(3);
				case "create" -> request.query().equals("uploads") && request.method().equals("POST");
				default -> request.method().equals("POST") && !request.query().equals("uploads");
			};
			if (there) {
				this.recorded.only().transfer().end();
				await(release);
			}
			return null;
		});
		try {
			assertEnded(() -> store(where.equals("PUT") ? 1000 : ROWS, 3));
		}
		finally {
			release.countDown();
		}
		assertRemoved();
	}

	/** At any event, on whatever thread it is reported. */
	@ParameterizedTest
	@ValueSource(strings = { "upload {", "1 session 0 0+0", "1 sent", "1 complete 0", "2 sent", "3 sent", "4 sent",
			"done 0", "done 1", "done 2", "6 sent" })
	void uploadMayBeEndedAtAnyMoment(String moment) {
		this.server.failing((request) -> (request.method().equals("POST") && !request.query().equals("uploads"))
				? "500 InternalError" : null);
		this.recorded.onEvent((transfer, event) -> {
			if (event.equals(moment)) {
				transfer.end();
			}
		});
		assertEnded(() -> store(ROWS, 3));
		assertRemoved();
	}

	@Test
	void uploadThatWaitsForMemoryIsEnded() {
		TransferBudget.Lease others = this.budget.acquire(4L * PART, Duration.ZERO);
		this.recorded.onEvent((transfer, event) -> {
			if (event.equals("memory {")) {
				onceThat(() -> this.budget.waiting() == 1, transfer::end);
			}
		});
		assertEnded(() -> store(1000, 1, true));
		assertThat(this.server.requests()).isEmpty();
		others.close();
	}

	@Test
	void resultSetThatWaitsForMemoryIsEnded() {
		TransferBudget.Lease others = this.budget.acquire(4L * PART, Duration.ZERO);
		this.recorded.onEvent((transfer, event) -> {
			if (event.equals("memory {")) {
				onceThat(() -> this.budget.waiting() == 1, transfer::end);
			}
		});
		assertEnded(() -> store(new NumbersReader(1000, 100_000)));
		assertThat(this.recorded.only().events()).containsExactly("memory {", "} memory");
		assertThat(this.server.requests()).isEmpty();
		others.close();
	}

	@Test
	void uploadThatPausesIsEnded() {
		ManualTimer timer = new ManualTimer();
		RetryPolicy policy = new RetryPolicy(1, Duration.ofSeconds(10),
				closed(FixedPace.transport(TransportSettings.defaults(), timer)));
		this.server.failing((request) -> "500 InternalError");
		this.recorded.onEvent((transfer, event) -> {
			if (event.equals("pause {")) {
				onceThat(() -> timer.alarms() > 0, transfer::end);
			}
		});
		assertEnded(() -> store(1000, 1, false, policy));
		assertThat(this.server.requests("PUT")).hasSize(1);
	}

	@Test
	void resultSetThatIsEndedWhileItIsReadLeavesNothing() {
		NumbersReader numbers = new NumbersReader(1000, 100_000) {

			@Override
			protected void beforeBatch(int number) {
				if (number == 20) {
					S3TimelineTests.this.recorded.only().transfer().end();
				}
			}

		};
		assertEnded(() -> store(numbers));
		assertRemoved();
		assertThat(numbers.loaded()).isLessThan(25);
	}

	@Test
	void resultSetThatIsEndedWhileAPartIsSentLeavesNothing() {
		CountDownLatch release = new CountDownLatch(1);
		this.server.failing((request) -> {
			if (request.isPart(2)) {
				this.recorded.only().transfer().end();
				await(release);
			}
			return null;
		});
		try {
			assertEnded(() -> store(new NumbersReader(1000, 100_000)));
		}
		finally {
			release.countDown();
		}
		assertRemoved();
	}

	@Test
	void readerThatTakesAnInterruptForAFailureOfItsOwnIsEndedAllTheSame() {
		NumbersReader numbers = new NumbersReader(1000, 100_000) {

			@Override
			protected void beforeBatch(int number) throws IOException {
				if (number == 20) {
					S3TimelineTests.this.recorded.only().transfer().end();
					assertThat(Thread.interrupted()).isTrue();
					throw new IOException("the statement was cancelled");
				}
			}

		};
		assertEnded(() -> store(numbers));
		assertRemoved();
	}

	@Test
	void segmentThatIsEndedEndsTheResultSetAndDoesNotTravelInline() {
		CountDownLatch release = new CountDownLatch(1);
		this.server.failing((request) -> {
			if (request.method().equals("PUT")) {
				this.recorded.transfers()
					.stream()
					.map(RecordedEvents.Timeline::transfer)
					.filter((transfer) -> transfer.segment() == 1)
					.forEach(Transfer::end);
				await(release);
			}
			return null;
		});
		try (ReaderBatches batches = new ReaderBatches(new NumbersReader(100, 100_000), this.allocator);
				ResultBatches result = externalizer(3, this.pauses.policy(1)).externalize(batches,
						ResponseBudget.unlimited())) {
			assertThatExceptionOfType(TransferCancelledException.class).isThrownBy(result::next)
				.withMessageContaining("was ended by an operator");
		}
		finally {
			release.countDown();
		}
		assertThat(Thread.interrupted()).isFalse();
		assertRemoved();
	}

	private void assertEnded(Runnable upload) {
		assertThatExceptionOfType(TransferCancelledException.class).isThrownBy(upload::run)
			.withMessageContaining("was ended by an operator");
		assertThat(Thread.interrupted()).isFalse();
		assertThat(this.recorded.only().transfer().outcome()).isEqualTo("cancelled");
	}

	/** Whatever may have been stored is removed, now or soon. */
	private void assertRemoved() {
		Awaitility.await().untilAsserted(() -> {
			assertThat(paths("DELETE", ".*")).containsAll(paths("POST", "uploads"))
				.containsAll(paths("PUT", "(?!.*partNumber=).*"));
			assertThat(this.transport.leasedConnections()).isZero();
		});
	}

	private List<String> paths(String method, String query) {
		return this.server.requests(method)
			.stream()
			.filter((request) -> request.query().matches(query))
			.map((request) -> request.uri().getPath())
			.toList();
	}

	private static void onceThat(BooleanSupplier condition, Runnable action) {
		Thread thread = new Thread(() -> {
			while (!condition.getAsBoolean()) {
				Thread.onSpinWait();
			}
			action.run();
		});
		thread.setDaemon(true);
		thread.start();
	}

	private static void await(CountDownLatch latch) {
		try {
			latch.await();
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private long length(@Nullable URI url) {
		assertThat(url).isNotNull();
		return this.recorded.only().storedBytes();
	}

	private @Nullable URI store(int rows) {
		return store(rows, 3);
	}

	private @Nullable URI store(int rows, int parallel) {
		return store(rows, parallel, false);
	}

	private @Nullable URI store(int rows, int parallel, boolean compress) {
		return store(rows, parallel, compress, this.pauses.policy(1));
	}

	private @Nullable URI store(int rows, int parallel, boolean compress, RetryPolicy policy) {
		BigIntVector vector = new BigIntVector("n", this.allocator);
		vector.allocateNew(rows);
		long random = 1;
		for (int row = 0; row < rows; row++) {
			random = random * 6364136223846793005L + 1442695040888963407L;
			vector.set(row, random >>> 24);
		}
		vector.setValueCount(rows);
		try (AnnotatedBatch batch = AnnotatedBatch.of(VectorSchemaRoot.of(vector))) {
			return externalizer(parallel, policy).store(batch.schema(), List.of(batch), compress);
		}
	}

	private @Nullable URI store(NumbersReader numbers) {
		try (ReaderBatches batches = new ReaderBatches(numbers, this.allocator)) {
			return externalizer(3, this.pauses.policy(1)).store(batches, false, ResponseBudget.unlimited());
		}
	}

	// A batch that cannot be stored would travel inline, but not one that was ended.
	private Externalizer externalizer(int parallel, RetryPolicy policy) {
		URI url = this.server.url();
		S3StorageSettings settings = S3StorageSettings.of("batches")
			.withPartSize(PART)
			.withMaxParallelParts(parallel)
			.withTimeout(Duration.ofMinutes(5));
		S3Storage storage = new S3Storage(closed(S3Clients.client(CREDENTIALS, "eu-central-1", url, true)),
				closed(S3Clients.presigner(CREDENTIALS, "eu-central-1", url, true)), this.transport,
				TransferThreads.platform(), settings, Clock.systemUTC(), policy);
		return new Externalizer(
				ExternalLocationConfig.defaults()
					.withStorage(storage)
					.withCompression(new Compression(1, 0))
					.withExternalizeThreshold(1000)
					.withSegmentSize(1_000_000)
					.withInlineOnFailure(true),
				new TransferResources(this.transport, this.budget, this.slabs, TransferThreads.platform(),
						this.recorded),
				this.allocator);
	}

}
