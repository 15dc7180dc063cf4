package dev.vgi.external.time;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * A point in time by which a whole transfer has to end, computed once. Thread-safe.
 */
public final class Deadline {

	private final LongSupplier nanoTime;

	private final long end;

	private final Duration timeout;

	private Deadline(LongSupplier nanoTime, Duration timeout) {
		this.nanoTime = nanoTime;
		this.timeout = timeout;
		this.end = nanoTime.getAsLong() + timeout.toNanos();
	}

	/**
	 * Create a deadline.
	 * @param timeout time from now on, positive
	 * @return the deadline
	 */
	public static Deadline in(Duration timeout) {
		return new Deadline(System::nanoTime, timeout);
	}

	/**
	 * Create a deadline with another clock.
	 * @param timeout time from now on, positive
	 * @param nanoTime the clock, as {@link System#nanoTime()}
	 * @return the deadline
	 */
	public static Deadline in(Duration timeout, LongSupplier nanoTime) {
		return new Deadline(nanoTime, timeout);
	}

	/**
	 * Return what remains.
	 * @return the remaining time, never negative
	 */
	public Duration remaining() {
		return Duration.ofNanos(Math.max(0, this.end - this.nanoTime.getAsLong()));
	}

	/**
	 * Return whether the time is over.
	 * @return {@code true} if nothing remains
	 */
	public boolean hasPassed() {
		return this.end - this.nanoTime.getAsLong() <= 0;
	}

	/**
	 * Return the whole time that was allowed.
	 * @return the timeout that this deadline was created with
	 */
	public Duration timeout() {
		return this.timeout;
	}

}
