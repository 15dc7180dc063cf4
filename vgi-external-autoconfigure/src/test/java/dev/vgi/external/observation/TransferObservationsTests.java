package dev.vgi.external.observation;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

import dev.vgi.external.transfer.EndedTransfer;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferStatistics;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.transport.RequestWatch;
import dev.vgi.external.transport.RequestWatch.End;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import io.micrometer.common.KeyValue;
import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import org.assertj.core.data.Index;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link TransferObservations}, driven as the engines do it.
 */
class TransferObservationsTests {

	private static final URI OBJECT = URI.create("https://storage.example/bucket/key?X-Amz-Signature=5ec7e7");

	private static final TransferStatistics STATISTICS = new TransferStatistics(1000, 4000, "zstd", 3, 1,
			Duration.ofSeconds(1));

	private final ObservationRegistry registry = ObservationRegistry.create();

	private final AtomicLong nanoTime = new AtomicLong();

	private final Recorder recorder = new Recorder();

	private final TransferObservations observations = new TransferObservations(this.registry, null)
		.withTime(this.nanoTime::get);

	private final TransferResources resources = TransferResources.create();

	@BeforeEach
	void observe() {
		this.registry.observationConfig().observationHandler(this.recorder);
	}

	@AfterEach
	void nothingIsLeft() {
		this.resources.close();
		assertThat(this.registry.getCurrentObservation()).isNull();
		assertThat(this.recorder.running).isEmpty();
	}

	@Test
	void aFetchIsAChildOfTheCurrentObservationAndTheCurrentOneWhileItRuns() {
		Observation call = Observation.start("call", this.registry);
		try (Observation.Scope scope = call.openScope()) {
			TransferTrace trace = begin(this.observations, Direction.FETCH);
			Observation fetch = Objects.requireNonNull(this.registry.getCurrentObservation());
			assertThat(fetch.getContext().getParentObservation()).isSameAs(call);
			trace.succeeded(STATISTICS);
			assertThat(this.registry.getCurrentObservation()).isSameAs(call);
		}
		call.stop();
		Observation.Context context = this.recorder.only("vgi.external.fetch");
		assertThat(context.getContextualName()).isEqualTo("fetch s3");
		assertThat(low(context)).isEqualTo(Map.of("outcome", "success", "content.coding", "zstd"));
		assertThat(context.getError()).isNull();
	}

	@Test
	void whatItCostIsOnTheSpan() {
		TransferTrace trace = begin(this.observations, Direction.UPLOAD);
		waits(trace, Phase.MEMORY, 1800);
		waits(trace, Phase.PAUSE, 500);
		waits(trace, Phase.PAUSE, 250);
		for (boolean hedge : new boolean[] { false, true }) {
			RequestWatch request = trace.requests(Purpose.PART, 6, 0, 100).begin(hedge);
			request.sent();
			request.answered(200, "R" + hedge);
			request.ended(End.COMPLETE, 100, null);
		}
		// One whose turn never came.
		trace.requests(Purpose.PART, 7, 0, 100).begin(true).ended(End.CANCELLED, 0, null);
		trace.completed(6, true);
		trace.succeeded(STATISTICS);
		Observation.Context context = this.recorder.only("vgi.external.upload");
		assertThat(low(context)).isEqualTo(Map.of("outcome", "success", "content.coding", "zstd", "storage", "s3"));
		Map<String, String> expected = new HashMap<>(
				Map.of("vgi.transfer.id", trace.id(), "vgi.location", "https://storage.example/bucket/key",
						"vgi.bytes.stored", "1000", "vgi.bytes.decoded", "4000", "vgi.requests", "2", "vgi.ranges", "1",
						"vgi.hedges", "1", "vgi.retries", "0", "vgi.request.id", "Rtrue", "vgi.segment", "3"));
		expected.putAll(Map.of("vgi.wait.memory", "1800", "vgi.wait.pause", "750", "vgi.wait.renewal", "0"));
		assertThat(high(context)).isEqualTo(expected);
		assertThat(this.recorder.events).containsExactly("memory: waited 1800 ms for memory",
				"hedge: part 6 is late and requested a second time");
	}

	@Test
	void tagsHaveTheSameKeysAtTheBeginningAndAtTheEnd() {
		for (Direction direction : Direction.values()) {
			this.recorder.started.clear();
			TransferTrace trace = begin(this.observations.withRequests(null), direction);
			trace.requests(Purpose.HEAD, 0, 0, 0).begin(false).ended(End.FAILED, 0, null);
			trace.succeeded(STATISTICS);
			assertThat(this.recorder.started).hasSize(2)
				.allSatisfy((name, keys) -> assertThat(low(this.recorder.last(name)).keySet()).isEqualTo(keys));
		}
	}

