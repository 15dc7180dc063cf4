package dev.vgi.external.fetch;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferRequest;
import dev.vgi.external.transport.TransportSettings;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Four ranges, three requests at once; a range is late after twice the second that the
 * first byte usually takes.
 */
class RangeScheduleTests {

	private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null, this.timer);

	private final HedgePolicy hedging = new HedgePolicy(2, 0, SECOND);

	private final RangeSchedule schedule = new RangeSchedule(4, 3, this.hedging,
			new RetryPolicy(1, Duration.ofSeconds(5), this.transport),
			Deadline.in(Duration.ofSeconds(60), this.timer::nanoTime));

	@AfterEach
	void close() {
		this.transport.close();
	}

	private void send(int range, long sentAt) {
		this.schedule.sent(range, () -> sentAt, () -> false);
	}

	@Test
	void rangesHaveTheirTurnInOrderAsFarAsThereAreRequestsAndRoom() {
		send(0, 0);
		assertThat(this.schedule.nextDue(0, 0, false)).isEqualTo(-1);
		assertThat(this.schedule.nextDue(0, 0, true)).isEqualTo(1);
		send(1, 0);
		send(2, 0);
		assertThat(this.schedule.nextDue(0, 0, true)).isEqualTo(-1);
		this.schedule.ended(1);
		assertThat(this.schedule.nextDue(0, 0, true)).isEqualTo(3);
	}

	@Test
	void aRangeIsLateOnceMoreIfItsHedgeIsLateToo() {
		send(0, 0);
		send(1, SECOND);
		assertThat(this.schedule.nextLate(0, 2 * SECOND - 1)).isEqualTo(-1);
		assertThat(this.schedule.nextIn(0, SECOND)).isEqualTo(SECOND);
		assertThat(this.schedule.nextLate(0, 2 * SECOND)).isZero();
		this.schedule.hedged(0, () -> 2 * SECOND);
		assertThat(this.schedule.nextIn(0, 2 * SECOND)).isEqualTo(SECOND);
		assertThat(this.schedule.nextLate(0, 3 * SECOND)).isEqualTo(-1);
		this.schedule.hedgeEnded();
		assertThat(this.schedule.nextLate(0, 3 * SECOND)).isEqualTo(1);
		this.schedule.hedged(1, () -> 3 * SECOND);
		this.schedule.hedgeEnded();
		assertThat(this.schedule.nextLate(0, 4 * SECOND)).isZero();
		this.schedule.hedged(0, () -> 4 * SECOND);
		this.schedule.hedgeEnded();
		assertThat(this.schedule.nextLate(0, 4 * SECOND)).isEqualTo(-1);
		assertThat(this.schedule.nextLate(0, 9 * SECOND)).isEqualTo(1);
	}

	@Test
	void rangeThatWaitsForItsTurnIsNotLate() {
		this.schedule.sent(0, () -> TransferRequest.NOT_SENT, () -> false);
		assertThat(this.schedule.nextLate(0, 9 * SECOND)).isEqualTo(-1);
		assertThat(this.schedule.nextIn(0, 9 * SECOND)).isEqualTo(Long.MAX_VALUE);
	}

	@Test
	void rangeWhoseHedgeIsNotPaidForIsLateAgainLater() {
		send(0, 0);
		assertThat(this.schedule.nextLate(0, 2 * SECOND)).isZero();
		this.schedule.notHedged(0, 2 * SECOND);
		assertThat(this.schedule.nextLate(0, 2 * SECOND)).isEqualTo(-1);
		assertThat(this.schedule.nextIn(0, 2 * SECOND)).isEqualTo(SECOND / 50);
		assertThat(this.schedule.nextLate(0, 3 * SECOND)).isZero();
		this.schedule.notHedged(0, 3 * SECOND);
		assertThat(this.schedule.nextIn(0, 3 * SECOND)).isEqualTo(SECOND / 25);
	}

	@Test
	void rangeWhoseRequestHasEndedIsNotLate() {
		send(0, 0);
		this.schedule.ended(0);
		assertThat(this.schedule.nextLate(0, 9 * SECOND)).isEqualTo(-1);
	}

	@Test
	void onceARangeIsCompleteItsTimeDecidesWhatIsLate() {
		send(0, 0);
		send(1, 0);
		this.schedule.ended(0);
		this.hedging.completed(4 * SECOND);
		assertThat(this.schedule.nextIn(0, SECOND)).isEqualTo(7 * SECOND);
	}

	@Test
	void failedRangeComesBeforeOthersAfterItsPause() {
		send(0, 0);
		send(1, 0);
		this.schedule.ended(0);
		this.schedule.failed(0, new StorageUnavailableException("gone", 500, null), SECOND);
		assertThat(this.schedule.nextDue(0, SECOND, true)).isEqualTo(2);
		assertThat(this.schedule.nextDue(0, 6 * SECOND, true)).isZero();
		send(0, 6 * SECOND);
		this.schedule.ended(0);
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> this.schedule.failed(0, new StorageUnavailableException("gone", 500, null), 7 * SECOND))
			.withMessageContaining("2 attempts");
	}

	@Test
	void refusedRangeIsNotRequestedAgain() {
		send(0, 0);
		this.schedule.ended(0);
		LinkExpiredException refusal = new LinkExpiredException("expired", null);
		assertThatExceptionOfType(LinkExpiredException.class).isThrownBy(() -> this.schedule.failed(0, refusal, SECOND))
			.isSameAs(refusal);
	}

}
