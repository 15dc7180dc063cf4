package dev.vgi.external.storage.local;

import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Removes old objects of a local store at intervals, on its own thread, from its creation
 * until it is closed.
 */
public final class LocalStorageSweeper implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(LocalStorageSweeper.class);

	private final LocalStorage storage;

	private final ScheduledExecutorService scheduler;

	/**
	 * Start sweeping.
	 * @param storage the store to sweep; not closed
	 * @param interval time between the end of a sweep and the next one, positive
	 */
	public LocalStorageSweeper(LocalStorage storage, Duration interval) {
		this.storage = storage;
		this.scheduler = Executors.newSingleThreadScheduledExecutor((task) -> {
			Thread thread = new Thread(task, "vgi-external-sweeper");
			thread.setDaemon(true);
			return thread;
		});
		this.scheduler.scheduleWithFixedDelay(this::sweep, interval.toMillis(), interval.toMillis(),
				TimeUnit.MILLISECONDS);
	}

	private void sweep() {
		try {
			this.storage.sweep();
		}
		catch (RuntimeException ex) {
			logger.warn("Old objects could not be removed: " + ex.getMessage());
		}
	}

	/**
	 * Stop. Waits up to five seconds for a running sweep, since the application may be
	 * started again at once.
	 */
	@Override
	public void close() {
		this.scheduler.shutdownNow();
		try {
			this.scheduler.awaitTermination(5, TimeUnit.SECONDS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

}
