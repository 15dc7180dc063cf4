package dev.vgi.external.transfer;

import java.util.concurrent.ThreadFactory;

import org.springframework.core.task.VirtualThreadTaskExecutor;
import org.springframework.util.Assert;

/**
 * Creates the threads that work beside a transfer. All are daemon threads whose names
 * begin with {@code vgi-external-}. They are not pooled: each one is created for one
 * piece of work and ends with it. Each use limits its own threads:
 * <ul>
 * <li>ranges: as many as one fetch may have requests at the same time,</li>
 * <li>a second copy of the first request of a fetch, and the digest of a fetched or
 * stored object: one,</li>
 * <li>parts of an upload: as many as are in memory at the same time,</li>
 * <li>calls of providers of credentials: 64, because a call may ignore its end, and
 * always platform threads,</li>
 * <li>prefetching: one for each open stream,</li>
 * <li>checks of the storage and its rules: one.</li>
 * </ul>
 * How many transfers run at the same time depends on the threads that start them and on
 * the memory budget, and not on this class.
 */
public final class TransferThreads {

	private static final String PREFIX = "vgi-external-";

	private final ThreadFactory factory;

	/**
	 * Create an instance that uses threads of the application.
	 * @param factory creates the threads, whose names are replaced; may create virtual
	 * threads
	 */
	public TransferThreads(ThreadFactory factory) {
		Assert.notNull(factory, "'factory' must not be null");
		this.factory = factory;
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
