package dev.vgi.external.autoconfigure.actuate;

import java.util.List;

import dev.vgi.external.history.TransferTimeline;
import org.jspecify.annotations.Nullable;

/**
 * The answer of the endpoint {@code vgiexternal}.
 *
 * @param budget memory of all transfers and requests together
 * @param slabs memory of bodies
 * @param connections connections to storage
 * @param origins places of the network, those that were used last first
 * @param slowTransferThreshold milliseconds from which on a transfer is logged; 0 if none
 * is
 * @param running transfers under way, oldest first
 * @param finished the last ones that finished, newest first
 * @param failed the last ones that failed, newest first
 */
public record TransfersDescriptor(Budget budget, Slabs slabs, Connections connections, List<Origin> origins,
		double slowTransferThreshold, List<TransferTimeline> running, List<TransferTimeline> finished,
		List<TransferTimeline> failed) {

	/**
	 * Memory of all transfers and requests together.
	 *
	 * @param max the whole budget in bytes
	 * @param inUse bytes in use
	 * @param waiting transfers and requests that wait for room
	 * @param refused how many were refused
	 */
	public record Budget(long max, long inUse, int waiting, long refused) {

	}

	/**
	 * Memory of bodies.
	 *
	 * @param leased bytes in use
	 * @param pooled bytes kept for the next transfers
	 */
	public record Slabs(long leased, long pooled) {

	}

	/**
	 * Connections to storage.
	 *
	 * @param max how many there may be
	 * @param leased how many are in use
	 */
	public record Connections(int max, int leased) {

	}

	/**
	 * A place of the network.
	 *
	 * @param origin its scheme, host and port, and its bucket if buckets share the host
	 * @param own whether it belongs to the service's own storage
	 * @param state {@code open}, {@code limited} or {@code closed}
	 * @param window requests that may be in flight
	 * @param inFlight requests in flight
	 * @param waiting requests that wait for their turn
	 * @param requestsPerSecond the rate; {@code null} if there is no limit
	 * @param retriesLeft further attempts that would be made now, at most
	 * @param hedgesLeft hedges that would be sent now, at most
	 */
	public record Origin(@Nullable String origin, boolean own, String state, int window, int inFlight, int waiting,
			@Nullable Double requestsPerSecond, int retriesLeft, int hedgesLeft) {

	}

}
