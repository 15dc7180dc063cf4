package dev.vgi.external.storage;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.IntFunction;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.transport.Deadline;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportClosedException;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Tries again what failed because the storage was not available, within a deadline.
 * Immutable.
 *
 * @param maxRetries further attempts
 * @param pause waits between them
 */
public record Attempts(int maxRetries, Consumer<Duration> pause) {

	private static final Duration FIRST_PAUSE = Duration.ofMillis(100);

	private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

	public Attempts {
		Assert.isTrue(maxRetries >= 0, "'maxRetries' must not be negative");
		Assert.notNull(pause, "'pause' must not be null");
	}

	/**
	 * Return attempts between which the calling thread sleeps.
	 * @param maxRetries further attempts
	 * @return the attempts
	 */
	public static Attempts sleeping(int maxRetries) {
		return new Attempts(maxRetries, Attempts::sleep);
	}

	private static void sleep(Duration duration) {
		try {
			TimeUnit.MILLISECONDS.sleep(duration.toMillis());
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	/**
	 * Do something until it works, is refused or there is no use in going on.
	 * @param <T> type of the result
	 * @param deadline covers all attempts
	 * @param action takes the number of attempts that failed before
	 * @return what the first successful attempt returned
	 * @throws VgiExternalException the last failure, with the earlier ones suppressed
	 */
	public <T extends @Nullable Object> T run(Deadline deadline, IntFunction<T> action) {
		return run(deadline, () -> false, action);
	}

	/**
	 * Do something until it works, is refused or there is no use in going on.
	 * @param <T> type of the result
	 * @param deadline covers all attempts
	 * @param cancelled whether a further attempt is pointless
	 * @param action takes the number of attempts that failed before
	 * @return what the first successful attempt returned
	 * @throws TransferCancelledException if the thread is interrupted, also in a pause
	 * @throws VgiExternalException the last failure, with the earlier ones suppressed
	 */
	public <T extends @Nullable Object> T run(Deadline deadline, BooleanSupplier cancelled, IntFunction<T> action) {
		List<VgiExternalException> earlier = new ArrayList<>();
		while (true) {
			VgiExternalException failure;
			try {
				return action.apply(earlier.size());
			}
			catch (TransportClosedException | TransferCancelledException ex) {
				earlier.forEach(ex::addSuppressed);
				throw ex;
			}
			catch (StorageUnavailableException ex) {
				failure = ex;
			}
			catch (VgiExternalException ex) {
				earlier.forEach(ex::addSuppressed);
				throw ex;
			}
			Duration wait = pauseAfter(earlier.size());
			boolean interrupted = Thread.currentThread().isInterrupted();
			if (!interrupted && (earlier.size() >= this.maxRetries || cancelled.getAsBoolean()
					|| wait.compareTo(deadline.remaining()) >= 0)) {
				earlier.forEach(failure::addSuppressed);
				throw failure;
			}
			earlier.add(failure);
			if (!interrupted) {
				this.pause.accept(wait);
			}
			if (Thread.currentThread().isInterrupted()) {
				TransferCancelledException ex = new TransferCancelledException("Interrupted during an upload");
				earlier.forEach(ex::addSuppressed);
				throw ex;
			}
		}
	}

	private static Duration pauseAfter(int failures) {
		// Doubled each time, and scattered so that uploads do not retry in step.
		long longest = Math.min(FIRST_PAUSE.toMillis() << Math.min(failures, 10), LONGEST_PAUSE.toMillis());
		return Duration.ofMillis(ThreadLocalRandom.current().nextLong(longest / 2, longest + 1));
	}

}
