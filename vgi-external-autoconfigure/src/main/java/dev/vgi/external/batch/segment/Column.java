package dev.vgi.external.batch.segment;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/**
 * One column of a segment, or a child of one, to which values are appended as bytes. What
 * is appended is planned first, so that room can be made at once.
 */
final class Column {

	private final BufferKinds kinds;

	private final @Nullable Growing validity;

	private final @Nullable Growing offsets;

	/** Values of fixed width, or the bytes of texts. */
	private final @Nullable Growing values;

	private final List<Column> children = new ArrayList<>();

	/** Values that were appended. */
	private long rows;

	/** Offset of the next value. */
	private long end;

	private long plannedRows;

	private long plannedEnd;

	private Column(BufferKinds kinds) {
		this.kinds = kinds;
		this.validity = kinds.validity() ? new Growing() : null;
		this.offsets = (kinds.offsetWidth() > 0) ? new Growing() : null;
		this.values = (kinds.isText() || kinds.valueBits() > 0) ? new Growing() : null;
	}

	/**
	 * Create a column.
	 * @param field its field
	 * @return the column, or {@code null} if values of its type, or of a child's, cannot
	 * be appended as bytes
	 */
	static @Nullable Column of(Field field) {
		BufferKinds kinds = BufferKinds.of(field);
		if (kinds == null) {
			return null;
		}
		Column column = new Column(kinds);
		for (Field child : field.getChildren()) {
			Column childColumn = of(child);
			if (childColumn == null) {
				return null;
			}
			column.children.add(childColumn);
		}
		return column;
	}

	/**
	 * Plan to append all values of a vector.
	 * @param vector the vector
	 * @return whether they can be appended: they are there, and there are not too many
	 * for a vector together with those before
	 */
	boolean plan(FieldVector vector) {
		return plan(vector, 0, vector.getValueCount());
	}

	private boolean plan(FieldVector vector, long start, long count) {
		long stop = start + count;
		this.plannedRows += count;
		List<ArrowBuf> buffers = vector.getFieldBuffers();
		if (stop > vector.getValueCount() || this.plannedRows > Integer.MAX_VALUE
				|| buffers.size() != this.kinds.count()) {
			return false;
		}
		if (this.validity != null) {
			long present = buffers.get(0).capacity();
			if (present > 0 && present < Bits.bytes(stop)) {
				return false;
			}
			this.validity.plan(Bits.bytes(this.plannedRows));
		}
		long first = 0;
		long last = 0;
		if (this.offsets != null) {
			int width = this.kinds.offsetWidth();
			if (count > 0) {
				if (buffers.get(1).capacity() < (stop + 1) * width) {
					return false;
				}
				first = Bytes.offset(buffers.get(1), start, width);
				last = Bytes.offset(buffers.get(1), stop, width);
			}
			this.plannedEnd += last - first;
			if (first < 0 || last < first || (width == Integer.BYTES && this.plannedEnd > Integer.MAX_VALUE)) {
				return false;
			}
			this.offsets.plan((this.plannedRows + 1) * width);
		}
		if (this.values != null) {
			int bits = this.kinds.valueBits();
			if (buffers.get(buffers.size() - 1).capacity() < (this.kinds.isText() ? last : Bits.bytes(stop * bits))) {
				return false;
			}
			this.values.plan(this.kinds.isText() ? this.plannedEnd : Bits.bytes(this.plannedRows * bits));
		}
		long element = this.kinds.element(start, first);
		long elements = this.kinds.element(stop, last) - element;
		for (int i = 0; i < this.children.size(); i++) {
			if (!this.children.get(i).plan(vector.getChildrenFromFields().get(i), element, elements)) {
				return false;
			}
		}
		return true;
	}

	/**
	 * Return the buffers, to make room in them.
	 * @param all receives those of this column and its children
	 */
	void collect(List<Growing> all) {
		for (Growing buffer : new Growing[] { this.validity, this.offsets, this.values }) {
			if (buffer != null) {
				all.add(buffer);
			}
		}
		this.children.forEach((child) -> child.collect(all));
	}

	/**
	 * Append all values of a vector, for which there is room.
	 * @param vector the vector; borrowed
	 */
	void append(FieldVector vector) {
		append(vector, 0, vector.getValueCount());
	}

