package dev.vgi.external.batch.segment;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.url.RedactedUrl;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.DictionaryUtility;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * What an {@link ArrowReader} yields, batch by batch, each moved out of the reader so
 * that it outlives the next pull and the reader. A batch of one of Arrow's own readers
 * keeps its memory, which belongs to the reader's allocator: whoever gets batches closes
 * them before this object, after which the application may close that allocator. A batch
 * of any other reader is copied, since it may keep its vectors. Not thread-safe.
 */
public final class ReaderBatches implements AutoCloseable {

	/** Bytes of a batch's message, about. */
	private static final long MESSAGE = 128;

	/** Further bytes for each column. */
	private static final long MESSAGE_COLUMN = 48;

	private static final Log logger = LogFactory.getLog(ReaderBatches.class);

	private final ArrowReader reader;

	private final BufferAllocator allocator;

	private final Schema schema;

	private final Set<Long> dictionaryIds = new HashSet<>();

	private final Dictionaries dictionaries;

	/**
	 * Whether the reader fills its vectors anew for each batch, so that they may be
	 * emptied. Arrow's own readers do; others may keep a column, or set values in place.
	 */
	private final boolean movable;

	private final Deque<Pulled> held = new ArrayDeque<>();

	private long heldBytes;

	private long pulled;

	private boolean ended;

	private boolean failed;

	private boolean closed;

	/**
	 * Take over a reader.
	 * @param reader the reader; taken over, also on failure
	 * @param allocator the owner of copies, at least those of the dictionaries
	 * @throws UncheckedIOException if the schema cannot be read
	 */
	public ReaderBatches(ArrowReader reader, BufferAllocator allocator) {
		this.reader = reader;
		this.allocator = allocator;
		this.dictionaries = new Dictionaries(allocator);
		this.movable = reader.getClass().getName().startsWith("org.apache.arrow.");
		try {
			this.schema = reader.getVectorSchemaRoot().getSchema();
			for (Field field : this.schema.getFields()) {
				DictionaryUtility.toMessageFormat(field, reader, this.dictionaryIds);
			}
		}
		catch (IOException ex) {
			close();
			throw new UncheckedIOException(ex);
		}
		catch (RuntimeException | Error ex) {
			close();
			throw ex;
		}
	}

	/**
	 * Return the schema of all batches.
	 * @return the schema in memory format: a dictionary column has its index type
	 */
	public Schema schema() {
		return this.schema;
	}

	/**
	 * Pull batches until they are large, or the reader ends. They are handed out later.
	 * Each counts as its values and the message that describes them, so that batches
	 * without rows, or whose columns take no memory, are not held without an end.
	 * @param bytes how large
	 * @return whether that many bytes are held
	 * @throws UncheckedIOException if the reader fails
	 * @throws IllegalStateException if the reader changes its schema, or after a failure
	 */
	public boolean reaches(long bytes) {
		while (this.heldBytes < bytes) {
			Pulled next = pull();
			if (next == null) {
				return false;
			}
			long size = next.size() + MESSAGE + MESSAGE_COLUMN * this.schema.getFields().size();
			this.held.add(new Pulled(keep(next), size, true));
			this.heldBytes += size;
		}
		return true;
	}

	/**
	 * Return the next batch.
	 * @return the batch, or {@code null} at the end. The caller closes it, before this
	 * object
	 * @throws UncheckedIOException if the reader fails
	 * @throws IllegalStateException if the reader changes its schema, or after a failure
	 */
	public @Nullable AnnotatedBatch next() {
		Pulled next = borrow();
		return (next != null) ? keep(next) : null;
	}

	/**
	 * Return the next batch for as long as the reader is left alone.
	 * @return the batch, or {@code null} at the end; the caller closes or keeps it
	 */
	@Nullable Pulled borrow() {
		Pulled next = this.held.poll();
		if (next == null) {
			return pull();
		}
		this.heldBytes -= next.size();
		return next;
	}

	/**
	 * Keep a batch beyond the next pull.
	 * @param pulled the batch; taken over, also on failure
	 * @return a batch with the same values; the caller closes it
	 */
	AnnotatedBatch keep(Pulled pulled) {
		if (pulled.lasting()) {
			return pulled.batch();
		}
		List<FieldVector> copies = new ArrayList<>();
		try (AnnotatedBatch batch = pulled.batch()) {
			for (int i = 0; i < this.schema.getFields().size(); i++) {
				copies
					.add(VectorMemory.copy(this.schema.getFields().get(i), batch.root().getVector(i), this.allocator));
			}
			return new AnnotatedBatch(new VectorSchemaRoot(this.schema, copies, batch.rowCount()),
					Dictionaries.share(batch.dictionaries(), this.allocator), BatchMetadata.empty());
		}
		catch (RuntimeException | Error ex) {
			copies.forEach(FieldVector::close);
			throw ex;
		}
	}

