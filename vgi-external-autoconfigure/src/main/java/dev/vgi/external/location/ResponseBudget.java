package dev.vgi.external.location;

import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import org.jspecify.annotations.Nullable;

/**
 * What one response may put into its body and into storage, and for which caller it is.
 * Checked before anything is uploaded or written. Thread-safe.
 */
public final class ResponseBudget {

	/** Generous estimate of what a stream adds to the values of its batches. */
	private static final long FRAMING = 16 * 1024;

	private final @Nullable Long maxResponseBytes;

	private final @Nullable Long maxExternalizedBytes;

	private final CallerPointers pointers;

	/** Shared with the budgets that are tightened from this one. */
	private final AtomicLong externalized;

	/**
	 * Create the budget of one response.
	 * @param maxResponseBytes most bytes of the body before any content coding, or
	 * {@code null} for no limit
	 * @param maxExternalizedBytes most bytes of the stored streams before compression, or
	 * {@code null} for no limit
	 */
	public ResponseBudget(@Nullable Long maxResponseBytes, @Nullable Long maxExternalizedBytes) {
		this(maxResponseBytes, maxExternalizedBytes, CallerPointers.unbound(), new AtomicLong());
	}

	private ResponseBudget(@Nullable Long maxResponseBytes, @Nullable Long maxExternalizedBytes,
			CallerPointers pointers, AtomicLong externalized) {
		this.maxResponseBytes = maxResponseBytes;
		this.maxExternalizedBytes = maxExternalizedBytes;
		this.pointers = pointers;
		this.externalized = externalized;
	}

	/**
	 * Create a budget without limits.
	 * @return the budget
	 */
	public static ResponseBudget unlimited() {
		return new ResponseBudget(null, null);
	}

	/**
	 * Return how much was stored for this response.
	 * @return bytes of the streams before compression
	 */
	public long externalizedBytes() {
		return this.externalized.get();
	}

	/**
	 * Return a budget with a further limit on the body. Both count what either stores.
	 * @param limit bytes, or {@code null} for no further limit
	 * @return the tighter budget
	 */
	public ResponseBudget tightenedTo(@Nullable Long limit) {
		if (limit == null || (this.maxResponseBytes != null && this.maxResponseBytes <= limit)) {
			return this;
		}
		return new ResponseBudget(limit, this.maxExternalizedBytes, this.pointers, this.externalized);
	}

	/**
	 * Return a budget for the response to a caller. Both count what either stores.
	 * @param pointers what the caller has to do with pointers
	 * @return the budget
	 */
	public ResponseBudget forCaller(CallerPointers pointers) {
		return new ResponseBudget(this.maxResponseBytes, this.maxExternalizedBytes, pointers, this.externalized);
	}

	/**
	 * Return what the caller has to do with pointers.
	 * @return pointers that are bound to nobody unless set
	 */
	public CallerPointers pointers() {
		return this.pointers;
	}

	/**
	 * Return the metadata of a pointer of this response.
	 * @param pointer the pointer
	 * @return its metadata, with what renews it
	 */
	BatchMetadata metadata(Pointer pointer) {
		BatchMetadata metadata = pointer.toMetadata();
		PointerRenewal renewal = this.pointers.renewal();
		return (renewal != null) ? metadata.with(renewal.of(pointer.location(), pointer.sha256())) : metadata;
	}

	/**
	 * Give a pointer of an application what renews it in this response. What it carried
	 * of another response, perhaps of another service, is left out.
	 * @param batch the pointer batch; taken over, also on failure
	 * @return the pointer batch for this response
	 */
	public AnnotatedBatch renewable(AnnotatedBatch batch) {
		BatchMetadata metadata = batch.metadata();
		if (this.pointers.renewal() == null && !metadata.contains(MetadataKeys.RENEWAL)
				&& !metadata.contains(MetadataKeys.RENEWAL_PATH)) {
			return batch;
		}
		BatchMetadata bare = metadata.without(MetadataKeys.RENEWAL, MetadataKeys.RENEWAL_PATH);
		try {
			return batch.withMetadata(bare.with(metadata(Pointer.from(bare))));
		}
		catch (RuntimeException ex) {
			batch.close();
			throw ex;
		}
	}

	/**
	 * Return whether a batch should be in the body.
	 * @param bufferSize bytes of its values
	 * @return {@code false} if it would leave no room for the rest
	 */
	boolean fitsInline(long bufferSize) {
		return this.maxResponseBytes == null || bufferSize <= this.maxResponseBytes - FRAMING;
	}

	/**
	 * Reserve room in storage.
	 * @param bytes length of the stream that is about to be stored
	 * @throws ResponseTooLargeException if there is not enough left
	 */
	void store(long bytes) {
		long stored = this.externalized.addAndGet(bytes);
		if (this.maxExternalizedBytes != null && stored > this.maxExternalizedBytes) {
			this.externalized.addAndGet(-bytes);
			throw new ResponseTooLargeException("Externalised payload exceeds max_externalized_response_bytes ("
					+ stored + " > " + this.maxExternalizedBytes + ")");
		}
	}

	/**
	 * Require that a body is not too large.
	 * @param bytes its length before any content coding
	 * @throws ResponseTooLargeException if it is
	 */
	public void requireInline(long bytes) {
		if (this.maxResponseBytes != null && bytes > this.maxResponseBytes) {
			throw new ResponseTooLargeException(
					"HTTP body exceeds max_response_bytes (" + bytes + " > " + this.maxResponseBytes + ")");
		}
	}

}
