package dev.vgi.external.time;

import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * A timer with one daemon thread.
 */
final class SystemTransferTimer implements TransferTimer {

	private final ScheduledThreadPoolExecutor executor;

	SystemTransferTimer() {
		this.executor = new ScheduledThreadPoolExecutor(1, (task) -> {
			Thread thread = new Thread(task, "vgi-external-timer");
			thread.setDaemon(true);
			return thread;
		});
		// Most actions are cancelled. A deadline that does not pass must leave nothing
		// behind.
		this.executor.setRemoveOnCancelPolicy(true);
		this.executor.setKeepAliveTime(5, TimeUnit.SECONDS);
		this.executor.allowCoreThreadTimeOut(true);
	}

	@Override
	public long nanoTime() {
		return System.nanoTime();
	}

	@Override
	public Alarm schedule(Duration delay, Runnable action) {
		try {
			Future<?> future = this.executor.schedule(action, delay.toNanos(), TimeUnit.NANOSECONDS);
			return () -> future.cancel(false);
		}
		catch (RejectedExecutionException ex) {
			return () -> {
			}; // Closed: nothing rings any more.
		}
	}

	@Override
	public void close() {
		this.executor.shutdownNow();
	}

}