	private @Nullable Pulled pull() {
		Assert.state(!this.failed && !this.closed, "The reader has failed or is closed");
		if (this.ended) {
			return null;
		}
		this.failed = true;
		Pulled next = null;
		try {
			if (this.reader.loadNextBatch()) {
				this.pulled++;
				next = take(this.reader.getVectorSchemaRoot());
			}
			else {
				this.ended = true;
			}
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		this.failed = false;
		return next;
	}

	private Pulled take(VectorSchemaRoot root) {
		check(root);
		long size = this.dictionaries.update(this.dictionaryIds, this.reader);
		List<FieldVector> shared = new ArrayList<>();
		try {
			for (int i = 0; i < this.schema.getFields().size(); i++) {
				FieldVector vector = root.getVector(i);
				shared.add(VectorMemory.share(this.schema.getFields().get(i), vector, vector.getAllocator()));
			}
			size += VectorMemory.size(shared);
			if (this.movable) {
				root.getFieldVectors().forEach(FieldVector::clear);
			}
			return new Pulled(new AnnotatedBatch(new VectorSchemaRoot(this.schema, shared, root.getRowCount()),
					this.dictionaries.share(), BatchMetadata.empty()), size, this.movable);
		}
		catch (RuntimeException | Error ex) {
			shared.forEach(FieldVector::close);
			throw ex;
		}
	}

	private void check(VectorSchemaRoot root) {
		List<Field> expected = this.schema.getFields();
		List<Field> actual = root.getSchema().getFields();
		for (int i = 0; i < Math.max(expected.size(), actual.size()); i++) {
			Field field = (i < expected.size()) ? expected.get(i) : actual.get(i);
			if (i >= expected.size() || i >= actual.size() || !isSame(expected.get(i), actual.get(i), true)
					|| !isSame(expected.get(i), root.getVector(i).getField(), false)) {
				throw new IllegalStateException("Batch " + this.pulled
						+ " of the reader has another schema: its column '" + field.getName() + "' differs");
			}
			int values = root.getVector(i).getValueCount();
			if (values != root.getRowCount()) {
				throw new IllegalStateException("Batch " + this.pulled + " of the reader has " + root.getRowCount()
						+ " rows, but " + values + " values in column '" + field.getName() + "'");
			}
		}
	}

	// a vector does not always know its whole field
	private static boolean isSame(Field expected, Field actual, boolean whole) {
		if (expected == actual) {
			return true;
		}
		ArrowType left = BufferKinds.storage(expected.getType());
		ArrowType right = BufferKinds.storage(actual.getType());
		boolean types = (left instanceof ArrowType.Union leftUnion && right instanceof ArrowType.Union rightUnion)
				? leftUnion.getMode() == rightUnion.getMode() : left.equals(right);
		if (!types || expected.getChildren().size() != actual.getChildren().size()
				|| (whole && (!expected.getName().equals(actual.getName()) || id(expected) != id(actual)))) {
			return false;
		}
		for (int i = 0; i < expected.getChildren().size(); i++) {
			if (!isSame(expected.getChildren().get(i), actual.getChildren().get(i), whole)) {
				return false;
			}
		}
		return true;
	}

	private static long id(Field field) {
		DictionaryEncoding encoding = field.getDictionary();
		return (encoding != null) ? encoding.getId() : -1;
	}

	/**
	 * Create a batch without rows, for a stream without batches.
	 * @return a batch with the schema and with empty dictionaries; the caller closes it
	 */
	public AnnotatedBatch zeroRows() {
		return AnnotatedBatch.empty(this.schema, this.reader, BatchMetadata.empty(), this.allocator);
	}

	/**
	 * Return how many batches have been pulled.
	 * @return the number of batches
	 */
	public long pulled() {
		return this.pulled;
	}

	/**
	 * Close the reader, and free what was pulled and not handed out. Idempotent.
	 */
	@Override
	public void close() {
		if (this.closed) {
			return;
		}
		this.closed = true;
		try {
			this.held.forEach((pulled) -> pulled.batch().close());
			this.held.clear();
			this.dictionaries.close();
		}
		finally {
			closeReader();
		}
	}

	// What it has yielded is complete, or its failure is known already.
	private void closeReader() {
		try {
			this.reader.close();
		}
		catch (IOException | RuntimeException ex) {
			logger.warn("An Arrow reader could not be closed: " + RedactedUrl.scrub(ex.toString()));
		}
	}

	/**
	 * A batch that was pulled.
	 *
	 * @param batch the batch
	 * @param size bytes that it added to those before
	 * @param lasting whether it outlives the next pull
	 */
	record Pulled(AnnotatedBatch batch, long size, boolean lasting) {

	}

}
