package dev.vgi.external.rpc.pipe.client;

import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.pipe.Pipe;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * The protocol's question for the features of a connection. Ours uses none of them, but
 * no answer to a call looks like the one to this question.
 */
final class TransportOptions {

	/** The schema of a question, and of the input of a producer. */
	static final Schema NO_COLUMNS = new Schema(List.of());

	private static final BatchMetadata QUESTION = BatchMetadata.of(MetadataKeys.METHOD, Pipe.TRANSPORT_OPTIONS)
		.with(MetadataKeys.REQUEST_VERSION, "1");

	private TransportOptions() {
	}

	/**
	 * Gather the question.
	 * @param allocator allocates nothing
	 * @return the stream; the caller closes it
	 */
	static GatheredStream question(BufferAllocator allocator) {
		try (AnnotatedBatch batch = AnnotatedBatch.empty(NO_COLUMNS, QUESTION, allocator)) {
			return IpcStreamWriter.gather(NO_COLUMNS, List.of(batch));
		}
	}

	/**
	 * Return whether a batch is the answer.
	 * @param batch a batch of an answer; borrowed
	 * @return whether it can be nothing else
	 */
	static boolean isAnswer(AnnotatedBatch batch) {
		return batch.rowCount() == 0
				&& batch.metadata().asMap().keySet().stream().anyMatch((key) -> key.startsWith(MetadataKeys.TRANSPORT));
	}

}
