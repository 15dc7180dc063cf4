package dev.vgi.external.rpc.pipe.client;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

import dev.vgi.external.time.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * The calls that wait for a connection of a pool, first come first served. Every method
 * is called with the pool's lock held.
 */
final class WaitingCalls {

	private final ReentrantLock lock;

	private final TransferTimer timer;

	private final Duration longest;

	private final Supplier<RuntimeException> tooLate;

	private final Deque<Waiter> waiters = new ArrayDeque<>();

	/**
	 * Create an empty line.
	 * @param lock the lock of the pool
	 * @param timer measures the waiting
	 * @param longest longest wait of a call
	 * @param tooLate says why a call waited for so long
	 */
	WaitingCalls(ReentrantLock lock, TransferTimer timer, Duration longest, Supplier<RuntimeException> tooLate) {
		this.lock = lock;
		this.timer = timer;
		this.longest = longest;
		this.tooLate = tooLate;
	}

	/**
	 * Return how many calls wait.
	 * @return the number
	 */
	int size() {
		return this.waiters.size();
	}

	/**
	 * Wait for a connection.
	 * @param joined runs when this call stands in the line, and may throw it out
	 * @return the connection
	 * @throws InterruptedException if interrupted, unless a connection has come at the
	 * same moment
	 */
	PipeConnection await(Runnable joined) throws InterruptedException {
		Waiter waiter = new Waiter(this.lock.newCondition());
		this.waiters.add(waiter);
		TransferTimer.Alarm alarm = null;
		try {
			joined.run();
			alarm = this.timer.schedule(this.longest, () -> expire(waiter));
			return waiter.await();
		}
		finally {
			this.waiters.remove(waiter);
			if (alarm != null) {
				alarm.cancel();
			}
		}
	}

	private void expire(Waiter waiter) {
		this.lock.lock();
		try {
			if (this.waiters.remove(waiter)) {
				waiter.fail(this.tooLate.get());
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Hand a connection to the first call.
	 * @param connection the connection
	 * @return {@code false} if no call waits
	 */
	boolean hand(PipeConnection connection) {
		Waiter first = this.waiters.poll();
		if (first == null) {
			return false;
		}
		first.connection = connection;
		first.woken.signal();
		return true;
	}

	/**
	 * Fail all calls that wait.
	 * @param reasons says why, for each call
	 */
	void failAll(Supplier<RuntimeException> reasons) {
		for (Waiter waiter = this.waiters.poll(); waiter != null; waiter = this.waiters.poll()) {
			waiter.fail(reasons.get());
		}
	}

	private static final class Waiter {

		private final Condition woken;

		private @Nullable PipeConnection connection;

		private @Nullable RuntimeException failure;

		Waiter(Condition woken) {
			this.woken = woken;
		}

		PipeConnection await() throws InterruptedException {
			try {
				while (this.connection == null && this.failure == null) {
					this.woken.await();
				}
			}
			catch (InterruptedException ex) {
				if (this.connection == null) {
					throw ex;
				}
				Thread.currentThread().interrupt();
			}
			if (this.connection == null) {
				throw Objects.requireNonNull(this.failure);
			}
			return this.connection;
		}

		void fail(RuntimeException reason) {
			this.failure = reason;
			this.woken.signal();
		}

	}

}
