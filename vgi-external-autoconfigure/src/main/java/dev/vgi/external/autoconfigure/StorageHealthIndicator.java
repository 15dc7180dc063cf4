package dev.vgi.external.autoconfigure;

import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;

import dev.vgi.external.storage.health.StorageCheck;
import dev.vgi.external.storage.health.StorageReport;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FailureReason;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;

/**
 * Reports whether the storage can be reached. Limited in time and cached, so that a
 * hanging storage does not block the health endpoint, and not every probe causes a check.
 * Only one check runs at a time.
 */
final class StorageHealthIndicator implements HealthIndicator, DisposableBean {

	private final StorageCheck check;

	private final TransferThreads threads;

	private final Duration cache;

	private final Duration timeout;

	private final LongSupplier nanoTime;

	private @Nullable Health latest;

	private long latestTime;

	private volatile @Nullable FutureTask<StorageReport> running;

	StorageHealthIndicator(StorageCheck check, TransferThreads threads, Duration cache, Duration timeout,
			LongSupplier nanoTime) {
		this.check = check;
		this.threads = threads;
		this.cache = cache;
		this.timeout = timeout;
		this.nanoTime = nanoTime;
	}

	@Override
	public synchronized Health health() {
		if (this.latest != null && this.nanoTime.getAsLong() - this.latestTime < this.cache.toNanos()) {
			return this.latest;
		}
		this.latest = check();
		this.latestTime = this.nanoTime.getAsLong();
		return this.latest;
	}

	private Health check() {
		// A check that still hangs is waited for again instead of starting another.
		// Its result is old if nobody has waited for its end.
		FutureTask<StorageReport> task = this.running;
		try {
			if (task == null || (task.isDone() && !task.isCancelled())) {
				task = new FutureTask<>(this.check::run);
				this.threads.named("health").newThread(task).start();
				this.running = task;
			}
			StorageReport report = task.get(this.timeout.toMillis(), TimeUnit.MILLISECONDS);
			this.running = null;
			return Health.status(report.up() ? Status.UP : Status.DOWN).withDetails(report.details()).build();
		}
		catch (TimeoutException ex) {
			return down("timed-out", "The storage did not answer within " + this.timeout.toMillis() + " ms");
		}
		catch (ExecutionException ex) {
			this.running = null;
			// A foreign exception, whose message may contain anything.
			Throwable cause = (ex.getCause() != null) ? ex.getCause() : ex;
			return down("error", "The check failed: " + FailureReason.of(cause));
		}
		catch (CancellationException ex) {
			return Health.unknown().withDetail("storage", this.check.storageName()).build();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			return Health.unknown().withDetail("storage", this.check.storageName()).build();
		}
	}

	/**
	 * Interrupt a check that hangs, so that it does not outlive the application.
	 */
	@Override
	public void destroy() {
		FutureTask<StorageReport> task = this.running;
		if (task != null) {
			task.cancel(true);
		}
	}

	private Health down(String kind, String reason) {
		return Health.down()
			.withDetail("storage", this.check.storageName())
			.withDetail("kind", kind)
			.withDetail("reason", reason)
			.build();
	}

}
