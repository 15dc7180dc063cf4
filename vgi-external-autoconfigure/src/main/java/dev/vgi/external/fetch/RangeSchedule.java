package dev.vgi.external.fetch;

import java.time.Duration;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.Retries;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferRequest;
import org.jspecify.annotations.Nullable;

/**
 * Decides which range of an object is requested when: each one in its turn, a late one a
 * second time, a failed one again after a pause. The first range has already been
 * requested, to open the object. Computes with times only: no clock, no threads, no
 * memory. Belongs to one thread.
 */
final class RangeSchedule {

	/**
	 * Pause before a hedge that was not paid for is asked for again; doubled each time.
	 */
	private static final long FIRST_DEFERRAL = HedgePolicy.SHORTEST_NANOS;

	/** A hedge may be as slow as the first request, but hardly a second one, too. */
	private static final int HEDGES = 2;

	private final int maxRequests;

	private final HedgePolicy hedging;

	private final RetryPolicy retryPolicy;

	private final Deadline deadline;

	private final Turn[] turns;

	/** Requests that have not ended. */
	private int running;

	/** The first range that was never requested. */
	private int next = 1;

	RangeSchedule(int ranges, int maxRequests, HedgePolicy hedging, RetryPolicy retryPolicy, Deadline deadline) {
		this.maxRequests = maxRequests;
		this.hedging = hedging;
		this.retryPolicy = retryPolicy;
		this.deadline = deadline;
		this.turns = new Turn[ranges];
		Arrays.setAll(this.turns, (i) -> new Turn());
	}

	/**
	 * Return a range that is late: it comes before all others, since it may hold up
	 * everything. A range whose second request is as late is returned once more. Either
	 * {@link #hedged} or {@link #notHedged} has to follow.
	 * @param first the first range that is missing
	 * @param now the time
	 * @return index of a range to request again, or -1
	 */
	int nextLate(int first, long now) {
		return late(first, now);
	}

	private int late(int first, long now) {
		for (int i = first; i < this.next && this.running < this.maxRequests; i++) {
			if (lateIn(this.turns[i], now) <= 0) {
				return i;
			}
		}
		return -1;
	}

	/**
	 * Return whether a range should be requested now.
	 * @param first the first range that is missing
	 * @param now the time
	 * @param room whether there is memory for another range
	 * @return whether {@link #nextLate} or {@link #nextDue} would return one
	 */
	boolean isAnyDue(int first, long now, boolean room) {
		return late(first, now) >= 0 || nextDue(first, now, room) >= 0;
	}

	/**
	 * Return a range whose turn it is. Ranges whose pause is over come first.
	 * @param first the first range that is missing
	 * @param now the time
	 * @param room whether there is memory for another range
	 * @return index of a range to request, or -1
	 */
	int nextDue(int first, long now, boolean room) {
		if (this.running >= this.maxRequests) {
			return -1;
		}
		for (int i = first; i < this.next; i++) {
			if (this.turns[i].pauses && this.turns[i].pauseUntil - now <= 0) {
				return i;
			}
		}
		return (room && this.next < this.turns.length) ? this.next : -1;
	}

	/**
	 * Return when a range will be late or its pause over.
	 * @param first the first range that is missing
	 * @param now the time
	 * @return nanoseconds until then, or {@link Long#MAX_VALUE} if only the end of a
	 * request changes anything
	 */
	long nextIn(int first, long now) {
		long soonest = Long.MAX_VALUE;
		for (int i = first; i < this.next; i++) {
			Turn turn = this.turns[i];
			long left = turn.pauses ? turn.pauseUntil - now : lateIn(turn, now);
			if (left > 0) {
				soonest = Math.min(soonest, left);
			}
		}
		return soonest;
	}

	private long lateIn(Turn turn, long now) {
		BooleanSupplier firstByte = turn.firstByte;
		long sentAt = turn.sentAt.getAsLong();
		if (firstByte == null || sentAt == TransferRequest.NOT_SENT || turn.hedges == HEDGES) {
			return Long.MAX_VALUE;
		}
		long lateAfter = this.hedging.lateAfter(firstByte.getAsBoolean());
		if (lateAfter == Long.MAX_VALUE) {
			return lateAfter;
		}
		long left = lateAfter - (now - sentAt);
		return (turn.deferrals > 0) ? Math.max(left, turn.deferredUntil - now) : left;
	}

	/**
	 * Record that a range has been requested.
	 * @param range index of the range
	 * @param sentAt when it was sent, or {@link TransferRequest#NOT_SENT} as long as it
	 * waits for its turn
	 * @param firstByte whether the first byte has arrived, as long as the request runs
	 */
	void sent(int range, LongSupplier sentAt, BooleanSupplier firstByte) {
		Turn turn = this.turns[range];
		turn.sentAt = sentAt;
		turn.firstByte = firstByte;
		turn.pauses = false;
		this.next = Math.max(this.next, range + 1);
		this.running++;
	}

	/**
	 * Record that a late range has been requested again.
	 * @param range index of the range
	 * @param sentAt as for {@link #sent}
	 */
	void hedged(int range, LongSupplier sentAt) {
		Turn turn = this.turns[range];
		turn.hedges++;
		turn.sentAt = sentAt;
		turn.deferrals = 0;
		this.hedging.hedged();
		this.running++;
	}

	/**
	 * Record that a late range must not be requested again now.
	 * @param range index of the range
	 * @param now the time
	 */
	void notHedged(int range, long now) {
		Turn turn = this.turns[range];
		turn.deferredUntil = now + (FIRST_DEFERRAL << Math.min(turn.deferrals, 8));
		turn.deferrals++;
	}

	void ended(int range) {
		this.turns[range].firstByte = null;
		this.running--;
	}

	/**
	 * Record that a range has only a hedge left, which may be late as well.
	 * @param range index of the range
	 * @param firstByte whether the first byte of the hedge has arrived
	 */
	void goesOn(int range, BooleanSupplier firstByte) {
		this.turns[range].firstByte = firstByte;
	}

	void completed(int range) {
		this.turns[range].firstByte = null;
	}

	void hedgeEnded() {
		this.running--;
	}

	/**
	 * Let a range pause that has failed.
	 * @param range index of the range, for which no request is running
	 * @param failure why
	 * @param now the time
	 * @throws RuntimeException the failure, or one that says how often it was tried, if
	 * the range must not be requested again
	 */
	void failed(int range, RuntimeException failure, long now) {
		if (!(failure instanceof StorageUnavailableException unavailable) || !OpenedObject.isWorthARetry(failure)) {
			throw failure;
		}
		Turn turn = this.turns[range];
		turn.firstByte = null;
		if (turn.retries == null) {
			turn.retries = this.retryPolicy.at(range).begin(this.deadline);
		}
		Duration pause = turn.retries.next(unavailable);
		turn.pauseUntil = now + pause.toNanos();
		turn.pauses = true;
	}

	private static final class Turn {

		/** When the last request for the range was sent. */
		private LongSupplier sentAt = () -> TransferRequest.NOT_SENT;

		/** Not {@code null} as long as a request runs that may be late. */
		private @Nullable BooleanSupplier firstByte;

		private int hedges;

		/** How often a hedge was asked for in vain. */
		private int deferrals;

		private long deferredUntil;

		private boolean pauses;

		private long pauseUntil;

		private @Nullable Retries retries;

	}

}
