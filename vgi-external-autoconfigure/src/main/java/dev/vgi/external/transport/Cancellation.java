package dev.vgi.external.transport;

import org.jspecify.annotations.Nullable;

/**
 * Ends a request from another thread, whatever it is doing: following redirects, waiting
 * for a connection or reading the body. Thread-safe.
 */
public final class Cancellation {

	private @Nullable Exchange exchange;

	private boolean cancelled;

	/**
	 * End what is running and whatever would be started later. Idempotent.
	 */
	public void cancel() {
		Exchange running;
		synchronized (this) {
			this.cancelled = true;
			running = this.exchange;
		}
		if (running != null) {
			running.close();
		}
	}

	/**
	 * Watch over the exchange that follows the one before.
	 * @param started ended at once if this was cancelled already
	 */
	void watch(Exchange started) {
		boolean late;
		synchronized (this) {
			this.exchange = started;
			late = this.cancelled;
		}
		if (late) {
			started.close();
		}
	}

}
