package dev.vgi.external.storage;

import java.io.IOException;
import java.net.URI;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.upload.Payload.Part;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The upload of one object to a storage that signs URLs: store it, with one request or in
 * parts, then sign the URL that serves it. If any of this fails, whatever may be stored
 * is deleted again, if need be later: its key is random and nobody was told of it. Used
 * once, by one thread.
 */
public abstract class ObjectUpload {

	/** Longest time of one attempt to clean up. */
	private static final Duration CLEAN_UP_TIMEOUT = Duration.ofSeconds(10);

	private final RetryPolicy attempts;

	private final Duration timeout;

	private final Leftovers leftovers;

	/** How many requests may have created the object. */
	private final AtomicInteger creations = new AtomicInteger();

	private final Deadline whole;

	private UploadRequests requests = UploadRequests.own(TransferTrace.none());

	private RetryPolicy steps;

	private RetryPolicy wholes;

	/** Whether it is unknown how much is uploaded, and hence how long that takes. */
	private boolean stepwise;

	/**
	 * Create an upload. Its time starts now.
	 * @param attempts repeats what fails for a while
	 * @param timeout longest time for the whole upload; for each of its steps if the
	 * payload's length is unknown
	 * @param leftovers removes later what cannot be removed at once
	 */
	protected ObjectUpload(RetryPolicy attempts, Duration timeout, Leftovers leftovers) {
		this.attempts = attempts;
		this.steps = attempts;
		this.wholes = attempts;
		this.timeout = timeout;
		this.leftovers = leftovers;
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
	 * Return the requests of this upload.
	 * @return what every request of it is made of, so that it is reported
	 */
	protected final UploadRequests requests() {
		return this.requests;
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
		return run(this.steps, step);
	}

	/**
	 * Store the whole object, again from its beginning until that succeeds or must not be
	 * repeated.
	 * @param <T> type of the result
	 * @param step makes one attempt
	 * @return what the first successful attempt returned
	 */
	protected final <T extends @Nullable Object> T whole(Step<T> step) {
		return run(this.wholes, step);
	}

	private <T extends @Nullable Object> T run(RetryPolicy policy, Step<T> step) {
		Deadline deadline = stepDeadline();
		return policy.run(deadline, (failures) -> {
			int before = this.creations.get();
			try {
				return step.attempt(failures, deadline);
			}
			catch (UploadRefusedException ex) {
				// A request that was refused has created nothing, but an earlier one may
				// have.
				this.creations.compareAndSet(before + 1, before);
				throw ex;
			}
		});
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
		this.requests = UploadRequests.own(payload.trace());
		this.steps = this.attempts.tracedBy(payload.trace(), Retried.STEP);
		this.wholes = this.attempts.tracedBy(payload.trace(), Retried.WHOLE);
		try {
			store(payload, partSize);
		}
		catch (RuntimeException | Error ex) {
			if (this.creations.get() > 0) {
				this.leftovers.add(this::delete);
			}
			throw ex;
		}
		URI url;
		try {
			url = step((failures, deadline) -> signDownloadUrl(deadline));
		}
		catch (RuntimeException | Error ex) {
			cleanUp(ex, this::delete);
			throw ex;
		}
		this.leftovers.storageAnswers();
		return url;
	}

	private void store(Payload payload, int partSize) {
		try (Part first = payload.next(partSize)) {
			Assert.isTrue(first != null, "'payload' must have bytes that were not taken yet");
			if (first.isLast()) {
				storeAtOnce(new WholeObject(first));
				payload.trace().progressed(first.length(), first.length());
			}
			else {
				storeInParts(first, payload, partSize);
			}
		}
	}

	/**
	 * Store an object with one request. Makes as many attempts as it takes, in
	 * {@link #whole}.
	 * @param whole contains all bytes; borrowed
	 */
	protected abstract void storeAtOnce(Part whole);

	/**
	 * Store an object in parts. Makes as many attempts as it takes. If it fails, it has
	 * removed the parts with {@link #cleanUp}. Calls {@link #creates} before each request
	 * that makes an object of them.
	 * @param first the first part, which is not the last; borrowed
	 * @param payload contains the other parts
	 * @param partSize size of the parts
	 */
	protected abstract void storeInParts(Part first, Payload payload, int partSize);

	/**
	 * Note that the next request may create the object, unless it is refused in the same
	 * step; or that the last one has, whatever follows. Not needed for the requests of
	 * {@link #storeAtOnce}.
	 */
	protected final void creates() {
		this.creations.incrementAndGet();
	}

	/**
	 * Make one attempt to sign the URL of the stored object.
	 * @param deadline covers all attempts
	 * @return its download URL
	 */
	protected abstract URI signDownloadUrl(Deadline deadline);

	/**
	 * Make one attempt to delete the object. Succeeds if there is none. May be called
	 * later by another thread.
	 * @param deadline covers the attempt
	 */
	protected abstract void delete(Deadline deadline);

	/**
	 * Clean up after a failure, even if the thread is interrupted. If that fails too, it
	 * is tried again later.
	 * @param failure the failure to report; gets that of the clean-up suppressed
	 * @param action cleans up; may be called later by another thread
	 */
	protected final void cleanUp(Throwable failure, Leftovers.Removal action) {
		boolean interrupted = Thread.interrupted();
		try {
			action.remove(Deadline.in(CLEAN_UP_TIMEOUT));
		}
		catch (RuntimeException ex) {
			failure.addSuppressed(ex);
			this.leftovers.add(action);
		}
		finally {
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

	/**
	 * Remove later what may have been left behind.
	 * @param action removes it; called later by another thread
	 */
	protected final void cleanUpLater(Leftovers.Removal action) {
		this.leftovers.add(action);
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

	/**
	 * The only part of an object. Once it is being sent, the object may exist.
	 */
	private final class WholeObject implements Part {

		private final Part part;

		WholeObject(Part part) {
			this.part = part;
		}

		@Override
		public boolean isLast() {
			return true;
		}

		@Override
		public long length() {
			return this.part.length();
		}

		@Override
		public void writeTo(WritableByteChannel channel) throws IOException {
			creates();
			this.part.writeTo(channel);
		}

		@Override
		public void close() {
			this.part.close();
		}

	}

}
