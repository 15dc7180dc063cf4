package dev.vgi.external.batch;

import java.util.HashSet;
import java.util.Objects;
import java.util.Set;
import java.util.function.LongConsumer;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.DictionaryUtility;

import org.springframework.util.Assert;

/**
 * A record batch with its own metadata and the dictionaries of its columns, all of which
 * it owns. The owner of the batch closes it. Not thread-safe.
 */
public final class AnnotatedBatch implements AutoCloseable {

	private final VectorSchemaRoot root;

	private final DictionaryProvider dictionaries;

	private final BatchMetadata metadata;

	private final Runnable discharge;

	private boolean closed;

	/**
	 * Create a batch.
	 * @param root the vectors; taken over
	 * @param dictionaries the dictionaries of dictionary-encoded columns; taken over with
	 * their vectors
	 * @param metadata the batch's metadata
	 */
	public AnnotatedBatch(VectorSchemaRoot root, DictionaryProvider dictionaries, BatchMetadata metadata) {
		this(root, dictionaries, metadata, () -> {
		});
	}

	/**
	 * Create a batch that is charged to a request.
	 * @param root the vectors; taken over
	 * @param dictionaries the dictionaries; taken over
	 * @param metadata the batch's metadata
	 * @param discharge ends the charge, once the vectors are freed
	 */
	AnnotatedBatch(VectorSchemaRoot root, DictionaryProvider dictionaries, BatchMetadata metadata, Runnable discharge) {
		this.discharge = discharge;
		this.root = root;
		this.dictionaries = dictionaries;
		this.metadata = metadata;
	}

	/**
	 * Create a batch without metadata and dictionaries.
	 * @param root the vectors; taken over
	 * @return the batch; the caller closes it
	 */
	public static AnnotatedBatch of(VectorSchemaRoot root) {
		return new AnnotatedBatch(root, new DictionaryProvider.MapDictionaryProvider(), BatchMetadata.empty());
	}

	/**
	 * Create a batch without rows.
	 * @param schema the schema, without dictionary columns (their memory format does not
	 * tell the type of the dictionary)
	 * @param metadata the batch's metadata
	 * @param allocator allocates a negligible amount
	 * @return the batch; the caller closes it
	 * @throws IllegalArgumentException if the schema has dictionary columns
	 */
	public static AnnotatedBatch empty(Schema schema, BatchMetadata metadata, BufferAllocator allocator) {
		return empty(schema, new DictionaryProvider.MapDictionaryProvider(), metadata, allocator);
	}

	/**
	 * Create a batch without rows whose dictionaries are empty.
	 * @param schema the schema in memory format (dictionary columns have their index
	 * type)
	 * @param dictionaries the schema's dictionaries, used for their types; borrowed for
	 * the duration of the call
	 * @param metadata the batch's metadata
	 * @param allocator allocates a negligible amount
	 * @return the batch; the caller closes it
	 * @throws IllegalArgumentException if a dictionary of the schema is missing
	 */
	public static AnnotatedBatch empty(Schema schema, DictionaryProvider dictionaries, BatchMetadata metadata,
			BufferAllocator allocator) {
		Set<Long> ids = new HashSet<>();
		for (Field field : schema.getFields()) {
			DictionaryUtility.toMessageFormat(field, dictionaries, ids);
		}
		DictionaryProvider.MapDictionaryProvider empty = new DictionaryProvider.MapDictionaryProvider();
		for (long id : ids) {
			Dictionary dictionary = Objects.requireNonNull(dictionaries.lookup(id));
			FieldVector vector = dictionary.getVector().getField().createVector(allocator);
			empty.put(new Dictionary(vector, dictionary.getEncoding()));
		}
		return new AnnotatedBatch(VectorSchemaRoot.create(schema, allocator), empty, metadata);
	}

	/**
	 * Create a batch without rows with the columns of this one, and empty dictionaries.
	 * @param metadata the batch's metadata
	 * @param allocator allocates a negligible amount
	 * @return the batch, independent of this one; the caller closes it
	 */
	public AnnotatedBatch zeroRows(BatchMetadata metadata, BufferAllocator allocator) {
		return empty(schema(), this.dictionaries, metadata, allocator);
	}

