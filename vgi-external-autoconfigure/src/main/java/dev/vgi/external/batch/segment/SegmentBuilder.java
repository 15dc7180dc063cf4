package dev.vgi.external.batch.segment;

import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.memory.SlabPool;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Appends batches to one another. Its memory is one allocation, sized by what the first
 * two batches say about the proportions of the columns. A buffer that grows beyond its
 * part gets an allocation of its own.
 */
final class SegmentBuilder implements AutoCloseable {

	private final Schema schema;

	private final BufferAllocator allocator;

	private final @Nullable SlabPool slabs;

	private final List<Column> columns;

	private final List<Column.Growing> buffers = new ArrayList<>();

	private MapDictionaryProvider dictionaries = new MapDictionaryProvider();

	private int rows;

	private long plannedRows;

	private SegmentBuilder(Schema schema, List<Column> columns, BufferAllocator allocator, @Nullable SlabPool slabs) {
		this.schema = schema;
		this.columns = columns;
		this.allocator = allocator;
		this.slabs = slabs;
		columns.forEach((column) -> column.collect(this.buffers));
	}

	/**
	 * Start with two batches.
	 * @param first the first; borrowed
	 * @param second the second; borrowed
	 * @param growth how many times as large as both the segment is expected to become
	 * @param allocator the owner of the segment's memory
	 * @param slabs where it comes from, or {@code null} for fresh memory
	 * @return the builder, or {@code null} if the second cannot be appended to the first;
	 * the caller closes it
	 */
	static @Nullable SegmentBuilder start(AnnotatedBatch first, AnnotatedBatch second, double growth,
			BufferAllocator allocator, @Nullable SlabPool slabs) {
		List<Column> columns = new ArrayList<>();
		for (Field field : first.schema().getFields()) {
			Column column = Column.of(field);
			if (column == null) {
				return null;
			}
			columns.add(column);
		}
		SegmentBuilder builder = new SegmentBuilder(first.schema(), columns, allocator, slabs);
		if (!builder.plan(first) || !builder.plan(second)) {
			return null;
		}
		try {
			builder.allocate(growth);
			builder.add(first);
			builder.add(second);
			builder.share(second);
			return builder;
		}
		catch (RuntimeException ex) {
			builder.close();
			throw ex;
		}
	}

	private boolean plan(AnnotatedBatch batch) {
		for (int i = 0; i < this.columns.size(); i++) {
			if (!this.columns.get(i).plan(batch.root().getVector(i))) {
				return false;
			}
		}
		this.plannedRows += batch.rowCount();
		return this.plannedRows <= Integer.MAX_VALUE;
	}

	private void allocate(double growth) {
		long total = 0;
		for (Column.Growing buffer : this.buffers) {
			total += buffer.wanted(growth);
		}
		if (total > 0) {
			try (ArrowBuf memory = memory(total)) {
				long position = 0;
				for (Column.Growing buffer : this.buffers) {
					long size = buffer.wanted(growth);
					memory.getReferenceManager().retain();
					buffer.moveTo(memory.slice(position, size));
					position += size;
				}
			}
		}
	}

	private ArrowBuf memory(long bytes) {
		if (this.slabs == null) {
			return this.allocator.buffer(bytes);
		}
		try (SlabPool.Slab slab = this.slabs.acquire(bytes)) {
			return slab.handOver(this.allocator);
		}
	}

	/**
	 * Append a batch.
	 * @param batch the batch; borrowed
	 * @param growth how many times as large as with it the segment is expected to become
	 * @return whether it was appended; if not, no other can be
	 */
	boolean append(AnnotatedBatch batch, double growth) {
		if (!plan(batch)) {
			return false;
		}
		for (Column.Growing buffer : this.buffers) {
			if (buffer.isTooSmall()) {
				buffer.moveTo(memory(buffer.wanted(growth)));
			}
		}
		add(batch);
		share(batch);
		return true;
	}

	private void add(AnnotatedBatch batch) {
		for (int i = 0; i < this.columns.size(); i++) {
			this.columns.get(i).append(batch.root().getVector(i));
		}
		this.rows += batch.rowCount();
	}

	private void share(AnnotatedBatch batch) {
		MapDictionaryProvider previous = this.dictionaries;
		this.dictionaries = Dictionaries.share(batch.dictionaries(), this.allocator);
		Dictionaries.close(previous);
	}

	MapDictionaryProvider dictionaries() {
		return this.dictionaries;
	}

	/**
	 * Hand over what was appended.
	 * @return one batch with all rows; the caller closes it
	 */
	AnnotatedBatch build() {
		List<FieldVector> vectors = new ArrayList<>();
		try {
			for (int i = 0; i < this.columns.size(); i++) {
				vectors.add(this.columns.get(i).toVector(this.schema.getFields().get(i), this.allocator));
			}
		}
		catch (RuntimeException ex) {
			vectors.forEach(FieldVector::close);
			throw ex;
		}
		MapDictionaryProvider handedOver = this.dictionaries;
		this.dictionaries = new MapDictionaryProvider();
		return new AnnotatedBatch(new VectorSchemaRoot(this.schema, vectors, this.rows), handedOver,
				BatchMetadata.empty());
	}

	@Override
	public void close() {
		this.buffers.forEach(Column.Growing::release);
		Dictionaries.close(this.dictionaries);
		this.dictionaries = new MapDictionaryProvider();
	}

}
