package dev.vgi.external.web.client;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

import org.springframework.core.task.TaskDecorator;
import org.springframework.core.task.support.ContextPropagatingTaskDecorator;
import org.springframework.util.Assert;
import org.springframework.util.ClassUtils;

/**
 * Work that runs ahead of being asked for, one piece at a time. Its thread serves piece
 * after piece, for starting one costs as much as a small piece of work; it ends with
 * {@link #close()} or when it had nothing to do for a while. What the work leaves behind
 * is seen by whoever waited for it. Used by one thread at a time, which closes it.
 *
 * @param <T> what the work comes to
 */
final class Ahead<T> implements AutoCloseable {

	/** Traces and security contexts follow the work where the application can say how. */
	private static final TaskDecorator CONTEXT = ClassUtils.isPresent("io.micrometer.context.ContextSnapshotFactory",
			Ahead.class.getClassLoader()) ? new ContextPropagatingTaskDecorator() : (task) -> task;

	/** Whoever forgets to close keeps a thread no longer than this. */
	private static final long IDLE_SECONDS = 1;

	private final ThreadPoolExecutor executor;

	private volatile @Nullable Thread thread;

	private @Nullable Piece<T> running;

	/**
	 * Create a place for work; nothing runs yet.
	 * @param threads makes the thread
	 */
	Ahead(ThreadFactory threads) {
		this.executor = new ThreadPoolExecutor(1, 1, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(),
				(task) -> {
					Thread thread = threads.newThread(task);
					this.thread = thread;
					return thread;
				});
		this.executor.allowCoreThreadTimeOut(true);
	}

	/**
	 * Start work, to be waited for by {@link #join()} or {@link #abort()}.
	 * @param work throws nothing but errors
	 */
	void start(Supplier<T> work) {
		Assert.state(this.running == null, "There is work already");
		Piece<T> piece = new Piece<>(work);
		this.executor.execute(CONTEXT.decorate(piece));
		this.running = piece;
	}

	/**
	 * Return whether there is work that nobody has waited for.
	 * @return {@code true} from {@link #start} to {@link #join()} or {@link #abort()}
	 */
	boolean isRunning() {
		return this.running != null;
	}

	/**
	 * Wait for the work. An interruption is passed on to it, so that waiting ends as soon
	 * as the work can be interrupted, and never before its end.
	 * @return what it came to
	 */
	T join() {
		Piece<T> piece = this.running;
		Assert.state(piece != null, "There is no work");
		this.running = null;
		return piece.join();
	}

	/**
	 * Interrupt the work and wait for its end.
	 * @return what it came to nevertheless
	 */
	T abort() {
		if (this.running != null) {
			this.running.interrupt();
		}
		return join();
	}

	/**
	 * End the thread and wait for it. There must be no work any more. Idempotent.
	 */
	@Override
	public void close() {
		Assert.state(this.running == null, "There is work that nobody has waited for");
		this.executor.shutdown();
		Thread ending = this.thread;
		boolean interrupted = false;
		while (ending != null && ending.isAlive()) {
			try {
				ending.join();
			}
			catch (InterruptedException ex) {
				interrupted = true;
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
	}

	/**
	 * One piece of work.
	 *
	 * @param <T> what it comes to
	 */
	private static final class Piece<T> implements Runnable {

		private final Supplier<T> work;

		private final CountDownLatch done = new CountDownLatch(1);

		/** Guarded by this, as is whether it is to be interrupted. */
		private @Nullable Thread thread;

		private boolean interrupted;

		private @Nullable T result;

		private @Nullable Error failure;

		Piece(Supplier<T> work) {
			this.work = work;
		}

		@Override
		public void run() {
			begin();
			try {
				this.result = this.work.get();
			}
			catch (Error ex) {
				this.failure = ex;
			}
			finally {
				end();
				this.done.countDown();
			}
		}

		private synchronized void begin() {
			this.thread = Thread.currentThread();
			if (this.interrupted) {
				this.thread.interrupt();
			}
		}

		// an interruption was meant for this piece and not for the next
		private synchronized void end() {
			this.thread = null;
			Thread.interrupted();
		}

		synchronized void interrupt() {
			this.interrupted = true;
			if (this.thread != null) {
				this.thread.interrupt();
			}
		}

		T join() {
			boolean interrupted = false;
			while (true) {
				try {
					this.done.await();
					break;
				}
				catch (InterruptedException ex) {
					interrupted = true;
					interrupt();
				}
			}
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
			if (this.failure != null) {
				throw this.failure;
			}
			Assert.state(this.result != null, "the work came to nothing");
			return this.result;
		}

	}

}