	/**
	 * Return the same vectors with other metadata. The new batch owns the vectors: this
	 * one can still be read, but closing it has no effect any more.
	 * @param metadata the other metadata
	 * @return the batch that owns the vectors from now on
	 */
	public AnnotatedBatch withMetadata(BatchMetadata metadata) {
		Assert.state(!this.closed, "The batch is closed");
		this.closed = true;
		return new AnnotatedBatch(this.root, this.dictionaries, metadata, this.discharge);
	}

	/**
	 * Convert this batch to plain vectors. Indices are replaced by the values of the
	 * dictionaries, at every depth; names, nullability and metadata of fields and schema
	 * are kept. Closes this batch, also on failure. Nothing but the allocator limits the
	 * size: a few kilobytes of a stranger may stand for gigabytes. For such batches there
	 * is {@link #decode(BufferAllocator, LongConsumer)}.
	 * @param allocator the owner of the values, with the same root as that of the vectors
	 * @return the vectors; the caller closes them
	 * @throws CorruptStreamException if a column cannot be decoded
	 */
	public VectorSchemaRoot decode(BufferAllocator allocator) {
		return decode(allocator, (bytes) -> {
		});
	}

	/**
	 * Convert this batch to plain vectors, as {@link #decode(BufferAllocator)} does, if
	 * they are not too large: a dictionary has its values once, plain vectors have them
	 * for each row.
	 * @param allocator the owner of the values, with the same root as that of the vectors
	 * @param creating receives how many bytes are about to be created, such as
	 * {@link StreamTooLongException#meter}; an exception that it throws is passed on
	 * @return the vectors; the caller closes them
	 * @throws CorruptStreamException if a column cannot be decoded
	 */
	public VectorSchemaRoot decode(BufferAllocator allocator, LongConsumer creating) {
		Assert.state(!this.closed, "The batch is closed");
		try (DictionaryDecoder decoder = new DictionaryDecoder(this.dictionaries, allocator, creating)) {
			boolean encoded = DictionaryDecoder.isEncoded(schema().getFields());
			VectorSchemaRoot decoded = encoded ? decoder.decode(this.root) : this.root;
			// the closing of a bare root cannot be noticed: it stays charged until the
			// request ends
			this.closed = true;
			if (encoded) {
				this.root.close();
			}
			closeDictionaries();
			return decoded;
		}
		catch (RuntimeException ex) {
			close();
			throw ex;
		}
	}

	/**
	 * Return the data, which belongs to this batch and is freed with it.
	 * @return the data
	 */
	public VectorSchemaRoot root() {
		return this.root;
	}

	/**
	 * Return the dictionaries of the columns that have one.
	 * @return the dictionaries
	 */
	public DictionaryProvider dictionaries() {
		return this.dictionaries;
	}

	/**
	 * Return what the batch carries besides its data.
	 * @return the metadata of the record batch
	 */
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

	/**
	 * Return the number of rows: zero for a pointer.
	 * @return the number of rows
	 */
	public int rowCount() {
		return this.root.getRowCount();
	}

	/**
	 * Return whether this batch stands for a stored one.
	 * @return {@code true} for a pointer
	 */
	public boolean isPointer() {
		return BatchKind.of(rowCount(), this.metadata) == BatchKind.POINTER;
	}

	/**
	 * Return how much memory the values use, which is compared with the threshold.
	 * @return bytes that hold values in all vector buffers, including those of the
	 * dictionaries
	 */
	public long bufferSize() {
		long size = 0;
		for (FieldVector vector : this.root.getFieldVectors()) {
			size += BatchLayout.bufferSize(vector);
		}
		for (long id : this.dictionaries.getDictionaryIds()) {
			size += BatchLayout.bufferSize(Objects.requireNonNull(this.dictionaries.lookup(id)).getVector());
		}
		return size;
	}

	/**
	 * Free the vectors and the dictionaries. Idempotent.
	 */
	@Override
	public void close() {
		if (this.closed) {
			return;
		}
		this.closed = true;
		this.root.close();
		closeDictionaries();
		this.discharge.run();
	}

	private void closeDictionaries() {
		if (this.dictionaries instanceof StreamDictionaries.Share share) {
			share.close();
		}
		else {
			for (long id : this.dictionaries.getDictionaryIds()) {
				Objects.requireNonNull(this.dictionaries.lookup(id)).getVector().close();
			}
		}
	}

}
