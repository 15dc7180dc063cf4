package dev.vgi.external.memory;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The transfers of the process that have begun and not ended, whatever memory they need,
 * and the shutdown that waits for them. Thread-safe.
 */
public final class RunningTransfers {

	private final Accounts accounts;

	/** Taken before the lock of the accounts. */
	private final ReentrantLock lock = new ReentrantLock();

	private final Condition ended = this.lock.newCondition();

	private int count;

	RunningTransfers(Accounts accounts) {
		this.accounts = accounts;
	}

	/**
	 * Register a transfer.
	 * @return the transfer, to be closed when it has ended, normally or not
	 * @throws BudgetExhaustedException after {@link #shutDown}
	 */
	public Transfer begin() {
		this.lock.lock();
		try {
			this.accounts.checkOpen();
			this.count++;
			return new Transfer();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return how many transfers are running.
	 * @return the number of transfers that have begun and not ended
	 */
	public int count() {
		this.lock.lock();
		try {
			return this.count;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Refuse further transfers, fail those that wait for memory and wait until the
	 * running ones have ended.
	 * @param maxWait longest wait
	 * @return whether all have ended
	 */
	public boolean shutDown(Duration maxWait) {
		this.accounts.close();
		this.lock.lock();
		try {
			long remaining = maxWait.toNanos();
			while (this.count > 0 && remaining > 0) {
				remaining = this.ended.awaitNanos(remaining);
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		finally {
			this.lock.unlock();
		}
		return count() == 0;
	}

	/**
	 * A running transfer. Thread-safe.
	 */
	public final class Transfer implements AutoCloseable {

		private boolean closed;

		private Transfer() {
		}

		/**
		 * Report that the transfer has ended. Idempotent.
		 */
		@Override
		public void close() {
			RunningTransfers.this.lock.lock();
			try {
				if (!this.closed) {
					this.closed = true;
					RunningTransfers.this.count--;
					RunningTransfers.this.ended.signalAll();
				}
			}
			finally {
				RunningTransfers.this.lock.unlock();
			}
		}

	}

}
