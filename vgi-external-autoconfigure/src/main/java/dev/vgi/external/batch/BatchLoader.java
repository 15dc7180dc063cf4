package dev.vgi.external.batch;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

import dev.vgi.external.batch.ReaderDictionary.Indices;
import dev.vgi.external.memory.RequestMemory;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.BaseLargeVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthViewVector;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.complex.LargeListVector;
import org.apache.arrow.vector.complex.LargeListViewVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.ListViewVector;
import org.apache.arrow.vector.complex.RunEndEncodedVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.complex.UnionVector;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.UnionMode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

/**
 * Loads one record batch into vectors without copying. Checks before that no later access
 * can leave the buffers: those themselves, type ids, run ends, child lengths. Used once.
 */
final class BatchLoader {

	/** Heap size of a batch without vectors and metadata; measured, like those below. */
	private static final long BATCH_HEAP = 512;

	/** Heap size of a vector without its values. */
	private static final long VECTOR_HEAP = 384;

	/** Heap size of a vector that contains others. */
	private static final long LIST_HEAP = 640;

	/** Heap size of a vector that finds others by name. */
	private static final long STRUCT_HEAP = 1280;

	/** Heap size of a vector with several such maps. */
	private static final long UNION_HEAP = 2560;

	private final BatchBuffers buffers;

	private final int rows;

	private final boolean unionsHaveValidity;

	private final BufferAllocator allocator;

	private final WorkMeter meter;

	private final List<FieldVector> vectors = new ArrayList<>();

	private final List<Indices> encoded = new ArrayList<>();

	private long charged;

	/**
	 * Create a loader.
	 * @param batch the batch's table
	 * @param head the head of its message
	 * @param body its body; borrowed
	 * @param allocator the owner of memory that has to be copied or created
	 * @param meter pays for what is created
	 */
	BatchLoader(RecordBatch batch, MessageHead head, ArrowBuf body, BufferAllocator allocator, WorkMeter meter) {
		this.buffers = new BatchBuffers(batch, head, body, allocator, meter);
		this.rows = checkedCount(batch.length(), "The record batch");
		this.unionsHaveValidity = head.isBeforeV5();
		this.allocator = allocator;
		this.meter = meter;
	}

	/**
	 * Require that vectors can be created: a schema whose vectors cannot be is corrupt
	 * even if no batch follows.
	 * @param fields the columns
	 * @param allocator the owner of the vectors, which are closed at once
	 */
	static void checkVectors(List<Field> fields, BufferAllocator allocator) {
		Set<ArrowType> made = new HashSet<>();
		for (Field field : fields) {
			if (!field.getChildren().isEmpty() || made.add(field.getType())) {
				field.createVector(allocator).close();
			}
		}
	}

	/**
	 * Estimate the heap size of a batch.
	 * @param fields its columns
	 * @return bytes, without metadata and the objects for rows that take no bytes
	 */
	static long heap(List<Field> fields) {
		return BATCH_HEAP + vectorHeap(fields);
	}

	private static long vectorHeap(List<Field> fields) {
		long heap = 0;
		for (Field field : fields) {
			heap += switch (field.getType().getTypeID()) {
				case Union -> UNION_HEAP;
				case Struct -> STRUCT_HEAP;
				default -> field.getChildren().isEmpty() ? VECTOR_HEAP : LIST_HEAP;
			};
			heap += vectorHeap(field.getChildren());
		}
		return heap;
	}

	/**
	 * Load all columns.
	 * @param fields the columns in memory format
	 * @return their vectors; the caller closes them, or {@link #discard() discards} them
	 */
	List<FieldVector> load(List<Field> fields) {
		for (Field field : fields) {
			this.vectors.add(field.createVector(this.allocator));
		}
		if (fields.isEmpty()) {
			chargeRows(this.rows);
		}
		for (int i = 0; i < fields.size(); i++) {
			int length = load(fields.get(i), this.vectors.get(i));
			BatchBuffers.check(length == this.rows, fields.get(i),
					"has " + length + " values in a batch of " + this.rows + " rows");
		}
		this.buffers.checkEnd();
		return this.vectors;
	}

