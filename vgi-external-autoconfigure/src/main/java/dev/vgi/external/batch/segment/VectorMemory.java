package dev.vgi.external.batch.segment;

import java.util.ArrayList;
import java.util.List;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.Field;

/**
 * Shares, copies and compares the memory of whole vectors, of any type.
 */
final class VectorMemory {

	private VectorMemory() {
	}

	/**
	 * Return how many bytes vectors hold.
	 * @param vectors the vectors
	 * @return bytes with values, at every depth
	 */
	static long size(Iterable<FieldVector> vectors) {
		long size = 0;
		for (FieldVector vector : vectors) {
			for (ArrowBuf buffer : vector.getFieldBuffers()) {
				size += used(buffer);
			}
			size += size(vector.getChildrenFromFields());
		}
		return size;
	}

	// all unallocated buffers are one shared instance, whose indices mean nothing
	private static long used(ArrowBuf buffer) {
		return Math.min(buffer.readableBytes(), buffer.capacity());
	}

	/**
	 * Create a vector that shares the memory of another one. Arrow's transfer pairs lose
	 * extension types.
	 * @param field the field of the new vector
	 * @param from a vector of the same layout; borrowed
	 * @param allocator the allocator of the memory
	 * @return the vector; the caller closes it
	 */
	static FieldVector share(Field field, FieldVector from, BufferAllocator allocator) {
		FieldVector shared = field.createVector(allocator);
		try {
			share(from, shared);
			return shared;
		}
		catch (RuntimeException ex) {
			shared.close();
			throw ex;
		}
	}

	private static void share(FieldVector from, FieldVector to) {
		to.loadFieldBuffers(node(from), from.getFieldBuffers());
		List<FieldVector> children = from.getChildrenFromFields();
		for (int i = 0; i < children.size(); i++) {
			share(children.get(i), to.getChildrenFromFields().get(i));
		}
	}

	/**
	 * Copy a vector.
	 * @param field its field
	 * @param from the vector; borrowed
	 * @param allocator the owner of the copy
	 * @return the copy; the caller closes it
	 */
	static FieldVector copy(Field field, FieldVector from, BufferAllocator allocator) {
		FieldVector copy = field.createVector(allocator);
		try {
			copy(field, from, copy, allocator);
			return copy;
		}
		catch (RuntimeException ex) {
			copy.close();
			throw ex;
		}
	}

	private static void copy(Field field, FieldVector from, FieldVector to, BufferAllocator allocator) {
		BufferKinds kinds = BufferKinds.of(field);
		List<ArrowBuf> copies = new ArrayList<>();
		try {
			for (ArrowBuf buffer : from.getFieldBuffers()) {
				ArrowBuf copy = allocator.buffer(used(buffer));
				copies.add(copy);
				copy.setBytes(0, buffer, 0, used(buffer));
				copy.writerIndex(used(buffer));
				if (kinds != null && kinds.isBits(copies.size() - 1)) {
					Bits.end(copy, from.getValueCount());
				}
			}
			to.loadFieldBuffers(node(from), copies);
		}
		finally {
			copies.forEach((buffer) -> buffer.getReferenceManager().release());
		}
		List<FieldVector> children = from.getChildrenFromFields();
		for (int i = 0; i < children.size(); i++) {
			copy(field.getChildren().get(i), children.get(i), to.getChildrenFromFields().get(i), allocator);
		}
	}

	private static ArrowFieldNode node(FieldVector vector) {
		return new ArrowFieldNode(vector.getValueCount(), 0);
	}

	/**
	 * Return whether a vector begins with the values of another one. Exact: vectors whose
	 * bytes differ are different.
	 * @param field the field of both
	 * @param longer the vector
	 * @param shorter the other one
	 * @return whether all values of the other one are there, at the same positions
	 */
	static boolean startsWith(Field field, FieldVector longer, FieldVector shorter) {
		int count = shorter.getValueCount();
		return longer.getValueCount() >= count && equal(field, longer, 0, shorter, 0, count);
	}

	private static boolean equal(Field field, FieldVector left, long leftFrom, FieldVector right, long rightFrom,
			long count) {
		BufferKinds kinds = BufferKinds.of(field);
		if (kinds == null) {
			return leftFrom == rightFrom && same(left, right);
		}
		if (count == 0) {
			return true;
		}
		List<ArrowBuf> lefts = left.getFieldBuffers();
		List<ArrowBuf> rights = right.getFieldBuffers();
		if (kinds.validity() && !Bits.equal(lefts.get(0), leftFrom, rights.get(0), rightFrom, count)) {
			return false;
		}
		long leftOffset = 0;
		long rightOffset = 0;
		long leftEnd = 0;
		long rightEnd = 0;
		int width = kinds.offsetWidth();
		if (width > 0) {
			if (!Bytes.sameLengths(lefts.get(1), leftFrom, rights.get(1), rightFrom, count, width)) {
				return false;
			}
			leftOffset = Bytes.offset(lefts.get(1), leftFrom, width);
			rightOffset = Bytes.offset(rights.get(1), rightFrom, width);
			leftEnd = Bytes.offset(lefts.get(1), leftFrom + count, width);
			rightEnd = Bytes.offset(rights.get(1), rightFrom + count, width);
		}
		if (kinds.isText()) {
			return Bytes.equal(lefts.get(2), leftOffset, rights.get(2), rightOffset, leftEnd - leftOffset);
		}
		int bits = kinds.valueBits();
		if (bits > 0 && !Bits.equal(lefts.get(1), leftFrom * bits, rights.get(1), rightFrom * bits, count * bits)) {
			return false;
		}
		long leftElement = kinds.element(leftFrom, leftOffset);
		long rightElement = kinds.element(rightFrom, rightOffset);
		long elements = kinds.element(leftFrom + count, leftEnd) - leftElement;
		for (int i = 0; i < field.getChildren().size(); i++) {
			if (!equal(field.getChildren().get(i), left.getChildrenFromFields().get(i), leftElement,
					right.getChildrenFromFields().get(i), rightElement, elements)) {
				return false;
			}
		}
		return true;
	}

	private static boolean same(FieldVector left, FieldVector right) {
		List<ArrowBuf> lefts = left.getFieldBuffers();
		List<ArrowBuf> rights = right.getFieldBuffers();
		if (left.getValueCount() != right.getValueCount() || lefts.size() != rights.size()) {
			return false;
		}
		for (int i = 0; i < lefts.size(); i++) {
			if (used(lefts.get(i)) != used(rights.get(i))
					|| !Bytes.equal(lefts.get(i), 0, rights.get(i), 0, used(lefts.get(i)))) {
				return false;
			}
		}
		List<FieldVector> children = left.getChildrenFromFields();
		for (int i = 0; i < children.size(); i++) {
			if (!same(children.get(i), right.getChildrenFromFields().get(i))) {
				return false;
			}
		}
		return true;
	}

}
