package dev.vgi.external.transport;

import java.time.Duration;

/**
 * Time as transfers see it: a clock and alarms. Every deadline and every hedge is
 * measured by one of these, so that a test can step it. Thread-safe.
 */
public interface TransferTimer extends AutoCloseable {

	/**
	 * Return the time, as {@link System#nanoTime()} does.
	 * @return nanoseconds since an arbitrary moment
	 */
	long nanoTime();

	/**
	 * Run an action later, unless cancelled.
	 * @param delay how much later
	 * @param action runs on the timer's own thread, so it must not block
	 * @return cancels the action
	 */
	Alarm schedule(Duration delay, Runnable action);

	/**
	 * Forget all alarms and end the timer's thread.
	 */
	@Override
	void close();

	/**
	 * Create a timer by the system's clock, with one daemon thread that lives only while
	 * alarms are set.
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
		 * Do not run the action. Without effect if it already ran.
		 */
		void cancel();

	}

}
