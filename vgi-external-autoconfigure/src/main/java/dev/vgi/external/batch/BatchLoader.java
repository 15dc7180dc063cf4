package dev.vgi.external.batch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

import dev.vgi.external.memory.RequestMemory;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.MetadataVersion;
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
 * Loads the buffers of one record batch into vectors without copying. Checks before that
 * no later access can leave the buffers: lengths, offsets, views, type ids, run ends,
 * child lengths. Used once.
 */
final class BatchLoader {

	private static final int ALIGNMENT = 8;

	private static final int WINDOW = 1 << 16;

	private static final int ROWS = 1 << 14;

	/** Validity bits that may be created beyond those that the body pays for. */
	private static final long FREE_VALIDITY = 1L << 24;

	private final RecordBatch batch;

	private final ArrowBuf body;

	private final BufferAllocator allocator;

	private final List<Encoded> encoded;

	private final FieldNode node = new FieldNode();

	private final Buffer buffer = new Buffer();

	private final int nodeCount;

	private final int bufferCount;

	private int nextNode;

	private int nextBuffer;

	private int nextVariadic;

	private final WorkMeter meter;

	private final boolean unionsHaveValidity;

	private long bufferAllowance;

	private long validityAllowance;

	private long charged;

	/**
	 * Create a loader.
	 * @param batch the batch's table
	 * @param body its body; borrowed
	 * @param allocator the owner of memory that has to be copied or created
	 * @param guard the message's guard
	 * @param encoded receives the dictionary-encoded vectors that are found
	 * @param meter pays for what is created
	 * @param version the message's metadata version
	 */
	BatchLoader(RecordBatch batch, ArrowBuf body, BufferAllocator allocator, FlatBufferGuard guard,
			List<Encoded> encoded, WorkMeter meter, short version) {
		if (batch.compression() != null) {
			throw new UnsupportedStreamException("compressed Arrow buffers (LZ4, ZSTD): write the stream without "
					+ "compression, in pyarrow with IpcWriteOptions(compression=None)");
		}
		this.batch = batch;
		this.body = body;
		this.allocator = allocator;
		this.encoded = encoded;
		this.nodeCount = guard.count(batch.nodesLength());
		this.bufferCount = guard.count(batch.buffersLength());
		this.meter = meter;
		this.unionsHaveValidity = version < MetadataVersion.V5;
		this.bufferAllowance = body.capacity();
		this.validityAllowance = body.capacity() + FREE_VALIDITY;
	}

	/**
	 * Return the declared number of rows.
	 * @return the rows, checked only to fit an int
	 */
	int rows() {
		return checkedCount(this.batch.length(), "The record batch");
	}

	/**
	 * Load all columns.
	 * @param fields the columns in memory format
	 * @param vectors empty vectors of these fields
	 */
	void load(List<Field> fields, List<FieldVector> vectors) {
		int rows = rows();
		if (vectors.isEmpty()) {
			chargeRows(rows);
		}
		for (int i = 0; i < vectors.size(); i++) {
			int length = load(fields.get(i), vectors.get(i));
			check(length == rows, fields.get(i), "has " + length + " values in a batch of " + rows + " rows");
		}
		if (this.nextNode != this.nodeCount || this.nextBuffer != this.bufferCount
				|| this.nextVariadic != this.batch.variadicBufferCountsLength()) {
			throw new CorruptStreamException("The record batch has more nodes or buffers than its schema");
		}
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
		if (this.nextNode >= this.nodeCount) {
			throw new CorruptStreamException("The record batch has fewer nodes than its schema");
		}
		this.batch.nodes(this.node, this.nextNode++);
		int length = checkedCount(this.node.length(), "Column '" + field.getName() + "'");
		long nullCount = this.node.nullCount();
		check(nullCount <= length, field, "has more nulls than values");
		List<ArrowBuf> buffers = new ArrayList<>();
		try {
			long[] needed = loadOwn(field, vector, length, nullCount, buffers);
			vector.loadFieldBuffers(new ArrowFieldNode(length, nullCount), buffers);
			List<FieldVector> children = vector.getChildrenFromFields();
			List<Field> fields = field.getChildren();
			if (children.size() != fields.size()) {
				throw new UnsupportedStreamException("a " + field.getType().getTypeID().name().toLowerCase(Locale.ROOT)
						+ " of members with equal names in column '" + field.getName() + "'");
			}
			int[] lengths = new int[children.size()];
			for (int i = 0; i < lengths.length; i++) {
				lengths[i] = load(fields.get(i), children.get(i));
				check(i >= needed.length || needed[i] <= lengths[i], fields.get(i), "is shorter than its parent needs");
			}
			checkReferences(field, vector, length, lengths);
		}
		finally {
			buffers.forEach((used) -> used.getReferenceManager().release());
		}
		if (field.getDictionary() != null) {
			this.encoded.add(new Encoded(field, vector));
		}
		return length;
	}

