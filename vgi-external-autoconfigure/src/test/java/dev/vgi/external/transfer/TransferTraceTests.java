package dev.vgi.external.transfer;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.PhaseBegan;
import dev.vgi.external.transfer.TransferEvent.PhaseEnded;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transfer.TransferEvent.RequestAnswered;
import dev.vgi.external.transfer.TransferEvent.RequestEnded;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import dev.vgi.external.transfer.TransferEvent.RequestSent;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transport.RequestWatch;
import dev.vgi.external.transport.RequestWatch.End;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;
import org.slf4j.event.KeyValuePair;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link TransferTrace}, and for the line that it logs.
 */
class TransferTraceTests {

	private static final URI URL = URI.create("https://storage.example/bucket/key?X-Amz-Signature=5ec7e7");

	private static final TransferStatistics STATISTICS = new TransferStatistics(10, 20, null, 1, 0,
			Duration.ofMillis(5));

	private final List<Object> told = new ArrayList<>();

	private final Logger logger = (Logger) LoggerFactory.getLogger(Transfer.class);

	private final ListAppender<ILoggingEvent> lines = new ListAppender<>();

	private final TransferListener listener = new TransferListener() {

		@Override
		public Watch begin(Transfer transfer) {
			return new Watch() {

				@Override
				public void happened(TransferEvent event) {
					TransferTraceTests.this.told.add(event);
				}

				@Override
				public void progressed(long bytes, long size) {
					TransferTraceTests.this.told.add(bytes + " of " + size);
				}

				@Override
				public void ended() {
					TransferTraceTests.this.told.add(transfer.outcome());
				}

			};
		}

	};

	@BeforeEach
	void listenToTheLog() {
		this.lines.start();
		this.logger.addAppender(this.lines);
		this.logger.setLevel(Level.DEBUG);
	}

	@AfterEach
	void stopListening() {
		this.logger.setLevel(null);
		this.logger.detachAppender(this.lines);
		assertThat(Thread.interrupted()).isFalse();
	}

	private TransferTrace begin() {
		return TransferTrace.begin(this.listener, Direction.FETCH, "s3", URL, 3);
	}

	@Test
	void tellsWhatHappensInOrder() {
		TransferTrace trace = begin();
		trace.begins(Phase.DOWNLOAD);
		RequestWatch request = trace.requests(Purpose.RANGE, 2, 100, 50).begin(true);
		request.sent();
		request.answered(206, "id-1");
		request.ended(End.COMPLETE, 50, null);
		trace.progressed(50, 150);
		trace.over(Phase.DOWNLOAD);
		trace.succeeded(STATISTICS);
		assertThat(this.told).containsExactly(new PhaseBegan(Phase.DOWNLOAD),
				new RequestQueued(1, Purpose.RANGE, 2, 100, 50, true), new RequestSent(1),
				new RequestAnswered(1, 206, "id-1"), new RequestEnded(1, End.COMPLETE, 50, null), "50 of 150",
				new PhaseEnded(Phase.DOWNLOAD), "success");
		assertThat(trace.statistics()).isEqualTo(STATISTICS);
		assertThat(trace.id()).matches("[0-9a-f]{16}").isNotEqualTo(begin().id());
		assertThat(trace.location()).isEqualTo("https://storage.example/bucket/key");
		assertThat(trace.segment()).isEqualTo(3);
		assertThat(this.lines.list).isEmpty();
	}

	@Test
	void whatComesAfterTheEndIsNotTold() {
		TransferTrace trace = begin();
		RequestWatch late = trace.requests(Purpose.OBJECT, 0, 0, -1).begin(false);
		this.told.clear();
		trace.succeeded(STATISTICS);
		late.ended(End.CANCELLED, 0, null);
		trace.failed(new IllegalStateException("too late"));
		assertThat(this.told).containsExactly("success");
		assertThat(trace.failure()).isNull();
		assertThat(trace.requests(Purpose.OBJECT, 0, 0, -1)).isSameAs(RequestWatch.Source.NONE);
	}

