package dev.vgi.external.transport;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;

/**
 * How many connections may be in use at once to hosts that somebody else named. Such a
 * host may be slow on purpose, so it never gets those that the service's own storage
 * needs. In the order of asking. Thread-safe.
 */
final class ForeignShare {

	private final Deque<Place> waiting = new ArrayDeque<>();

	/** Guarded by this object's monitor, as is all that follows. */
	private int free;

	/**
	 * Create a share.
	 * @param connections how many connections it has
	 */
	ForeignShare(int connections) {
		this.free = connections;
	}

	/**
	 * Ask for a place.
	 * @return done when the place is there; the caller {@linkplain #end ends} it, however
	 * the wait was
	 */
	synchronized Future<?> ask() {
		Place place = new Place();
		this.waiting.add(place);
		grant();
		return place;
	}

	/**
	 * Give a place back, or end the wait for one. Idempotent.
	 * @param asked what was asked for
	 */
	synchronized void end(Future<?> asked) {
		Place place = (Place) asked;
		if (!place.ended) {
			place.ended = true;
			// Cancels nothing that is done.
			if (!this.waiting.remove(place)) {
				this.free++;
			}
			place.cancel(true);
			grant();
		}
	}

	private void grant() {
		while (this.free > 0 && !this.waiting.isEmpty()) {
			this.free--;
			this.waiting.remove().complete(null);
		}
	}

	/**
	 * A place, once it is done.
	 */
	private static final class Place extends CompletableFuture<Void> {

		private boolean ended;

	}

}
