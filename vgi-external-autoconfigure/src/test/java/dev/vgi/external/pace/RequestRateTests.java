package dev.vgi.external.pace;

import java.time.Duration;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/**
 * How the rate follows what storage accepts. The time begins at 0.
 */
class RequestRateTests {

	private static final long SECOND = Duration.ofSeconds(1).toNanos();

	private final RequestRate rate = new RequestRate(0);

	private long now;

	@Test
	void oneRefusalIsNoReasonForARate() {
		refuse(8);
		assertThat(this.rate.perSecond()).isInfinite();
		pass(11);
		refuse(8);
		assertThat(this.rate.perSecond()).isInfinite();
		pass(1);
		refuse(8);
		assertThat(this.rate.perSecond()).isFinite();
	}

	@Test
	void rateBeginsWithHalfOfWhatWasInFlight() {
		refuse(64);
		refuse(64);
		assertThat(this.rate.perSecond()).isEqualTo(32);
	}

	@Test
	void rateBeginsWithWhatWasAcceptedIfThatIsMore() {
		succeed(10, 100);
		refuse(64);
		refuse(64);
		assertThat(this.rate.perSecond()).isCloseTo(100, within(5.0));
	}

	@Test
	void rateHardlyGoesBelowWhatIsAccepted() {
		limit();
		for (int i = 0; i < 20; i++) {
			refuse(8);
			succeed(1, 10);
			assertThat(this.rate.perSecond()).isGreaterThan(7);
		}
	}

	@Test
	void rateGoesDownQuicklyWhileNothingIsAccepted() {
		limit();
		for (int i = 0; i < 12; i++) {
			refuse(8);
			pass(1);
		}
		assertThat(this.rate.perSecond()).isEqualTo(RequestRate.LEAST);
	}

	@Test
	void rateIsBackSoonAfterAnOutage() {
		limit();
		double before = this.rate.perSecond();
		for (int i = 0; i < 10; i++) {
			refuse(8);
			pass(1);
		}
		succeed(1, 8);
		assertThat(this.rate.perSecond()).isBetween(0.9 * before, before);
	}

	// Little was asked for right before it, which says nothing about the storage
	@Test
	void rateIsBackSoonAfterAnOutageAtAQuietMoment() {
		succeed(30, 20);
		pass(20);
		for (int i = 0; i < 4; i++) {
			refuse(1);
			pass(3);
		}
		for (int i = 0; i < 10; i++) {
			succeed(1, 4);
		}
		assertThat(this.rate.perSecond()).isGreaterThan(15);
	}

	@Test
	void lowRateIsBackSoonAfterAnOutageOfFewRequests() {
		this.rate.lower(0, 0.5, 1);
		this.rate.lower(0, 0.5, 1);
		while (this.rate.perSecond() > 0.5) {
			refuse(1);
		}
		succeed(5, 1);
		double before = this.rate.perSecond();
		for (int i = 0; i < 4; i++) {
			refuse(1);
			pass(3);
		}
		succeed(3, 1);
		assertThat(this.rate.perSecond()).isGreaterThan(0.9 * before);
	}

	@Test
	void rateGoesUpTheFasterTheLongerNothingIsRefused() {
		limit();
		double start = this.rate.perSecond();
		succeed(5, 20);
		double first = this.rate.perSecond() - start;
		succeed(5, 20);
		assertThat(this.rate.perSecond() - start - first).isGreaterThan(2 * first);
	}

	// A rate of about 10 that storage accepts.
	private void limit() {
		succeed(10, 10);
		refuse(2);
		refuse(2);
		assertThat(this.rate.perSecond()).isCloseTo(10, within(1.0));
	}

	private void refuse(int inFlight) {
		this.rate.lower(this.now, 0.5, inFlight);
	}

	private void succeed(int seconds, int perSecond) {
		for (int i = 0; i < seconds * perSecond; i++) {
			this.rate.waitNanos(this.now);
			this.rate.sent();
			long sentAt = this.now;
			this.now += SECOND / perSecond;
			this.rate.succeeded(this.now, sentAt);
		}
	}

	private void pass(int seconds) {
		this.now += seconds * SECOND;
	}

}