	@Test
	void aFailureIsAnErrorWithItsKind() {
		TransferTrace trace = begin(this.observations, Direction.FETCH);
		trace.progressed(700, 1000);
		StorageUnavailableException failure = new StorageUnavailableException("it failed", 0, null);
		trace.failed(failure);
		Observation.Context context = this.recorder.only("vgi.external.fetch");
		assertThat(context.getError()).isSameAs(failure);
		assertThat(low(context)).isEqualTo(Map.of("outcome", "storage-unavailable", "content.coding", "none"));
		assertThat(high(context)).containsEntry("vgi.bytes.stored", "700").doesNotContainKey("vgi.bytes.decoded");
	}

	@Test
	void ofAFailureOfTheApplicationOnlyTheTypeIsSeen() {
		begin(this.observations, Direction.FETCH).failed(new IllegalStateException("https://a.example/?sig=5ec7e7"));
		Observation.Context context = this.recorder.only("vgi.external.fetch");
		assertThat(context.getError()).hasMessage("The application failed with java.lang.IllegalStateException")
			.hasNoCause();
		assertThat(low(context)).containsEntry("outcome", "error");
	}

	@Test
	void aFailureOfOursThatTheApplicationHasFilledWithAQueryIsNotShownAsItIs() {
		begin(this.observations, Direction.UPLOAD)
			.failed(new StorageUnavailableException("the shelf is full: " + OBJECT, 0, null));
		Observation.Context context = this.recorder.only("vgi.external.upload");
		assertThat(context.getError()).isInstanceOf(ObservedFailure.class)
			.hasMessage("the shelf is full: https://storage.example/bucket/key");
		begin(this.observations, Direction.FETCH)
			.failed(new StorageUnavailableException("it failed", 0, new IllegalStateException("at " + OBJECT)));
		assertThat(this.recorder.only("vgi.external.fetch").getError()).isInstanceOf(ObservedFailure.class)
			.hasMessage("it failed");
	}

	@Test
	void toBeEndedIsNoError() {
		begin(this.observations, Direction.FETCH).failed(new TransferCancelledException("not needed"));
		Observation.Context context = this.recorder.only("vgi.external.fetch");
		assertThat(context.getError()).isNull();
		assertThat(low(context)).containsEntry("outcome", "cancelled");
	}

	@Test
	void eventsAreFewAndShort() {
		TransferTrace trace = begin(this.observations, Direction.FETCH);
		waits(trace, Phase.MEMORY, 0);
		for (int i = 0; i < 200; i++) {
			trace.retried(i - 1, new StorageUnavailableException("no " + OBJECT + " " + "x".repeat(1000), 0, null),
					Duration.ofMillis(500));
		}
		trace.succeeded(STATISTICS);
		assertThat(this.recorder.events).hasSize(50)
			.allSatisfy((event) -> assertThat(event).hasSizeLessThan(400).doesNotContain("?", "5ec7e7"));
		assertThat(this.recorder.events.get(0))
			.startsWith("retry: the transfer is tried again after 500 ms: no https://storage.example/bucket/key xxx");
		assertThat(this.recorder.events.get(1)).startsWith("retry: range 0 is tried again after 500 ms: ");
	}

	@Test
	void requestsAreChildrenOfTheTransferOnAnyThread() throws Exception {
		TransferTrace trace = begin(this.observations.withRequests(null), Direction.FETCH);
		Observation fetch = Objects.requireNonNull(this.registry.getCurrentObservation());
		RequestWatch.Source ranges = trace.requests(Purpose.RANGE, 4, 4096, 1024);
		Thread thread = new Thread(() -> {
			Observation other = Observation.start("other", this.registry);
			try (Observation.Scope scope = other.openScope()) {
				RequestWatch request = ranges.begin(true);
				assertThat(this.registry.getCurrentObservation()).isSameAs(other);
				this.nanoTime.addAndGet(2_000_000);
				request.sent();
				this.nanoTime.addAndGet(10_000_000);
				request.answered(206, "R1");
				request.ended(End.COMPLETE, 1024, null);
			}
			other.stop();
		});
		thread.start();
		thread.join();
		Observation.Context context = this.recorder.only("vgi.external.request");
		assertThat(context.getParentObservation()).isSameAs(fetch);
		assertThat(this.recorder.currentAtStart).containsEntry(context, fetch);
		assertThat(context.getContextualName()).isEqualTo("range hedge");
		assertThat(low(context)).isEqualTo(Map.of("direction", "fetch", "purpose", "range", "hedge", "true", "outcome",
				"complete", "status", "2xx"));
		assertThat(high(context)).isEqualTo(Map.of("vgi.transfer.id", trace.id(), "vgi.request.number", "1",
				"vgi.request.index", "4", "vgi.request.offset", "4096", "vgi.request.bytes", "1024", "vgi.wait.turn",
				"2", "vgi.request.first.byte", "12", "vgi.request.status", "206", "vgi.request.id", "R1"));
		trace.succeeded(STATISTICS);
	}

