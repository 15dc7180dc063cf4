package dev.vgi.external.benchmark;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicLong;

import com.sun.management.ThreadMXBean;

/**
 * Counts what threads allocate on the heap. JDK 17 forgets the count of a thread that has
 * ended, so this creates the threads of transfers.
 */
final class AllocatedHeap implements ThreadFactory {

	private static final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

	private final AtomicLong ended = new AtomicLong();

	@Override
	public Thread newThread(Runnable task) {
		Thread thread = new Thread(() -> {
			try {
				task.run();
			}
			finally {
				this.ended.addAndGet(threads.getThreadAllocatedBytes(Thread.currentThread().getId()));
			}
		});
		thread.setDaemon(true);
		return thread;
	}

	/**
	 * Return what the caller has allocated, and the threads of transfers that have ended.
	 * @return bytes
	 */
	long ofTransfers() {
		return this.ended.get() + threads.getThreadAllocatedBytes(Thread.currentThread().getId());
	}

	/**
	 * Return what all threads have allocated, except for those that have ended without
	 * being created here.
	 * @return bytes
	 */
	long ofAll() {
		return this.ended.get() + Arrays.stream(threads.getThreadAllocatedBytes(threads.getAllThreadIds()))
			.filter((bytes) -> bytes > 0)
			.sum();
	}

}
