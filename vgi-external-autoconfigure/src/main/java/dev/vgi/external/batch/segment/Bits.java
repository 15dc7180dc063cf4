package dev.vgi.external.batch.segment;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

import org.apache.arrow.memory.ArrowBuf;

/**
 * Copies and compares runs of bits that may start anywhere in a byte.
 */
final class Bits {

	/** Bytes that are seen through one view. */
	private static final int WINDOW = 1 << 20;

	private Bits() {
	}

	/**
	 * Return how many bytes hold bits.
	 * @param count number of bits
	 * @return number of bytes
	 */
	static long bytes(long count) {
		return (count + 7) >>> 3;
	}

	/**
	 * Append bits. Those after them in the last byte become zero.
	 * @param source where they are, from bit {@code from} on
	 * @param from index of the first one
	 * @param target receives them; the bits before {@code to} are kept
	 * @param to index of the first one there
	 * @param count how many
	 */
	static void append(ArrowBuf source, long from, ArrowBuf target, long to, long count) {
		// up to the end of the byte that the target ends in
		int head = (int) Math.min(count, -to & 7);
		if (head > 0) {
			fill(target, to, get(source, from, head));
		}
		long first = from + head;
		long at = (to + head) >>> 3;
		long whole = (count - head) >>> 3;
		int shift = (int) (first & 7);
		if (shift == 0) {
			target.setBytes(at, source, first >>> 3, whole);
		}
		else {
			for (long done = 0; done < whole; done += WINDOW) {
				int size = (int) Math.min(WINDOW, whole - done);
				shift(window(source, (first >>> 3) + done, size + 1), shift, window(target, at + done, size), size);
			}
		}
		int tail = (int) ((count - head) & 7);
		if (tail > 0) {
			target.setByte(at + whole, get(source, first + 8 * whole, tail));
		}
	}

	/**
	 * Append ones. The bits after them in the last byte become zero.
	 * @param target receives them; the bits before {@code to} are kept
	 * @param to index of the first one
	 * @param count how many
	 */
	static void appendOnes(ArrowBuf target, long to, long count) {
		int head = (int) Math.min(count, -to & 7);
		if (head > 0) {
			fill(target, to, (1 << head) - 1);
		}
		long at = (to + head) >>> 3;
		long whole = (count - head) >>> 3;
		for (long i = 0; i < whole; i++) {
			target.setByte(at + i, -1);
		}
		int tail = (int) ((count - head) & 7);
		if (tail > 0) {
			target.setByte(at + whole, (1 << tail) - 1);
		}
	}

	/**
	 * Clear the bits after the last one in its byte.
	 * @param bits the bits
	 * @param count how many
	 */
	static void end(ArrowBuf bits, long count) {
		if ((count & 7) > 0 && bytes(count) <= bits.capacity()) {
			bits.setByte(count >>> 3, get(bits, count & -8L, (int) (count & 7)));
		}
	}

	/**
	 * Return whether two runs of bits are the same.
	 * @param left contains the one
	 * @param leftFrom index of its first bit
	 * @param right contains the other
	 * @param rightFrom index of its first bit
	 * @param count how many
	 * @return whether all are equal
	 */
	static boolean equal(ArrowBuf left, long leftFrom, ArrowBuf right, long rightFrom, long count) {
		long done = 0;
		if ((leftFrom & 7) == 0 && (rightFrom & 7) == 0) {
			done = count & -8L;
			if (!Bytes.equal(left, leftFrom >>> 3, right, rightFrom >>> 3, done >>> 3)) {
				return false;
			}
		}
		for (; done < count; done += 8) {
			int size = (int) Math.min(8, count - done);
			if (get(left, leftFrom + done, size) != get(right, rightFrom + done, size)) {
				return false;
			}
		}
		return true;
	}

	// up to eight bits, the first one lowest
	private static int get(ArrowBuf source, long from, int count) {
		long at = from >>> 3;
		int shift = (int) (from & 7);
		int bits = (source.getByte(at) & 0xFF) >>> shift;
		if (shift + count > 8) {
			bits |= (source.getByte(at + 1) & 0xFF) << (8 - shift);
		}
		return bits & ((1 << count) - 1);
	}

	private static void fill(ArrowBuf target, long to, int bits) {
		int shift = (int) (to & 7);
		int present = target.getByte(to >>> 3) & ((1 << shift) - 1);
		target.setByte(to >>> 3, present | (bits << shift));
	}

	// eight bytes at a time
	private static void shift(ByteBuffer source, int shift, ByteBuffer target, int size) {
		int i = 0;
		for (; i + Long.BYTES <= size; i += Long.BYTES) {
			target.putLong(i,
					(source.getLong(i) >>> shift) | ((long) source.get(i + Long.BYTES) << (Long.SIZE - shift)));
		}
		for (; i < size; i++) {
			target.put(i, (byte) (((source.get(i) & 0xFF) >>> shift) | (source.get(i + 1) << (8 - shift))));
		}
	}

	private static ByteBuffer window(ArrowBuf buffer, long position, int size) {
		return buffer.nioBuffer(position, size).order(ByteOrder.LITTLE_ENDIAN);
	}

}
