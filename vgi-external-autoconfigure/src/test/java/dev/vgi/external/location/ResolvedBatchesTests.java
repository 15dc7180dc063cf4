package dev.vgi.external.location;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.RecordedTransfers;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

/**
 * Pointers that are fetched ahead, from a storage with faults: four connections, the
 * clock standing still unless a test moves it. An object has as many rows as its URL
 * says.
 */
@ExtendWith(OutputCaptureExtension.class)
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ResolvedBatchesTests {

	private static final int CONNECTIONS = 4;

	/** Rows of an object of about 32 KiB. */
	private static final int SMALL = 4096;

	private static final long SMALL_BYTES = 8L * SMALL + 1024;

	private final RootAllocator allocator = new RootAllocator();

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = new StorageTransport(
			new TransportSettings(Duration.ofSeconds(10), Duration.ofHours(1), 64, null, null, null, null), null,
			this.timer);

	private final SlabPool slabs = new SlabPool(1 << 20, Duration.ofHours(1));

	private final Map<String, byte[]> objects = new ConcurrentHashMap<>();

	private final AtomicInteger inFlight = new AtomicInteger();

	private final AtomicInteger mostInFlight = new AtomicInteger();

	private final AtomicInteger threads = new AtomicInteger();

	private final RecordedTransfers transfers = new RecordedTransfers();

	private TransferBudget budget = new TransferBudget(64 << 20, 8);

	private FetchConfig config = FetchConfig.defaults()
		.withMaxParallelRequests(CONNECTIONS)
		.withChunkSize(64 << 10)
		.withSpeculativeRetryMultiplier(0)
		.withPrefetchSize(16 * SMALL_BYTES);

	private FaultServer.Handler faults = (request, reply) -> {
	};

	private final FaultServer server = new FaultServer((request, reply) -> {
		this.mostInFlight.accumulateAndGet(this.inFlight.incrementAndGet(), Math::max);
		reply.onEnd(this.inFlight::decrementAndGet);
		this.faults.handle(request, reply);
		if (!request.isAnswered()) {
			reply.object(Objects.requireNonNull(this.objects.get(request.target().replaceAll("\\?.*", ""))));
		}
	});

	@AfterEach
	void nothingIsLeft() {
		assertThat(Thread.getAllStackTraces().keySet())
			.noneMatch((thread) -> thread.getName().matches("vgi-external-(ahead|range)"));
		assertThat(this.transport.leasedConnections()).isZero();
		assertThat(this.mostInFlight).hasValueLessThanOrEqualTo(CONNECTIONS);
		this.transport.close();
		this.server.close();
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.slabs.leasedSlabs()).isZero();
		this.slabs.close();
		this.allocator.close();
	}

	private LocationResolver resolver() {
		return resolver(new TransferThreads((task) -> {
			this.threads.incrementAndGet();
			return new Thread(task);
		}));
	}

	private LocationResolver resolver(TransferThreads threads) {
		return new LocationResolver(
				ExternalLocationConfig.defaults()
					.withFetchConfig(this.config)
					.withMaxRetries(0)
					.withUrlValidator(UrlValidator.acceptAll()),
				new TransferResources(this.transport, this.budget, this.slabs, threads, this.transfers));
	}

	private ResolvedBatches ahead(boolean ownThread, AnnotatedBatch... batches) {
		return ahead(new BatchList(List.of(batches)), ownThread);
	}

	private ResolvedBatches ahead(BatchSource source, boolean ownThread) {
		return resolver().ahead(source, this.allocator, LogSink.discarding(), ownThread);
	}

	private AnnotatedBatch inline(int rows) {
		return SampleBatches.numbers(this.allocator, rows);
	}

	private AnnotatedBatch pointer(int number, int rows) {
		String path = "/" + number;
		try (AnnotatedBatch batch = inline(rows)) {
			this.objects.put(path, SampleBatches.stream(batch));
			return batch.zeroRows(BatchMetadata.of(MetadataKeys.LOCATION, this.server.url(path + "?secret").toString()),
					this.allocator);
		}
	}

	private AnnotatedBatch[] pointers(int count, int rows) {
		AnnotatedBatch[] pointers = new AnnotatedBatch[count];
		for (int i = 0; i < count; i++) {
			pointers[i] = pointer(i, rows + i);
		}
		return pointers;
	}

	private static int rows(ResolvedBatches batches) {
		try (AnnotatedBatch batch = batches.next()) {
			if (batch == null) {
				return -1;
			}
			int rows = batch.rowCount();
			if (rows > 0) {
				assertThat(((BigIntVector) batch.root().getVector(0)).get(rows - 1)).isEqualTo((rows - 1) * 3L);
			}
			return rows;
		}
	}

	private static void until(BooleanSupplier condition) {
		while (!condition.getAsBoolean()) {
			Thread.onSpinWait();
		}
	}

	private void stall(int... numbers) {
		List<String> targets = new ArrayList<>();
		for (int number : numbers) {
			targets.add("/" + number + "?secret");
		}
		this.faults = (request, reply) -> {
			if (targets.contains(request.target())) {
				reply.stall();
			}
		};
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void orderIsKept(boolean ownThread) {
		AnnotatedBatch[] batches = pointers(24, SMALL);
		batches[5].close();
		batches[5] = inline(7);
		batches[9].close();
		batches[9] = inline(0);
		try (ResolvedBatches ahead = ahead(ownThread, batches)) {
			for (int i = 0; i < batches.length; i++) {
				assertThat(rows(ahead)).isEqualTo((i == 5) ? 7 : (i == 9) ? 0 : SMALL + i);
			}
			assertThat(rows(ahead)).isEqualTo(-1);
			assertThat(rows(ahead)).isEqualTo(-1);
			assertThat(ahead.group().peak()).isPositive().isLessThanOrEqualTo(this.config.prefetchSize() * 9 / 8);
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void singlePointerNeedsNoThreadToFetchIt(boolean ownThread) {
		try (ResolvedBatches ahead = ahead(ownThread, pointer(1, SMALL))) {
			assertThat(rows(ahead)).isEqualTo(SMALL);
			assertThat(rows(ahead)).isEqualTo(-1);
		}
		assertThat(this.threads).hasValue(ownThread ? 1 : 0);
	}

	@Test
	void listIsResolvedTogether() {
		List<AnnotatedBatch> resolved = resolver().resolveAll(List.of(pointers(9, SMALL)), this.allocator,
				LogSink.discarding());
		assertThat(resolved).extracting(AnnotatedBatch::rowCount).startsWith(SMALL, SMALL + 1).hasSize(9);
		resolved.forEach(AnnotatedBatch::close);
		assertThat(this.threads).hasPositiveValue();
	}

	@Test
	void untilASizeIsKnownOnlyOneObjectIsOpened() throws Exception {
		CountDownLatch first = new CountDownLatch(1);
		CountDownLatch go = new CountDownLatch(1);
		this.faults = (request, reply) -> {
			if (request.target().startsWith("/0")) {
				first.countDown();
				go.await();
			}
		};
		try (ResolvedBatches ahead = ahead(true, pointers(8, SMALL))) {
			CompletableFuture<Integer> rows = CompletableFuture.supplyAsync(() -> rows(ahead));
			first.await();
			assertThat(this.server.requests()).hasSize(1);
			go.countDown();
			assertThat(rows.get()).isEqualTo(SMALL);
			// Nobody takes the others meanwhile.
			until(() -> this.server.requests().size() == 8 && this.inFlight.get() == 0);
			// The one that reads and at least one that fetches.
			assertThat(this.threads).hasValueGreaterThan(1);
			for (int i = 1; i < 8; i++) {
				assertThat(rows(ahead)).isEqualTo(SMALL + i);
			}
		}
	}

	@Test
	void noMoreIsFetchedThanThereIsRoomFor() {
		this.config = this.config.withPrefetchSize(3 * SMALL_BYTES);
		try (ResolvedBatches ahead = ahead(true, pointers(8, SMALL))) {
			assertThat(rows(ahead)).isEqualTo(SMALL);
			until(() -> this.server.requests().size() == 4 && this.transport.leasedConnections() == 0);
			assertThat(rows(ahead)).isEqualTo(SMALL + 1);
			until(() -> this.server.requests().size() == 5 && this.transport.leasedConnections() == 0);
			for (int i = 2; i < 8; i++) {
				assertThat(rows(ahead)).isEqualTo(SMALL + i);
			}
			assertThat(ahead.group().peak()).isLessThanOrEqualTo(this.config.prefetchSize() * 9 / 8);
		}
		assertThat(this.server.requests()).hasSize(8);
	}

	@Test
	void inlineBatchesCountToo() {
		this.config = this.config.withPrefetchSize(3 * SMALL_BYTES);
		AtomicInteger read = new AtomicInteger();
		BatchList list = new BatchList(
				List.of(inline(SMALL), inline(SMALL), inline(SMALL), inline(SMALL), inline(SMALL), inline(SMALL)));
		try (ResolvedBatches ahead = ahead(new CountingSource(list, read), false)) {
			assertThat(rows(ahead)).isEqualTo(SMALL);
			assertThat(read.get()).isBetween(3, 4);
			while (rows(ahead) > 0) {
				assertThat(ahead.group().peak()).isLessThanOrEqualTo(4 * SMALL_BYTES);
			}
		}
	}

	@Test
	void oldestComesFirst() {
		this.config = this.config.withMaxParallelRequests(2);
		try (ResolvedBatches ahead = ahead(true, pointers(20, SMALL))) {
			for (int i = 0; i < 20; i++) {
				assertThat(rows(ahead)).isEqualTo(SMALL + i);
			}
		}
		List<String> targets = this.server.requests().stream().map(FaultServer.Request::target).toList();
		for (int i = 0; i < 20; i++) {
			// Two that are sent at the same time may arrive in any order.
			assertThat(targets.indexOf("/" + i + "?secret")).isBetween(i - 1, i + 1);
		}
		assertThat(this.mostInFlight).hasValueLessThanOrEqualTo(2);
	}

	@Test
	void objectsAreCutIntoRangesIfTogetherTheyReachTheThreshold() {
		int rows = 40_000;
		this.config = this.config.withParallelThreshold(600_000).withPrefetchSize(1 << 20);
		try (ResolvedBatches ahead = ahead(false, pointers(4, rows))) {
			for (int i = 0; i < 4; i++) {
				assertThat(rows(ahead)).isEqualTo(rows + i);
			}
			assertThat(ahead.group().peak()).isLessThanOrEqualTo((1 << 20) * 9 / 8);
		}
		assertThat(this.server.requests()).filteredOn((request) -> request.target().startsWith("/0?"))
			.hasSizeGreaterThan(2);
	}

	@Test
	void manySmallObjectsAreNotCut() {
		this.config = this.config.withParallelThreshold(SMALL_BYTES).withChunkSize(16 << 10);
		try (ResolvedBatches ahead = ahead(false, pointers(9, SMALL))) {
			for (int i = 0; i < 9; i++) {
				assertThat(rows(ahead)).isEqualTo(SMALL + i);
			}
		}
		// The first range and the rest.
		assertThat(this.server.requests()).filteredOn((request) -> request.target().startsWith("/1?")).hasSize(2);
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void failureComesAfterTheBatchesBeforeIt(boolean ownThread, CapturedOutput output) {
		this.faults = (request, reply) -> {
			if (request.target().startsWith("/3?")) {
				reply.empty(404);
			}
			else if (request.target().matches("/[4567].*")) {
				reply.stall();
			}
		};
		try (ResolvedBatches ahead = ahead(ownThread, pointers(8, SMALL))) {
			for (int i = 0; i < 3; i++) {
				assertThat(rows(ahead)).isEqualTo(SMALL + i);
			}
			StorageUnavailableException failure = catchThrowableOfType(StorageUnavailableException.class,
					() -> rows(ahead));
			assertThat(failure).hasMessageContaining("404").hasMessageNotContaining("secret");
			assertThat(catchThrowableOfType(StorageUnavailableException.class, () -> rows(ahead))).isSameAs(failure);
			until(() -> this.transport.leasedConnections() == 0);
		}
		assertThat(output.toString().lines().filter((line) -> line.contains("WARN"))).hasSize(1);
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void closeEndsEverything(boolean ownThread, CapturedOutput output) {
		stall(2, 3, 4);
		try (ResolvedBatches ahead = ahead(ownThread, pointers(9, SMALL))) {
			assertThat(rows(ahead)).isEqualTo(SMALL);
			assertThat(rows(ahead)).isEqualTo(SMALL + 1);
			until(() -> this.inFlight.get() == 3);
			ahead.close();
			assertThat(this.transport.leasedConnections()).isZero();
			assertThat(this.budget.inUse()).isZero();
			assertThatIllegalStateException().isThrownBy(ahead::next);
		}
		assertThat(output.toString()).doesNotContain("WARN");
	}

	@Test
	void closeEndsTheCallThatWaits(CapturedOutput output) throws Exception {
		stall(0);
		try (ResolvedBatches ahead = ahead(false, pointers(2, SMALL))) {
			CompletableFuture<Void> closed = CompletableFuture.runAsync(() -> {
				until(() -> this.inFlight.get() == 1);
				ahead.close();
				assertThat(this.transport.leasedConnections()).isZero();
			});
			assertThat(catchThrowableOfType(TransferCancelledException.class, ahead::next))
				.hasMessageContaining("closed");
			assertThat(Thread.currentThread().isInterrupted()).isFalse();
			closed.get(20, TimeUnit.SECONDS);
		}
		assertThat(output.toString()).doesNotContain("WARN");
	}

	@Test
	void closeEndsTheCallThatWaitsForAnotherThread() throws Exception {
		stall(1);
		try (ResolvedBatches ahead = ahead(false, pointers(2, SMALL))) {
			assertThat(rows(ahead)).isEqualTo(SMALL);
			until(() -> this.threads.get() == 1 && this.inFlight.get() == 1);
			Thread caller = Thread.currentThread();
			CompletableFuture<Void> closed = CompletableFuture.runAsync(() -> {
				until(() -> caller.getState() == Thread.State.WAITING);
				ahead.close();
				assertThat(this.transport.leasedConnections()).isZero();
			});
			assertThat(catchThrowableOfType(TransferCancelledException.class, ahead::next)).isNotNull();
			closed.get(20, TimeUnit.SECONDS);
		}
	}

	@Test
	void closeEndsTheReadingOfTheSource() {
		CountDownLatch reading = new CountDownLatch(1);
		CountDownLatch closed = new CountDownLatch(1);
		try (AnnotatedBatch batch = inline(1);
				ResolvedBatches ahead = ahead(new BlockedSource(batch.schema(), reading, closed), true)) {
			CompletableFuture.runAsync(() -> {
				try {
					reading.await();
				}
				catch (InterruptedException ex) {
					throw new IllegalStateException(ex);
				}
				ahead.close();
			});
			assertThat(catchThrowableOfType(TransferCancelledException.class, ahead::next)).isNotNull();
		}
		assertThat(closed.getCount()).isZero();
	}

	@Test
	void interruptEndsTheCall(CapturedOutput output) {
		stall(0);
		Thread caller = Thread.currentThread();
		try (ResolvedBatches ahead = ahead(true, pointers(3, SMALL))) {
			CompletableFuture.runAsync(() -> {
				until(() -> this.inFlight.get() == 1);
				caller.interrupt();
			});
			VgiExternalException failure = catchThrowableOfType(VgiExternalException.class, ahead::next);
			assertThat(failure.kind()).isEqualTo(Kind.CANCELLED);
			assertThat(Thread.interrupted()).isTrue();
			assertThat(catchThrowableOfType(VgiExternalException.class, ahead::next)).isSameAs(failure);
		}
		assertThat(output.toString()).doesNotContain("WARN");
	}

	@Test
	void slowConsumerTimesNothingOut() {
		this.config = this.config.withPrefetchSize(2 * SMALL_BYTES);
		try (ResolvedBatches ahead = ahead(true, pointers(6, SMALL))) {
			for (int i = 0; i < 6; i++) {
				assertThat(rows(ahead)).isEqualTo(SMALL + i);
				int requests = Math.min(6, i + 3);
				until(() -> this.server.requests().size() == requests && this.transport.leasedConnections() == 0);
				this.timer.advance(Duration.ofMinutes(5));
			}
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void sizesMayDifferFromTheExpectedOnes(boolean ownThread, CapturedOutput output) {
		this.config = this.config.withPrefetchSize(6 * SMALL_BYTES);
		int[] sizes = { SMALL / 10, SMALL * 4, SMALL * 5, SMALL / 10, SMALL / 10, SMALL * 10, SMALL, SMALL / 10,
				SMALL * 5, SMALL * 5, 10, 10, 10, SMALL * 4 };
		AnnotatedBatch[] batches = new AnnotatedBatch[sizes.length];
		for (int i = 0; i < sizes.length; i++) {
			batches[i] = pointer(i, sizes[i]);
		}
		try (ResolvedBatches ahead = ahead(ownThread, batches)) {
			for (int size : sizes) {
				assertThat(rows(ahead)).isEqualTo(size);
			}
			assertThat(ahead.group().peak()).isLessThanOrEqualTo(10 * SMALL_BYTES);
		}
		assertThat(output.toString()).doesNotContain("WARN");
		noneHasFailed();
	}

	@Test
	void fetchThatGivesWayHasNotFailed() {
		this.config = this.config.withPrefetchSize(6 * SMALL_BYTES);
		AnnotatedBatch[] batches = { pointer(0, SMALL), pointer(1, SMALL), pointer(2, SMALL * 10) };
		try (ResolvedBatches ahead = ahead(true, batches)) {
			assertThat(rows(ahead)).isEqualTo(SMALL);
			until(() -> this.transfers.lines().contains("gave-way"));
			assertThat(rows(ahead)).isEqualTo(SMALL);
			assertThat(rows(ahead)).isEqualTo(SMALL * 10);
		}
		noneHasFailed();
		List<Transfer> last = this.transfers.transfers()
			.stream()
			.filter((transfer) -> transfer.segment() == 3)
			.toList();
		assertThat(last).extracting(Transfer::outcome).containsExactly("gave-way", "success");
		Transfer first = last.get(0);
		assertThat(first.hasGivenWay()).isTrue();
		assertThat(first.failure()).isNull();
		assertThat(first.statistics()).isNull();
	}

	@Test
	void operatorEndsOneFetchAhead() {
		stall(1);
		AnnotatedBatch[] batches = { pointer(0, SMALL), pointer(1, SMALL) };
		try (ResolvedBatches ahead = ahead(true, batches)) {
			assertThat(rows(ahead)).isEqualTo(SMALL);
			until(() -> this.server.requests().size() == 2);
			Transfer second = this.transfers.transfers().get(1);
			second.end();
			TransferCancelledException failure = catchThrowableOfType(TransferCancelledException.class,
					() -> rows(ahead));
			assertThat(failure).hasMessage("The transfer " + second.id() + " was ended by an operator");
			assertThat(this.server.requests()).hasSize(2);
			assertThat(Thread.currentThread().isInterrupted()).isFalse();
		}
	}

	private void noneHasFailed() {
		assertThat(this.transfers.transfers()).extracting(Transfer::outcome)
			.contains("success")
			.isSubsetOf("success", "gave-way");
	}

	@Test
	void pointerThatGivesWayKeepsItsNewLink(CapturedOutput output) {
		this.config = this.config.withPrefetchSize(6 * SMALL_BYTES);
		this.faults = (request, reply) -> {
			if (request.target().endsWith("?secret")) {
				reply.empty(403);
			}
		};
		int[] sizes = { SMALL / 10, SMALL * 4, SMALL * 5, SMALL / 10, SMALL / 10, SMALL * 10, SMALL, SMALL / 10,
				SMALL * 5, SMALL * 5, 10, 10, 10, SMALL * 4 };
		List<AnnotatedBatch> batches = new ArrayList<>();
		for (int i = 0; i < sizes.length; i++) {
			AnnotatedBatch pointer = pointer(i, sizes[i]);
			batches.add(pointer.withMetadata(pointer.metadata()
				.with(MetadataKeys.RENEWAL, String.valueOf(i))
				.with(MetadataKeys.RENEWAL_PATH, "/__renew_url__/init")));
		}
		Map<String, Integer> renewals = new ConcurrentHashMap<>();
		LocationResolver renewing = new LocationResolver(
				ExternalLocationConfig.defaults()
					.withFetchConfig(this.config)
					.withMaxRetries(1)
					.withUrlValidator(UrlValidator.acceptAll()),
				new TransferResources(this.transport, this.budget, this.slabs, TransferThreads.platform(),
						TransferListener.none()))
			.renewing((token, path) -> {
				renewals.merge(token, 1, Integer::sum);
				return this.server.url("/" + token + "?new");
			});
		try (ResolvedBatches ahead = renewing.ahead(new BatchList(batches), this.allocator, LogSink.discarding(),
				true)) {
			for (int size : sizes) {
				assertThat(rows(ahead)).isEqualTo(size);
			}
		}
		assertThat(renewals).hasSize(sizes.length);
		assertThat(output.toString()).doesNotContain("WARN");
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void budgetForOneIsEnough(boolean ownThread, CapturedOutput output) {
		this.budget = new TransferBudget(SMALL_BYTES * 3 / 2, 8);
		try (ResolvedBatches ahead = ahead(ownThread, pointers(6, SMALL))) {
			for (int i = 0; i < 6; i++) {
				assertThat(rows(ahead)).isEqualTo(SMALL + i);
			}
		}
		assertThat(this.budget.peak()).isLessThanOrEqualTo(this.budget.maxBytes());
		assertThat(output.toString()).doesNotContain("WARN");
		noneHasFailed();
	}

	@Test
	void growingSizesFitIntoASmallBudget(CapturedOutput output) {
		this.budget = new TransferBudget(SMALL_BYTES * 5 / 2, 8);
		AnnotatedBatch[] batches = new AnnotatedBatch[8];
		for (int i = 0; i < batches.length; i++) {
			batches[i] = pointer(i, (i % 2 == 0) ? SMALL / 10 : SMALL * 2);
		}
		try (ResolvedBatches ahead = ahead(true, batches)) {
			for (int i = 0; i < batches.length; i++) {
				assertThat(rows(ahead)).isEqualTo((i % 2 == 0) ? SMALL / 10 : SMALL * 2);
			}
		}
		assertThat(output.toString()).doesNotContain("WARN");
	}

	@Test
	void budgetTooSmallForOneIsAnError() {
		this.budget = new TransferBudget(SMALL_BYTES * 2, 8);
		AnnotatedBatch[] batches = { pointer(0, SMALL), pointer(1, SMALL * 10), pointer(2, SMALL) };
		try (ResolvedBatches ahead = ahead(true, batches)) {
			assertThat(rows(ahead)).isEqualTo(SMALL);
			assertThat(catchThrowableOfType(BudgetExhaustedException.class, () -> rows(ahead)))
				.hasMessageContaining("vgi.external.memory.budget");
		}
	}

	@Test
	void requestIsChargedForWhatIsAhead() {
		this.budget = new TransferBudget(64 * SMALL_BYTES, 12 * SMALL_BYTES, 8, null);
		try (RequestMemory request = this.budget.request("caller", this.allocator);
				RequestMemory.Bound bound = request.bind()) {
			assertThat(bound).isNotNull();
			BufferAllocator charged = RequestMemory.allocator(this.allocator);
			try (ResolvedBatches ahead = resolver().ahead(new BatchList(List.of(pointers(40, SMALL))), charged,
					LogSink.discarding(), false)) {
				for (int i = 0; i < 40; i++) {
					assertThat(rows(ahead)).isEqualTo(SMALL + i);
				}
			}
			assertThat(this.budget.peak()).isGreaterThan(SMALL_BYTES).isLessThanOrEqualTo(12 * SMALL_BYTES);
		}
	}

	@Test
	void twoReadersShareABudgetForOne() throws Exception {
		this.budget = new TransferBudget(SMALL_BYTES * 3 / 2, 8);
		try (ResolvedBatches one = ahead(true, pointers(6, SMALL));
				ResolvedBatches two = ahead(false, pointers(6, SMALL))) {
			List<CompletableFuture<Integer>> all = new ArrayList<>();
			for (ResolvedBatches batches : List.of(one, two)) {
				all.add(CompletableFuture.supplyAsync(() -> {
					int count = 0;
					while (rows(batches) > 0) {
						count++;
					}
					return count;
				}));
			}
			for (CompletableFuture<Integer> count : all) {
				assertThat(count.get(20, TimeUnit.SECONDS)).isEqualTo(6);
			}
		}
	}

	@Test
	void logsComeInOrderWhenTheirBatchIsHandedOut() {
		List<AnnotatedBatch> batches = new ArrayList<>();
		for (int i = 0; i < 6; i++) {
			AnnotatedBatch pointer = pointer(i, SMALL + i);
			batches.add(pointer);
			try (AnnotatedBatch batch = inline(SMALL + i)) {
				this.objects.put("/" + i, SampleBatches.stream(batch, new LogMessage("INFO", "log " + i, Map.of())));
			}
		}
		List<String> logs = new ArrayList<>();
		try (ResolvedBatches ahead = resolver().ahead(new BatchList(batches), this.allocator,
				(log) -> logs.add(log.message()), true)) {
			for (int i = 0; i < 6; i++) {
				assertThat(rows(ahead)).isEqualTo(SMALL + i);
				assertThat(logs).hasSize(i + 1).endsWith("log " + i);
			}
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void sinkThatFailsLosesNoMemoryAndSkipsNoBatch(boolean ownThread) {
		AnnotatedBatch pointer = pointer(0, SMALL);
		AnnotatedBatch alone = pointer(0, SMALL);
		try (AnnotatedBatch batch = inline(SMALL)) {
			this.objects.put("/0", SampleBatches.stream(batch, new LogMessage("INFO", "log", Map.of())));
		}
		IllegalArgumentException thrown = new IllegalArgumentException("sink");
		LogSink sink = (log) -> {
			throw thrown;
		};
		assertThat(catchThrowableOfType(IllegalArgumentException.class,
				() -> resolver().resolve(alone, this.allocator, sink)))
			.isSameAs(thrown);
		try (ResolvedBatches ahead = resolver().ahead(new BatchList(List.of(pointer, inline(5))), this.allocator, sink,
				ownThread)) {
			assertThat(catchThrowableOfType(IllegalArgumentException.class, ahead::next)).isSameAs(thrown);
			assertThat(catchThrowableOfType(IllegalArgumentException.class, ahead::next)).isSameAs(thrown);
		}
	}

	@Test
	void readerMayBeClosedByItsOwnThread() {
		AtomicReference<ResolvedBatches> reader = new AtomicReference<>();
		try (AnnotatedBatch batch = inline(1); ResolvedBatches ahead = ahead(new BatchSource() {

			@Override
			public Schema schema() {
				return batch.schema();
			}

			@Override
			public @Nullable AnnotatedBatch next() {
				// As a log sink does.
				reader.get().close();
				return null;
			}

			@Override
			public boolean isReady() {
				return false;
			}

			@Override
			public void close() {
			}

		}, true)) {
			reader.set(ahead);
			assertThat(catchThrowableOfType(TransferCancelledException.class, ahead::next)).isNotNull();
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void lateAnswersAreAskedForAgainWithinTheConnections(boolean ownThread) {
		this.config = this.config.withSpeculativeRetryMultiplier(2);
		AnnotatedBatch[] pointers = pointers(12, SMALL);
		Set<String> late = ConcurrentHashMap.newKeySet();
		this.faults = (request, reply) -> {
			if (request.target().matches("/[36]\\?.*") && late.add(request.target())) {
				reply.stall();
			}
		};
		try (ResolvedBatches ahead = ahead(ownThread, pointers)) {
			CompletableFuture<Integer> count = CompletableFuture.supplyAsync(() -> {
				int read = 0;
				while (rows(ahead) == SMALL + read) {
					read++;
				}
				return read;
			});
			until(() -> this.server.requests().size() == 12 && this.inFlight.get() == 2);
			this.timer.advance(Duration.ofSeconds(1));
			assertThat(count.join()).isEqualTo(12);
		}
		assertThat(this.server.requests()).hasSize(14);
	}

	@Test
	void withoutFurtherThreadsTheCallerFetchesAll() {
		AnnotatedBatch[] pointers = pointers(8, SMALL);
		TransferThreads none = new TransferThreads((task) -> new Thread(task) {

			@Override
			public synchronized void start() {
				throw new OutOfMemoryError("unable to create native thread");
			}

		});
		try (ResolvedBatches ahead = resolver(none).ahead(new BatchList(List.of(pointers)), this.allocator,
				LogSink.discarding(), false)) {
			for (int i = 0; i < 8; i++) {
				assertThat(rows(ahead)).isEqualTo(SMALL + i);
			}
			assertThat(rows(ahead)).isEqualTo(-1);
		}
	}

	@Test
	void manyColumnsAndMuchMetadataCountAlthoughThereAreNoValues() {
		Schema wide = new Schema(Collections.nCopies(100, Field.nullable("a", new ArrowType.Int(64, true))));
		BatchMetadata metadata = BatchMetadata.of("key", "x".repeat(25 << 10));
		Schema none = new Schema(List.of());
		for (AnnotatedBatch batch : List.of(AnnotatedBatch.empty(wide, BatchMetadata.empty(), this.allocator),
				AnnotatedBatch.empty(none, metadata, this.allocator))) {
			AtomicInteger read = new AtomicInteger();
			BatchList list = new BatchList(Collections.nCopies(50, batch));
			try (ResolvedBatches ahead = ahead(new CountingSource(list, read), false)) {
				assertThat(rows(ahead)).isZero();
				// About 100 KB each, where there is room for about 500 KB.
				assertThat(read.get()).isBetween(4, 7);
			}
		}
	}

	/**
	 * Counts what is read.
	 *
	 * @param source the batches
	 * @param read how many were read
	 */
	private record CountingSource(BatchList source, AtomicInteger read) implements BatchSource {

		@Override
		public Schema schema() {
			return this.source.schema();
		}

		@Override
		public @Nullable AnnotatedBatch next() {
			this.read.incrementAndGet();
			return this.source.next();
		}

		@Override
		public boolean isReady() {
			return true;
		}

		@Override
		public void close() {
			this.source.close();
		}

	}

	/**
	 * Has no batch until it is closed.
	 *
	 * @param schema the schema
	 * @param reading counted down when it is read
	 * @param closed counted down when it is closed
	 */
	private record BlockedSource(Schema schema, CountDownLatch reading, CountDownLatch closed) implements BatchSource {

		@Override
		public @Nullable AnnotatedBatch next() {
			this.reading.countDown();
			boolean interrupted = false;
			while (this.closed.getCount() > 0) {
				interrupted |= Thread.interrupted();
				Thread.onSpinWait();
			}
			return null;
		}

		@Override
		public boolean isReady() {
			return false;
		}

		@Override
		public void close() {
			this.closed.countDown();
		}

	}

}
