package dev.vgi.external.sample;

import java.io.IOException;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Reads one batch once, as a stream, without copying it: the reader's vectors share and
 * retain the batch's buffers.
 */
final class SingleBatchReader extends ArrowReader {

	private final VectorSchemaRoot batch;

	private boolean read;

	/**
	 * Create a reader.
	 * @param batch the only batch; borrowed until it has been read
	 * @param allocator the owner of the reader's vectors
	 */
	SingleBatchReader(VectorSchemaRoot batch, BufferAllocator allocator) {
		super(allocator);
		this.batch = batch;
	}

	@Override
	public boolean loadNextBatch() throws IOException {
		prepareLoadNextBatch();
		if (this.read) {
			return false;
		}
		this.read = true;
		ArrowRecordBatch buffers = new VectorUnloader(this.batch).getRecordBatch();
		// Loads the batch and closes it
		loadRecordBatch(buffers);
		return true;
	}

	@Override
	public long bytesRead() {
		return 0;
	}

	@Override
	protected void closeReadSource() {
	}

	@Override
	protected Schema readSchema() {
		return this.batch.getSchema();
	}

}
