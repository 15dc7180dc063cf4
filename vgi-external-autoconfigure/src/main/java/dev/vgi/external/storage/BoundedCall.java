package dev.vgi.external.storage;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferTimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Runs a call that has no deadline of its own, such as one to a credentials provider, or
 * that an interrupt does not end, such as a request of an SDK, and waits no longer than a
 * deadline allows. The call runs on its own thread, one of at most 64 of its sort, which
 * knows the caller's trace. It is interrupted once the caller stops waiting.
 */
public final class BoundedCall {

	/**
	 * A call that ignores interrupts keeps its thread, so the number of threads is
	 * limited.
	 */
	private static final int MOST = 64;

	private static final Semaphore FREE = new Semaphore(MOST);

	/** Of its own: a storage that hangs must not keep others from their credentials. */
	private static final Semaphore FREE_REQUESTS = new Semaphore(MOST);

	/** Never virtual ones: a foreign call may keep the thread that carries it, too. */
	private static final ThreadFactory THREADS = TransferThreads.platform().named("call");

	private BoundedCall() {
	}

	/**
	 * Run a call and wait for it.
	 * @param <T> type of the result
	 * @param called what is called, as the subject of an error's sentence
	 * @param deadline covers the call
	 * @param call runs on another thread
	 * @return the result of the call
	 * @throws TransferTimeoutException if the deadline passes first
	 * @throws TransferCancelledException if the calling thread is interrupted
	 * @throws ExecutionException if the call fails, with what it threw as the cause
	 */
	public static <T extends @Nullable Object> T run(String called, Deadline deadline, Callable<T> call)
			throws ExecutionException {
		return run(FREE, called, deadline, call);
	}

	/**
	 * Run a request of a storage's SDK and wait for it; otherwise like {@link #run}. It
	 * may be carried out although nobody waits for it any more, as a request that was cut
	 * off.
	 * @param <T> type of the result
	 * @param called what is called, as the subject of an error's sentence
	 * @param deadline covers the call
	 * @param call runs on another thread
	 * @return the result of the call
	 * @throws ExecutionException if the call fails, with what it threw as the cause
	 */
	public static <T extends @Nullable Object> T request(String called, Deadline deadline, Callable<T> call)
			throws ExecutionException {
		return run(FREE_REQUESTS, called, deadline, call);
	}

	private static <T extends @Nullable Object> T run(Semaphore free, String called, Deadline deadline,
			Callable<T> call) throws ExecutionException {
		FutureTask<T> task = new FutureTask<>(call);
		Runnable observed = TransferThreads.observing(task);
		try {
			if (!free.tryAcquire(deadline.remaining().toNanos(), TimeUnit.NANOSECONDS)) {
				throw late(called, deadline);
			}
			start(observed, free);
			return task.get(deadline.remaining().toNanos(), TimeUnit.NANOSECONDS);
		}
		catch (TimeoutException ex) {
			task.cancel(true);
			throw late(called, deadline);
		}
		catch (InterruptedException ex) {
			task.cancel(true);
			Thread.currentThread().interrupt();
			throw new TransferCancelledException("Interrupted: " + called + " was waited for");
		}
		catch (ExecutionException ex) {
			if (ex.getCause() instanceof Error error) {
				throw error;
			}
			throw ex;
		}
	}

	private static void start(Runnable task, Semaphore free) {
		try {
			THREADS.newThread(() -> {
				try {
					task.run();
				}
				finally {
					free.release();
				}
			}).start();
		}
		catch (Throwable ex) {
			free.release();
			throw ex;
		}
	}

	private static TransferTimeoutException late(String called, Deadline deadline) {
		return new TransferTimeoutException(called + " did not answer in time: the whole transfer may take "
				+ deadline.timeout().toMillis() + " ms", null);
	}

}
