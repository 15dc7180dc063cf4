package dev.vgi.external.pace;

import java.time.Duration;
import java.util.Locale;
import java.util.function.LongUnaryOperator;

import dev.vgi.external.pace.Permit.Outcome;

/**
 * Notices that nothing succeeds any more, and when to ask again. Not thread-safe.
 */
final class Outage {

	/** So many failures without a success between them are an outage. */
	static final int FAILURES = 4;

	/** Longest pause that storage may ask for. */
	static final long LONGEST_ASKED = Duration.ofSeconds(30).toNanos();

	private static final long FIRST_PAUSE = Duration.ofMillis(100).toNanos();

	/** Longest pause between two probes of a storage that says it is busy. */
	private static final long LONGEST_BUSY = Duration.ofSeconds(5).toNanos();

	/**
	 * Longest pause between two probes of a storage that cannot be reached and says so at
	 * once. Callers who come meanwhile fail, so it is short.
	 */
	private static final long LONGEST_BROKEN = Duration.ofMillis(500).toNanos();

	private final LongUnaryOperator random;

	/** Failures since the last success. */
	private int failures;

	private int failedProbes;

	/** Whether the last failure was that storage could not be reached. */
	private boolean broken;

	private long began;

	/** Why the last request failed. */
	private String why = "";

	private boolean pauses;

	private long pausedUntil;

	Outage(LongUnaryOperator random) {
		this.random = random;
	}

	// Whether only a probe may be sent.
	boolean isClosed() {
		return this.failures >= FAILURES;
	}

	// Whether the storage cannot be reached, so that waiting is of no use.
	boolean isDown() {
		return isClosed() && this.broken;
	}

	// Whether a probe has shown that, too. Until then, it may have been a single object
	// whose requests have failed.
	boolean isCertain() {
		return isDown() && this.failedProbes > 0;
	}

	long waitNanos(long now) {
		return this.pauses ? Math.max(0, this.pausedUntil - now) : 0;
	}

	// Says for how long nothing has succeeded, and why.
	String describe(long now) {
		return String.format(Locale.ROOT, "%s, as in all %d requests of the last %.1f s", this.why, this.failures,
				(now - this.began) / 1e9);
	}

	/**
	 * Record a success.
	 * @param sentAt when the request was sent: an earlier one does not end a pause
	 */
	void succeeded(long sentAt) {
		this.failures = 0;
		this.failedProbes = 0;
		this.pauses = this.pauses && sentAt - this.pausedUntil < 0;
	}

	/**
	 * Record a failure.
	 * @param now the time
	 * @param failure how the request has failed
	 * @param probed how long the request took if it was a probe, or -1
	 */
	void failed(long now, Outcome failure, long probed) {
		if (this.failures++ == 0) {
			this.began = now;
		}
		this.broken = failure.kind() == Outcome.Kind.BROKEN;
		this.why = failure.why();
		if (failure.asked() > 0) {
			long bounded = Math.min(failure.asked(), LONGEST_ASKED);
			// Those who were told the same shall not return at the same moment.
			pause(now, bounded + this.random.applyAsLong(Math.min(bounded / 5, LONGEST_ASKED - bounded)));
		}
		else if (isClosed()) {
			long longest = this.broken ? LONGEST_BROKEN : LONGEST_BUSY;
			long grown = Math.min(FIRST_PAUSE << Math.min(this.failedProbes, 10), longest);
			// Who waits for a probe of a storage that is silent waits long, and for
			// nothing.
			long silent = Math.min(probed, LONGEST_BUSY);
			pause(now, Math.max(silent, grown / 2 + this.random.applyAsLong(grown / 2)));
		}
		if (probed >= 0) {
			this.failedProbes++;
		}
	}

	private void pause(long now, long nanos) {
		long until = now + nanos;
		if (!this.pauses || until - this.pausedUntil > 0) {
			this.pausedUntil = until;
		}
		this.pauses = true;
	}

}
