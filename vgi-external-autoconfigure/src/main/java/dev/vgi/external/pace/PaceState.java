package dev.vgi.external.pace;

import dev.vgi.external.Internal;

/**
 * What a pace allows at one moment.
 *
 * @param window requests that may be in flight
 * @param inFlight requests in flight
 * @param waiting requests that wait for their turn
 * @param requestsPerSecond the rate, or infinity if there is no limit
 * @param retries further attempts that are paid for
 * @param hedges hedges that are paid for
 * @param closed whether only one request at a time is sent, to find out whether the
 * storage works again
 */
@Internal
public record PaceState(int window, int inFlight, int waiting, double requestsPerSecond, int retries, int hedges,
		boolean closed) {

	/**
	 * Return whether this origin has shown no sign of overload for a while.
	 * @param settings the bounds of the pace
	 * @return whether nothing but the upper bound limits requests
	 */
	public boolean isDormant(PaceSettings settings) {
		return this.window == settings.maxInFlight() && Double.isInfinite(this.requestsPerSecond) && !this.closed;
	}

}
