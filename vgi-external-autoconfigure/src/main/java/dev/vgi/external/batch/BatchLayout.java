package dev.vgi.external.batch;

import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.List;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.vgi.external.batch.GatheredStream.Gatherer;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.BaseVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthViewVector;
import org.apache.arrow.vector.BitVectorHelper;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.TypeLayout;
import org.apache.arrow.vector.ValueVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/**
 * The nodes and buffers of one record batch in the order of the IPC format. Borrows the
 * buffers. A buffer that is shorter than its declared length is filled up with zeros.
 */
final class BatchLayout {

	private static final int ALIGNMENT = 8;

	private final long rows;

	private final List<Node> nodes = new ArrayList<>();

	private final List<Body> buffers = new ArrayList<>();

	private final List<Long> variadicBufferCounts = new ArrayList<>();

	private BatchLayout(long rows) {
		this.rows = rows;
	}

	/**
	 * Lay out vectors.
	 * @param rows number of rows of the batch
	 * @param vectors its columns; borrowed
	 * @return the layout
	 */
	static BatchLayout of(int rows, Iterable<FieldVector> vectors) {
		BatchLayout layout = new BatchLayout(rows);
		for (FieldVector vector : vectors) {
			layout.add(vector);
		}
		return layout;
	}

	/**
	 * Lay out a batch without rows from its fields alone.
	 * @param fields the columns in memory format
	 * @return the layout
	 */
	static BatchLayout zeroRows(List<Field> fields) {
		BatchLayout layout = new BatchLayout(0);
		for (Field field : fields) {
			layout.addZeroRows(field);
		}
		return layout;
	}

	/**
	 * Return how many bytes vectors use when they are sent, without padding.
	 * @param vector the vector
	 * @return bytes of its buffers and those of its children
	 */
	static long bufferSize(FieldVector vector) {
		long size = 0;
		for (Body body : bodies(vector)) {
			size += body.length();
		}
		for (FieldVector child : vector.getChildrenFromFields()) {
			size += bufferSize(child);
		}
		return size;
	}

	private void add(FieldVector vector) {
		this.nodes.add(new Node(vector.getValueCount(), nullCount(vector)));
		List<Body> bodies = bodies(vector);
		int expected = TypeLayout.getTypeBufferCount(vector.getField().getType());
		if (storage(vector) instanceof BaseVariableWidthViewVector views) {
			int variadic = views.getDataBuffers().size();
			this.variadicBufferCounts.add((long) variadic);
			expected += variadic;
		}
		if (bodies.size() != expected) {
			throw new IllegalArgumentException("Vector '" + vector.getName() + "' has " + bodies.size()
					+ " buffers where its type has " + expected);
		}
		this.buffers.addAll(bodies);
		for (FieldVector child : vector.getChildrenFromFields()) {
			add(child);
		}
	}

	// Arrow checks the bounds of every word, which was nearly all that gathering cost.
	private static int nullCount(FieldVector vector) {
		if (!(vector instanceof BaseFixedWidthVector) && !(vector instanceof BaseVariableWidthVector)) {
			return vector.getNullCount();
		}
		int count = vector.getValueCount();
		int words = count / Long.SIZE;
		ArrowBuf validity = vector.getValidityBuffer();
		if (words == 0) {
			return vector.getNullCount();
		}
		LongBuffer bits = validity.nioBuffer(0, words * Long.BYTES).order(ByteOrder.nativeOrder()).asLongBuffer();
		int set = 0;
		for (int i = 0; i < words; i++) {
			set += Long.bitCount(bits.get(i));
		}
		for (int i = words * Long.SIZE; i < count; i++) {
			set += BitVectorHelper.get(validity, i);
		}
		return count - set;
	}

	private static List<Body> bodies(FieldVector vector) {
		List<ArrowBuf> buffers = vector.getFieldBuffers();
		List<Body> bodies = new ArrayList<>(buffers.size());
		for (int i = 0; i < buffers.size(); i++) {
			ArrowBuf buffer = buffers.get(i);
			// all unallocated buffers are one shared instance, whose indices mean
			// nothing;
			// the only offset of an empty vector may come from a slice of another one
			boolean written = buffer.capacity() > 0 && (i != 1 || vector.getValueCount() > 0);
			bodies.add(written ? new Body(buffer, buffer.readableBytes())
					: new Body(null, (i == 1) ? firstOffset(vector.getField()) : 0));
		}
		return bodies;
	}

	private void addZeroRows(Field field) {
		this.nodes.add(new Node(0, 0));
		ArrowType storage = storage(field);
		int count = TypeLayout.getTypeBufferCount(storage);
		for (int i = 0; i < count; i++) {
			this.buffers.add(new Body(null, (i == 1) ? firstOffset(field) : 0));
		}
		if (storage instanceof ArrowType.Utf8View || storage instanceof ArrowType.BinaryView) {
			this.variadicBufferCounts.add(0L);
		}
		for (Field child : field.getChildren()) {
			addZeroRows(child);
		}
	}

	// readers in other languages expect the single offset of an empty vector
	private static int firstOffset(Field field) {
		return switch (storage(field).getTypeID()) {
			case Utf8, Binary, List, Map -> Integer.BYTES;
			case LargeUtf8, LargeBinary, LargeList -> Long.BYTES;
			default -> 0;
		};
	}

