package dev.vgi.external.history;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.history.TransferTimeline.Request;
import dev.vgi.external.transfer.EndedTransfer;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.PhaseBegan;
import dev.vgi.external.transfer.TransferEvent.PhaseEnded;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transfer.TransferEvent.RangeCompleted;
import dev.vgi.external.transfer.TransferEvent.RequestAnswered;
import dev.vgi.external.transfer.TransferEvent.RequestEnded;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import dev.vgi.external.transfer.TransferEvent.RequestSent;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferEvent.Sized;
import dev.vgi.external.transfer.TransferListener.Watch;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferStatistics;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.RequestWatch.End;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link TransferHistory}.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@ExtendWith(OutputCaptureExtension.class)
class TransferHistoryTests {

	private static final Instant BEGINNING = Instant.parse("2026-11-30T12:00:00.123456Z");

	private final AtomicLong now = new AtomicLong(-5_000_000);

	private TransferHistory history = history(100);

	private TransferHistory history(int size) {
		return new TransferHistory(size, Duration.ofSeconds(10), this.now::get, () -> BEGINNING);
	}

	private void at(long millis) {
		this.now.set(-5_000_000 + millis * 1_000_000);
	}

	private static Transfer fetch(String id, @Nullable Throwable failure) {
		TransferStatistics statistics = (failure != null) ? null
				: new TransferStatistics(1000, 4000, "zstd", 2, 0, Duration.ofSeconds(1));
		return new EndedTransfer(id, Direction.FETCH, "s3", "https://storage.example/bucket/key", 3,
				Duration.ofSeconds(1), 0, statistics, failure);
	}

	private static Throwable failure() {
		return new StorageUnavailableException("https://storage.example/key?X-Amz-Signature=secret is down", 0, null);
	}

	private void run(String id, @Nullable Throwable failure) {
		this.history.begin(fetch(id, failure)).ended();
	}

	private static List<String> ids(List<TransferTimeline> transfers) {
		return transfers.stream().map(TransferTimeline::id).toList();
	}

	private TransferTimeline find(String id) {
		TransferTimeline timeline = this.history.find(id);
		assertThat(timeline).isNotNull();
		return timeline;
	}

	@Test
	void keepsTheLastOnesOfEachKind() {
		this.history = history(2);
		run("a", null);
		run("b", failure());
		run("c", null);
		run("d", null);
		run("e", failure());
		assertThat(ids(this.history.finished())).containsExactly("d", "c");
		assertThat(ids(this.history.failed())).containsExactly("e", "b");
		assertThat(this.history.find("a")).isNull();
		assertThat(find("b").state()).isEqualTo("failed");
		assertThat(find("d").state()).isEqualTo("finished");
		assertThat(this.history.running()).isEmpty();
	}

	@Test
	void ofNoSizeShowsThoseUnderWay() {
		this.history = history(0);
		Watch watch = this.history.begin(fetch("a", null));
		assertThat(ids(this.history.running())).containsExactly("a");
		watch.ended();
		run("b", failure());
		assertThat(this.history.running()).isEmpty();
		assertThat(this.history.finished()).isEmpty();
		assertThat(this.history.failed()).isEmpty();
	}

	@Test
	void thoseUnderWayComeOldestFirst() {
		for (String id : List.of("c", "a", "b")) {
			at(this.now.get() / 1_000_000 + 10);
			this.history.begin(fetch(id, null));
		}
		assertThat(ids(this.history.running())).containsExactly("c", "a", "b");
	}

