package dev.vgi.external.batch;

import java.util.List;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.GatheredStream.Gatherer;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * One Arrow IPC stream that is encoded part by part, as its turns come. Not thread-safe.
 */
@Internal
public final class StreamParts implements AutoCloseable {

	private final BufferAllocator allocator;

	private final StreamEncoder encoder;

	/**
	 * Start a stream.
	 * @param shape supplies schema and dictionaries; borrowed until this is closed
	 * @param allocator the owner of the memory of copies
	 */
	public StreamParts(AnnotatedBatch shape, BufferAllocator allocator) {
		this.allocator = allocator;
		this.encoder = new StreamEncoder(shape.schema(), shape.dictionaries());
	}

	/**
	 * Encode the next part without copying the values of its batch. The first one begins
	 * with the schema, also if nothing else is in it.
	 * @param before metadata of batches without rows that come first
	 * @param data the batch, or {@code null} if there is none; borrowed, and its buffers
	 * retained. Until this stream is closed, its dictionaries must not change in place
	 * @param last whether the stream ends here
	 * @return the part; the caller closes it
	 * @throws IllegalArgumentException if the batch has other columns than the stream
	 */
	public GatheredStream next(List<BatchMetadata> before, @Nullable AnnotatedBatch data, boolean last) {
		try (Gatherer gatherer = new Gatherer(this.allocator)) {
			this.encoder.schema(gatherer);
			before.forEach((metadata) -> this.encoder.zeroRows(gatherer, metadata));
			if (data != null) {
				this.encoder.batch(gatherer, data);
			}
			if (last) {
				this.encoder.end(gatherer);
			}
			return gatherer.finish();
		}
	}

	/**
	 * Free the dictionaries that the reader has. Idempotent.
	 */
	@Override
	public void close() {
		this.encoder.close();
	}

}
