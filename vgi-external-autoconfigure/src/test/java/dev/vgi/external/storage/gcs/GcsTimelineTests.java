package dev.vgi.external.storage.gcs;

import java.io.IOException;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.NumbersReader;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.gcs.GcsServer.Failure;
import dev.vgi.external.transfer.RecordedEvents;
import dev.vgi.external.transfer.RecordedPauses;
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

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests of what {@link GcsStorage} reports about uploads, and of what becomes of those
 * that an operator ends.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class GcsTimelineTests {

	private static final int CHUNK = 1 << 20;

	/** Of 8 bytes: three chunks. */
	private static final int ROWS = 300_000;

	private final List<AutoCloseable> resources = new ArrayList<>();

	private final RecordedEvents recorded = new RecordedEvents();

	private final BufferAllocator allocator = new RootAllocator();

	private final SlabPool slabs = new SlabPool(0, Duration.ofHours(1));

	private final TransferBudget budget = new TransferBudget(2 * CHUNK, 1);

	private GcsServer server;

	private StorageTransport transport;

	private Externalizer externalizer;

	@BeforeEach
	void start() throws Exception {
		this.server = closed(new GcsServer());
		this.server.account(Accounts.EMAIL, Accounts.KEYS);
		this.server.bucket("batches");
		this.transport = closed(FixedPace.transport(TransportSettings.defaults()));
		GcsStorageSettings settings = GcsStorageSettings.of("batches")
			.withPartSize(CHUNK + 1)
			.withTimeout(Duration.ofMinutes(5));
		GcsStorage storage = new GcsStorage(
				closed(Accounts.storage(Accounts.credentials(this.server, Accounts.KEYS), this.server.url())),
				this.transport, TransferThreads.platform(), settings, Clock.systemUTC(),
				new RecordedPauses().policy(1));
		this.externalizer = new Externalizer(
				ExternalLocationConfig.defaults()
					.withStorage(storage)
					.withCompression(new Compression(1, 0))
					.withInlineOnFailure(true),
				new TransferResources(this.transport, this.budget, this.slabs, TransferThreads.platform(),
						this.recorded),
				this.allocator);
	}

	@AfterEach
	void stop() throws Exception {
		assertThat(this.recorded.transfers()).allMatch(RecordedEvents.Timeline::hasEnded);
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.slabs.leasedSlabs()).isZero();
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
		assertThat(store(1000)).isNotNull();
		long length = this.recorded.only().progress().get(0);
		assertThat(this.recorded.only().withoutDigest()).containsExactly("size " + length + " null", "upload {",
				"1 object 0 0+" + length, "1 sent", "1 answered 200 REQUEST1", "1 complete " + length, "} upload");
	}

	@Test
	void brokenChunkGoesOnWhereTheSessionIs() {
		AtomicInteger broken = new AtomicInteger();
		// The first time, the connection had been used before and is taken for stale.
		this.server
			.failing((request) -> (request.contentRange().startsWith("bytes 1048576-") && broken.incrementAndGet() <= 2)
					? Failure.brokenAfter(600_000) : null);
		assertThat(store(ROWS)).isNotNull();
		RecordedEvents.Timeline timeline = this.recorded.only();
		long length = timeline.storedBytes();
		long last = length - 2 * CHUNK;
		assertThat(timeline.withoutDigest()).containsExactly("size " + length + " null", "upload {", "1 session 0 0+0",
				"1 sent", "1 answered 200 REQUEST1", "1 complete 54", "2 part 0 0+1048576", "2 sent",
				"2 answered 308 REQUEST1", "2 complete 1048576", "done 0", "3 part 1 1048576+1048576", "3 sent",
				"3 failed 0", "retry 1 storage-unavailable 500 ms", "4 session 0 0+0", "4 sent",
				"4 answered 308 REQUEST1", "4 complete 0", "5 part 1 1572864+524288", "5 sent",
				"5 answered 308 REQUEST1", "5 complete 524288", "done 1", "6 part 2 2097152+" + last, "6 sent",
				"6 answered 200 REQUEST1", "6 complete " + last, "done 2", "} upload");
		assertThat(timeline.progress()).containsExactly((long) CHUNK, 2L * CHUNK, length);
		assertThat(timeline.transfer().retries()).isZero();
	}

	@Test
	void compressedResultSetIsThereChunkByChunk() {
		assertThat(store(new NumbersReader(200, 20_000))).isNotNull();
		RecordedEvents.Timeline timeline = this.recorded.only();
		long length = timeline.storedBytes();
		long chunks = (length - 1) / CHUNK + 1;
		assertThat(chunks).isGreaterThan(2);
		assertThat(timeline.where((line) -> line.startsWith("size"))).containsExactly("size " + length + " zstd");
		assertThat(timeline.where((line) -> line.contains(" part ")).size()).isEqualTo((int) chunks);
		assertThat(timeline.where((line) -> line.startsWith("done")).size()).isEqualTo((int) chunks);
		List<String> events = timeline.where((line) -> !line.contains("coding"));
		assertThat(events).startsWith("upload {").endsWith("} upload");
		// Four for each request, one for each part, the phase and the size.
		assertThat(events).hasSize((int) (4 * (chunks + 1) + chunks + 3));
		assertThat(timeline.progress()).isSorted().endsWith(length);
	}

	@ParameterizedTest
	@ValueSource(strings = { "POST", "first chunk", "second chunk", "last chunk", "PUT" })
	void uploadThatIsEndedWhileARequestIsUnderWayLeavesNothing(String where) {
		CountDownLatch release = new CountDownLatch(1);
		this.server.failing((request) -> {
			boolean there = switch (where) {
				case "POST" -> request.method().equals("POST") && !request.path().equals("/token");
				case "first chunk" -> request.contentRange().startsWith("bytes 0-");
				case "second chunk" -> request.contentRange().startsWith("bytes 1048576-");
				case "last chunk" -> request.contentRange().startsWith("bytes 2097152-");
				default -> request.method().equals("PUT");
			};
			if (there) {
				this.recorded.only().transfer().end();
				await(release);
			}
			return null;
		});
		try {
			assertEnded(() -> store(where.equals("PUT") ? 1000 : ROWS));
		}
		finally {
			this.server.failing((request) -> null);
			release.countDown();
		}
		assertRemoved(where);
	}

	@ParameterizedTest
	@ValueSource(strings = { "upload {", "1 session 0 0+0", "1 sent", "1 complete 54", "2 sent", "2 complete 1048576",
			"done 0", "done 1" })
	void uploadMayBeEndedAtAnyMoment(String moment) {
		this.recorded.onEvent((transfer, event) -> {
			if (event.equals(moment)) {
				transfer.end();
			}
		});
		assertEnded(() -> store(ROWS));
		assertRemoved(moment);
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void resultSetThatIsEndedLeavesNothing(boolean whileItIsRead) {
		NumbersReader numbers = new NumbersReader(10_000, 20_000) {

			@Override
			protected void beforeBatch(int number) throws IOException {
				if (whileItIsRead && number == 150) {
					GcsTimelineTests.this.recorded.only().transfer().end();
				}
			}

		};
		this.recorded.onEvent((transfer, event) -> {
			if (!whileItIsRead && event.equals("done 1")) {
				transfer.end();
			}
		});
		assertEnded(() -> store(numbers));
		assertRemoved("result set");
	}

	private void assertEnded(Runnable upload) {
		assertThatExceptionOfType(TransferCancelledException.class).isThrownBy(upload::run)
			.withMessageContaining("was ended by an operator");
		assertThat(Thread.interrupted()).isFalse();
	}

	/**
	 * A session that was opened without an answer is GCS's own business: it holds
	 * nothing.
	 */
	private void assertRemoved(String where) {
		boolean unknown = where.equals("POST") || where.equals("1 sent");
		Awaitility.await().untilAsserted(() -> {
			if (!unknown) {
				assertThat(this.server.contents("batches")).isEmpty();
			}
			assertThat(this.server.objects("batches")).isEmpty();
			assertThat(this.transport.leasedConnections()).isZero();
		});
	}

	private static void await(CountDownLatch latch) {
		try {
			latch.await();
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private @Nullable URI store(int rows) {
		BigIntVector vector = new BigIntVector("n", this.allocator);
		vector.allocateNew(rows);
		for (int row = 0; row < rows; row++) {
			vector.set(row, row);
		}
		vector.setValueCount(rows);
		try (AnnotatedBatch batch = AnnotatedBatch.of(VectorSchemaRoot.of(vector))) {
			return this.externalizer.store(batch.schema(), List.of(batch), false);
		}
	}

	private @Nullable URI store(NumbersReader numbers) {
		try (ReaderBatches batches = new ReaderBatches(numbers, this.allocator)) {
			return this.externalizer.store(batches, true, ResponseBudget.unlimited());
		}
	}

}
