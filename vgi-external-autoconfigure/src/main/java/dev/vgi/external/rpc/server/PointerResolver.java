package dev.vgi.external.rpc.server;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import org.apache.arrow.memory.BufferAllocator;

/**
 * Resolves requests that are pointers.
 */
@FunctionalInterface
public interface PointerResolver {

	/**
	 * Resolve a batch if it is a pointer.
	 * @param batch any batch; taken over, also on failure
	 * @param allocator the owner of the resolved batch's memory
	 * @param logs receives log messages stored with the batch
	 * @return the same batch if it is not a pointer, else the stored one; the caller
	 * closes it
	 * @throws dev.vgi.external.VgiExternalException if the batch cannot be fetched
	 */
	AnnotatedBatch resolve(AnnotatedBatch batch, BufferAllocator allocator, LogSink logs);

}