	@Test
	void reasonsHaveNoQuery() {
		TransferTrace trace = begin();
		RequestWatch request = trace.requests(Purpose.OBJECT, 0, 0, -1).begin(false);
		request.answered(503, "see " + URL);
		request.ended(End.FAILED, 0, "No answer from " + URL);
		trace.retried(-1, new StorageUnavailableException("No answer from " + URL, 0, null), Duration.ofSeconds(1));
		assertThat(this.told).contains(new RequestAnswered(1, 503, null))
			.hasSize(4)
			.last()
			.isInstanceOfSatisfying(Retried.class,
					(retried) -> assertThat(retried.kind()).isEqualTo(Kind.STORAGE_UNAVAILABLE));
		assertThat(this.told.toString()).contains("https://storage.example/bucket/key").doesNotContain("5ec7e7");
	}

	@Test
	void failureIsOneWarningWithKeysAndValues() {
		TransferTrace trace = begin();
		RequestWatch request = trace.requests(Purpose.OBJECT, 0, 0, -1).begin(false);
		request.answered(503, "4442587FB7D0A2F9");
		trace.progressed(7, 100);
		trace.startsOver();
		RuntimeException failure = new StorageUnavailableException("Storage answered 503 for " + URL, 503, null);
		assertThat(trace.failed(failure)).isSameAs(failure);
		ILoggingEvent line = line();
		assertThat(line.getLevel()).isEqualTo(Level.WARN);
		assertThat(line.getFormattedMessage())
			.startsWith("Fetch of https://storage.example/bucket/key failed in attempt 2 after ")
			.endsWith(" ms: Storage answered 503 for https://storage.example/bucket/key")
			.doesNotContain("5ec7e7");
		assertThat(value(line, "vgi.transfer.id")).isEqualTo(trace.id());
		assertThat(value(line, "vgi.kind")).isEqualTo("storage-unavailable");
		assertThat(value(line, "vgi.direction")).isEqualTo("fetch");
		assertThat(value(line, "vgi.storage")).isEqualTo("s3");
		assertThat(value(line, "vgi.origin")).isEqualTo("https://storage.example");
		assertThat(value(line, "vgi.bytes")).isEqualTo(7L);
		assertThat(value(line, "vgi.attempt")).isEqualTo(2);
		assertThat(value(line, "vgi.request.id")).isEqualTo("4442587FB7D0A2F9");
		assertThat(this.told).last().isEqualTo("storage-unavailable");
	}

	@Test
	void failureOfTheApplicationIsItsOwnToLog() {
		begin().failed(new IllegalStateException("s3cr3t of a reader"));
		assertThat(line().getLevel()).isEqualTo(Level.DEBUG);
		assertThat(line().getFormattedMessage()).contains("java.lang.IllegalStateException").doesNotContain("s3cr3t");
		assertThat(this.told).last().isEqualTo("error");
	}

	@Test
	void cancelledTransferIsNoWarning() {
		begin().failed(new TransferCancelledException("Interrupted during a fetch"));
		assertThat(line().getLevel()).isEqualTo(Level.DEBUG);
		assertThat(line().getFormattedMessage()).contains(" was cancelled in attempt 1 ");
	}

	@Test
	void endedTransferSaysSoAndLeavesNoInterrupt() {
		TransferTrace trace = begin();
		trace.end();
		assertThat(Thread.currentThread().isInterrupted()).isTrue();
		RuntimeException thrown = trace.failed(new TransferCancelledException("Interrupted during a fetch"));
		assertThat(thrown).isInstanceOf(TransferCancelledException.class)
			.hasMessage("The transfer " + trace.id() + " was ended by an operator");
		assertThat(trace.failure()).isSameAs(thrown);
		assertThat(Thread.currentThread().isInterrupted()).isFalse();
		assertThat(line().getLevel()).isEqualTo(Level.INFO);
	}

	@Test
	void otherInterruptStaysIfItCameFirst() {
		TransferTrace trace = begin();
		Thread.currentThread().interrupt();
		trace.end();
		trace.end();
		assertThat(trace.failed(new TransferCancelledException("Interrupted during a fetch")))
			.hasMessageContaining("operator");
		assertThat(Thread.interrupted()).isTrue();
	}

	@Test
	void transferThatGivesWayHasNotFailed() {
		TransferTrace trace = begin();
		trace.end();
		trace.gaveWay();
		assertThat(Thread.currentThread().isInterrupted()).isFalse();
		assertThat(this.told).containsExactly("gave-way");
		assertThat(trace.hasGivenWay()).isTrue();
		assertThat(trace.failure()).isNull();
		assertThat(trace.statistics()).isNull();
		assertThat(this.lines.list).isEmpty();
	}

