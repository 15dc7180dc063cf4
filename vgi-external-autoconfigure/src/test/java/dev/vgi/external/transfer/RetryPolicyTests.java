package dev.vgi.external.transfer;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import java.util.stream.Stream;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transport.StorageBusyException;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportClosedException;
import dev.vgi.external.transport.TransportSettings;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

@Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RetryPolicyTests {

	private static final Duration TIMEOUT = Duration.ofSeconds(60);

	private final RecordedPauses pauses = new RecordedPauses();

	private static StorageUnavailableException failed(int attempt) {
		return new StorageUnavailableException("attempt " + attempt, 500, null);
	}

	private static StorageBusyException busy(@Nullable Integer seconds) {
		return new StorageBusyException("busy", 503, (seconds != null) ? Duration.ofSeconds(seconds) : null);
	}

	private static List<Duration> millis(int... millis) {
		List<Duration> durations = new ArrayList<>();
		for (int each : millis) {
			durations.add(Duration.ofMillis(each));
		}
		return durations;
	}

	/** Fail until as much time has passed as a storage needs. */
	private String ridesOut(Duration outage, Duration timeout, StorageUnavailableException failure) {
		RetryPolicy policy = this.pauses.policy(2);
		return policy.run(policy.newDeadline(timeout), (failures) -> {
			if (this.pauses.nanoTime() < outage.toNanos()) {
				throw failure;
			}
			return "after " + failures;
		});
	}

	@Test
	void whatMayPassHasItsAttemptsAtAFixedPause() {
		RetryPolicy policy = this.pauses.policy(2);
		assertThat(policy.<Integer>run(policy.newDeadline(TIMEOUT), (failures) -> {
			if (failures < 2) {
				throw failed(failures);
			}
			return failures;
		})).isEqualTo(2);
		assertThat(this.pauses.pauses()).isEqualTo(millis(500, 500));
	}

	@Test
	void afterTheLastAttemptAllAreTold() {
		RetryPolicy policy = this.pauses.policy(2);
		assertThatExceptionOfType(AttemptsExhaustedException.class)
			.isThrownBy(() -> policy.run(policy.newDeadline(TIMEOUT), (failures) -> {
				throw failed(failures);
			}))
			.withMessage("Failed in 3 attempts: attempt 2")
			.satisfies((ex) -> {
				assertThat(ex.status()).isEqualTo(500);
				assertThat(ex.getCause()).hasMessage("attempt 2");
				assertThat(ex.getSuppressed()).extracting(Throwable::getMessage)
					.containsExactly("attempt 0", "attempt 1");
				assertThat(RetryPolicy.mayPass(ex)).isFalse();
			});
	}

	@Test
	void onlyAttemptIsToldAsItIs() {
		StorageUnavailableException failure = failed(0);
		RetryPolicy policy = this.pauses.policy(0);
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> policy.run(policy.newDeadline(TIMEOUT), (failures) -> {
				throw failure;
			}))
			.isSameAs(failure);
	}

	@Test
	void sameFailureTwiceIsToldOnce() {
		StorageUnavailableException failure = failed(0);
		RetryPolicy policy = this.pauses.policy(2);
		assertThatExceptionOfType(AttemptsExhaustedException.class)
			.isThrownBy(() -> policy.run(policy.newDeadline(TIMEOUT), (failures) -> {
				throw failure;
			}))
			.withCause(failure);
	}

	@Test
	void refusalIsFinal() {
		for (VgiExternalException refusal : List.of(new UploadRefusedException("no", null),
				new TransportClosedException("closed"), new TransferCancelledException("cancelled"),
				new AttemptsExhaustedException("exhausted", failed(1)))) {
			RetryPolicy policy = this.pauses.policy(2);
			IntFunction<String> action = (failures) -> {
				throw (failures == 0) ? failed(0) : refusal;
			};
			assertThatExceptionOfType(VgiExternalException.class)
				.isThrownBy(() -> policy.run(policy.newDeadline(TIMEOUT), action))
				.isSameAs(refusal)
				.satisfies((ex) -> assertThat(ex.getSuppressed()).singleElement()
					.isInstanceOf(StorageUnavailableException.class));
		}
	}

	@Test
	void busyStorageIsWaitedForByPausesThatGrow() {
		assertThat(ridesOut(Duration.ofSeconds(30), Duration.ofMinutes(5), busy(null))).isEqualTo("after 11");
		assertThat(this.pauses.pauses())
			.isEqualTo(millis(100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000, 5000));
	}

	@ParameterizedTest
	@ValueSource(ints = { 31, 35, 45, 60 })
	void whateverTheDeadlineThirtySecondsAreRiddenOut(int seconds) {
		assertThat(ridesOut(Duration.ofSeconds(30), Duration.ofSeconds(seconds), busy(null))).startsWith("after ");
	}

	@Test
	void pausesAreOfRandomLengthUpToThat() {
		List<Long> limits = new ArrayList<>();
		RetryPolicy policy = new RetryPolicy(0, Duration.ZERO, this.pauses, () -> false, (longest) -> {
			limits.add(TimeUnit.NANOSECONDS.toMillis(longest));
			return 7;
		});
		Retries retries = policy.begin(policy.newDeadline(TIMEOUT));
		Stream.generate(() -> busy(null)).limit(4).forEach(retries::pauseAfter);
		assertThat(limits).containsExactly(100L, 200L, 400L, 800L);
		assertThat(this.pauses.pauses()).containsOnly(Duration.ofNanos(7));
	}

	@Test
	void busyAnswersAreNoAttempts() {
		RetryPolicy policy = this.pauses.policy(1);
		assertThat(policy.<Integer>run(policy.newDeadline(TIMEOUT), (failures) -> {
			if (failures < 5) {
				throw (failures == 2) ? failed(2) : busy(null);
			}
			return failures;
		})).isEqualTo(5);
		assertThat(this.pauses.pauses()).isEqualTo(millis(100, 200, 500, 400, 800));
	}

	@Test
	void storageIsLeftAloneForAsLongAsItAsks() {
		assertThat(ridesOut(Duration.ofSeconds(7), TIMEOUT, busy(3))).isEqualTo("after 3");
		// Scattered, so that those who wait do not come back in step.
		assertThat(this.pauses.pauses()).isEqualTo(millis(3100, 3200, 3400));
	}

	@Test
	void askedForNothingItPausesAsIfItWereNotAsked() {
		ridesOut(Duration.ofMillis(250), TIMEOUT, busy(0));
		assertThat(this.pauses.pauses()).isEqualTo(millis(100, 200));
	}

	@Test
	void moreThanHalfAMinuteIsNotBelieved() {
		ridesOut(Duration.ofSeconds(1), TIMEOUT, busy(3600));
		assertThat(this.pauses.pauses()).isEqualTo(millis(30_100));
	}

	@Test
	void pauseThatDoesNotFitIsNotBegun() {
		RetryPolicy policy = this.pauses.policy(2);
		assertThatExceptionOfType(AttemptsExhaustedException.class)
			.isThrownBy(() -> ridesOut(Duration.ofSeconds(30), Duration.ofSeconds(9), busy(10)))
			.withMessage("busy; another attempt in 10000 ms would be after the deadline of 9000 ms");
		assertThatExceptionOfType(AttemptsExhaustedException.class)
			.isThrownBy(() -> policy.run(policy.newDeadline(Duration.ofMillis(500)), (failures) -> {
				throw failed(failures);
			}))
			.withMessage("attempt 0; another attempt in 500 ms would be after the deadline of 500 ms");
		assertThat(this.pauses.pauses()).isEmpty();
	}

	@Test
	void storageThatStaysBusyIsGivenUpWithItsDeadline() {
		assertThatExceptionOfType(AttemptsExhaustedException.class)
			.isThrownBy(() -> ridesOut(Duration.ofHours(1), TIMEOUT, busy(null)))
			.withMessageStartingWith("Failed in ")
			.withMessageContaining("busy; another attempt in")
			.satisfies((ex) -> assertThat(ex.getSuppressed()).isEmpty());
		assertThat(Duration.ofNanos(this.pauses.nanoTime())).isBetween(Duration.ofSeconds(59), TIMEOUT);
	}

	@Test
	void interruptInAPauseCancels() {
		RecordedPauses interrupting = new RecordedPauses((pause) -> Thread.currentThread().interrupt());
		RetryPolicy policy = interrupting.policy(2);
		AtomicInteger attempts = new AtomicInteger();
		assertThatExceptionOfType(TransferCancelledException.class)
			.isThrownBy(() -> policy.run(policy.newDeadline(TIMEOUT), (failures) -> {
				attempts.incrementAndGet();
				throw busy(null);
			}))
			.satisfies((ex) -> assertThat(ex.getSuppressed()).singleElement().isInstanceOf(StorageBusyException.class));
		assertThat(Thread.interrupted()).isTrue();
		assertThat(attempts).hasValue(1);
	}

	@Test
	void whoIsInterruptedDoesNotPause() {
		RetryPolicy policy = this.pauses.policy(0);
		assertThatExceptionOfType(TransferCancelledException.class)
			.isThrownBy(() -> policy.run(policy.newDeadline(TIMEOUT), (failures) -> {
				Thread.currentThread().interrupt();
				throw failed(failures);
			}));
		assertThat(Thread.interrupted()).isTrue();
		assertThat(this.pauses.pauses()).isEmpty();
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void pauseEndsWithWhatItIsFor(boolean shutdown) throws Exception {
		ManualTimer timer = new ManualTimer();
		AtomicBoolean cancelled = new AtomicBoolean();
		try (StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null, timer)) {
			RetryPolicy policy = new RetryPolicy(1, Duration.ofSeconds(10), transport);
			Deadline deadline = policy.newDeadline(TIMEOUT);
			FutureTask<String> call = new FutureTask<>(() -> policy.run(deadline, cancelled::get, (failures) -> {
				throw failed(failures);
			}));
			Thread caller = new Thread(call);
			caller.start();
			timer.awaitAlarmIn(Duration.ofSeconds(10));
			if (shutdown) {
				transport.endTransfers();
			}
			else {
				cancelled.set(true);
			}
			assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> call.get(20, TimeUnit.SECONDS))
				.withCauseInstanceOf(shutdown ? TransportClosedException.class : TransferCancelledException.class);
			assertThat(timer.alarms()).isZero();
		}
	}

	@Test
	void pauseForCleaningUpOutlivesTheTransfers() {
		try (StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null, this.pauses)) {
			transport.endTransfers();
			new RetryPolicy(0, Duration.ZERO, transport).pause(Duration.ofSeconds(3));
		}
		assertThat(this.pauses.pauses()).isEqualTo(millis(3000));
	}

	@Test
	void valuesAreChecked() {
		try (StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null)) {
			assertThatIllegalArgumentException().isThrownBy(() -> new RetryPolicy(-1, Duration.ZERO, transport))
				.withMessageContaining("'maxRetries'");
			assertThatIllegalArgumentException().isThrownBy(() -> new RetryPolicy(0, Duration.ofMillis(-1), transport))
				.withMessageContaining("'delay'");
		}
	}

}
