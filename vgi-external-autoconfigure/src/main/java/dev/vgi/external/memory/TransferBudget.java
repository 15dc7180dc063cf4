package dev.vgi.external.memory;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Bounds the memory of all transfers of the process together, first come first served. A
 * transfer waits only before it starts: whoever already holds something never waits for
 * more, so waiting transfers cannot block each other. Thread-safe.
 */
public final class TransferBudget {

	private static final String KEY = "vgi.external.memory.budget";

	private final long maxBytes;

	private final int maxWaiters;

	private final @Nullable Duration maxWait;

	private final ReentrantLock lock = new ReentrantLock();

	private final Deque<Waiter> waiters = new ArrayDeque<>();

	private long inUse;

	private long peak;

	private final Condition ended = this.lock.newCondition();

	private int running;

	private boolean shutDown;

	/**
	 * Create a budget.
	 * @param maxBytes bytes that all running transfers may hold, positive
	 * @param maxWaiters transfers that may wait at once; one more fails at once
	 */
	public TransferBudget(long maxBytes, int maxWaiters) {
		this(maxBytes, maxWaiters, null);
	}

	/**
	 * Create a budget that bounds each wait.
	 * @param maxBytes bytes that all running transfers may hold, positive
	 * @param maxWaiters transfers that may wait at once; one more fails at once
	 * @param maxWait longest wait of any transfer, or {@code null} for what the transfer
	 * itself allows
	 */
	public TransferBudget(long maxBytes, int maxWaiters, @Nullable Duration maxWait) {
		Assert.isTrue(maxBytes > 0, "'maxBytes' must be positive");
		Assert.isTrue(maxWaiters >= 0, "'maxWaiters' must not be negative");
		this.maxBytes = maxBytes;
		this.maxWaiters = maxWaiters;
		this.maxWait = maxWait;
	}

