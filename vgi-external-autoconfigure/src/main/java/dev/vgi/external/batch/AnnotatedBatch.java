package dev.vgi.external.batch;

import java.util.Set;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * A record batch with its own metadata and the dictionaries its columns refer to. Owns
 * all of them: whoever holds the batch closes it, once. Not thread-safe.
 */
public final class AnnotatedBatch implements AutoCloseable {

	private final VectorSchemaRoot root;

	private final DictionaryProvider dictionaries;

	private final BatchMetadata metadata;

	/**
	 * Create a batch.
	 * @param root the vectors, taken over
	 * @param dictionaries the dictionaries of dictionary-encoded columns, taken over with
	 * their vectors
	 * @param metadata the batch's metadata
	 */
	public AnnotatedBatch(VectorSchemaRoot root, DictionaryProvider dictionaries, BatchMetadata metadata) {
		this.root = root;
		this.dictionaries = dictionaries;
		this.metadata = metadata;
	}

	/**
	 * Create a batch without metadata and dictionaries.
	 * @param root the vectors, taken over
	 * @return the batch; the caller closes it
	 */
	public static AnnotatedBatch of(VectorSchemaRoot root) {
		throw new UnsupportedOperationException();
	}

	/**
	 * Create a batch without rows.
	 * @param schema the schema in memory format (dictionary columns have their index
	 * type); its dictionaries are empty
	 * @param metadata the batch's metadata
	 * @param allocator allocates nothing of note
	 * @return the batch; the caller closes it
	 */
	public static AnnotatedBatch empty(Schema schema, BatchMetadata metadata, BufferAllocator allocator) {
		throw new UnsupportedOperationException();
	}

	/**
	 * Return the same vectors under other metadata. This batch hands its vectors over:
	 * only the returned batch is closed.
	 * @param metadata the other metadata
	 * @return the batch that owns the vectors from now on
	 */
	public AnnotatedBatch withMetadata(BatchMetadata metadata) {
		return new AnnotatedBatch(this.root, this.dictionaries, metadata);
	}

	public VectorSchemaRoot root() {
		return this.root;
	}

	public DictionaryProvider dictionaries() {
		return this.dictionaries;
	}

	public BatchMetadata metadata() {
		return this.metadata;
	}

	/**
	 * Return the schema in memory format: a dictionary column has its index type and its
	 * encoding.
	 * @return the schema
	 */
	public Schema schema() {
		return this.root.getSchema();
	}

	public int rowCount() {
		return this.root.getRowCount();
	}

	/**
	 * Return how much memory the values occupy: what the threshold is compared with.
	 * @return bytes of all vector buffers, those of the dictionaries included
	 */
	public long bufferSize() {
		throw new UnsupportedOperationException();
	}

	/**
	 * Free the vectors and the dictionaries. Idempotent.
	 */
	@Override
	public void close() {
		throw new UnsupportedOperationException(Set.of().toString());
	}

}
