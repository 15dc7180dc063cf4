package dev.vgi.external.memory;

import java.time.Duration;

/**
 * Bounds the memory of all transfers of the process together, first come first served.
 * Thread-safe.
 */
public final class TransferBudget {

	/**
	 * Create a budget.
	 * @param maxBytes bytes that all running transfers may hold, positive
	 * @param maxWaiters transfers that may wait at once; one more fails at once
	 */
	public TransferBudget(long maxBytes, int maxWaiters) {
	}

	/**
	 * Wait for room and take it. Only before a transfer starts: one that already holds
	 * memory never waits, see {@link Lease#grow}.
	 * @param bytes how much; more than the whole budget is refused at once
	 * @param maxWait longest wait
	 * @return the lease; the caller closes it
	 * @throws BudgetExhaustedException if there is no room in time; names the key to
	 * raise
	 */
	public Lease acquire(long bytes, Duration maxWait) {
		throw new UnsupportedOperationException();
	}

	/**
	 * Return what running transfers hold.
	 * @return bytes
	 */
	public long inUse() {
		throw new UnsupportedOperationException();
	}

	/**
	 * A share of the budget. Thread-safe.
	 */
	public interface Lease extends AutoCloseable {

		/**
		 * Take more without waiting.
		 * @param bytes how much more
		 * @throws BudgetExhaustedException if there is no room now
		 */
		void grow(long bytes);

		/**
		 * Give everything back. Idempotent.
		 */
		@Override
		void close();

	}

}
