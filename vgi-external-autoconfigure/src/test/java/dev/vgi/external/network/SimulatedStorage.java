package dev.vgi.external.network;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * What all processes share: the link, and the storage's limit of requests.
 */
final class SimulatedStorage {

	final SharedLink link;

	private final VirtualTime time;

	private final NetworkModel model;

	/** Requests that would be accepted at once. */
	private double tokens;

	private long tokensAt;

	/** Whether everything is refused. */
	private boolean outage;

	private long requests;

	private long refused;

	SimulatedStorage(VirtualTime time, NetworkModel model, SharedLink link) {
		this.time = time;
		this.model = model;
		this.link = link;
		this.tokens = model.burst();
	}

	/**
	 * Decide about a request.
	 * @return whether it is answered; otherwise storage is busy
	 */
	boolean accepts() {
		this.requests++;
		if (this.outage) {
			this.refused++;
			return false;
		}
		if (this.model.requestRate() == 0) {
			return true;
		}
		long now = this.time.nanoTime();
		this.tokens = Math.min(this.model.burst(),
				this.tokens + (now - this.tokensAt) / 1e9 * this.model.requestRate());
		this.tokensAt = now;
		if (this.tokens < 1) {
			this.refused++;
			return false;
		}
		this.tokens--;
		return true;
	}

	void setOutage(boolean outage) {
		this.outage = outage;
	}

	/**
	 * Return how long the first byte of an answer takes.
	 * @param slowness how many times longer than usual
	 * @return nanoseconds
	 */
	long firstByteIn(double slowness) {
		double median = this.model.firstByte().toNanos();
		return (long) (median * slowness * Math.exp(this.model.sigma() * this.link.random.nextGaussian()));
	}

	/**
	 * Return how slow the next request is.
	 * @return how many times slower than usual
	 */
	double slowness() {
		return (this.model.slowShare() > 0 && this.link.random.nextDouble() < this.model.slowShare())
				? this.model.slowFactor() : 1;
	}

	@Nullable Duration retryAfter() {
		return this.model.retryAfter();
	}

	long requests() {
		return this.requests;
	}

	long refused() {
		return this.refused;
	}

}
