package dev.vgi.external.location;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.segment.ReaderBatches;
import org.jspecify.annotations.Nullable;

/**
 * The batches that a response has instead of what a reader yields. Taken one by one, so
 * that a result of any size passes through a bounded amount of memory. Not thread-safe.
 */
public interface ResultBatches extends AutoCloseable {

	/**
	 * Let a result travel inline, its batches as they are.
	 * @param batches taken over
	 * @return the batches of the response; the caller closes it
	 */
	static ResultBatches inline(ReaderBatches batches) {
		return new ResultBatches() {

			@Override
			public AnnotatedBatch shape() {
				return batches.zeroRows();
			}

			@Override
			public boolean hasPointers() {
				return false;
			}

			@Override
			public @Nullable AnnotatedBatch next() {
				return batches.next();
			}

			@Override
			public void close() {
				batches.close();
			}

		};
	}

	/**
	 * Return what all batches have in common.
	 * @return a batch without rows that has their schema and dictionary types; the caller
	 * closes it
	 */
	AnnotatedBatch shape();

	/**
	 * Return whether there are pointers among the batches.
	 * @return {@code false} if all of them are what the reader yields
	 */
	boolean hasPointers();

	/**
	 * Return the next batch. Reads on this thread, and waits for uploads.
	 * @return the batch, which the caller closes before asking for the next one; or
	 * {@code null} after the last one
	 * @throws dev.vgi.external.VgiExternalException if an upload fails; contains no
	 * signed URL
	 * @throws RuntimeException what the reader threw
	 */
	@Nullable AnnotatedBatch next();

	/**
	 * End the uploads that are still running, and close the reader. Idempotent.
	 */
	@Override
	void close();

}
