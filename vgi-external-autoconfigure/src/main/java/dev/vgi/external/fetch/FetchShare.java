package dev.vgi.external.fetch;

import dev.vgi.external.memory.TransferBudget.Lease;
import dev.vgi.external.transfer.TransferTrace;
import org.jspecify.annotations.Nullable;

/**
 * What one fetch may use: as much as is configured if it is alone, or what its
 * {@link FetchGroup} grants. A fetch always has one connection, for its first request.
 */
interface FetchShare {

	/** A fetch that shares with no one. */
	FetchShare ALONE = new FetchShare() {
	};

	/**
	 * Return the place of the object in its stream or list.
	 * @return 1 for the first one; 0 for an object of its own
	 */
	default int segment() {
		return 0;
	}

	/**
	 * Begin an attempt, whose first request uses the connection of the fetch.
	 */
	default void open() {
	}

	/**
	 * Take a connection for one more request at the same time.
	 * @param whenFree called if there is none now, once there may be one; takes nothing
	 * @return whether it was taken
	 */
	default boolean tryConnect(Runnable whenFree) {
		return true;
	}

	/**
	 * Give back the connection of a request that has ended.
	 */
	default void disconnect() {
	}

	/**
	 * Wait for no connection any more.
	 */
	default void waive() {
	}

	/**
	 * Return how many requests to fetch an object with.
	 * @param total bytes of the object as stored
	 * @param config the threshold and the most requests
	 * @return the number, or 0 if the object is not cut into ranges
	 */
	default int connectionsFor(long total, FetchConfig config) {
		return (total >= config.parallelThreshold()) ? config.maxParallelRequests() : 0;
	}

	/**
	 * Report how large the body is, as far as known. Called before that much memory is
	 * reserved.
	 * @param decoded bytes
	 * @param trace is told if this has to wait for room
	 * @throws dev.vgi.external.transport.TransferCancelledException if this fetch has to
	 * give way
	 */
	default void sized(long decoded, TransferTrace trace) {
	}

	/**
	 * Take over what was reserved for the fetch before its size was known.
	 * @return the lease, which the caller closes; or {@code null}
	 */
	default @Nullable Lease takeReserved() {
		return null;
	}

	/**
	 * Require that this fetch may wait for memory.
	 * @throws dev.vgi.external.transport.TransferCancelledException if it has to give way
	 * instead
	 */
	default void requireMayWait() {
	}

	/**
	 * Report that the memory of the body is reserved.
	 * @param memory bytes
	 */
	default void reserved(long memory) {
	}

	/**
	 * Hand over the lease of a body that was fetched.
	 * @param lease taken over
	 */
	default void fetched(Lease lease) {
		lease.close();
	}

}
