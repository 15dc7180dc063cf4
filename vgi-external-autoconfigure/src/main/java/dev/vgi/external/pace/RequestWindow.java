package dev.vgi.external.pace;

/**
 * How many requests may be in flight. Fully open until a signal of overload, which takes
 * a share of what was in flight; successes open it again: by one for each window of them,
 * after an outage by one for each. Not thread-safe.
 */
final class RequestWindow {

	/**
	 * What a signal leaves. Resets and refusals of a rate limit are not all congestion.
	 */
	static final double KEPT = 0.85;

	/** A signal to so few requests says nothing about how many more would be too many. */
	private static final int FEW = 8;

	private final int most;

	private double size;

	/** Up to this size the window opens quickly. */
	private double known;

	RequestWindow(int most) {
		this.most = most;
		this.size = most;
		this.known = most;
	}

	int size() {
		return (int) this.size;
	}

	/**
	 * Record a success.
	 * @param inFlight requests in flight, this one included
	 */
	void succeeded(int inFlight) {
		// A window that nobody fills shows nothing.
		if (this.size < this.most && inFlight >= (int) this.size) {
			this.size = Math.min(this.most, this.size + ((this.size < this.known) ? 1 : 1 / this.size));
		}
	}

	/**
	 * Record a signal of overload.
	 * @param inFlight requests in flight, this one included
	 */
	void overloaded(int inFlight) {
		this.size = Math.max(1, Math.min(this.size, Math.max(inFlight, FEW)) * KEPT);
		this.known = this.size;
	}

	/**
	 * Open it wholly, because the last signal is so old that it says nothing any more.
	 * Requests that do not fill the window would never open it.
	 */
	void open() {
		this.size = this.most;
		this.known = this.most;
	}

	/**
	 * Open it again after it was closed.
	 * @param least how many requests may be in flight at least
	 */
	void reopen(int least) {
		this.size = Math.min(this.most, Math.max(this.size, least));
	}

	/**
	 * Close it, because nothing succeeds.
	 */
	void close() {
		this.size = 1;
	}

}
