package dev.vgi.external.web;

import java.util.List;
import java.util.function.LongConsumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogMessage;
import org.apache.arrow.memory.BufferAllocator;

/**
 * The content of one stream.
 *
 * @param logs its log messages
 * @param batches its data batches, owned
 * @param allocator the owner of their memory
 * @param creating receives how many bytes are about to be created of them, and may refuse
 */
record StreamContent(List<LogMessage> logs, List<AnnotatedBatch> batches, BufferAllocator allocator,
		LongConsumer creating) implements AutoCloseable {

	@Override
	public void close() {
		this.batches.forEach(AnnotatedBatch::close);
	}

}
