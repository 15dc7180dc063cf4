package dev.vgi.external.transfer;

import java.util.concurrent.ThreadFactory;
import java.util.function.UnaryOperator;

import dev.vgi.external.memory.RequestMemory;

import org.springframework.core.task.TaskDecorator;
import org.springframework.core.task.VirtualThreadTaskExecutor;
import org.springframework.core.task.support.ContextPropagatingTaskDecorator;
import org.springframework.util.Assert;
import org.springframework.util.ClassUtils;

/**
 * Creates the threads that work beside a transfer. All are daemon threads whose names
 * begin with {@code vgi-external-}. They are not pooled: each one is created for one
 * piece of work and ends with it. Each use limits its own threads:
 * <ul>
 * <li>ranges: as many as one fetch may have requests at the same time,</li>
 * <li>a second copy of the first request of a fetch, and the digest of a fetched or
 * stored object: one,</li>
 * <li>the renewal of a link: one for each fetch, or as many as its HTTP client goes on
 * with after their end, until its own time-out,</li>
 * <li>parts of an upload: as many as are in memory at the same time,</li>
 * <li>segments of a result set: as many as are uploaded at the same time,</li>
 * <li>calls of providers of credentials, and requests that the SDK of a storage sends: 64
 * each, because a call may ignore its end, and always platform threads,</li>
 * <li>prefetching: one for each open stream,</li>
 * <li>a reader of several batches: one that reads their stream, and as many as it may
 * have requests at the same time,</li>
 * <li>removal of what failed uploads have left behind: one for each storage,</li>
 * <li>workers: one for each that starts or ends,</li>
 * <li>checks of the storage and its rules: one.</li>
 * </ul>
 * How many transfers run at the same time depends on the threads that start them and on
 * the memory budget, and not on this class.
 */
public final class TransferThreads {

	private static final String PREFIX = "vgi-external-";

	/**
	 * Propagates traces and security contexts where context propagation is available.
	 */
	private static final TaskDecorator CONTEXT = ClassUtils.isPresent("io.micrometer.context.ContextSnapshotFactory",
			TransferThreads.class.getClassLoader()) ? new ContextPropagatingTaskDecorator() : (task) -> task;

	private final ThreadFactory factory;

	private final UnaryOperator<Runnable> context;

	/**
	 * Create an instance that uses threads of the application.
	 * @param factory creates the threads, whose names are replaced; may create virtual
	 * threads
	 */
	public TransferThreads(ThreadFactory factory) {
		this(factory, UnaryOperator.identity());
	}

	private TransferThreads(ThreadFactory factory, UnaryOperator<Runnable> context) {
		Assert.notNull(factory, "'factory' must not be null");
		Assert.notNull(context, "'context' must not be null");
		this.factory = factory;
		this.context = context;
	}

	/**
	 * Return platform threads.
	 * @return the instance for every JDK
	 */
	public static TransferThreads platform() {
		return new TransferThreads(Thread::new);
	}

	/**
	 * Return virtual threads.
	 * @return the instance for JDK 21 and later
	 * @throws UnsupportedOperationException on an earlier JDK
	 */
	public static TransferThreads virtual() {
		return new TransferThreads(new VirtualThreadTaskExecutor().getVirtualThreadFactory());
	}

	/**
	 * Return an instance whose threads know what the thread that needs them serves.
	 * @param context makes a task run with what the current thread serves
	 * @return the instance
	 * @see #serving
	 */
	public TransferThreads withContext(UnaryOperator<Runnable> context) {
		return new TransferThreads(this.factory, context);
	}

	/**
	 * Return a factory of threads that serve the request that the calling thread serves,
	 * if there is one: they are charged to it, and they know its context. They must end
	 * before the request does.
	 * @param purpose the last part of their names, such as {@code segment}
	 * @return creates daemon threads that are not started yet
	 */
	public ThreadFactory serving(String purpose) {
		ThreadFactory named = named(purpose);
		return (task) -> named.newThread(inheriting(this.context.apply(task)));
	}

	/**
	 * Return a task that serves the same request, and has the same trace and security
	 * context, as the current thread.
	 * @param task the task, for another thread
	 * @return the task with that context
	 */
	public static Runnable inheriting(Runnable task) {
		return RequestMemory.inherited(observing(task));
	}

	/**
	 * Return a task that has the same trace and security context as the current thread,
	 * and may end after the request that this thread serves.
	 * @param task the task, for another thread
	 * @return the task with that context
	 */
	public static Runnable observing(Runnable task) {
		return CONTEXT.decorate(task);
	}

	/**
	 * Keep the trace and security context of the current thread for tasks that are begun
	 * later, perhaps on a thread that has become part of something else by then.
	 * @return gives tasks for other threads that context
	 */
	public static UnaryOperator<Runnable> currentContext() {
		// What is decorated is bound to the context of now, and runs what it is handed.
		ThreadLocal<Runnable> handed = new ThreadLocal<>();
		Runnable inContext = CONTEXT.decorate(() -> handed.get().run());
		return (task) -> () -> {
			handed.set(task);
			try {
				inContext.run();
			}
			finally {
				handed.remove();
			}
		};
	}

	/**
	 * Return a factory of threads for one purpose.
	 * @param purpose the last part of their names, such as {@code range}
	 * @return creates daemon threads that are not started yet
	 */
	public ThreadFactory named(String purpose) {
		return (task) -> {
			Thread thread = this.factory.newThread(task);
			thread.setName(PREFIX + purpose);
			thread.setDaemon(true);
			return thread;
		};
	}

}
