package dev.vgi.external.storage.local;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;

/**
 * A clock that a test steps.
 */
public final class SteppedClock extends Clock {

	private volatile Instant now = Instant.parse("2026-01-01T00:00:00.750Z");

	private volatile Duration each = Duration.ZERO;

	/**
	 * Let everything take its time.
	 * @param each how far the clock goes on with each look at it
	 */
	void goesOn(Duration each) {
		this.each = each;
	}

	public void step(Duration duration) {
		this.now = this.now.plus(duration);
	}

	@Override
	public Instant instant() {
		step(this.each);
		return this.now;
	}

	@Override
	public ZoneId getZone() {
		return ZoneOffset.UTC;
	}

	@Override
	public Clock withZone(ZoneId zone) {
		return this;
	}

}
