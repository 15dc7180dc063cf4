package dev.vgi.external.sample;

import java.util.Set;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Reads one batch once, as a stream. Borrows the batch and its dictionaries.
 */
final class SingleBatchReader extends ArrowReader {

	private final VectorSchemaRoot batch;

	private final DictionaryProvider dictionaries;

	private boolean read;

	SingleBatchReader(VectorSchemaRoot batch, DictionaryProvider dictionaries, BufferAllocator allocator) {
		super(allocator);
		this.batch = batch;
		this.dictionaries = dictionaries;
	}

	@Override
	public boolean loadNextBatch() {
		boolean first = !this.read;
		this.read = true;
		return first;
	}

	@Override
	public VectorSchemaRoot getVectorSchemaRoot() {
		return this.batch;
	}

	@Override
	public @Nullable Dictionary lookup(long id) {
		return this.dictionaries.lookup(id);
	}

	@Override
	public Set<Long> getDictionaryIds() {
		return this.dictionaries.getDictionaryIds();
	}

	@Override
	protected Schema readSchema() {
		return this.batch.getSchema();
	}

	@Override
	public long bytesRead() {
		return 0;
	}

	@Override
	protected void closeReadSource() {
	}

}
