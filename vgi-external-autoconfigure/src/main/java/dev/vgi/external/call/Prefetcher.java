package dev.vgi.external.call;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import java.util.function.Supplier;

import dev.vgi.external.time.Uninterruptibles;
import dev.vgi.external.transfer.TransferThreads;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Produces items in order, on its own thread, at most one item ahead of the consumer. An
 * item that the consumer already waits for is handed over while the next one is being
 * produced, so that no thread has to wake up first. The thread ends with the last item,
 * with {@link #abort()}, or if no item was taken for a while; a new thread continues when
 * it is needed. Used by one consumer thread at a time, which calls {@link #abort()} at
 * the end.
 *
 * @param <T> the item
 */
final class Prefetcher<T> {

	/**
	 * After this time without a consumer the thread ends, in case {@link #abort()} is
	 * never called.
	 */
	private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(1);

	private final ThreadFactory threads;

	private final Supplier<T> work;

	private final Predicate<T> last;

	private final long idleNanos;

	/** Guards all fields below. */
	private final ReentrantLock lock = new ReentrantLock();

	private final Condition changed = this.lock.newCondition();

	/** The latest thread, which may have ended. */
	private @Nullable Thread thread;

	/** Whether the thread is still running. */
	private boolean running;

	/** Whether the work is in progress and may be interrupted. */
	private boolean working;

	/** Whether the end of the consumer's interest is no reason to interrupt the work. */
	private boolean spared;

	/** Whether the consumer waits for the next item. */
	private boolean awaited;

	/** Whether no further item will be produced. */
	private boolean over;

	/**
	 * Items produced and not taken: one, or two while the consumer wakes up for the
	 * first.
	 */
	private final Deque<T> ready = new ArrayDeque<>(2);

	private @Nullable Throwable failure;

	/**
	 * Create an instance; nothing runs yet.
	 * @param threads creates the thread
	 * @param work produces the next item; throws nothing but errors
	 * @param last whether an item is the last one
	 */
	Prefetcher(ThreadFactory threads, Supplier<T> work, Predicate<T> last) {
		this(threads, work, last, IDLE_NANOS);
	}

	Prefetcher(ThreadFactory threads, Supplier<T> work, Predicate<T> last, long idleNanos) {
		this.threads = threads;
		this.work = work;
		this.last = last;
		this.idleNanos = idleNanos;
	}

	/**
	 * Start producing the first item. Call it once.
	 */
	void start() {
		this.lock.lock();
		try {
			begin();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return whether there is an item to {@link #take()}, now or soon.
	 * @return {@code true} from {@link #start()} until the last item was taken
	 */
	boolean hasMore() {
		this.lock.lock();
		try {
			return this.running || !this.ready.isEmpty() || this.failure != null;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Take the next item, after which the following one is produced. An interrupt is
	 * passed on to the work. This method then returns as soon as the interrupted work has
	 * ended, and not before.
	 * @return the item
	 */
	T take() {
		boolean interrupted = false;
		this.lock.lock();
		try {
			while (this.ready.isEmpty() && this.failure == null) {
				Assert.state(this.running, "There is nothing to take");
				this.awaited = true;
				try {
					this.changed.await();
				}
				catch (InterruptedException ex) {
					interrupted = true;
					interruptWork();
				}
			}
			return taken();
		}
		finally {
			this.awaited = false;
			this.lock.unlock();
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

	private T taken() {
		if (!this.running && !this.over) {
			// Without a thread to be had nothing was taken.
			begin();
		}
		T taken = this.ready.poll();
		if (taken == null) {
			Throwable thrown = this.failure;
			Assert.state(thrown != null, "There is nothing to take");
			this.failure = null;
			if (thrown instanceof Error error) {
				throw error;
			}
			throw (RuntimeException) thrown;
		}
		this.changed.signalAll();
		return taken;
	}

	private void begin() {
		Thread thread = this.threads.newThread(TransferThreads.inheriting(this::run));
		thread.start();
		this.thread = thread;
		this.running = true;
		this.working = true;
	}

	private void run() {
		boolean more = true;
		while (more) {
			T made = null;
			Throwable thrown = null;
			try {
				made = this.work.get();
			}
			catch (RuntimeException | Error ex) {
				thrown = ex;
			}
			more = handOver(made, thrown);
		}
	}

	// returns whether to produce another item, once it is wanted
	private boolean handOver(@Nullable T made, @Nullable Throwable thrown) {
		this.lock.lock();
		try {
			this.working = false;
			// The interrupt was meant for this item and not for the next one.
			Thread.interrupted();
			if (made != null) {
				this.ready.add(made);
			}
			this.failure = thrown;
			this.over |= made == null || this.last.test(made);
			this.changed.signalAll();
			this.working = awaitRoom();
			this.running = this.working;
			return this.working;
		}
		finally {
			this.lock.unlock();
		}
	}

	private boolean awaitRoom() {
		long nanos = this.idleNanos;
		while (!this.over && nanos > 0) {
			if (this.ready.isEmpty() || (this.ready.size() == 1 && this.awaited)) {
				return true;
			}
			try {
				nanos = this.changed.awaitNanos(nanos);
			}
			catch (InterruptedException ex) {
				// The consumer did not cause this interrupt: no work was in progress.
				nanos = 0;
			}
		}
		return false;
	}

	/**
	 * Do a part of the work that {@link #abort()} does not interrupt, but waits for. If
	 * it came meanwhile, the rest of the work is interrupted.
	 * @param <R> the result
	 * @param part the part, on the thread that does the work
	 * @return the result
	 */
	<R extends @Nullable Object> R spared(Supplier<R> part) {
		spare(true);
		try {
			return part.get();
		}
		finally {
			spare(false);
		}
	}

	private void spare(boolean spared) {
		this.lock.lock();
		try {
			this.spared = spared;
			if (!spared && this.over && Thread.currentThread() == this.thread) {
				interruptWork();
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	private void interruptWork() {
		if (this.working && this.thread != null) {
			this.thread.interrupt();
		}
	}

	/**
	 * Interrupt the work unless it is {@linkplain #spared spared}, wait for its thread
	 * and produce nothing more. Idempotent.
	 * @return the items that were produced and not taken
	 */
	List<T> abort() {
		Thread ending;
		this.lock.lock();
		try {
			this.over = true;
			if (!this.spared) {
				interruptWork();
			}
			this.changed.signalAll();
			ending = this.thread;
		}
		finally {
			this.lock.unlock();
		}
		if (ending != null) {
			Uninterruptibles.join(ending);
		}
		List<T> untaken = new ArrayList<>(this.ready);
		this.ready.clear();
		return untaken;
	}

}
