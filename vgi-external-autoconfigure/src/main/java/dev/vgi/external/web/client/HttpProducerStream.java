package dev.vgi.external.web.client;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.call.CallContext;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * A producer over HTTP, whose responses hold any number of batches. Used by one thread at
 * a time.
 */
final class HttpProducerStream extends HttpStream {

	/** Most responses in a row without a batch before the stream counts as broken. */
	private static final int MAX_EMPTY = 1000;

	/** The latest response, whose batches come first. */
	private TurnReply reply;

	HttpProducerStream(InputSender inputs, ServiceRequest turns, TurnReply opening, BufferAllocator allocator) {
		super(inputs, turns, opening, allocator);
		this.reply = opening;
	}

	@Override
	public boolean isLive() {
		return cursor() != null || !this.reply.isEmpty();
	}

	@Override
	public @Nullable AnnotatedBatch turn(@Nullable AnnotatedBatch input, CallContext context) {
		for (int empty = 0; empty < MAX_EMPTY; empty++) {
			AnnotatedBatch batch = this.reply.poll();
			if (batch != null) {
				return batch;
			}
			ErrorBatchException failure = this.reply.failure();
			if (failure != null) {
				throw failure;
			}
			if (cursor() == null) {
				return null;
			}
			this.reply = send(BatchMetadata.empty(), context, Answer::producerTurn);
			continueAt(this.reply.cursor());
		}
		throw new UnexpectedResponseException("The service answered " + MAX_EMPTY + " times in a row without a batch",
				200);
	}

	@Override
	public void close() {
		super.close();
		this.reply.close();
	}

}
