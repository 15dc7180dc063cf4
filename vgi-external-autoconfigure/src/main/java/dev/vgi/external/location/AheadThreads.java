package dev.vgi.external.location;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.function.UnaryOperator;

import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.time.Uninterruptibles;
import dev.vgi.external.transfer.TransferThreads;

/**
 * The threads that work for one reader, in the context of the thread that created it: a
 * fetch may start the thread of another one, which is no part of it. Thread-safe.
 */
final class AheadThreads {

	private final ThreadFactory factory;

	private final UnaryOperator<Runnable> context = TransferThreads.currentContext();

	private final List<Thread> running = new ArrayList<>();

	AheadThreads(ThreadFactory factory) {
		this.factory = factory;
	}

	/**
	 * Start a thread that serves the same request as the current one.
	 * @param task what it does
	 * @return the thread
	 */
	synchronized Thread start(Runnable task) {
		Thread thread = this.factory.newThread(RequestMemory.inherited(this.context.apply(task)));
		this.running.removeIf((earlier) -> !earlier.isAlive());
		thread.start();
		this.running.add(thread);
		return thread;
	}

	/**
	 * Wait until all others have ended. They have been asked to, and no further one is
	 * started. The current thread is one of them if a log sink closes the reader.
	 */
	void join() {
		List<Thread> ending;
		synchronized (this) {
			ending = new ArrayList<>(this.running);
		}
		ending.remove(Thread.currentThread());
		ending.forEach(Uninterruptibles::join);
	}

}
