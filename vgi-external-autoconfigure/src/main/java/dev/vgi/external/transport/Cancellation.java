package dev.vgi.external.transport;

import org.jspecify.annotations.Nullable;

/**
 * Cancels a request from another thread at any stage: following redirects, waiting for a
 * connection or reading the body. Thread-safe.
 */
public final class Cancellation {

	private @Nullable Exchange exchange;

	private boolean cancelled;

	/**
	 * Cancel the running exchange and any later one. Idempotent.
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
	 * Watch the next exchange of the request.
	 * @param started cancelled at once if this was already cancelled
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
