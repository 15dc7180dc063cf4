package dev.vgi.external.transfer;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.StorageBusyException;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportClosedException;

/**
 * The attempts of one fetch, upload, part or range. Belongs to one thread at a time.
 */
public final class Retries {

	private final RetryPolicy policy;

	private final Deadline deadline;

	private final BooleanSupplier cancelled;

	/** The failures to report. Those of a busy storage would all say the same. */
	private final List<VgiExternalException> earlier = new ArrayList<>();

	private int busyAnswers;

	Retries(RetryPolicy policy, Deadline deadline, BooleanSupplier cancelled) {
		this.policy = policy;
		this.deadline = deadline;
		this.cancelled = cancelled;
	}

	/**
	 * Return how many attempts have failed and were followed by another one.
	 * @return the number
	 */
	public int failures() {
		return this.earlier.size() + this.busyAnswers;
	}

	/**
	 * Wait for the next attempt.
	 * @param failure why the last attempt failed
	 * @throws TransferCancelledException if the thread is interrupted, or a further
	 * attempt has become pointless
	 * @throws TransportClosedException if the application shuts down
	 * @throws AttemptsExhaustedException if there is no further attempt
	 * @throws VgiExternalException the failure itself if it is permanent or only one
	 * attempt was allowed. Every exception has the earlier failures suppressed
	 */
	public void pauseAfter(VgiExternalException failure) {
		this.policy.pause(next(failure), () -> this.policy.hasEnded() || this.cancelled.getAsBoolean());
		if (Thread.currentThread().isInterrupted()) {
			throw cancelled("Interrupted before another attempt", failure);
		}
		if (this.policy.hasEnded()) {
			TransportClosedException closed = new TransportClosedException(
					"The storage transport was closed before another attempt");
			closed.addSuppressed(failure);
			throw withEarlier(closed, failure);
		}
		if (this.cancelled.getAsBoolean()) {
			throw cancelled("Cancelled before another attempt", failure);
		}
		this.policy.begins();
	}

	/**
	 * Return how long to wait before the next attempt, for callers that wait for other
	 * events at the same time.
	 * @param failure why the last attempt failed
	 * @return the pause, which fits into the deadline
	 * @throws VgiExternalException as for {@link #pauseAfter}
	 */
	public Duration next(VgiExternalException failure) {
		if (!(failure instanceof StorageUnavailableException unavailable) || !RetryPolicy.mayPass(failure)) {
			throw withEarlier(failure, failure);
		}
		if (Thread.currentThread().isInterrupted()) {
			throw cancelled("Interrupted before another attempt", failure);
		}
		if (this.cancelled.getAsBoolean()) {
			throw withEarlier(failure, failure);
		}
		Duration remaining = this.deadline.remaining();
		Duration pause;
		if (failure instanceof StorageBusyException busy) {
			pause = this.policy.pauseForBusy(this.busyAnswers, busy.retryAfter(), remaining);
		}
		else {
			if (this.earlier.size() >= this.policy.maxRetries()) {
				throw (failures() == 0) ? failure : exhausted(unavailable, "");
			}
			if (!unavailable.tryRetry()) {
				throw exhausted(unavailable, "; it was not tried again, since too many requests to this storage fail");
			}
			pause = this.policy.delay();
		}
		if (pause.compareTo(remaining) >= 0) {
			throw exhausted(unavailable, "; another attempt in " + pause.toMillis()
					+ " ms would be after the deadline of " + this.deadline.timeout().toMillis() + " ms");
		}
		if (failure instanceof StorageBusyException) {
			this.busyAnswers++;
		}
		else {
			this.earlier.add(failure);
		}
		this.policy.retries(failure, pause);
		return pause;
	}

	private VgiExternalException exhausted(StorageUnavailableException last, String why) {
		int attempts = failures() + 1;
		String message = ((attempts > 1) ? "Failed in " + attempts + " attempts: " : "") + last.getMessage() + why;
		return withEarlier(new AttemptsExhaustedException(message, last), last);
	}

	private VgiExternalException cancelled(String message, VgiExternalException failure) {
		TransferCancelledException ex = new TransferCancelledException(message);
		ex.addSuppressed(failure);
		return withEarlier(ex, failure);
	}

	private <T extends VgiExternalException> T withEarlier(T thrown, VgiExternalException last) {
		this.earlier.stream().filter((ex) -> ex != thrown && ex != last).forEach(thrown::addSuppressed);
		return thrown;
	}

}
