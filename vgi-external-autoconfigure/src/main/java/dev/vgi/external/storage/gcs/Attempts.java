package dev.vgi.external.storage.gcs;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import java.util.function.IntFunction;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.transport.Deadline;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransportClosedException;
import org.jspecify.annotations.Nullable;

/**
 * Tries again what failed because the storage was not available, within a deadline.
 * Immutable.
 *
 * @param maxRetries further attempts
 * @param pause waits between them
 */
record Attempts(int maxRetries, Consumer<Duration> pause) {

	private static final Duration FIRST_PAUSE = Duration.ofMillis(100);

	private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

	/**
	 * Do something until it works, is refused or there is no use in going on.
	 * @param <T> type of the result
	 * @param deadline covers all attempts
	 * @param action takes the number of attempts that failed before
	 * @return what the first successful attempt returned
	 */
	<T extends @Nullable Object> T run(Deadline deadline, IntFunction<T> action) {
		List<VgiExternalException> earlier = new ArrayList<>();
		while (true) {
			VgiExternalException failure;
			try {
				return action.apply(earlier.size());
			}
			catch (TransportClosedException ex) {
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
			if (earlier.size() >= this.maxRetries || wait.compareTo(deadline.remaining()) >= 0
					|| Thread.currentThread().isInterrupted()) {
				earlier.forEach(failure::addSuppressed);
				throw failure;
			}
			earlier.add(failure);
			this.pause.accept(wait);
		}
	}

	private static Duration pauseAfter(int failures) {
		// Doubled each time, and scattered so that uploads do not retry in step.
		long longest = Math.min(FIRST_PAUSE.toMillis() << Math.min(failures, 10), LONGEST_PAUSE.toMillis());
		return Duration.ofMillis(ThreadLocalRandom.current().nextLong(longest / 2, longest + 1));
	}

}