	private static ArrowType storage(Field field) {
		ArrowType type = field.getType();
		while (type instanceof ArrowType.ExtensionType extension) {
			type = extension.storageType();
		}
		return type;
	}

	private static ValueVector storage(FieldVector vector) {
		ValueVector storage = vector;
		while (storage instanceof ExtensionTypeVector<?> extension) {
			storage = extension.getUnderlyingVector();
		}
		return storage;
	}

	/**
	 * Return the length of the message's body.
	 * @return bytes, including padding
	 */
	long bodyLength() {
		long length = 0;
		for (Body buffer : this.buffers) {
			length += padded(buffer.length());
		}
		return length;
	}

	/**
	 * Write the batch's table.
	 * @param builder receives the table
	 * @return its offset
	 */
	int writeTable(FlatBufferBuilder builder) {
		// last element first, since a flat buffer grows downwards
		RecordBatch.startNodesVector(builder, this.nodes.size());
		for (int i = this.nodes.size() - 1; i >= 0; i--) {
			Node node = this.nodes.get(i);
			FieldNode.createFieldNode(builder, node.length(), node.nullCount());
		}
		int nodesOffset = builder.endVector();
		long position = bodyLength();
		RecordBatch.startBuffersVector(builder, this.buffers.size());
		for (int i = this.buffers.size() - 1; i >= 0; i--) {
			long length = this.buffers.get(i).length();
			position -= padded(length);
			Buffer.createBuffer(builder, position, length);
		}
		int buffersOffset = builder.endVector();
		int variadicOffset = 0;
		if (!this.variadicBufferCounts.isEmpty()) {
			RecordBatch.startVariadicBufferCountsVector(builder, this.variadicBufferCounts.size());
			for (int i = this.variadicBufferCounts.size() - 1; i >= 0; i--) {
				builder.addLong(this.variadicBufferCounts.get(i));
			}
			variadicOffset = builder.endVector();
		}
		RecordBatch.startRecordBatch(builder);
		RecordBatch.addLength(builder, this.rows);
		RecordBatch.addNodes(builder, nodesOffset);
		RecordBatch.addBuffers(builder, buffersOffset);
		if (variadicOffset != 0) {
			RecordBatch.addVariadicBufferCounts(builder, variadicOffset);
		}
		return RecordBatch.endRecordBatch(builder);
	}

	/**
	 * Gather the body.
	 * @param gatherer receives the body
	 */
	void writeBody(Gatherer gatherer) {
		for (Body buffer : this.buffers) {
			long written = 0;
			if (buffer.memory() != null) {
				written = Math.min(buffer.length(), buffer.memory().capacity());
				gatherer.buffer(buffer.memory(), written);
			}
			gatherer.zeros(padded(buffer.length()) - written);
		}
	}

	/**
	 * Return whether two layouts contain the same values.
	 * @param other the other layout
	 * @return whether nodes and all bytes are equal
	 */
	boolean sameAs(BatchLayout other) {
		if (this.rows != other.rows || !this.nodes.equals(other.nodes)
				|| !this.variadicBufferCounts.equals(other.variadicBufferCounts)
				|| this.buffers.size() != other.buffers.size()) {
			return false;
		}
		for (int i = 0; i < this.buffers.size(); i++) {
			if (!this.buffers.get(i).sameAs(other.buffers.get(i))) {
				return false;
			}
		}
		return true;
	}

	/**
	 * Keep the buffers alive. Every call requires a {@link #release()}.
	 */
	void retain() {
		for (Body buffer : this.buffers) {
			if (buffer.memory() != null) {
				buffer.memory().getReferenceManager().retain();
			}
		}
	}

	/**
	 * Undo {@link #retain()}.
	 */
	void release() {
		for (Body buffer : this.buffers) {
			if (buffer.memory() != null) {
				buffer.memory().getReferenceManager().release();
			}
		}
	}

	private static long padded(long length) {
		return (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	}

	/**
	 * Length and null count of one vector.
	 *
	 * @param length number of values
	 * @param nullCount number of nulls among them
	 */
	private record Node(long length, long nullCount) {

	}

	/**
	 * One buffer.
	 *
	 * @param memory its bytes from the start, or {@code null} for zeros only
	 * @param length number of bytes to write
	 */
	private record Body(@Nullable ArrowBuf memory, long length) {

		private static final int WINDOW = 1 << 30;

		boolean sameAs(Body other) {
			if (this.length != other.length) {
				return false;
			}
			if (this.memory == null || other.memory == null) {
				// zeros, or nothing
				return true;
			}
			if (this.memory.memoryAddress() == other.memory.memoryAddress()) {
				return true;
			}
			if (Math.min(this.memory.capacity(), other.memory.capacity()) < this.length) {
				// less than the vector says
				return false;
			}
			for (long position = 0; position < this.length; position += WINDOW) {
				int size = (int) Math.min(WINDOW, this.length - position);
				if (!this.memory.nioBuffer(position, size).equals(other.memory.nioBuffer(position, size))) {
					return false;
				}
			}
			return true;
		}

	}

}
