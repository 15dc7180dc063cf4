package dev.vgi.external.call;

import dev.vgi.external.batch.AnnotatedBatch;

/**
 * Resolves the pointers in the answers of one service. Thread-safe.
 */
final class AnswerPointers {

	private final CallTransport transport;

	AnswerPointers(CallTransport transport) {
		this.transport = transport;
	}

	/**
	 * Resolve a batch if it is a pointer.
	 * @param batch the batch; taken over
	 * @param context receives the stored log messages and counts what is fetched
	 * @return the batch itself, or the one that the pointer refers to; the caller closes
	 * it
	 */
	AnnotatedBatch resolve(AnnotatedBatch batch, CallContext context) {
		if (!batch.isPointer()) {
			return batch;
		}
		AnnotatedBatch resolved = this.transport.resolver().resolve(batch, this.transport.allocator(), context.logs());
		context.fetched(resolved.bufferSize());
		return resolved;
	}

	/**
	 * Copy a pointer, so that it can be resolved again.
	 * @param pointer the batch; borrowed
	 * @return the copy; the caller closes it
	 */
	AnnotatedBatch copy(AnnotatedBatch pointer) {
		return pointer.zeroRows(pointer.metadata(), this.transport.allocator());
	}

}
