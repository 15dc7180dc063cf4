package dev.vgi.external.time;

import java.time.Duration;

/**
 * The clock and timer of transfers. Every deadline and every hedge uses one, so that a
 * test can step the time. Thread-safe.
 */
public interface TransferTimer extends AutoCloseable {

	/**
	 * Return the time, as {@link System#nanoTime()} does.
	 * @return nanoseconds since an arbitrary point in time
	 */
	long nanoTime();

	/**
	 * Run an action later, unless it is cancelled.
	 * @param delay time from now
	 * @param action runs on the timer's own thread, so it must not block
	 * @return cancels the action
	 */
	Alarm schedule(Duration delay, Runnable action);

	/**
	 * Drop all scheduled actions and end the timer's thread.
	 */
	@Override
	void close();

	/**
	 * Create a timer with the system's clock and one daemon thread, which lives only
	 * while actions are scheduled.
	 * @return the timer; the caller closes it
	 */
	static TransferTimer system() {
		return new SystemTransferTimer();
	}

	/**
	 * A scheduled action.
	 */
	interface Alarm {

		/**
		 * Do not run the action. No effect if it has already run.
		 */
		void cancel();

	}

}
