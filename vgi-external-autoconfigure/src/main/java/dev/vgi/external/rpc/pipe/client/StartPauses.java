package dev.vgi.external.rpc.pipe.client;

import java.time.Duration;

import dev.vgi.external.time.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * When a worker may be started again after one has failed. Every failure doubles the
 * pause; a worker that has answered a call ends them. Used by one thread at a time.
 */
final class StartPauses {

	private static final Duration FIRST = Duration.ofMillis(100);

	private static final Duration LONGEST = Duration.ofSeconds(30);

	private final TransferTimer timer;

	private final Runnable over;

	private int failures;

	private long end;

	private TransferTimer.@Nullable Alarm alarm;

	/**
	 * Create an instance; there is no pause.
	 * @param timer measures the pauses
	 * @param over runs on the timer's thread after each pause
	 */
	StartPauses(TransferTimer timer, Runnable over) {
		this.timer = timer;
		this.over = over;
	}

	/**
	 * Return how many starts have failed since a worker last answered a call.
	 * @return the number, which tells starts apart that ran at the same time
	 */
	int failures() {
		return this.failures;
	}

	/**
	 * A start has failed. Of several that ran at the same time only the first one counts.
	 * @param before the number of failures when it began
	 */
	void failed(int before) {
		if (before != this.failures) {
			return;
		}
		Duration doubled = FIRST.multipliedBy(1L << Math.min(this.failures, 10));
		Duration pause = (doubled.compareTo(LONGEST) < 0) ? doubled : LONGEST;
		this.failures++;
		this.end = this.timer.nanoTime() + pause.toNanos();
		cancel();
		this.alarm = this.timer.schedule(pause, this.over);
	}

	/**
	 * A worker has answered a call.
	 */
	void succeeded() {
		this.failures = 0;
	}

	/**
	 * Return whether a worker may be started.
	 * @param running how many starts are running
	 * @return {@code false} during a pause; after a failure one start at a time
	 */
	boolean mayStart(int running) {
		return this.failures == 0 || (running == 0 && remaining().isZero());
	}

	/**
	 * Return how long the pause still takes.
	 * @return zero if there is none
	 */
	Duration remaining() {
		long remaining = (this.failures == 0) ? 0 : this.end - this.timer.nanoTime();
		return Duration.ofNanos(Math.max(remaining, 0));
	}

	/**
	 * Do not announce the end of the pause.
	 */
	void cancel() {
		if (this.alarm != null) {
			this.alarm.cancel();
		}
	}

}