	@Test
	void recordsWhatHappens() {
		Watch watch = this.history.begin(fetch("a", null));
		watch.happened(new PhaseBegan(Phase.MEMORY));
		at(100);
		watch.happened(new PhaseEnded(Phase.MEMORY));
		watch.happened(new PhaseBegan(Phase.DOWNLOAD));
		watch.happened(new RequestQueued(1, Purpose.RANGE, 0, 0, 500, false));
		at(110);
		watch.happened(new RequestSent(1));
		at(120);
		watch.happened(new RequestAnswered(1, 206, "request-1"));
		watch.happened(new Sized(1000, "zstd"));
		watch.progressed(400, 1000);
		TransferTimeline running = find("a");
		assertThat(running.state()).isEqualTo("running");
		assertThat(running.started()).isEqualTo("2026-11-30T12:00:00.123Z");
		assertThat(running.elapsed()).isEqualTo(120);
		assertThat(running.waitsFor()).isEqualTo("bytes");
		assertThat(running.size()).isEqualTo(1000);
		assertThat(running.storedBytes()).isEqualTo(400);
		assertThat(running.decodedBytes()).isNull();
		assertThat(running.phases()).containsExactly(new TransferTimeline.PhaseSpan("memory", 0, 100.0),
				new TransferTimeline.PhaseSpan("download", 100, null));
		assertThat(running.requests()).containsExactly(new Request(1, "range", 0, 0, 500, false, 100, 110.0, 120.0,
				null, 0, 206, "running", null, "request-1"));
		at(200);
		watch.happened(new RequestEnded(1, End.COMPLETE, 500, null));
		watch.happened(new RequestQueued(2, Purpose.RANGE, 1, 500, 500, false));
		watch.happened(new RequestSent(2));
		at(300);
		watch.happened(new RequestQueued(3, Purpose.RANGE, 1, 500, 500, true));
		watch.happened(new RequestSent(3));
		at(350);
		watch.happened(new RequestEnded(3, End.FAILED, 10, "broken off"));
		watch.happened(new Retried(1, Kind.STORAGE_UNAVAILABLE, "broken off", Duration.ofMillis(500)));
		at(400);
		watch.happened(new RequestEnded(2, End.COMPLETE, 500, null));
		watch.happened(new RangeCompleted(1, false));
		watch.ended();
		watch.happened(new Sized(7, null));
		TransferTimeline ended = find("a");
		assertThat(ended.elapsed()).isEqualTo(400);
		assertThat(ended.decodedBytes()).isEqualTo(4000);
		assertThat(ended.size()).isEqualTo(1000);
		assertThat(ended.contentCoding()).isEqualTo("zstd");
		assertThat(ended.requestCount()).isEqualTo(3);
		assertThat(ended.hedges()).isEqualTo(1);
		assertThat(ended.retries()).isEqualTo(1);
		assertThat(ended.segment()).isEqualTo(3);
		assertThat(ended.requestId()).isEqualTo("request-1");
		assertThat(ended.phases()).containsExactly(new TransferTimeline.PhaseSpan("memory", 0, 100.0),
				new TransferTimeline.PhaseSpan("download", 100, 400.0),
				new TransferTimeline.PhaseSpan("pause", 350, 400.0));
		assertThat(ended.events()).extracting(TransferTimeline.Event::type)
			.containsExactly("hedge-started", "retry", "hedge-lost");
		assertThat(ended.events()).extracting(TransferTimeline.Event::text)
			.containsExactly("range 1 is sent again", "range 1 is tried again in 500 ms (storage-unavailable)",
					"range 1: the first request was faster");
		assertThat(ended.dropped()).isZero();
		TransferTimeline summary = this.history.finished().get(0);
		assertThat(summary.requests()).isNull();
		assertThat(summary.events()).isNull();
		assertThat(summary.phases()).hasSize(3);
	}

	@Test
	void failureIsKeptWithoutQuery() {
		run("a", failure());
		TransferTimeline.Failure error = find("a").error();
		assertThat(error).isNotNull();
		assertThat(error.kind()).isEqualTo("storage-unavailable");
		assertThat(error.message()).isEqualTo("https://storage.example/key is down");
	}

	@Test
	void oneThatEndsIsNotShownTwice() {
		AtomicInteger seen = new AtomicInteger();
		TransferStatistics statistics = new TransferStatistics(1000, 4000, null, 2, 0, Duration.ofSeconds(20));
		TransferHistory watched = new TransferHistory(5, Duration.ZERO, this.now::get, () -> BEGINNING);
		EndedTransfer transfer = EndedTransfer.fetched(statistics);
		Watch watch = watched.begin(new Seen(transfer, () -> {
			// In the middle of its end.
			assertThat(watched.find(transfer.id())).isNotNull();
			assertThat(watched.running().size() + watched.finished().size()).isLessThanOrEqualTo(1);
			seen.incrementAndGet();
		}));
		watch.ended();
		assertThat(seen).hasPositiveValue();
		assertThat(watched.running()).isEmpty();
		assertThat(watched.finished()).hasSize(1);
	}

	@Test
	void whatWasNotKeptIsNotBlamedOnOthers() {
		Watch watch = this.history.begin(new EndedTransfer("a", Direction.UPLOAD, "s3", null, 0, Duration.ofSeconds(1),
				0, new TransferStatistics(1000 << 20, 1000 << 20, null, 1000, 0, Duration.ofSeconds(1)), null));
		watch.happened(new PhaseBegan(Phase.UPLOAD));
		for (int i = 1; i <= 1000; i++) {
			at((i - 1) * 100L);
			watch.happened(new RequestQueued(i, Purpose.PART, i - 1, 0, 1 << 20, false));
			watch.happened(new RequestSent(i));
			at(i * 100L);
			watch.happened(new RequestAnswered(i, 200, null));
			watch.happened(new RequestEnded(i, End.COMPLETE, 1 << 20, null));
		}
		assertThat(find("a").explanation()).isNull();
		watch.ended();
		assertThat(find("a").explanation()).isNull();
	}