	/**
	 * Count a transfer as running, whatever memory it will need.
	 * @return to be closed when the transfer has ended, normally or not
	 * @throws BudgetExhaustedException after {@link #shutDown}
	 */
	public Running begin() {
		this.lock.lock();
		try {
			checkOpen();
			this.running++;
			return new Transfer();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return how many transfers run.
	 * @return those that have begun and not ended
	 */
	public int running() {
		this.lock.lock();
		try {
			return this.running;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Admit no further transfer, send away those that wait for memory and wait until the
	 * running ones have ended.
	 * @param maxWait longest wait
	 * @return whether none is left
	 */
	public boolean shutDown(Duration maxWait) {
		this.lock.lock();
		try {
			this.shutDown = true;
			this.waiters.forEach((waiter) -> waiter.admitted.signal());
			long remaining = maxWait.toNanos();
			while (this.running > 0 && remaining > 0) {
				remaining = this.ended.awaitNanos(remaining);
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		finally {
			this.lock.unlock();
		}
		return running() == 0;
	}

	private void checkOpen() {
		if (this.shutDown) {
			throw new BudgetExhaustedException("The application is shutting down and begins no further transfer", null);
		}
	}

	/**
	 * Wait for room and take it. Only before a transfer starts: one that already holds
	 * memory never waits, see {@link Lease#grow}.
	 * @param bytes how much; more than the whole budget is refused at once
	 * @param maxWait longest wait
	 * @return the lease; the caller closes it
	 * @throws BudgetExhaustedException if there is no room in time or the thread is
	 * interrupted; names the key to raise
	 */
	public Lease acquire(long bytes, Duration maxWait) {
		checkFits(bytes);
		this.lock.lock();
		try {
			checkOpen();
			if (hasRoomFor(bytes)) {
				return take(bytes);
			}
			if (this.waiters.size() >= this.maxWaiters) {
				throw new BudgetExhaustedException("The transfer budget of " + this.maxBytes + " bytes is in use and "
						+ this.waiters.size() + " transfers already wait for it; raise " + KEY
						+ " or vgi.external.memory.max-waiters", null);
			}
			Duration ownWait = this.maxWait;
			return await(bytes, (ownWait != null && ownWait.compareTo(maxWait) < 0) ? ownWait : maxWait);
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Take room without waiting.
	 * @param bytes how much; more than the whole budget is refused
	 * @return the lease, which the caller closes; or {@code null} if there is no room
	 * now, or others already wait for it
	 * @throws BudgetExhaustedException if the whole budget is too small
	 */
	public @Nullable Lease tryAcquire(long bytes) {
		checkFits(bytes);
		this.lock.lock();
		try {
			return hasRoomFor(bytes) ? take(bytes) : null;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return what running transfers hold.
	 * @return bytes
	 */
	public long inUse() {
		this.lock.lock();
		try {
			return this.inUse;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return the most that running transfers ever held.
	 * @return bytes
	 */
	public long peak() {
		this.lock.lock();
		try {
			return this.peak;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return the whole budget.
	 * @return bytes
	 */
	public long maxBytes() {
		return this.maxBytes;
	}

	/**
	 * Return how many transfers wait.
	 * @return the number of callers inside {@link #acquire}
	 */
	public int waiting() {
		this.lock.lock();
		try {
			return this.waiters.size();
		}
		finally {
			this.lock.unlock();
		}
	}

	private void checkFits(long bytes) {
		Assert.isTrue(bytes >= 0, "'bytes' must not be negative");
		if (bytes > this.maxBytes) {
			throw new BudgetExhaustedException("A transfer of " + bytes + " bytes exceeds the whole transfer budget of "
					+ this.maxBytes + " bytes; raise " + KEY, null);
		}
	}

	private boolean hasRoomFor(long bytes) {
		return this.waiters.isEmpty() && bytes <= this.maxBytes - this.inUse;
	}

	private Share take(long bytes) {
		this.inUse += bytes;
		this.peak = Math.max(this.peak, this.inUse);
		return new Share(bytes);
	}

	private Lease await(long bytes, Duration maxWait) {
		Waiter waiter = new Waiter(bytes, this.lock.newCondition());
		this.waiters.addLast(waiter);
		try {
			long remaining = maxWait.toNanos();
			while (waiter.share == null && remaining > 0 && !this.shutDown) {
				remaining = waiter.admitted.awaitNanos(remaining);
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			if (waiter.share != null) {
				waiter.share.close();
			}
			else {
				this.waiters.remove(waiter);
				admitWaiters();
			}
			throw BudgetExhaustedException.interrupted();
		}
		if (waiter.share != null) {
			return waiter.share;
		}
		this.waiters.remove(waiter);
		admitWaiters();
		checkOpen();
		throw new BudgetExhaustedException("No room for " + bytes + " bytes in the transfer budget of " + this.maxBytes
				+ " bytes within " + TimeUnit.NANOSECONDS.toMillis(maxWait.toNanos()) + " ms; raise " + KEY
				+ " or vgi.external.memory.max-wait", null);
	}

	/** Strictly in order: a small transfer behind a large one does not overtake it. */
	private void admitWaiters() {
		Waiter first = this.waiters.peekFirst();
		while (first != null && first.bytes <= this.maxBytes - this.inUse) {
			this.waiters.removeFirst();
			first.share = take(first.bytes);
			first.admitted.signal();
			first = this.waiters.peekFirst();
		}
	}

	/**
	 * A transfer under way.
	 */
	public interface Running extends AutoCloseable {

		/**
		 * Say that the transfer has ended. Idempotent.
		 */
		@Override
		void close();

	}

	private final class Transfer implements Running {

		private boolean closed;

		@Override
		public void close() {
			TransferBudget.this.lock.lock();
			try {
				if (!this.closed) {
					this.closed = true;
					TransferBudget.this.running--;
					TransferBudget.this.ended.signalAll();
				}
			}
			finally {
				TransferBudget.this.lock.unlock();
			}
		}

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
		 * Give a part back.
		 * @param bytes how much, at most what is held
		 */
		void shrink(long bytes);

		/**
		 * Give everything back. Idempotent.
		 */
		@Override
		void close();

	}

	private static final class Waiter {

		private final long bytes;

		private final Condition admitted;

		private @Nullable Share share;

		Waiter(long bytes, Condition admitted) {
			this.bytes = bytes;
			this.admitted = admitted;
		}

	}

	private final class Share implements Lease {

		private long bytes;

		private boolean closed;

		Share(long bytes) {
			this.bytes = bytes;
		}

		@Override
		public void grow(long more) {
			Assert.isTrue(more >= 0, "'bytes' must not be negative");
			TransferBudget.this.lock.lock();
			try {
				Assert.state(!this.closed, "the lease is closed");
				if (more > TransferBudget.this.maxBytes - TransferBudget.this.inUse) {
					throw new BudgetExhaustedException("A transfer of " + this.bytes + " bytes needs " + more
							+ " more than the transfer budget has left; raise " + KEY + " (now "
							+ TransferBudget.this.maxBytes + " bytes)", null);
				}
				this.bytes += more;
				TransferBudget.this.inUse += more;
				TransferBudget.this.peak = Math.max(TransferBudget.this.peak, TransferBudget.this.inUse);
			}
			finally {
				TransferBudget.this.lock.unlock();
			}
		}

		@Override
		public void shrink(long less) {
			TransferBudget.this.lock.lock();
			try {
				Assert.isTrue(less >= 0 && less <= this.bytes, "'bytes' must not be more than what is held");
				giveBack(less);
			}
			finally {
				TransferBudget.this.lock.unlock();
			}
		}

		@Override
		public void close() {
			TransferBudget.this.lock.lock();
			try {
				this.closed = true;
				giveBack(this.bytes);
			}
			finally {
				TransferBudget.this.lock.unlock();
			}
		}

		private void giveBack(long less) {
			this.bytes -= less;
			TransferBudget.this.inUse -= less;
			admitWaiters();
		}

	}

}
