package dev.vgi.external.web.client;

import java.util.ArrayDeque;
import java.util.Deque;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.MetadataKeys;
import org.jspecify.annotations.Nullable;

/**
 * The response to one turn of a stream. Owns its batches until they are taken. Used by
 * one thread at a time.
 */
final class TurnReply implements AutoCloseable {

	private final Deque<AnnotatedBatch> batches = new ArrayDeque<>();

	private @Nullable String cursor;

	private @Nullable String callToken;

	private @Nullable ErrorBatchException failure;

	private @Nullable AnnotatedBatch header;

	/**
	 * Add the header that came before this turn.
	 * @param batch the header, taken over, or {@code null} if there is none
	 * @return this reply
	 */
	TurnReply withHeader(@Nullable AnnotatedBatch batch) {
		this.header = batch;
		return this;
	}

	/**
	 * Take the header.
	 * @return the header, which the caller closes, or {@code null} if there is none
	 */
	@Nullable AnnotatedBatch takeHeader() {
		AnnotatedBatch taken = this.header;
		this.header = null;
		return taken;
	}

	void add(AnnotatedBatch batch) {
		this.batches.add(batch);
	}

	void token(BatchMetadata metadata) {
		this.cursor = metadata.get(MetadataKeys.STREAM_STATE);
		String call = metadata.get(MetadataKeys.CALL_STATE);
		this.callToken = (call != null) ? call : this.callToken;
	}

	void fail(ErrorBatchException failure) {
		this.failure = failure;
		this.cursor = null;
	}

	boolean isEmpty() {
		return this.batches.isEmpty();
	}

	/**
	 * Take the next batch.
	 * @return the batch, possibly a pointer, or {@code null} if there is none; the caller
	 * closes it
	 */
	@Nullable AnnotatedBatch poll() {
		return this.batches.poll();
	}

	/**
	 * Return where the stream continues.
	 * @return the cursor, or {@code null} if the response had none
	 */
	@Nullable String cursor() {
		return this.cursor;
	}

	/**
	 * Return the token that every further turn has to carry.
	 * @return the call token, or {@code null} if there was none
	 */
	@Nullable String callToken() {
		return this.callToken;
	}

	/**
	 * Return the error that followed the batches.
	 * @return the service's error, or {@code null}
	 */
	@Nullable ErrorBatchException failure() {
		return this.failure;
	}

	/**
	 * Free what was not taken. Idempotent.
	 */
	@Override
	public void close() {
		this.batches.forEach(AnnotatedBatch::close);
		this.batches.clear();
		AnnotatedBatch untaken = takeHeader();
		if (untaken != null) {
			untaken.close();
		}
	}

}