	@Test
	void timeBetweenManyPhasesBelongsToNone() {
		Watch watch = this.history.begin(fetch("a", null));
		for (int i = 0; i < TransferRecorder.MOST_PHASES; i++) {
			at(i * 10L);
			watch.happened(new PhaseBegan(Phase.MEMORY));
			at(i * 10L + 2);
			watch.happened(new PhaseEnded(Phase.MEMORY));
		}
		at(20_000);
		watch.happened(new PhaseBegan(Phase.MEMORY));
		assertThat(find("a").waitsFor()).isEqualTo("memory");
		at(20_010);
		watch.happened(new PhaseEnded(Phase.MEMORY));
		watch.ended();
		assertThat(find("a").explanation()).isNull();
	}

	@Test
	void messageOfTheApplicationIsNotKept() {
		run("a", new IllegalStateException("Ms. Smith's row"));
		TransferTimeline.Failure error = find("a").error();
		assertThat(error).isNotNull();
		assertThat(error.kind()).isEqualTo("error");
		assertThat(error.message()).isEqualTo("java.lang.IllegalStateException");
	}

	@Test
	void requestsUnderWayEndWithTheTransfer() {
		Watch watch = this.history.begin(fetch("a", failure()));
		watch.happened(new RequestQueued(1, Purpose.OBJECT, 0, 0, -1, false));
		at(50);
		watch.ended();
		assertThat(find("a").requests()).singleElement().satisfies((request) -> {
			assertThat(request.outcome()).isEqualTo("cancelled");
			assertThat(request.sent()).isNull();
			assertThat(request.end()).isEqualTo(50);
		});
	}

	@Test
	void ofManyRequestsTheQuickestAreDropped() {
		Watch watch = this.history.begin(fetch("a", null));
		int requests = RecordedRequests.MOST + 50;
		for (int i = 1; i <= requests; i++) {
			long from = i * 100L;
			at(from);
			watch.happened(new RequestQueued(i, Purpose.RANGE, i, i, 1, false));
			watch.happened(new RequestSent(i));
			at(from + ((i == 7) ? 90 : 10));
			watch.happened(new RequestAnswered(i, (i == 8) ? 503 : 206, "x".repeat(1000)));
			watch.happened(new RequestEnded(i, (i == 9) ? End.FAILED : End.COMPLETE, 1, "y".repeat(20_000)));
			watch.happened(new Retried(i, Kind.TIMED_OUT, "z".repeat(20_000), Duration.ZERO));
		}
		watch.ended();
		TransferTimeline timeline = find("a");
		assertThat(timeline.requestCount()).isEqualTo(requests);
		assertThat(timeline.retries()).isEqualTo(requests);
		assertThat(timeline.requests()).hasSize(RecordedRequests.MOST)
			.extracting(Request::number)
			.contains(7, 8, 9, requests)
			.isSorted();
		assertThat(timeline.events()).hasSize(TransferRecorder.MOST_EVENTS);
		assertThat(timeline.dropped()).isEqualTo(50 + requests - TransferRecorder.MOST_EVENTS);
		assertThat(timeline.toString()).hasSizeLessThan(160_000);
	}

	@Test
	void manyShortPhasesAreBounded() {
		Watch watch = this.history.begin(fetch("a", null));
		for (int i = 0; i < 1000; i++) {
			at(i * 10L);
			watch.happened(new PhaseBegan(Phase.CODING));
			at(i * 10L + 5);
			watch.happened(new PhaseEnded(Phase.CODING));
		}
		watch.ended();
		assertThat(find("a").phases()).hasSize(TransferRecorder.MOST_PHASES).last().satisfies((phase) -> {
			assertThat(phase.from()).isEqualTo(9990);
			assertThat(phase.to()).isEqualTo(9995);
		});
	}

	@Test
	void oneThatGaveWayIsForgotten() {
		try (TransferResources resources = TransferResources.create().withListener(this.history)) {
			TransferTrace trace = resources.begin(Direction.FETCH, "s3", null, 2);
			assertThat(ids(this.history.running())).containsExactly(trace.id());
			trace.gaveWay();
			assertThat(this.history.running()).isEmpty();
			assertThat(this.history.failed()).isEmpty();
			assertThat(this.history.finished()).isEmpty();
		}
	}

