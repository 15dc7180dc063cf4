package dev.vgi.external.web.client;

import java.util.concurrent.ThreadFactory;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

import org.springframework.core.task.TaskDecorator;
import org.springframework.core.task.support.ContextPropagatingTaskDecorator;
import org.springframework.util.Assert;
import org.springframework.util.ClassUtils;

/**
 * Work that runs ahead of being asked for, in a thread of its own that lives no longer
 * than the work. What the work leaves behind is seen by whoever waited for it.
 *
 * @param <T> what the work comes to
 */
final class Ahead<T> {

	/** Traces and security contexts follow the work where the application can say how. */
	private static final TaskDecorator CONTEXT = ClassUtils.isPresent("io.micrometer.context.ContextSnapshotFactory",
			Ahead.class.getClassLoader()) ? new ContextPropagatingTaskDecorator() : (task) -> task;

	private final Thread thread;

	private @Nullable T result;

	private @Nullable Error failure;

	private Ahead(ThreadFactory threads, Supplier<T> work) {
		this.thread = threads.newThread(CONTEXT.decorate(() -> {
			try {
				this.result = work.get();
			}
			catch (Error ex) {
				this.failure = ex;
			}
		}));
	}

	/**
	 * Start work.
	 * @param <T> what the work comes to
	 * @param threads makes the thread
	 * @param work throws nothing but errors
	 * @return the running work, to be waited for by {@link #join()} or {@link #abort()}
	 */
	static <T> Ahead<T> start(ThreadFactory threads, Supplier<T> work) {
		Ahead<T> ahead = new Ahead<>(threads, work);
		ahead.thread.start();
		return ahead;
	}

	/**
	 * Wait for the work. An interruption is passed on to it, so that waiting ends as soon
	 * as the work can be interrupted, and never before its thread.
	 * @return what it came to
	 */
	T join() {
		boolean interrupted = false;
		while (true) {
			try {
				this.thread.join();
				break;
			}
			catch (InterruptedException ex) {
				interrupted = true;
				this.thread.interrupt();
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

	/**
	 * Interrupt the work and wait for its thread.
	 * @return what it came to nevertheless
	 */
	T abort() {
		this.thread.interrupt();
		return join();
	}

}
