package dev.vgi.external.fetch;

import java.util.ArrayList;
import java.util.List;

/**
 * Decides when a range that is late gets a second request. Knows durations only: no
 * clock, no threads.
 */
final class HedgePolicy {

	/** Differences below this are noise, not lateness. */
	static final long SHORTEST_NANOS = 20_000_000;

	private final double multiplier;

	private final int maxHedges;

	private final long firstByteMedian;

	private final List<Long> completed = new ArrayList<>();

	private int hedges;

	/**
	 * Create a policy for one fetch.
	 * @param multiplier how many times the usual duration is late; 0 turns hedging off
	 * @param maxHedges most second requests, 0 for no limit
	 * @param firstByteMedian nanoseconds the origin usually takes to its first byte, or
	 * -1 if unknown
	 */
	HedgePolicy(double multiplier, int maxHedges, long firstByteMedian) {
		this.multiplier = multiplier;
		this.maxHedges = maxHedges;
		this.firstByteMedian = firstByteMedian;
	}

	/**
	 * Note that a range is complete.
	 * @param nanos from sending its request to its last byte
	 */
	void completed(long nanos) {
		int index = 0;
		while (index < this.completed.size() && this.completed.get(index) < nanos) {
			index++;
		}
		this.completed.add(index, nanos);
	}

	/**
	 * Return how long after its request was sent a range is late.
	 * @param hasFirstByte whether its first byte is here
	 * @return nanoseconds, or {@link Long#MAX_VALUE} if it cannot be told or no further
	 * hedge is allowed
	 */
	long lateAfter(boolean hasFirstByte) {
		if (this.multiplier == 0 || (this.maxHedges > 0 && this.hedges >= this.maxHedges)) {
			return Long.MAX_VALUE;
		}
		if (!this.completed.isEmpty()) {
			return late(this.completed.get(this.completed.size() / 2));
		}
		// Before anything has completed only the first byte can be late.
		return (!hasFirstByte && this.firstByteMedian >= 0) ? late(this.firstByteMedian) : Long.MAX_VALUE;
	}

	private long late(long usual) {
		return Math.max(SHORTEST_NANOS, (long) (usual * this.multiplier));
	}

	/**
	 * Note that a second request was sent.
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
