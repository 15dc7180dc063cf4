package dev.vgi.external.pace;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * The requests that wait, fair between transfers: the transfer with the fewest requests
 * in flight is next, and among equals the one that has waited longest. Hedges come first,
 * since a late request may hold up everything. Not thread-safe.
 */
final class Turns {

	private final Map<Object, Lane> lanes = new IdentityHashMap<>();

	private final Deque<Permit> hedges = new ArrayDeque<>();

	private int waiting;

	private long arrivals;

	int waiting() {
		return this.waiting;
	}

	void add(Permit permit) {
		this.waiting++;
		if (permit.hedge) {
			this.hedges.add(permit);
			return;
		}
		Lane lane = lane(permit);
		if (lane.waiting.isEmpty()) {
			lane.since = this.arrivals++;
		}
		lane.waiting.add(permit);
	}

	private Lane lane(Permit permit) {
		return this.lanes.computeIfAbsent(permit.transfer, (transfer) -> new Lane());
	}

	void remove(Permit permit) {
		Lane lane = this.lanes.get(permit.transfer);
		if (permit.hedge ? this.hedges.remove(permit) : (lane != null && lane.waiting.remove(permit))) {
			this.waiting--;
		}
		dropIfUnused(permit);
	}

	/**
	 * Take the request whose turn it is. It counts as in flight until {@link #ended}.
	 * @return the request, or {@code null} if none waits
	 */
	@Nullable Permit next() {
		Permit next = this.hedges.poll();
		if (next == null) {
			Lane best = null;
			for (Lane lane : this.lanes.values()) {
				if (!lane.waiting.isEmpty() && (best == null || lane.isBefore(best))) {
					best = lane;
				}
			}
			if (best == null) {
				return null;
			}
			next = best.waiting.remove();
			best.since = this.arrivals++;
		}
		this.waiting--;
		lane(next).inFlight++;
		return next;
	}

	void ended(Permit permit) {
		Lane lane = this.lanes.get(permit.transfer);
		if (lane != null) {
			lane.inFlight--;
		}
		dropIfUnused(permit);
	}

	private void dropIfUnused(Permit permit) {
		Lane lane = this.lanes.get(permit.transfer);
		if (lane != null && lane.inFlight == 0 && lane.waiting.isEmpty()) {
			this.lanes.remove(permit.transfer);
		}
	}

	/**
	 * The requests of one transfer.
	 */
	private static final class Lane {

		private final Deque<Permit> waiting = new ArrayDeque<>();

		private int inFlight;

		/** Order in which it began to wait. */
		private long since;

		boolean isBefore(Lane other) {
			return (this.inFlight != other.inFlight) ? this.inFlight < other.inFlight : this.since - other.since < 0;
		}

	}

}