	private static boolean isOf(ArrowType type, FieldVector vector) {
		return (type instanceof ArrowType.Union union && union.getMode() == UnionMode.Sparse)
				? vector instanceof UnionVector : type.equals(vector.getField().getType());
	}

	// takes and checks the vector's own buffers, returns how long each child has to be
	private long[] loadOwn(Field field, FieldVector vector, int length, long nullCount, List<ArrowBuf> buffers) {
		if (vector instanceof NullVector || vector instanceof RunEndEncodedVector) {
			chargeRows(length);
			return new long[0];
		}
		if (this.unionsHaveValidity && field.getType() instanceof ArrowType.Union) {
			dropValidity(field, nullCount);
		}
		if (vector instanceof UnionVector) {
			checkSize(field, take(buffers), length, Byte.BYTES);
			long[] needed = new long[field.getChildren().size()];
			Arrays.fill(needed, length);
			return needed;
		}
		if (vector instanceof DenseUnionVector) {
			checkSize(field, take(buffers), length, Byte.BYTES);
			checkSize(field, take(buffers), length, Integer.BYTES);
			return new long[0];
		}
		validity(field, length, nullCount, buffers);
		if (vector instanceof BitVector) {
			check(take(buffers).capacity() >= bytesForBits(length), field, "has too few values");
		}
		else if (vector instanceof BaseFixedWidthVector fixed) {
			check(fixed.getTypeWidth() > 0, field, "has values without a width");
			checkSize(field, take(buffers), length, fixed.getTypeWidth());
		}
		else if (vector instanceof BaseVariableWidthVector) {
			long end = offsets(field, length, Integer.BYTES, buffers);
			check(take(buffers).capacity() >= end, field, "has offsets beyond its data");
		}
		else if (vector instanceof BaseLargeVariableWidthVector) {
			long end = offsets(field, length, Long.BYTES, buffers);
			check(take(buffers).capacity() >= end, field, "has offsets beyond its data");
		}
		else if (vector instanceof BaseVariableWidthViewVector) {
			views(field, length, buffers);
		}
		else if (vector instanceof ListVector) {
			return new long[] { offsets(field, length, Integer.BYTES, buffers) };
		}
		else if (vector instanceof LargeListVector) {
			return new long[] { offsets(field, length, Long.BYTES, buffers) };
		}
		else if (vector instanceof ListViewVector) {
			return new long[] { listViews(field, length, Integer.BYTES, buffers) };
		}
		else if (vector instanceof LargeListViewVector) {
			return new long[] { listViews(field, length, Long.BYTES, buffers) };
		}
		else if (vector instanceof FixedSizeListVector list) {
			check(list.getListSize() >= 0, field, "has lists of a negative size");
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

	// Until Arrow 1.0 a union had its own validity, which the reference implementation
	// also accepts only if nothing is null
	private void dropValidity(Field field, long nullCount) {
		if (nullCount != 0) {
			throw new UnsupportedStreamException("a union with nulls of its own in column '" + field.getName() + "'");
		}
		List<ArrowBuf> dropped = new ArrayList<>();
		take(dropped);
		dropped.forEach((buffer) -> buffer.getReferenceManager().release());
	}

	private void validity(Field field, int length, long nullCount, List<ArrowBuf> buffers) {
		ArrowBuf validity = take(buffers);
		if (validity.capacity() == 0) {
			check(nullCount == 0 || nullCount == length, field, "has nulls but does not say where");
			this.validityAllowance -= bytesForBits(length);
			check(this.validityAllowance >= 0, field, "declares more values than its body can stand for");
			this.meter.spend(bytesForBits(length));
		}
		else {
			check(validity.capacity() >= bytesForBits(length), field, "has too few validity bits");
		}
	}

	private long offsets(Field field, int length, int width, List<ArrowBuf> buffers) {
		ArrowBuf offsets = take(buffers);
		if (length == 0) {
			if (offsets.capacity() < width) {
				// readers of the vector expect one offset, which old writers omit
				replaceLast(buffers, this.allocator.buffer(width)).setZero(0, width);
			}
			else {
				replaceLast(buffers, retained(offsets.slice(0, width)));
			}
			long first = value(buffers.get(buffers.size() - 1), width);
			check(first >= 0, field, "has a negative offset");
			return first;
		}
		checkSize(field, offsets, length + 1L, width);
		long previous = 0;
		long bytes = (length + 1L) * width;
		if (width == Integer.BYTES) {
			int[] chunk = new int[(int) Math.min(WINDOW, bytes) / width];
			int last = 0;
			for (long position = 0; position < bytes; position += WINDOW) {
				int count = (int) Math.min(WINDOW, bytes - position) / width;
				this.meter.done(count * (long) width);
				window(offsets, position, count * width).asIntBuffer().get(chunk, 0, count);
				int wrong = 0;
				for (int i = 0; i < count; i++) {
					int next = chunk[i];
					// negative if the offset is negative or decreases
					wrong |= next | (next - last);
					last = next;
				}
				check(wrong >= 0, field, "has offsets that go backwards");
			}
			return last;
		}
		for (long position = 0; position < bytes; position += WINDOW) {
			int count = (int) Math.min(WINDOW, bytes - position);
			this.meter.done(count);
			ByteBuffer window = window(offsets, position, count);
			for (int i = 0; i < count; i += width) {
				long next = window.getLong(i);
				check(next >= previous, field, "has offsets that go backwards");
				previous = next;
			}
		}
		return previous;
	}

	private void views(Field field, int length, List<ArrowBuf> buffers) {
		check(length <= Integer.MAX_VALUE / BaseVariableWidthViewVector.ELEMENT_SIZE, field, "has too many views");
		ArrowBuf validity = buffers.get(0);
		ArrowBuf views = take(buffers);
		checkSize(field, views, length, BaseVariableWidthViewVector.ELEMENT_SIZE);
		check(this.nextVariadic < this.batch.variadicBufferCountsLength(), field, "lacks its number of buffers");
		long variadic = this.batch.variadicBufferCounts(this.nextVariadic++);
		check(variadic >= 0 && variadic <= this.bufferCount - this.nextBuffer, field, "has a wrong number of buffers");
		long[] capacities = new long[(int) variadic];
		for (int i = 0; i < variadic; i++) {
			capacities[i] = take(buffers).capacity();
		}
		for (int i = 0; i < length; i++) {
			row(i, BaseVariableWidthViewVector.ELEMENT_SIZE);
			long at = (long) i * BaseVariableWidthViewVector.ELEMENT_SIZE;
			int size = views.getInt(at);
			if (size >= 0 && size <= BaseVariableWidthViewVector.INLINE_SIZE) {
				continue;
			}
			int index = views.getInt(at + 8);
			int offset = views.getInt(at + 12);
			boolean inside = size >= 0 && index >= 0 && index < capacities.length && offset >= 0
					&& (long) offset + size <= capacities[index];
			// the content of a null slot does not matter
			check(inside || isNull(validity, i), field, "has a view outside its buffers");
		}
	}

	private long listViews(Field field, int length, int width, List<ArrowBuf> buffers) {
		ArrowBuf validity = buffers.get(0);
		ArrowBuf offsets = take(buffers);
		ArrowBuf sizes = take(buffers);
		checkSize(field, offsets, length, width);
		checkSize(field, sizes, length, width);
		long needed = 0;
		for (int i = 0; i < length; i++) {
			row(i, 2 * width);
			long at = (long) i * width;
			long offset = (width == Integer.BYTES) ? offsets.getInt(at) : offsets.getLong(at);
			long size = (width == Integer.BYTES) ? sizes.getInt(at) : sizes.getLong(at);
			boolean sound = offset >= 0 && size >= 0 && offset <= Integer.MAX_VALUE && size <= Integer.MAX_VALUE;
			check(sound || isNull(validity, i), field, "has a view outside its values");
			needed = sound ? Math.max(needed, offset + size) : needed;
		}
		return needed;
	}

	// checks that are possible only once the children exist
	private void checkReferences(Field field, FieldVector vector, int length, int[] lengths) {
		if (vector instanceof UnionVector union) {
			int[] slots = slots(field);
			for (int i = 0; i < length; i++) {
				row(i, Byte.BYTES);
				int type = union.getTypeValue(i);
				check(type >= 0 && slots[type] >= 0, field, "has an unknown type id");
			}
		}
		else if (vector instanceof DenseUnionVector union) {
			int[] slots = slots(field);
			for (int i = 0; i < length; i++) {
				row(i, Byte.BYTES + Integer.BYTES);
				int type = union.getTypeId(i);
				check(type >= 0 && slots[type] >= 0, field, "has an unknown type id");
				int offset = union.getOffset(i);
				check(offset >= 0 && offset < lengths[slots[type]], field, "has an offset outside its values");
			}
		}
		else if (vector instanceof RunEndEncodedVector runs && length > 0) {
			check(lengths[0] > 0 && lengths[1] >= lengths[0], field, "has no value for every run");
			long previous = 0;
			for (int i = 0; i < lengths[0]; i++) {
				row(i, Short.BYTES);
				check(!runs.getRunEndsVector().isNull(i), field, "has a run without an end");
				long end = ((BaseIntVector) runs.getRunEndsVector()).getValueAsLong(i);
				check(end > previous, field, "has runs that go backwards");
				previous = end;
			}
			check(previous >= length, field, "has runs for fewer values than it declares");
		}
	}

	// reports the work from time to time
	private void row(int row, int width) {
		if ((row & (ROWS - 1)) == ROWS - 1) {
			this.meter.done((long) ROWS * width);
		}
	}

	// maps type ids to children
	private static int[] slots(Field field) {
		int[] slots = new int[Byte.MAX_VALUE + 1];
		Arrays.fill(slots, -1);
		int[] ids = ((ArrowType.Union) field.getType()).getTypeIds();
		for (int i = 0; i < field.getChildren().size(); i++) {
			int id = (ids != null && i < ids.length) ? ids[i] : i;
			check(id >= 0 && id < slots.length, field, "declares a type id out of range");
			slots[id] = i;
		}
		return slots;
	}

	// takes the next buffer; the list owns a reference to it from then on
	private ArrowBuf take(List<ArrowBuf> buffers) {
		if (this.nextBuffer >= this.bufferCount) {
			throw new CorruptStreamException("The record batch has fewer buffers than its schema");
		}
		this.batch.buffers(this.buffer, this.nextBuffer++);
		long offset = this.buffer.offset();
		long length = this.buffer.length();
		if (offset < 0 || length < 0 || length > this.body.capacity() - offset) {
			throw new CorruptStreamException("A buffer lies outside the body of its record batch");
		}
		ArrowBuf taken;
		// writers put buffers one after the other, so their total length is limited
		this.bufferAllowance -= length;
		if (this.bufferAllowance < 0) {
			throw new CorruptStreamException("The buffers of a record batch overlap");
		}
		if (length == 0) {
			taken = this.allocator.getEmpty();
		}
		else if ((this.body.memoryAddress() + offset) % ALIGNMENT == 0) {
			taken = retained(this.body.slice(offset, length));
		}
		else {
			taken = this.allocator.buffer(length);
			taken.setBytes(0, this.body, offset, length);
			taken = taken.slice(0, length);
		}
		buffers.add(taken);
		return taken;
	}

	private static ArrowBuf retained(ArrowBuf buffer) {
		buffer.getReferenceManager().retain();
		return buffer;
	}

	private static ArrowBuf replaceLast(List<ArrowBuf> buffers, ArrowBuf replacement) {
		buffers.set(buffers.size() - 1, replacement).getReferenceManager().release();
		return replacement;
	}

	private static long value(ArrowBuf buffer, int width) {
		return (width == Integer.BYTES) ? buffer.getInt(0) : buffer.getLong(0);
	}

	private static ByteBuffer window(ArrowBuf buffer, long position, int length) {
		return buffer.nioBuffer(position, length).order(ByteOrder.LITTLE_ENDIAN);
	}

	private static boolean isNull(ArrowBuf validity, int index) {
		return validity.capacity() > 0 && (validity.getByte(index >> 3) >> (index & 7) & 1) == 0;
	}

	private static long bytesForBits(int bits) {
		return (bits + 7L) / 8;
	}

	private static void checkSize(Field field, ArrowBuf buffer, long count, int width) {
		// the count is below 2^32 and a width below 2^31
		check(buffer.capacity() >= count * width, field, "has too few values");
	}

	private static int checkedCount(long count, String what) {
		if (count < 0 || count > Integer.MAX_VALUE) {
			throw new CorruptStreamException(what + " declares " + count + " values");
		}
		return (int) count;
	}

	private static void check(boolean condition, Field field, String problem) {
		if (!condition) {
			throw new CorruptStreamException("Column '" + field.getName() + "' " + problem);
		}
	}

	/**
	 * A vector of indices into a dictionary.
	 *
	 * @param field its field
	 * @param vector the indices
	 */
	record Encoded(Field field, FieldVector vector) {

		private static final String OUTSIDE = "has an index outside its dictionary";

		long id() {
			return Objects.requireNonNull(this.field.getDictionary()).getId();
		}

		/**
		 * Check the indices.
		 * @param dictionarySize number of values in the dictionary
		 * @param meter receives the work
		 */
		void check(int dictionarySize, WorkMeter meter) {
			BatchLoader.check(highest(meter) < dictionarySize, this.field, OUTSIDE);
		}

		/**
		 * Find the highest index.
		 * @param meter receives the work
		 * @return the index, or -1 if no value is present
		 */
		int highest(WorkMeter meter) {
			long highest = -1;
			BaseFixedWidthVector indices = (BaseFixedWidthVector) this.vector;
			int width = indices.getTypeWidth();
			int count = indices.getValueCount();
			boolean signed = ((ArrowType.Int) this.field.getType()).getIsSigned();
			ArrowBuf values = indices.getDataBuffer();
			ArrowBuf validity = indices.getValidityBuffer();
			long bytes = (long) count * width;
			for (long position = 0; position < bytes; position += WINDOW) {
				int size = (int) Math.min(WINDOW, bytes - position);
				meter.done(size);
				ByteBuffer window = window(values, position, size);
				for (int i = 0; i < size; i += width) {
					long index = index(window, i, width, signed);
					if (index < 0 || index > highest) {
						boolean present = !isNull(validity, (int) ((position + i) / width));
						BatchLoader.check(!present || (index >= 0 && index < Integer.MAX_VALUE), this.field, OUTSIDE);
						highest = present ? index : highest;
					}
				}
			}
			return (int) highest;
		}

		private static long index(ByteBuffer window, int at, int width, boolean signed) {
			return switch (width) {
				case Byte.BYTES -> signed ? window.get(at) : window.get(at) & 0xFF;
				case Short.BYTES -> signed ? window.getShort(at) : window.getShort(at) & 0xFFFF;
				case Integer.BYTES -> signed ? window.getInt(at) : window.getInt(at) & 0xFFFFFFFFL;
				default -> window.getLong(at);
			};
		}

	}

}