	@Test
	void aFailedRequestIsAnError() {
		TransferTrace trace = begin(this.observations.withRequests(null), Direction.FETCH);
		trace.requests(Purpose.OBJECT, 0, 0, -1).begin(false).ended(End.FAILED, 0, "Connection refused by " + OBJECT);
		trace.requests(Purpose.OBJECT, 0, 0, -1).begin(false).ended(End.TIMED_OUT, 0, null);
		trace.succeeded(STATISTICS);
		assertThat(this.recorder.all("vgi.external.request")).extracting((context) -> low(context).get("outcome"))
			.containsExactly("failed", "timed-out");
		assertThat(this.recorder.all("vgi.external.request"))
			.extracting((context) -> Objects.requireNonNull(context.getError()).getMessage())
			.containsExactly("Connection refused by https://storage.example/bucket/key", "The request timed out");
	}

	@Test
	void aRequestThatNobodyEndsIsStoppedWithItsTransfer() {
		TransferTrace trace = begin(this.observations.withRequests(null), Direction.FETCH);
		RequestWatch.Source ranges = trace.requests(Purpose.RANGE, 0, 0, 10);
		RequestWatch lost = ranges.begin(false);
		trace.succeeded(STATISTICS);
		Observation.Context context = this.recorder.only("vgi.external.request");
		assertThat(low(context)).containsEntry("outcome", "cancelled").containsEntry("status", "none");
		lost.answered(200, null);
		lost.ended(End.COMPLETE, 10, null);
		ranges.begin(false);
		assertThat(this.recorder.all("vgi.external.request")).hasSize(1);
	}

	@Test
	void withoutARegistryThatListensThereIsNothing() {
		Transfer transfer = EndedTransfer.fetched(STATISTICS);
		assertThat(new TransferObservations(ObservationRegistry.NOOP, null).begin(transfer))
			.isSameAs(TransferListener.Watch.NONE);
		this.registry.observationConfig()
			.observationPredicate((name, context) -> !(context instanceof TransferObservationContext));
		assertThat(this.observations.begin(transfer)).isSameAs(TransferListener.Watch.NONE);
	}

	@Test
	void conventionsReplaceNamesAndKeys() {
		TransferObservations own = new TransferObservations(this.registry, new OwnConvention())
			.withRequests(new DefaultStorageRequestObservationConvention() {

				@Override
				public String getName() {
					return "own.request";
				}

			});
		TransferTrace trace = begin(own, Direction.UPLOAD);
		trace.requests(Purpose.OBJECT, 0, 0, 5).begin(false).ended(End.COMPLETE, 5, null);
		trace.succeeded(STATISTICS);
		assertThat(low(this.recorder.only("own.upload"))).isEqualTo(Map.of("which", "upload"));
		assertThat(this.recorder.only("own.request")).isNotNull();
	}

	@Test
	void aCauseOfAnotherServiceHasNoQueryEither() {
		StorageUnavailableException cause = new StorageUnavailableException("cannot sign " + OBJECT, 0, null);
		LinkExpiredException failure = new LinkExpiredException("The link expired", cause);
		begin(this.observations, Direction.FETCH).failed(failure);
		StorageUnavailableException last = new StorageUnavailableException("down", 0, null);
		last.addSuppressed(new StorageUnavailableException("not at " + OBJECT, 0, null));
		begin(this.observations, Direction.FETCH).failed(last);
		begin(this.observations, Direction.FETCH).failed(cause);
		assertThat(this.recorder.all("vgi.external.fetch"))
			.extracting((context) -> trace(Objects.requireNonNull(context.getError())))
			.allSatisfy((trace) -> assertThat(trace).doesNotContain("5ec7e7"))
			.satisfies((trace) -> assertThat(trace).contains("The link expired"), Index.atIndex(0))
			.satisfies((trace) -> assertThat(trace).contains("cannot sign https://storage.example/bucket/key"),
					Index.atIndex(2));
	}

	private static String trace(Throwable error) {
		StringWriter text = new StringWriter();
		error.printStackTrace(new PrintWriter(text));
		return text.toString();
	}