	private void append(FieldVector vector, long start, long count) {
		List<ArrowBuf> buffers = vector.getFieldBuffers();
		if (this.validity != null) {
			if (buffers.get(0).capacity() > 0) {
				Bits.append(buffers.get(0), start, this.validity.memory(), this.rows, count);
			}
			else {
				Bits.appendOnes(this.validity.memory(), this.rows, count);
			}
		}
		long first = 0;
		long last = 0;
		if (this.offsets != null) {
			int width = this.kinds.offsetWidth();
			if (this.rows == 0) {
				this.offsets.memory().setZero(0, width);
			}
			if (count > 0) {
				first = Bytes.offset(buffers.get(1), start, width);
				last = Bytes.offset(buffers.get(1), start + count, width);
				Bytes.rebase(buffers.get(1), start + 1, this.offsets.memory(), this.rows + 1, count, width,
						this.end - first);
			}
		}
		if (this.values != null) {
			int bits = this.kinds.valueBits();
			if (this.kinds.isText()) {
				this.values.memory().setBytes(this.end, buffers.get(2), first, last - first);
			}
			else {
				Bits.append(buffers.get(1), start * bits, this.values.memory(), this.rows * bits, count * bits);
			}
		}
		long element = this.kinds.element(start, first);
		long elements = this.kinds.element(start + count, last) - element;
		for (int i = 0; i < this.children.size(); i++) {
			this.children.get(i).append(vector.getChildrenFromFields().get(i), element, elements);
		}
		this.rows += count;
		this.end += last - first;
	}

	/**
	 * Create the vector.
	 * @param field its field
	 * @param allocator the allocator of the memory
	 * @return a vector that shares the memory; the caller closes it
	 */
	FieldVector toVector(Field field, BufferAllocator allocator) {
		FieldVector vector = field.createVector(allocator);
		try {
			load(vector);
			return vector;
		}
		catch (RuntimeException ex) {
			vector.close();
			throw ex;
		}
	}

	private void load(FieldVector vector) {
		List<ArrowBuf> buffers = new ArrayList<>();
		if (this.validity != null) {
			buffers.add(this.validity.memory().slice(0, Bits.bytes(this.rows)));
		}
		if (this.offsets != null) {
			buffers.add(this.offsets.memory().slice(0, (this.rows + 1) * this.kinds.offsetWidth()));
		}
		if (this.values != null) {
			buffers.add(this.values.memory()
				.slice(0, this.kinds.isText() ? this.end : Bits.bytes(this.rows * this.kinds.valueBits())));
		}
		vector.loadFieldBuffers(new ArrowFieldNode((int) this.rows, 0), buffers);
		for (int i = 0; i < this.children.size(); i++) {
			this.children.get(i).load(vector.getChildrenFromFields().get(i));
		}
	}

	/**
	 * A buffer that has room for what is planned, and more.
	 */
	static final class Growing {

		private static final int ALIGNMENT = 64;

		private long planned;

		private @Nullable ArrowBuf memory;

		private void plan(long bytes) {
			this.planned = bytes;
		}

		private ArrowBuf memory() {
			return Objects.requireNonNull(this.memory);
		}

		boolean isTooSmall() {
			return this.memory == null || this.memory.capacity() < this.planned;
		}

		/**
		 * Return how large the buffer should be.
		 * @param growth how many times as much is expected as is planned
		 * @return bytes; always with some to spare
		 */
		long wanted(double growth) {
			long wanted = (long) (this.planned * growth) + this.planned / 16 + ALIGNMENT;
			return wanted & -ALIGNMENT;
		}

		/**
		 * Replace the memory, and keep what it holds.
		 * @param larger the memory; taken over
		 */
		void moveTo(ArrowBuf larger) {
			ArrowBuf smaller = this.memory;
			this.memory = larger;
			if (smaller != null) {
				larger.setBytes(0, smaller, 0, smaller.capacity());
				smaller.getReferenceManager().release();
			}
		}

		void release() {
			if (this.memory != null) {
				this.memory.getReferenceManager().release();
				this.memory = null;
			}
		}

	}

}
