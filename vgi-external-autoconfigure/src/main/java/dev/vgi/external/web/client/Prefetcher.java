package dev.vgi.external.web.client;

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

import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.transport.Uninterruptibles;
import org.jspecify.annotations.Nullable;

import org.springframework.core.task.TaskDecorator;
import org.springframework.core.task.support.ContextPropagatingTaskDecorator;
import org.springframework.util.Assert;
import org.springframework.util.ClassUtils;

/**
 * Makes one thing after the other, one ahead of whoever takes them, in a thread of its
 * own. What somebody waits for already is handed over while the next is begun, so that
 * nothing is delayed by a thread that has to wake up. The thread ends with the last
 * thing, with {@link #abort()}, or if nobody has taken a thing for a while; then another
 * one goes on when it is needed. Used by one thread at a time, which aborts it at the
 * end.
 *
 * @param <T> what is made
 */
final class Prefetcher<T> {

	/** Traces and security contexts follow the work where the application can say how. */
	private static final TaskDecorator CONTEXT = ClassUtils.isPresent("io.micrometer.context.ContextSnapshotFactory",
			Prefetcher.class.getClassLoader()) ? new ContextPropagatingTaskDecorator() : (task) -> task;

	/** Whoever forgets to abort keeps a thread no longer than this. */
	private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(1);

	private final ThreadFactory threads;

	private final Supplier<T> work;

	private final Predicate<T> last;

	private final long idleNanos;

	/** Guards everything below. */
	private final ReentrantLock lock = new ReentrantLock();

	private final Condition changed = this.lock.newCondition();

	/** The latest thread, which may have ended. */
	private @Nullable Thread thread;

	/** Whether the thread goes on. */
	private boolean running;

	/** Whether it is within the work, and may be interrupted. */
	private boolean working;

	/** Whether somebody waits to take the next thing. */
	private boolean awaited;

	/** Whether nothing else is to be made. */
	private boolean over;

	/** Made and not taken: one thing, or two while who waited for the first wakes up. */
	private final Deque<T> ready = new ArrayDeque<>(2);

	private @Nullable Error failure;

	/**
	 * Create a maker; nothing runs yet.
	 * @param threads makes the thread
	 * @param work makes the next thing; throws nothing but errors
	 * @param last whether nothing follows a thing
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
	 * Begin with the first thing. To be called once.
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
	 * Return whether there is something to {@link #take()}, now or soon.
	 * @return {@code true} from {@link #start()} until the last thing was taken
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
	 * Take the next thing, after which the one behind it is made. An interruption is
	 * passed on to the work, so that waiting ends as soon as the work can be interrupted,
	 * and never before its end.
	 * @return what was made
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
		T taken = this.ready.poll();
		if (taken == null) {
			Error thrown = this.failure;
			Assert.state(thrown != null, "There is nothing to take");
			this.failure = null;
			throw thrown;
		}
		this.changed.signalAll();
		if (!this.running && !this.over) {
			begin();
		}
		return taken;
	}

	private void begin() {
		Thread thread = this.threads.newThread(RequestMemory.inherited(CONTEXT.decorate(this::run)));
		this.thread = thread;
		this.running = true;
		this.working = true;
		thread.start();
	}

	private void run() {
		boolean more = true;
		while (more) {
			T made = null;
			Error thrown = null;
			try {
				made = this.work.get();
			}
			catch (Error ex) {
				thrown = ex;
			}
			more = handOver(made, thrown);
		}
	}

	// returns whether to make another one, once it is wanted
	private boolean handOver(@Nullable T made, @Nullable Error thrown) {
		this.lock.lock();
		try {
			this.working = false;
			// An interruption was meant for this thing and not for the next.
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
				// By nobody here: there is no work to interrupt.
				nanos = 0;
			}
		}
		return false;
	}

	private void interruptWork() {
		if (this.working && this.thread != null) {
			this.thread.interrupt();
		}
	}

	/**
	 * Interrupt the work, wait for its thread, and make nothing else. Idempotent.
	 * @return what was made and not taken
	 */
	List<T> abort() {
		Thread ending;
		this.lock.lock();
		try {
			this.over = true;
			interruptWork();
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