	@Test
	void endsOnlyWhatIsUnderWay() {
		try (TransferResources resources = TransferResources.create().withListener(this.history)) {
			TransferTrace trace = resources.begin(Direction.FETCH, "s3", null, 0);
			assertThat(this.history.end("0000000000000000")).isFalse();
			assertThat(this.history.end(trace.id())).isTrue();
			assertThat(Thread.currentThread().isInterrupted()).isTrue();
			trace.failed(new TransferCancelledException("Interrupted during a fetch"));
			assertThat(Thread.currentThread().isInterrupted()).isFalse();
			assertThat(this.history.end(trace.id())).isFalse();
			assertThat(find(trace.id()).error()).satisfies((error) -> {
				assertThat(error.kind()).isEqualTo("cancelled");
				assertThat(error.message()).contains("was ended by an operator");
			});
		}
	}

	@Test
	void slowOneIsLoggedWithWhatHeldItUp(CapturedOutput output) {
		Watch watch = this.history.begin(slow(Direction.FETCH, null));
		watch.happened(new PhaseBegan(Phase.MEMORY));
		at(9500);
		watch.happened(new PhaseEnded(Phase.MEMORY));
		at(10_000);
		watch.ended();
		assertThat(output).contains("INFO",
				"Fetch of https://storage.example/key took 10000 ms. Waited 9.5 s for memory: raise"
						+ " vgi.external.memory.budget");
	}

	@Test
	void slowOneIsLoggedWithoutAReasonToo(CapturedOutput output) {
		Watch watch = this.history.begin(slow(Direction.UPLOAD, null));
		at(10_000);
		watch.ended();
		assertThat(output).contains("Upload to s3 took 10000 ms");
	}

	@Test
	void quickOneIsNotLogged(CapturedOutput output) {
		run("a", null);
		assertThat(output).doesNotContain("took");
	}

	@Test
	void failedOneIsLoggedAgainIfThereIsMoreToSay(CapturedOutput output) {
		this.history.begin(slow(Direction.FETCH, failure())).ended();
		assertThat(output).doesNotContain("took");
		Watch watch = this.history.begin(slow(Direction.FETCH, failure()));
		watch.happened(new PhaseBegan(Phase.RENEWAL));
		at(10_000);
		watch.ended();
		assertThat(output).contains("took 10000 ms. Waited 10.0 s for a new link");
	}

	private static Transfer slow(Direction direction, @Nullable Throwable failure) {
		Duration elapsed = Duration.ofSeconds(10);
		TransferStatistics statistics = (failure != null) ? null : new TransferStatistics(1, 1, null, 0, 0, elapsed);
		return new EndedTransfer("slow", direction, "s3", "https://storage.example/key", 0, elapsed, 0, statistics,
				failure);
	}

	@Test
	void eventsOfManyThreadsAreAllRecorded() throws Exception {
		Watch watch = this.history.begin(fetch("a", null));
		CountDownLatch together = new CountDownLatch(4);
		List<Thread> threads = new ArrayList<>();
		for (int i = 0; i < 4; i++) {
			int first = i * 50;
			threads.add(new Thread(() -> {
				together.countDown();
				for (int request = first; request < first + 50; request++) {
					watch.happened(new RequestQueued(request, Purpose.RANGE, request, 0, 1, false));
					watch.happened(new RequestSent(request));
					watch.happened(new RequestEnded(request, End.COMPLETE, 1, null));
					find("a");
				}
			}));
		}
		threads.forEach(Thread::start);
		for (Thread thread : threads) {
			thread.join();
		}
		watch.ended();
		assertThat(find("a").requests()).hasSize(200).allMatch((request) -> request.outcome().equals("complete"));
	}

	/** A transfer that is looked at while its end is recorded. */
	private record Seen(Transfer transfer, Runnable look) implements Transfer {

		@Override
		public String id() {
			return this.transfer.id();
		}

		@Override
		public Direction direction() {
			return this.transfer.direction();
		}

		@Override
		public String storage() {
			return this.transfer.storage();
		}

		@Override
		public @Nullable String location() {
			return this.transfer.location();
		}

		@Override
		public int segment() {
			return this.transfer.segment();
		}

		@Override
		public Duration elapsed() {
			return this.transfer.elapsed();
		}

		@Override
		public int retries() {
			return this.transfer.retries();
		}

		@Override
		public @Nullable TransferStatistics statistics() {
			return this.transfer.statistics();
		}

		@Override
		public @Nullable Throwable failure() {
			return this.transfer.failure();
		}

		@Override
		public boolean hasGivenWay() {
			this.look.run();
			return false;
		}

		@Override
		public void end() {
		}

	}

}