	@Test
	void phaseDoesNotOverlapWithItself() {
		TransferTrace trace = begin();
		trace.over(Phase.RENEWAL);
		trace.begins(Phase.RENEWAL);
		trace.begins(Phase.RENEWAL);
		trace.begins(Phase.PAUSE);
		trace.over(Phase.RENEWAL);
		trace.over(Phase.RENEWAL);
		trace.begins(Phase.RENEWAL);
		assertThat(this.told).containsExactly(new PhaseBegan(Phase.RENEWAL), new PhaseBegan(Phase.PAUSE),
				new PhaseEnded(Phase.RENEWAL), new PhaseBegan(Phase.RENEWAL));
		trace.gaveWay();
	}

	@Test
	void transferThatSucceedsFirstIsNotEnded() {
		TransferTrace trace = begin();
		trace.end();
		trace.succeeded(STATISTICS);
		assertThat(Thread.currentThread().isInterrupted()).isFalse();
		trace.end();
		assertThat(Thread.currentThread().isInterrupted()).isFalse();
		assertThat(trace.outcome()).isEqualTo("success");
	}

	@Test
	void whateverAnInterruptBecomesTheTransferWasEnded() {
		TransferTrace trace = begin();
		trace.end();
		VgiExternalException failure = new StorageUnavailableException("broke off", 0, null);
		assertThat(trace.failed(failure)).isInstanceOf(TransferCancelledException.class)
			.hasSuppressedException(failure);
		assertThat(Thread.currentThread().isInterrupted()).isFalse();
	}

	@Test
	void nobodyIsTold() {
		TransferTrace none = TransferTrace.none();
		none.located(URL);
		none.progressed(1, 2);
		none.failed(new IllegalStateException("ignored"));
		none.succeeded(STATISTICS);
		none.end();
		assertThat(none.location()).isNull();
		assertThat(none.statistics()).isNull();
		assertThat(none.failure()).isNull();
		assertThat(none.requests(Purpose.RANGE, 0, 0, 1)).isSameAs(RequestWatch.Source.NONE);
		assertThat(this.lines.list).isEmpty();
	}

	@ParameterizedTest
	@ValueSource(strings = { "begin", "happened", "progressed", "ended" })
	void listenerThatThrowsDisturbsNobody(String when) {
		TransferListener broken = new BrokenListener(when);
		for (TransferListener all : List.of(broken,
				TransferListener.all(List.of(this.listener, broken, this.listener)))) {
			TransferTrace trace = TransferTrace.begin(all, Direction.FETCH, "s3", URL, 0);
			trace.begins(Phase.PARSING);
			trace.progressed(1, 2);
			trace.succeeded(STATISTICS);
			assertThat(trace.statistics()).isEqualTo(STATISTICS);
		}
		PhaseBegan began = new PhaseBegan(Phase.PARSING);
		assertThat(this.told).containsExactly(began, began, "1 of 2", "1 of 2", "success", "success");
		TransferListener.all(List.of(broken, this.listener)).fellBackInline(Kind.TIMED_OUT);
	}

	@Test
	void whatFailsAfterASuccessStaysWhatItIs() {
		TransferTrace trace = begin();
		trace.end();
		trace.succeeded(STATISTICS);
		RuntimeException late = new IllegalStateException("after the transfer");
		assertThat(trace.failed(late)).isSameAs(late);
	}

	private ILoggingEvent line() {
		assertThat(this.lines.list).hasSize(1);
		return this.lines.list.get(0);
	}

	private static @Nullable Object value(ILoggingEvent line, String key) {
		for (KeyValuePair pair : line.getKeyValuePairs()) {
			if (key.equals(pair.key)) {
				return pair.value;
			}
		}
		return null;
	}

	/**
	 * One of an application, with a defect.
	 *
	 * @param when the method that throws
	 */
	private record BrokenListener(String when) implements TransferListener {

		@Override
		public Watch begin(Transfer transfer) {
			check("begin");
			return new Watch() {

				@Override
				public void happened(TransferEvent event) {
					check("happened");
				}

				@Override
				public void progressed(long bytes, long size) {
					check("progressed");
				}

				@Override
				public void ended() {
					check("ended");
				}

			};
		}

		@Override
		public void fellBackInline(Kind kind) {
			throw new IllegalStateException("no room for more");
		}

		private void check(String now) {
			if (now.equals(this.when)) {
				throw new IllegalStateException("cannot");
			}
		}

	}

}
