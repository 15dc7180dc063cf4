package dev.vgi.external.pace;

import java.time.Duration;

/**
 * How many requests a second may be sent: a window of one still is a request per round
 * trip, which is too much for a storage that limits the rate. Without limit until storage
 * says that it is busy. Then the rate goes down with each such answer and up with each
 * success, in steps that are nearly proportional to it, so that the share of requests
 * that are refused is small whatever the rate.
 * <p>
 * It never goes below what storage has accepted lately, or hardly so. That is what lets
 * many processes find their shares within seconds without knowing of each other: what all
 * of them see accepted is, together, exactly what the storage accepts. Not thread-safe.
 */
final class RequestRate {

	/** The least that is left of the rate when storage says that it is busy. */
	static final double KEPT = 0.6;

	/** The rate does not go below this share of what storage has accepted lately. */
	private static final double ACCEPTED = 0.8;

	/** What a success adds to a rate of one, and the root of that to other rates. */
	static final double GROWTH = 0.005;

	/** After so many successes without a refusal they add twice as much, and so on. */
	private static final double LEARNT = 48;

	/** Requests a second before anything is known. */
	static final double FIRST = 2;

	/** Never less than one request in ten seconds. */
	static final double LEAST = 0.1;

	/**
	 * So many steps down without a success: no lower bound, since nothing is accepted.
	 */
	private static final int BAD = 4;

	/**
	 * If nothing succeeds for as long as so many requests take, or for these times at
	 * least and at most, it was not the rate.
	 */
	private static final int OUT_OF_ORDER = 8;

	private static final long LEAST_OUT_OF_ORDER_NANOS = Duration.ofSeconds(2).toNanos();

	private static final long MOST_OUT_OF_ORDER_NANOS = Duration.ofSeconds(8).toNanos();

	/** What is left of the rate after that. */
	private static final double KEPT_AFTERWARDS = 0.9;

	/** Over what time successes are counted. */
	private static final double MEMORY_SECONDS = 4;

	/** Over what time the most of them in a second is forgotten. */
	private static final double USUAL_SECONDS = 300;

	/** How much of a second's requests may be sent at once. */
	private static final double BURST_SECONDS = 0.05;

	/** After this time without an answer that says busy, a rate that is not used ends. */
	private static final long FORGET_NANOS = Duration.ofSeconds(60).toNanos();

	/** A single answer that says busy is no reason for a rate. */
	private static final long RELATED_NANOS = Duration.ofSeconds(10).toNanos();

	private double perSecond = Double.POSITIVE_INFINITY;

	/** Up to this rate successes double it. */
	private double known;

	private double tokens;

	private long filledAt;

	private long loweredAt;

	private long raisedAt;

	/** Whether storage has ever said that it is busy. */
	private boolean refused;

	/** Whether requests had to wait since the last success. */
	private boolean limiting;

	/** Steps down since the last success, when they began, and the rate before them. */
	private int stepsDown;

	private long failingSince;

	private double before;

	/** Successes since the last step down. */
	private double clean;

	/** Successes, the older the less. */
	private double successes;

	/** Most successes a second, the longer ago the less. */
	private double usual;

	private long countedAt;

	private final long since;

	RequestRate(long now) {
		this.filledAt = now;
		this.countedAt = now;
		this.loweredAt = now;
		this.raisedAt = now;
		this.since = now;
	}

	double perSecond() {
		return this.perSecond;
	}

	// No limit any more.
	void end() {
		this.perSecond = Double.POSITIVE_INFINITY;
	}

	/**
	 * Return how long the next request has to wait.
	 * @param now the time
	 * @return nanoseconds, 0 for not at all
	 */
	long waitNanos(long now) {
		if (Double.isInfinite(this.perSecond)) {
			return 0;
		}
		fill(now);
		if (this.tokens >= 1) {
			return 0;
		}
		this.limiting = true;
		return Math.max(1, (long) Math.ceil((1 - this.tokens) / this.perSecond * 1e9));
	}

	void sent() {
		if (!Double.isInfinite(this.perSecond)) {
			this.tokens--;
		}
	}

	/**
	 * Record a success.
	 * @param now the time
	 * @param sentAt when the request was sent: if that was before the last step down, it
	 * does not say that the rate is low enough
	 */
	void succeeded(long now, long sentAt) {
		decay(now);
		this.successes++;
		this.usual = Math.max(this.usual, accepted(now));
		if (this.stepsDown > 0) {
			double longTime = Math.max(LEAST_OUT_OF_ORDER_NANOS,
					Math.min(MOST_OUT_OF_ORDER_NANOS, OUT_OF_ORDER / this.before * 1e9));
			this.known = (now - this.failingSince > longTime) ? this.before * KEPT_AFTERWARDS : 0;
			this.stepsDown = 0;
		}
		if (Double.isInfinite(this.perSecond) || sentAt - this.loweredAt < 0) {
			return;
		}
		fill(now);
		if (this.perSecond < this.known) {
			// Once a round trip.
			if (sentAt - this.raisedAt >= 0) {
				this.perSecond = Math.min(this.known, this.perSecond * 2);
				this.raisedAt = now;
			}
		}
		else if (this.limiting) {
			this.perSecond += GROWTH * Math.sqrt(this.perSecond) * (1 + this.clean++ / LEARNT);
			this.limiting = this.tokens < 1;
		}
		else if (now - this.loweredAt > FORGET_NANOS) {
			end();
		}
	}

	/**
	 * Lower the rate.
	 * @param now the time
	 * @param spread a random number from 0 to 1, which keeps processes from returning
	 * together
	 * @param inFlight requests in flight
	 */
	void lower(long now, double spread, int inFlight) {
		boolean first = Double.isInfinite(this.perSecond);
		boolean again = this.refused && now - this.loweredAt <= RELATED_NANOS;
		this.refused = true;
		this.clean = 0;
		if (!first || again) {
			fill(now);
			double accepted = accepted(now);
			if (this.stepsDown++ == 0) {
				// What was accepted last may be little because little was asked for.
				this.before = first ? Math.max(FIRST, this.usual) : this.perSecond;
				this.failingSince = now;
			}
			double lowered = first ? Math.max(Math.max(FIRST, inFlight * 0.5), accepted) : this.perSecond * KEPT;
			if (this.stepsDown < BAD && !first) {
				lowered = Math.max(lowered, Math.min(this.perSecond, accepted * ACCEPTED));
			}
			this.known = 0;
			this.perSecond = Math.max(LEAST, lowered);
			this.tokens = Math.min(this.tokens, 1 - spread);
		}
		this.loweredAt = now;
		this.raisedAt = now;
	}

	private double accepted(long now) {
		decay(now);
		double age = (now - this.since) / 1e9;
		double seen = MEMORY_SECONDS * (1 - Math.exp(-age / MEMORY_SECONDS));
		return this.successes / Math.max(seen, 0.1);
	}

	private void decay(long now) {
		double seconds = (now - this.countedAt) / 1e9;
		this.successes *= Math.exp(-seconds / MEMORY_SECONDS);
		this.usual *= Math.exp(-seconds / USUAL_SECONDS);
		this.countedAt = now;
	}

	private void fill(long now) {
		if (!Double.isInfinite(this.perSecond)) {
			double most = Math.max(1, this.perSecond * BURST_SECONDS);
			this.tokens = Math.min(most, this.tokens + (now - this.filledAt) / 1e9 * this.perSecond);
		}
		this.filledAt = now;
	}

}