	@Test
	void conventionsThatFailAtTheEndLeaveNothingOpen() {
		TransferObservations own = new TransferObservations(this.registry, new OwnConvention() {

			@Override
			public KeyValues getHighCardinalityKeyValues(TransferObservationContext context) {
				return KeyValues.of("bytes", String.valueOf(Objects.requireNonNull(context.transfer().statistics())));
			}

		}).withRequests(new DefaultStorageRequestObservationConvention() {

			@Override
			public KeyValues getHighCardinalityKeyValues(StorageRequestObservationContext context) {
				return KeyValues.of("status", String.valueOf(Objects.requireNonNull(context.answer()).status()));
			}

		});
		TransferTrace trace = begin(own, Direction.UPLOAD);
		trace.requests(Purpose.OBJECT, 0, 0, 5).begin(false);
		trace.failed(new StorageUnavailableException("down", 0, null));
	}

	@Test
	void handlersThatFailLeaveNoScope() {
		AtomicReference<String> when = new AtomicReference<>();
		this.registry.observationConfig().observationHandler(new BrokenHandler(when));
		for (String each : List.of("start", "open", "close", "stop", "error")) {
			when.set(each);
			TransferTrace trace = begin(this.observations, Direction.FETCH);
			trace.failed(new StorageUnavailableException("down", 0, null));
			assertThat(this.registry.getCurrentObservation()).as(each).isNull();
		}
		this.recorder.running.clear();
	}

	private TransferTrace begin(TransferObservations listener, Direction direction) {
		return this.resources.withListener(listener).begin(direction, "s3", OBJECT, 3);
	}

	private void waits(TransferTrace trace, Phase phase, long millis) {
		trace.begins(phase);
		this.nanoTime.addAndGet(millis * 1_000_000);
		trace.over(phase);
	}

	private static Map<String, String> low(Observation.Context context) {
		return map(context.getLowCardinalityKeyValues());
	}

	private static Map<String, String> high(Observation.Context context) {
		return map(context.getHighCardinalityKeyValues());
	}

	private static Map<String, String> map(KeyValues keys) {
		Map<String, String> map = new HashMap<>();
		for (KeyValue key : keys) {
			map.put(key.getKey(), key.getValue());
		}
		return map;
	}

	/**
	 * One of an application.
	 */
	private static class OwnConvention implements TransferObservationConvention {

		@Override
		public String getName(Transfer.Direction direction) {
			return "own." + direction.code();
		}

		@Override
		public KeyValues getLowCardinalityKeyValues(TransferObservationContext context) {
			return KeyValues.of("which", context.transfer().direction().code());
		}

	}

	/**
	 * One of an application, with a defect.
	 *
	 * @param when the method that throws
	 */
	private record BrokenHandler(AtomicReference<String> when) implements ObservationHandler<Observation.Context> {

		@Override
		public void onStart(Observation.Context context) {
			check("start");
		}

		@Override
		public void onScopeOpened(Observation.Context context) {
			check("open");
		}

		@Override
		public void onScopeClosed(Observation.Context context) {
			check("close");
		}

		@Override
		public void onError(Observation.Context context) {
			check("error");
		}

		@Override
		public void onStop(Observation.Context context) {
			check("stop");
		}

		@Override
		public boolean supportsContext(Observation.Context context) {
			return true;
		}

		private void check(String now) {
			if (now.equals(this.when.get())) {
				throw new IllegalStateException("cannot");
			}
		}

	}

	/**
	 * Keeps what was observed.
	 */
	private final class Recorder implements ObservationHandler<Observation.Context> {

		private final List<Observation.Context> stopped = new ArrayList<>();

		private final List<Observation.Context> running = new ArrayList<>();

		private final List<String> events = new ArrayList<>();

		private final Map<String, Set<String>> started = new HashMap<>();

		private final Map<Observation.Context, Observation> currentAtStart = new HashMap<>();

		@Override
		public synchronized void onStart(Observation.Context context) {
			this.running.add(context);
			this.started.put(context.getName(), low(context).keySet());
			Observation current = TransferObservationsTests.this.registry.getCurrentObservation();
			if (current != null) {
				this.currentAtStart.put(context, current);
			}
		}

		@Override
		public synchronized void onEvent(Observation.Event event, Observation.Context context) {
			this.events.add(event.getName() + ": " + event.getContextualName());
		}

		@Override
		public synchronized void onStop(Observation.Context context) {
			assertThat(this.running.remove(context)).isTrue();
			this.stopped.add(context);
		}

		@Override
		public boolean supportsContext(Observation.Context context) {
			return true;
		}

		synchronized List<Observation.Context> all(String name) {
			return this.stopped.stream().filter((context) -> name.equals(context.getName())).toList();
		}

		Observation.Context only(String name) {
			assertThat(all(name)).hasSize(1);
			return all(name).get(0);
		}

		Observation.Context last(String name) {
			List<Observation.Context> all = all(name);
			return all.get(all.size() - 1);
		}

	}

}
