package dev.vgi.external.history;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link TransferHistory} with fetches whose storage misbehaves, by the clock
 * of a test.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RecordedFetchTests {

	private static final int CHUNK = 4096;

	/** What only time ends. */
	private static final Set<String> WAITS = Set.of("its turn", "the next attempt");

	private final RootAllocator allocator = new RootAllocator();

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = new StorageTransport(
			new TransportSettings(Duration.ofSeconds(10), Duration.ofHours(1), 64, null, null, null, null), null,
			this.timer);

	private final SlabPool slabs = new SlabPool(1 << 20, Duration.ofHours(1));

	private final TransferBudget budget = new TransferBudget(64 << 20, 8);

	private final TransferHistory history = new TransferHistory(10, Duration.ZERO, this.timer::nanoTime, Instant::now);

	private byte[] object = {};

	private FaultServer.Handler faults = (request, reply) -> {
	};

	private final FaultServer server = new FaultServer((request, reply) -> {
		this.faults.handle(request, reply);
		if (!request.isAnswered()) {
			reply.object(this.object);
		}
	});

	@AfterEach
	void nothingIsLeft() {
		this.transport.close();
		this.server.close();
		assertThat(this.budget.inUse()).isZero();
		this.slabs.close();
		this.allocator.close();
	}

	private FutureTask<Void> start(int rows) {
		FetchConfig config = new FetchConfig(FetchConfig.Probe.RANGE, CHUNK, CHUNK, 2, Duration.ofSeconds(60), 8 << 20,
				8 << 20, 5, 2, 1, 0);
		ExternalLocationConfig resolving = ExternalLocationConfig.defaults()
			.withFetchConfig(config)
			.withUrlValidator(UrlValidator.acceptAll());
		LocationResolver resolver = new LocationResolver(resolving, new TransferResources(this.transport, this.budget,
				this.slabs, TransferThreads.platform(), this.history));
		AnnotatedBatch batch = SampleBatches.numbers(this.allocator, rows);
		this.object = SampleBatches.stream(batch);
		URI url = this.server.url("/o?secret");
		AnnotatedBatch pointer = batch.zeroRows(BatchMetadata.of(MetadataKeys.LOCATION, url.toString()),
				this.allocator);
		batch.close();
		FutureTask<Void> task = new FutureTask<>(
				() -> resolver.resolve(pointer, this.allocator, LogSink.discarding()).close(), null);
		new Thread(task, "caller").start();
		return task;
	}

	private TransferTimeline running() {
		while (this.history.running().isEmpty()) {
			Thread.onSpinWait();
		}
		TransferTimeline timeline = this.history.find(this.history.running().get(0).id());
		assertThat(timeline).isNotNull();
		return timeline;
	}

	private TransferTimeline finished() {
		TransferTimeline timeline = this.history.find(this.history.finished().get(0).id());
		assertThat(timeline).isNotNull();
		assertThat(timeline.toString()).doesNotContain("secret");
		return timeline;
	}

	private void awaitWaitingFor(String what) {
		while (!what.equals(running().waitsFor())) {
			Thread.onSpinWait();
		}
	}

	@Test
	void waitForMemory() throws Exception {
		FutureTask<Void> fetch;
		try (TransferBudget.Lease all = this.budget.acquire(this.budget.maxBytes(), Duration.ZERO)) {
			assertThat(all).isNotNull();
			fetch = start(100);
			awaitWaitingFor("memory");
			this.timer.advance(Duration.ofMillis(1800));
			assertThat(running().explanation()).isEqualTo("Waited 1.8 s for memory: raise vgi.external.memory.budget");
		}
		fetch.get();
		assertThat(finished().explanation()).isEqualTo("Waited 1.8 s for memory: raise vgi.external.memory.budget");
	}

	@Test
	void storageThatIsBusy() throws Exception {
		this.faults = (request, reply) -> {
			if (request.index() < 2) {
				reply.empty(503, "Retry-After: 2", "x-amz-request-id: request-" + request.index());
			}
		};
		FutureTask<Void> fetch = start(100);
		while (!fetch.isDone()) {
			List<TransferTimeline> running = this.history.running();
			if (!running.isEmpty() && WAITS.contains(String.valueOf(running.get(0).waitsFor()))) {
				this.timer.advanceToAlarmWithin(Duration.ofSeconds(3));
			}
		}
		fetch.get();
		TransferTimeline timeline = finished();
		assertThat(timeline.explanation())
			.matches("Storage answered 503 for [0-9]+\\.[0-9] s \\(2 requests\\): see docs/network.md");
		assertThat(timeline.requests()).extracting(TransferTimeline.Request::requestId)
			.containsExactly("request-0", "request-1", null);
		assertThat(timeline.retries()).isEqualTo(2);
		assertThat(timeline.requestId()).isEqualTo("request-1");
	}

	@Test
	void rangeThatStallsUntilItsHedgeWins() throws Exception {
		AtomicInteger asked = new AtomicInteger();
		CountDownLatch late = new CountDownLatch(1);
		this.faults = (request, reply) -> {
			if (request.rangeStart() == CHUNK) {
				if (asked.getAndIncrement() == 0) {
					reply.stall();
				}
				reply.await(late);
			}
		};
		FutureTask<Void> fetch = start(4 * CHUNK / 8);
		awaitWaitingFor("range 1");
		while (running().hedges() == 0) {
			this.timer.advanceToAlarmWithin(Duration.ofMillis(300));
		}
		this.timer.advance(Duration.ofMillis(2000));
		late.countDown();
		fetch.get();
		TransferTimeline timeline = finished();
		assertThat(timeline.explanation()).matches("Range 1 stalled 2\\.[0-9] s; its hedge won");
		assertThat(timeline.events()).extracting(TransferTimeline.Event::type)
			.containsExactly("hedge-started", "hedge-won");
		assertThat(timeline.requests()).extracting(TransferTimeline.Request::outcome)
			.containsOnlyOnce("cancelled")
			.contains("complete");
	}

}
