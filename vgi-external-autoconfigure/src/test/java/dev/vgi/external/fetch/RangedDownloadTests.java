package dev.vgi.external.fetch;

import java.net.URI;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.AttemptsExhaustedException;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferStatistics;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.FaultServer.Handler;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.transport.TransportClosedException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.RootAllocator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Ranges in parallel against a storage with faults: 16 ranges of 64 KiB, 4 at once, the
 * clock standing still unless a test moves it.
 */
@Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RangedDownloadTests {

	/** Only the deadline ends a stall. */
	private static final TransportSettings PATIENT = new TransportSettings(Duration.ofSeconds(10),
			Duration.ofMinutes(5), 64, null, null, null, null);

	private static final int CHUNK = 64 * 1024;

	private static final int CHUNKS = 16;

	private static final byte[] PLAIN = ExternalFetcherTests.bytes(CHUNKS * CHUNK - 7);

	private static final byte[] CODED_CONTENT = ExternalFetcherTests.compressible(4_010_000);

	private static final byte[] CODED = ExternalFetcherTests.encode("zstd", CODED_CONTENT, true);

	private static byte[] stored(String coding) {
		return "plain".equals(coding) ? PLAIN : CODED;
	}

	private static byte[] content(String coding) {
		return "plain".equals(coding) ? PLAIN : CODED_CONTENT;
	}

	private final RootAllocator allocator = new RootAllocator();

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = new StorageTransport(PATIENT, null, this.timer);

	private final SlabPool slabs = new SlabPool(64 << 20, Duration.ofHours(1));

	private final TransferBudget budget = new TransferBudget(64 << 20, 8);

	private double multiplier = 2;

	private int maxHedges = 4;

	private @Nullable FaultServer server;

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.transport.leasedConnections()).isZero();
		assertThat(this.timer.alarms()).isLessThanOrEqualTo(1); // idle connections
		this.transport.close();
		if (this.server != null) {
			this.server.close();
		}
		assertThat(this.budget.inUse()).isZero();
		this.allocator.close();
		assertThat(this.slabs.leasedSlabs()).isZero();
		this.slabs.close();
		assertThat(Thread.getAllStackTraces().keySet())
			.noneMatch((thread) -> thread.getName().startsWith("vgi-external-range"));
	}

	private FaultServer serve(String coding, Handler faults) {
		byte[] stored = stored(coding);
		String[] headers = "plain".equals(coding) ? new String[0] : new String[] { "Content-Encoding: " + coding };
		FaultServer started = new FaultServer((request, reply) -> {
			int before = request.index();
			faults.handle(request, reply);
			if (before >= 0 && !request.isAnswered()) {
				reply.object(stored, headers);
			}
		});
		this.server = started;
		return started;
	}

	private TransferStatistics fetch(URI url, String coding) {
		FetchConfig config = new FetchConfig(FetchConfig.Probe.RANGE, 4 * CHUNK, CHUNK, 4, Duration.ofSeconds(60),
				8 << 20, 32 << 20, 5, this.multiplier, this.maxHedges, 0);
		ExternalFetcher fetcher = new ExternalFetcher(config, UrlValidator.acceptAll(), null, new TransferResources(
				this.transport, this.budget, this.slabs, TransferThreads.platform(), TransferListener.none()));
		byte[] expected = content(coding);
		try (FetchedBody body = fetcher.fetch(url, ExternalFetcherTests.sha256(expected), this.allocator)) {
			byte[] bytes = new byte[(int) body.length()];
			body.buffer().getBytes(0, bytes);
			assertThat(bytes).isEqualTo(expected);
			return body.statistics();
		}
	}

	private Future<TransferStatistics> start(URI url, String coding) {
		FutureTask<TransferStatistics> task = new FutureTask<>(() -> fetch(url, coding));
		new Thread(task, "caller").start();
		return task;
	}

	private static <T> T get(Future<T> future) throws Exception {
		return future.get(30, TimeUnit.SECONDS);
	}

	/** Let time pass for retries and hedges, but not for the deadline. */
	private <T> T drive(Future<T> call) throws Exception {
		while (!call.isDone()) {
			if (!this.timer.advanceToAlarmWithin(Duration.ofSeconds(1))) {
				Thread.onSpinWait();
			}
		}
		return call.get();
	}

	private static int chunks(String coding) {
		return (stored(coding).length + CHUNK - 1) / CHUNK;
	}

	private static int chunkOf(FaultServer.Request request) {
		return (int) ((request.rangeStart() + CHUNK / 2) / CHUNK);
	}

	@ParameterizedTest
	@ValueSource(strings = { "plain", "zstd" })
	void rangesAreFetchedInParallelAndAssembledInOrder(String coding) {
		AtomicInteger inFlight = new AtomicInteger();
		AtomicInteger most = new AtomicInteger();
		FaultServer server = serve(coding, (request, reply) -> {
			most.accumulateAndGet(inFlight.incrementAndGet(), Math::max);
			reply.onEnd(inFlight::decrementAndGet);
		});
		TransferStatistics statistics = fetch(server.url("/o"), coding);
		assertThat(statistics.requests()).isGreaterThanOrEqualTo(chunks(coding)).isEqualTo(server.requests().size());
		assertThat(statistics.storedBytes()).isEqualTo(stored(coding).length);
		assertThat(statistics.hedges()).isZero();
		assertThat(most.get()).isLessThanOrEqualTo(4);
		assertThat(server.connections()).isLessThanOrEqualTo(4);
		assertThat(server.requests().subList(1, server.requests().size()))
			.allMatch((request) -> "\"v1\"".equals(request.header("If-Match")));
	}

	@ParameterizedTest
	@CsvSource({ "plain, 503", "zstd, 503", "plain, 429", "zstd, 500", "plain, 416", "zstd, 416", "plain, 408" })
	void statusBurstOnOneChunkCostsOnlyThatChunk(String coding, int status) throws Exception {
		AtomicInteger failures = new AtomicInteger();
		FaultServer server = serve(coding, (request, reply) -> {
			if (chunkOf(request) == 5 && failures.getAndIncrement() < 2) {
				reply.empty(status);
			}
		});
		this.multiplier = 0;
		Future<TransferStatistics> call = start(server.url("/o"), coding);
		TransferStatistics statistics = drive(call);
		assertThat(server.requests()).filteredOn((request) -> chunkOf(request) != 5)
			.extracting(FaultServer.Request::rangeStart)
			.doesNotHaveDuplicates();
		assertThat(statistics.requests()).isEqualTo(server.requests().size());
	}

	@Test
	void lastingStatusIsAnError() throws Exception {
		FaultServer server = serve("plain", (request, reply) -> {
			if (chunkOf(request) == 5) {
				reply.empty(500);
			}
		});
		this.multiplier = 0;
		Future<TransferStatistics> call = start(server.url("/o?secret"), "plain");
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> drive(call))
			.withCauseInstanceOf(AttemptsExhaustedException.class)
			.withMessageContaining("3 attempts")
			.withMessageContaining("500")
			.withMessageNotContaining("secret");
		assertThat(server.requests()).filteredOn((request) -> chunkOf(request) == 5).hasSize(3);
	}

	@ParameterizedTest
	@ValueSource(strings = { "plain", "zstd" })
	void oneAnswerInFiveThatThereIsNoSuchRangeCostsOnlyThose(String coding) throws Exception {
		Set<Long> refused = ConcurrentHashMap.newKeySet();
		FaultServer server = serve(coding, (request, reply) -> {
			if (request.rangeStart() > 0 && chunkOf(request) % 5 == 0 && refused.add(request.rangeStart())) {
				reply.empty(416);
			}
		});
		this.multiplier = 0;
		TransferStatistics statistics = drive(start(server.url("/o"), coding));
		assertThat(server.requests()).hasSize(statistics.requests())
			.filteredOn((request) -> request.rangeStart() == 0)
			.hasSize(1);
		assertThat(refused).isNotEmpty();
		assertThat(server.requests()).hasSize(chunks(coding) + refused.size());
	}

	@Test
	void storageThatStaysBusyIsGivenUpWithTheDeadline() throws Exception {
		FaultServer server = serve("plain", (request, reply) -> {
			if (chunkOf(request) == 5) {
				reply.empty(503, "Retry-After: 60");
			}
		});
		this.multiplier = 0;
		Future<TransferStatistics> call = start(server.url("/o"), "plain");
		// All ranges wait the 30 s that are believed.
		while (server.requests().stream().noneMatch((request) -> chunkOf(request) == 5)
				|| this.transport.leasedConnections() > 0) {
			Thread.onSpinWait();
		}
		this.timer.advance(Duration.ofSeconds(31));
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> get(call))
			.withCauseInstanceOf(AttemptsExhaustedException.class)
			.withMessageContaining("deadline of 60000 ms");
	}

	@ParameterizedTest
	@CsvSource({ "plain, false", "zstd, false", "plain, true", "zstd, true" })
	void brokenChunkGoesOnWhereItBroke(String coding, boolean reset) throws Exception {
		byte[] stored = stored(coding);
		AtomicInteger failures = new AtomicInteger();
		FaultServer server = serve(coding, (request, reply) -> {
			if (chunkOf(request) == 3 && failures.getAndIncrement() == 0) {
				int[] range = reply.range(stored);
				assertThat(range).isNotNull();
				reply.rangeHead(stored, range);
				reply.raw(stored, range[0], range[0] + 20_000);
				if (reset) {
					reply.reset();
				}
				else {
					reply.hangUp();
				}
			}
		});
		this.multiplier = 0;
		Future<TransferStatistics> call = start(server.url("/o"), coding);
		drive(call);
		long start = server.requests()
			.stream()
			.filter((request) -> chunkOf(request) == 3)
			.findFirst()
			.orElseThrow()
			.rangeStart();
		if (!reset) {
			assertThat(server.requests()).anyMatch((request) -> request.rangeStart() == start + 20_000);
		}
	}

	@ParameterizedTest
	@CsvSource({ "plain, 1, false", "plain, 1, true", "plain, 7, false", "plain, 7, true", "plain, 15, true",
			"zstd, 1, false", "zstd, 7, true", "zstd, 15, true" })
	void stalledChunkIsHedgedByTheClock(String coding, int stalled, boolean inTheBody) throws Exception {
		byte[] stored = stored(coding);
		CountDownLatch asked = new CountDownLatch(1);
		FaultServer server = serve(coding, (request, reply) -> {
			if (chunkOf(request) == stalled && asked.getCount() > 0) {
				if (inTheBody) {
					int[] range = reply.range(stored);
					assertThat(range).isNotNull();
					reply.rangeHead(stored, range);
					reply.raw(stored, range[0], range[0] + 10_000);
				}
				asked.countDown();
				reply.stall();
			}
		});
		this.maxHedges = 0;
		Future<TransferStatistics> call = start(server.url("/o"), coding);
		asked.await();
		TransferStatistics statistics = drive(call);
		assertThat(statistics.hedges()).isPositive();
		// While the clock races, the hedge may be late, too.
		assertThat(server.requests()).filteredOn((request) -> chunkOf(request) == stalled).hasSizeBetween(2, 3);
	}

	@Test
	void failedHedgeDoesNotFailAChunkWhoseTwinRuns() throws Exception {
		CountDownLatch hedged = new CountDownLatch(1);
		AtomicInteger asked = new AtomicInteger();
		byte[] stored = stored("plain");
		FaultServer server = serve("plain", (request, reply) -> {
			if (chunkOf(request) == 6) {
				if (asked.getAndIncrement() == 0) {
					hedged.await();
					reply.object(stored);
				}
				else {
					reply.empty(503);
					hedged.countDown();
				}
			}
		});
		this.maxHedges = 0;
		Future<TransferStatistics> call = start(server.url("/o"), "plain");
		assertThat(drive(call).hedges()).isPositive();
	}

	@Test
	void hedgeThatStallsIsHedgedAlthoughTheFirstRequestHasFailed() throws Exception {
		CountDownLatch hedged = new CountDownLatch(1);
		AtomicInteger asked = new AtomicInteger();
		FaultServer server = serve("plain", (request, reply) -> {
			int copy = (chunkOf(request) == 6) ? asked.getAndIncrement() : 2;
			if (copy == 0) {
				int[] range = reply.range(PLAIN);
				assertThat(range).isNotNull();
				reply.rangeHead(PLAIN, range);
				reply.await(hedged);
				reply.reset();
			}
			else if (copy == 1) {
				hedged.countDown();
				reply.stall();
			}
		});
		this.maxHedges = 0;
		Future<TransferStatistics> call = start(server.url("/o"), "plain");
		while (hedged.getCount() > 0) {
			if (!this.timer.advanceToAlarmWithin(Duration.ofSeconds(1))) {
				Thread.onSpinWait();
			}
		}
		while (this.transport.pace().inFlight() > 1) {
			Thread.onSpinWait();
		}
		// There are no hedges in the ten seconds after the reset.
		while (!call.isDone()) {
			if (!this.timer.advanceToAlarmWithin(Duration.ofSeconds(6))) {
				Thread.onSpinWait();
			}
		}
		assertThat(call.get().hedges()).isGreaterThanOrEqualTo(2);
	}

	/**
	 * A late range and its two hedges end in any order, each well or not.
	 */
	@ParameterizedTest
	@ValueSource(strings = { "plain", "zstd" })
	void lateRangeAndItsHedgesEndInAnyOrder(String coding) throws Exception {
		int[][] orders = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
		for (String ends : new String[] { "good busy short", "short good busy", "busy short good",
				"short busy short" }) {
			for (int[] order : orders) {
				endInOrder(coding, ends.split(" "), order);
				assertThat(this.budget.inUse()).isZero();
				assertThat(this.slabs.leasedSlabs()).isZero();
				assertThat(this.transport.pace().inFlight() + this.transport.pace().waiting()).isZero();
			}
		}
	}

	private void endInOrder(String coding, String[] ends, int[] order) throws Exception {
		byte[] stored = stored(coding);
		CountDownLatch[] released = { new CountDownLatch(1), new CountDownLatch(1), new CountDownLatch(1) };
		CountDownLatch[] over = { new CountDownLatch(1), new CountDownLatch(1), new CountDownLatch(1) };
		AtomicInteger asked = new AtomicInteger();
		this.maxHedges = 0;
		try (FaultServer server = serve(coding, (request, reply) -> {
			int copy = (chunkOf(request) == 6) ? asked.getAndIncrement() : 3;
			if (copy < 3) {
				reply.onEnd(over[copy]::countDown);
				reply.await(released[copy]);
				switch (ends[copy]) {
					case "busy" -> reply.empty(503);
					case "short" -> {
						int[] range = reply.range(stored);
						assertThat(range).isNotNull();
						reply.rangeHead(stored, range);
						reply.raw(stored, range[0], range[0] + 10_000);
						reply.hangUp();
					}
					default -> {
					}
				}
			}
		})) {
			Future<TransferStatistics> call = start(server.url("/o"), coding);
			while (asked.get() < 3) {
				if (!this.timer.advanceToAlarmWithin(Duration.ofSeconds(1))) {
					Thread.onSpinWait();
				}
			}
			for (int copy : order) {
				released[copy].countDown();
				over[copy].await();
			}
			drive(call);
		}
	}

	@Test
	void withoutHedgingAStallEndsWithTheDeadline() throws Exception {
		CountDownLatch asked = new CountDownLatch(1);
		FaultServer server = serve("plain", (request, reply) -> {
			if (chunkOf(request) == 6) {
				asked.countDown();
				reply.stall();
			}
		});
		this.multiplier = 0;
		Future<TransferStatistics> call = start(server.url("/o"), "plain");
		asked.await();
		this.timer.advance(Duration.ofSeconds(60));
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> get(call))
			.withCauseInstanceOf(TransferTimeoutException.class);
	}

	@ParameterizedTest
	@ValueSource(strings = { "tag", "precondition", "whole", "shifted", "shorter", "longer", "notFound" })
	void wrongAnswerToOneChunkEndsTheFetch(String fault) throws Exception {
		byte[] stored = stored("plain");
		CountDownLatch others = new CountDownLatch(1);
		FaultServer server = serve("plain", (request, reply) -> {
			int chunk = chunkOf(request);
			if (chunk == 3) {
				others.countDown();
				reply.stall();
			}
			if (chunk != 2) {
				return;
			}
			others.await();
			int from = (int) request.rangeStart();
			int[] range = reply.range(stored);
			assertThat(range).isNotNull();
			switch (fault) {
				case "tag" -> reply.object(stored, "ETag: \"v2\"");
				case "precondition" -> reply.empty(412);
				case "whole" -> {
					reply.head(200, "Content-Length: " + stored.length);
					reply.raw(stored);
				}
				case "shifted" -> reply.rangeHead(stored, new int[] { from + 1, range[1] });
				case "shorter" -> reply.rangeHead(stored, new int[] { from, range[1] - 1 });
				case "longer" -> reply.rangeHead(stored, new int[] { from, range[1] + 1 });
				default -> reply.empty(404);
			}
		});
		this.multiplier = 0;
		Future<TransferStatistics> call = start(server.url("/o?secret"), "plain");
		Class<? extends RuntimeException> expected = switch (fault) {
			case "tag", "precondition", "notFound" -> StorageUnavailableException.class;
			default -> CorruptStreamException.class;
		};
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> get(call))
			.withCauseInstanceOf(expected)
			.withMessageNotContaining("secret");
	}

	@Test
	void interruptedCallerLeavesNothing() throws Exception {
		CountDownLatch asked = new CountDownLatch(1);
		FaultServer server = serve("zstd", (request, reply) -> {
			if (chunkOf(request) == 6) {
				asked.countDown();
				reply.stall();
			}
		});
		this.multiplier = 0;
		CompletableFuture<RuntimeException> failure = new CompletableFuture<>();
		Thread caller = new Thread(() -> {
			try {
				fetch(server.url("/o"), "zstd");
			}
			catch (RuntimeException ex) {
				failure.complete(Thread.currentThread().isInterrupted() ? ex : new IllegalStateException(ex));
			}
		});
		caller.start();
		asked.await();
		caller.interrupt();
		assertThat(get(failure)).isInstanceOf(TransferCancelledException.class);
		caller.join();
	}

	@ParameterizedTest
	@ValueSource(strings = { "plain", "zstd" })
	void closedTransportEndsTheFetchForGood(String coding) throws Exception {
		CountDownLatch asked = new CountDownLatch(1);
		FaultServer server = serve(coding, (request, reply) -> {
			if (chunkOf(request) == 6) {
				asked.countDown();
				reply.stall();
			}
		});
		Future<TransferStatistics> call = start(server.url("/o"), coding);
		asked.await();
		this.transport.close();
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> get(call))
			.withCauseInstanceOf(TransportClosedException.class);
		assertThat(ExternalFetcher.isRetryable(new TransportClosedException("closed"))).isFalse();
	}

	@Test
	void rangeThatWaitsForItsRetryHearsOfTheClosedTransport() throws Exception {
		CountDownLatch failed = new CountDownLatch(1);
		FaultServer server = serve("plain", (request, reply) -> {
			if (chunkOf(request) == 15) {
				reply.onEnd(failed::countDown);
				reply.empty(500);
			}
		});
		this.multiplier = 0;
		Future<TransferStatistics> call = start(server.url("/o"), "plain");
		failed.await();
		this.timer.awaitAlarmIn(Duration.ofMillis(500));
		this.transport.close();
		this.timer.close();
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> get(call))
			.withCauseInstanceOf(TransportClosedException.class);
	}

	@ParameterizedTest
	@ValueSource(strings = { "plain", "zstd" })
	void linkThatExpiresOnTheWayIsNamedAsSuch(String coding) throws Exception {
		FaultServer server = serve(coding, (request, reply) -> {
			if (chunkOf(request) >= 6) {
				reply.empty(403);
			}
		});
		Future<TransferStatistics> call = start(server.url("/o?Signature=secret&AWSAccessKeyId=b&Expires=1577836800"),
				coding);
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> get(call))
			.withCauseInstanceOf(LinkExpiredException.class)
			.withMessageContaining("2020-01-01T00:00:00Z")
			.withMessageNotContaining("secret");
	}

	@Test
	void slotsStayWithinTheirReservation() {
		FaultServer server = serve("zstd", (request, reply) -> {
		});
		fetch(server.url("/o"), "zstd");
		long decoded = content("zstd").length;
		assertThat(this.budget.peak()).isLessThanOrEqualTo(decoded + stored("zstd").length + (2 << 20));
	}

}
