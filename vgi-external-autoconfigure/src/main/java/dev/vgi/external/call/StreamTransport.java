package dev.vgi.external.call;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import org.jspecify.annotations.Nullable;

/**
 * Carries the turns of one open stream. Used by one thread at a time.
 */
public interface StreamTransport extends AutoCloseable {

	/**
	 * Take the header.
	 * @return the batch with the header, possibly a pointer, which the caller closes from
	 * now on; or {@code null} if the stream has no header or it was already taken
	 */
	@Nullable AnnotatedBatch takeHeader();

	/**
	 * Return whether the stream may have a further turn.
	 * @return {@code false} once the service has ended it and all batches were taken; an
	 * error that ended it may still be untold
	 */
	boolean isLive();

	/**
	 * Carry one turn. Never repeated, since the service may have processed it although
	 * its answer did not arrive.
	 * @param input what the caller sends, without the protocol's own metadata; borrowed;
	 * {@code null} for the turn of a producer
	 * @param context receives log messages and counts what is transferred
	 * @return the batch that the service answers, possibly a pointer, which the caller
	 * closes; or {@code null} if the service has ended the stream
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service reports an error,
	 * which ends the stream
	 * @throws dev.vgi.external.VgiExternalException if there is no answer
	 */
	@Nullable AnnotatedBatch turn(@Nullable AnnotatedBatch input, CallContext context);

	/**
	 * Return whether a turn that nobody waits for any more can be interrupted. Otherwise
	 * its end is waited for, so that the stream can be cancelled.
	 * @return {@code false} if an interrupt would cost the connection
	 */
	default boolean isInterruptible() {
		return true;
	}

	/**
	 * Take out of an answer's metadata what the service has added for this transport.
	 * Called for the answer of each turn, after it was resolved and before the next turn.
	 * @param metadata the metadata of the resolved batch
	 * @return the metadata that the caller sees
	 */
	BatchMetadata accept(BatchMetadata metadata);

	/**
	 * Tell the service that no further turn follows, if it has not ended the stream.
	 * Called at most once, after the last turn.
	 * @param context receives log messages and counts what is transferred
	 * @throws dev.vgi.external.VgiExternalException if the service cannot be told
	 */
	void cancel(CallContext context);

	/**
	 * Free what was received and not taken. Idempotent.
	 */
	@Override
	void close();

}
