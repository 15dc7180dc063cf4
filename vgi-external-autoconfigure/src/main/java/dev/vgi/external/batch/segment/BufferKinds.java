package dev.vgi.external.batch.segment;

import org.apache.arrow.vector.TypeLayout;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/**
 * What the buffers of one vector are, for those types whose values follow one another in
 * memory: their values can be appended and compared as bytes.
 *
 * @param count number of buffers
 * @param validity whether the first one tells which values are null
 * @param offsetWidth bytes of each offset, or 0 if there are none
 * @param valueBits bits of each value, or 0 if values have no buffer or any length
 * @param childValues values of each child for one value, if there are no offsets
 */
record BufferKinds(int count, boolean validity, int offsetWidth, int valueBits, int childValues) {

	/** Widest value whose bits are counted without overflow, whatever the rows. */
	private static final int MAX_WIDTH = Integer.MAX_VALUE / Byte.SIZE;

	/**
	 * Return the buffers of a field's vectors.
	 * @param field the field
	 * @return the buffers, or {@code null} for views, unions, runs and values without a
	 * width
	 */
	static @Nullable BufferKinds of(Field field) {
		ArrowType type = storage(field.getType());
		return switch (type.getTypeID()) {
			case Null -> new BufferKinds(0, false, 0, 0, 1);
			case Struct -> new BufferKinds(1, true, 0, 0, 1);
			case FixedSizeList -> new BufferKinds(1, true, 0, 0, ((ArrowType.FixedSizeList) type).getListSize());
			case List, Map -> new BufferKinds(2, true, Integer.BYTES, 0, 1);
			case LargeList -> new BufferKinds(2, true, Long.BYTES, 0, 1);
			case Utf8, Binary -> new BufferKinds(3, true, Integer.BYTES, 0, 1);
			case LargeUtf8, LargeBinary -> new BufferKinds(3, true, Long.BYTES, 0, 1);
			case Int, FloatingPoint, Decimal, Date, Time, Timestamp, Duration, Interval, Bool -> new BufferKinds(2,
					true, 0, TypeLayout.getTypeLayout(type).getBufferLayouts().get(1).getTypeBitWidth(), 1);
			case FixedSizeBinary -> ofWidth(((ArrowType.FixedSizeBinary) type).getByteWidth());
			default -> null;
		};
	}

	// The layout has the width in bits as a short.
	private static @Nullable BufferKinds ofWidth(int bytes) {
		return (bytes > 0 && bytes <= MAX_WIDTH) ? new BufferKinds(2, true, 0, bytes * Byte.SIZE, 1) : null;
	}

	/**
	 * Return how an extension type is stored.
	 * @param type any type
	 * @return the type that determines the buffers
	 */
	static ArrowType storage(ArrowType type) {
		ArrowType storage = type;
		while (storage instanceof ArrowType.ExtensionType extension) {
			storage = extension.storageType();
		}
		return storage;
	}

	/**
	 * Return whether values are bytes of any length.
	 * @return {@code false} for lists
	 */
	boolean isText() {
		return this.count == 3;
	}

	/**
	 * Return whether a buffer has one bit for each value.
	 * @param index its index
	 * @return whether its last byte may be in use in part
	 */
	boolean isBits(int index) {
		return (index == 0) ? this.validity : this.valueBits == 1;
	}

	/**
	 * Return the first element of a value in the child vectors.
	 * @param row the value, or the one after the last
	 * @param offset its offset, if there are offsets
	 * @return its first element
	 */
	long element(long row, long offset) {
		return (this.offsetWidth > 0) ? offset : row * this.childValues;
	}

}