	/**
	 * Free the vectors of a batch that is not used, also after a failure to load it.
	 */
	void discard() {
		this.vectors.forEach(FieldVector::close);
	}

	int rows() {
		return this.rows;
	}

	/**
	 * Return the vectors of indices.
	 * @return those found at any depth
	 */
	List<Indices> encoded() {
		return this.encoded;
	}

	/**
	 * Return the charge for rows that take no bytes.
	 * @return bytes, until the batch is closed
	 */
	long charged() {
		return this.charged;
	}

	// Objects created from values that take no bytes need memory for each value.
	private void chargeRows(int rows) {
		RequestMemory.charge(this.allocator, rows);
		this.charged += rows;
	}

	private int load(Field field, FieldVector vector) {
		if (vector instanceof ExtensionTypeVector<?> extension) {
			FieldVector storage = (FieldVector) extension.getUnderlyingVector();
			ArrowType type = ((ArrowType.ExtensionType) field.getType()).storageType();
			if (isOf(type, storage)) {
				// not the vector's own field, which numbers a union's types differently
				return load(
						new Field(field.getName(), new FieldType(field.isNullable(), type, null), field.getChildren()),
						storage);
			}
		}
		FieldNode node = this.buffers.node();
		int length = checkedCount(node.length(), "Column '" + field.getName() + "'");
		long nullCount = node.nullCount();
		BatchBuffers.check(nullCount <= length, field, "has more nulls than values");
		List<ArrowBuf> taken = new ArrayList<>();
		try {
			long[] needed = loadOwn(field, vector, length, nullCount, taken);
			vector.loadFieldBuffers(new ArrowFieldNode(length, nullCount), taken);
			List<FieldVector> children = vector.getChildrenFromFields();
			List<Field> fields = field.getChildren();
			if (children.size() != fields.size()) {
				throw new UnsupportedStreamException("a " + field.getType().getTypeID().name().toLowerCase(Locale.ROOT)
						+ " of members with equal names in column '" + field.getName() + "'");
			}
			int[] lengths = new int[children.size()];
			for (int i = 0; i < lengths.length; i++) {
				lengths[i] = load(fields.get(i), children.get(i));
				BatchBuffers.check(i >= needed.length || needed[i] <= lengths[i], fields.get(i),
						"is shorter than its parent needs");
			}
			checkReferences(field, vector, length, lengths);
		}
		finally {
			taken.forEach((used) -> used.getReferenceManager().release());
		}
		if (field.getDictionary() != null) {
			this.encoded.add(new Indices(field, vector));
		}
		return length;
	}

	private static boolean isOf(ArrowType type, FieldVector vector) {
		return (type instanceof ArrowType.Union union && union.getMode() == UnionMode.Sparse)
				? vector instanceof UnionVector : type.equals(vector.getField().getType());
	}

