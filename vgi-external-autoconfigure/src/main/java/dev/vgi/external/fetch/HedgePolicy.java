package dev.vgi.external.fetch;

import java.util.ArrayList;
import java.util.List;

/**
 * Decides when a late range gets a second request. Computes with durations only: no
 * clock, no threads.
 */
final class HedgePolicy {

	/** Smaller differences are noise, not lateness. */
	static final long SHORTEST_NANOS = 20_000_000;

	private final double multiplier;

	private final int maxHedges;

	private final long firstByteMedian;

	private final List<Long> completed = new ArrayList<>();

	private int hedges;

	/**
	 * Create a policy for one fetch.
	 * @param multiplier the multiple of the usual duration after which a range is late; 0
	 * turns hedging off
	 * @param maxHedges highest number of second requests, 0 for no limit
	 * @param firstByteMedian usual time to first byte of the origin in nanoseconds, or -1
	 * if unknown
	 */
	HedgePolicy(double multiplier, int maxHedges, long firstByteMedian) {
		this.multiplier = multiplier;
		this.maxHedges = maxHedges;
		this.firstByteMedian = firstByteMedian;
	}

	/**
	 * Record that a range is complete.
	 * @param nanos from sending its request to receiving its last byte
	 */
	void completed(long nanos) {
		int index = 0;
		while (index < this.completed.size() && this.completed.get(index) < nanos) {
			index++;
		}
		this.completed.add(index, nanos);
	}

	/**
	 * Return how long after sending its request a range is late.
	 * @param hasFirstByte whether its first byte has arrived
	 * @return nanoseconds, or {@link Long#MAX_VALUE} if this is unknown or no further
	 * hedge is allowed
	 */
	long lateAfter(boolean hasFirstByte) {
		if (this.multiplier == 0 || (this.maxHedges > 0 && this.hedges >= this.maxHedges)) {
			return Long.MAX_VALUE;
		}
		if (!this.completed.isEmpty()) {
			return late(this.completed.get(this.completed.size() / 2));
		}
		// Until a range has completed, only the first byte can be late.
		return (!hasFirstByte && this.firstByteMedian >= 0) ? late(this.firstByteMedian) : Long.MAX_VALUE;
	}

	private long late(long usual) {
		return Math.max(SHORTEST_NANOS, (long) (usual * this.multiplier));
	}

	/**
	 * Record that a second request was sent.
	 */
	void hedged() {
		this.hedges++;
	}

	/**
	 * Return how many second requests there were.
	 * @return the number
	 */
	int hedges() {
		return this.hedges;
	}

}
