package dev.vgi.external.storage;

import java.net.URI;
import java.time.Duration;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.upload.Payload.Part;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The upload of one object to a storage that signs URLs: store it, with one request or in
 * parts, then sign the URL that serves it. An object whose URL cannot be signed is
 * deleted again. Used once, by one thread.
 */
public abstract class ObjectUpload {

	private final RetryPolicy attempts;

	private final Duration timeout;

	private final Deadline whole;

	/** Whether it is unknown how much is uploaded, and hence how long that takes. */
	private boolean stepwise;

	/**
	 * Create an upload. Its time starts now.
	 * @param attempts repeats what fails for a while
	 * @param timeout longest time for the whole upload; for each of its steps if the
	 * payload's length is unknown
	 */
	protected ObjectUpload(RetryPolicy attempts, Duration timeout) {
		this.attempts = attempts;
		this.timeout = timeout;
		this.whole = attempts.newDeadline(timeout);
	}

	/**
	 * Return what repeats failed steps of this upload.
	 * @return the policy
	 */
	protected final RetryPolicy attempts() {
		return this.attempts;
	}

	/**
	 * Return the deadline of a step that begins now, such as sending a part.
	 * @return the deadline of this upload; one of the step's own if the length is
	 * unknown, since the wait for the next part must not count
	 */
	protected final Deadline stepDeadline() {
		return this.stepwise ? this.attempts.newDeadline(this.timeout) : this.whole;
	}

	/**
	 * Run a step of this upload until it succeeds or must not be repeated.
	 * @param <T> type of the result
	 * @param step makes one attempt
	 * @return what the first successful attempt returned
	 */
	protected final <T extends @Nullable Object> T step(Step<T> step) {
		Deadline deadline = stepDeadline();
		return this.attempts.run(deadline, (failures) -> step.attempt(failures, deadline));
	}

	/**
	 * Store an object and sign its URL.
	 * @param payload contains the bytes, none of which was taken yet
	 * @param partSize size from which the object is stored in parts, and size of a part
	 * @return the download URL
	 * @throws dev.vgi.external.VgiExternalException if the upload fails
	 */
	public final URI run(Payload payload, int partSize) {
		this.stepwise = payload.maxLength() == Payload.UNKNOWN_LENGTH;
		try (Part first = payload.next(partSize)) {
			Assert.isTrue(first != null, "'payload' must have bytes that were not taken yet");
			if (first.isLast()) {
				storeAtOnce(first);
			}
			else {
				storeInParts(first, payload, partSize);
			}
		}
		try {
			return step((failures, deadline) -> signDownloadUrl(deadline));
		}
		catch (RuntimeException | Error ex) {
			cleanUp(ex, this::delete);
			throw ex;
		}
	}

	/**
	 * Store an object with one request. Makes as many attempts as it takes. If it fails,
	 * at most an object whose last answer was lost remains.
	 * @param whole contains all bytes; borrowed
	 */
	protected abstract void storeAtOnce(Part whole);

	/**
	 * Store an object in parts. Makes as many attempts as it takes. If it fails, it has
	 * removed the parts.
	 * @param first the first part, which is not the last; borrowed
	 * @param payload contains the other parts
	 * @param partSize size of the parts
	 */
	protected abstract void storeInParts(Part first, Payload payload, int partSize);

	/**
	 * Make one attempt to sign the URL of the stored object.
	 * @param deadline covers all attempts
	 * @return its download URL
	 */
	protected abstract URI signDownloadUrl(Deadline deadline);

	/**
	 * Delete the stored object. A failure is reported, but does not hide the one that led
	 * to this call.
	 */
	protected abstract void delete();

	/**
	 * Clean up after a failure, even if the thread is interrupted.
	 * @param failure the failure to report; gets that of the clean-up suppressed
	 * @param action cleans up
	 */
	protected static void cleanUp(Throwable failure, Runnable action) {
		boolean interrupted = Thread.interrupted();
		try {
			action.run();
		}
		catch (RuntimeException ex) {
			failure.addSuppressed(ex);
		}
		finally {
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

	/**
	 * A step of an upload.
	 *
	 * @param <T> type of the result
	 */
	@FunctionalInterface
	protected interface Step<T extends @Nullable Object> {

		/**
		 * Make one attempt.
		 * @param failures how many attempts have failed
		 * @param deadline covers all attempts
		 * @return the result
		 */
		T attempt(int failures, Deadline deadline);

	}

}