	// takes and checks the vector's own buffers, returns how long each child has to be
	private long[] loadOwn(Field field, FieldVector vector, int length, long nullCount, List<ArrowBuf> taken) {
		if (vector instanceof NullVector || vector instanceof RunEndEncodedVector) {
			chargeRows(length);
			return new long[0];
		}
		if (this.unionsHaveValidity && field.getType() instanceof ArrowType.Union) {
			this.buffers.dropValidity(field, nullCount);
		}
		if (vector instanceof UnionVector) {
			this.buffers.values(field, length, Byte.BYTES, taken);
			long[] needed = new long[field.getChildren().size()];
			Arrays.fill(needed, length);
			return needed;
		}
		if (vector instanceof DenseUnionVector) {
			this.buffers.values(field, length, Byte.BYTES, taken);
			this.buffers.values(field, length, Integer.BYTES, taken);
			return new long[0];
		}
		this.buffers.validity(field, length, nullCount, taken);
		if (vector instanceof BitVector) {
			this.buffers.bits(field, length, taken);
		}
		else if (vector instanceof BaseFixedWidthVector fixed) {
			BatchBuffers.check(fixed.getTypeWidth() > 0, field, "has values without a width");
			this.buffers.values(field, length, fixed.getTypeWidth(), taken);
		}
		else if (vector instanceof BaseVariableWidthVector) {
			this.buffers.texts(field, length, Integer.BYTES, taken);
		}
		else if (vector instanceof BaseLargeVariableWidthVector) {
			this.buffers.texts(field, length, Long.BYTES, taken);
		}
		else if (vector instanceof BaseVariableWidthViewVector) {
			this.buffers.views(field, length, taken);
		}
		else if (vector instanceof ListVector) {
			return new long[] { this.buffers.offsets(field, length, Integer.BYTES, taken) };
		}
		else if (vector instanceof LargeListVector) {
			return new long[] { this.buffers.offsets(field, length, Long.BYTES, taken) };
		}
		else if (vector instanceof ListViewVector) {
			return new long[] { this.buffers.listViews(field, length, Integer.BYTES, taken) };
		}
		else if (vector instanceof LargeListViewVector) {
			return new long[] { this.buffers.listViews(field, length, Long.BYTES, taken) };
		}
		else if (vector instanceof FixedSizeListVector list) {
			if (list.getListSize() == 0) {
				chargeRows(length);
			}
			return new long[] { (long) length * list.getListSize() };
		}
		else if (vector instanceof StructVector) {
			if (field.getChildren().isEmpty()) {
				chargeRows(length);
			}
			long[] needed = new long[field.getChildren().size()];
			Arrays.fill(needed, length);
			return needed;
		}
		else {
			throw new UnsupportedStreamException(field.getType() + " in column '" + field.getName() + "'");
		}
		return new long[0];
	}

	// checks that are possible only once the children exist
	private void checkReferences(Field field, FieldVector vector, int length, int[] lengths) {
		if (vector instanceof UnionVector union) {
			int[] slots = slots(field);
			for (int i = 0; i < length; i++) {
				this.meter.row(i, Byte.BYTES);
				int type = union.getTypeValue(i);
				BatchBuffers.check(type >= 0 && slots[type] >= 0, field, "has an unknown type id");
			}
		}
		else if (vector instanceof DenseUnionVector union) {
			int[] slots = slots(field);
			for (int i = 0; i < length; i++) {
				this.meter.row(i, Byte.BYTES + Integer.BYTES);
				int type = union.getTypeId(i);
				BatchBuffers.check(type >= 0 && slots[type] >= 0, field, "has an unknown type id");
				int offset = union.getOffset(i);
				BatchBuffers.check(offset >= 0 && offset < lengths[slots[type]], field,
						"has an offset outside its values");
			}
		}
		else if (vector instanceof RunEndEncodedVector runs && length > 0) {
			BatchBuffers.check(lengths[0] > 0 && lengths[1] >= lengths[0], field, "has no value for every run");
			long previous = 0;
			for (int i = 0; i < lengths[0]; i++) {
				this.meter.row(i, Short.BYTES);
				BatchBuffers.check(!runs.getRunEndsVector().isNull(i), field, "has a run without an end");
				long end = ((BaseIntVector) runs.getRunEndsVector()).getValueAsLong(i);
				BatchBuffers.check(end > previous, field, "has runs that go backwards");
				previous = end;
			}
			BatchBuffers.check(previous >= length, field, "has runs for fewer values than it declares");
		}
	}

	// maps type ids to children
	private static int[] slots(Field field) {
		int[] slots = new int[Byte.MAX_VALUE + 1];
		Arrays.fill(slots, -1);
		int[] ids = ((ArrowType.Union) field.getType()).getTypeIds();
		for (int i = 0; i < field.getChildren().size(); i++) {
			int id = (ids != null && i < ids.length) ? ids[i] : i;
			slots[id] = i;
		}
		return slots;
	}

	private static int checkedCount(long count, String what) {
		if (count < 0 || count > Integer.MAX_VALUE) {
			throw new CorruptStreamException(what + " declares " + count + " values");
		}
		return (int) count;
	}

}
