package dev.vgi.external.batch.segment;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.LongBuffer;

import org.apache.arrow.memory.ArrowBuf;

/**
 * Compares and rebases runs of bytes of any length.
 */
final class Bytes {

	/** Bytes that are seen through one view. */
	private static final int WINDOW = 1 << 20;

	private static final int CHUNK = 1 << 10;

	private Bytes() {
	}

	/**
	 * Return whether two runs of bytes are the same.
	 * @param left contains the one
	 * @param leftFrom index of its first byte
	 * @param right contains the other
	 * @param rightFrom index of its first byte
	 * @param count how many
	 * @return whether all are equal
	 */
	static boolean equal(ArrowBuf left, long leftFrom, ArrowBuf right, long rightFrom, long count) {
		if (left.memoryAddress() + leftFrom == right.memoryAddress() + rightFrom) {
			return true;
		}
		for (long done = 0; done < count; done += WINDOW) {
			int size = (int) Math.min(WINDOW, count - done);
			if (!left.nioBuffer(leftFrom + done, size).equals(right.nioBuffer(rightFrom + done, size))) {
				return false;
			}
		}
		return true;
	}

	/**
	 * Return whether two runs of offsets delimit values of the same lengths.
	 * @param left contains the one
	 * @param leftFrom index of its first offset
	 * @param right contains the other
	 * @param rightFrom index of its first offset
	 * @param count how many values
	 * @param width bytes of each offset
	 * @return whether all lengths are equal
	 */
	static boolean sameLengths(ArrowBuf left, long leftFrom, ArrowBuf right, long rightFrom, long count, int width) {
		long difference = offset(right, rightFrom, width) - offset(left, leftFrom, width);
		if (difference == 0) {
			return equal(left, leftFrom * width, right, rightFrom * width, (count + 1) * width);
		}
		for (long i = 1; i <= count; i++) {
			if (offset(right, rightFrom + i, width) - offset(left, leftFrom + i, width) != difference) {
				return false;
			}
		}
		return true;
	}

	/**
	 * Return an offset.
	 * @param offsets contains it
	 * @param index its index
	 * @param width bytes of each offset
	 * @return its value
	 */
	static long offset(ArrowBuf offsets, long index, int width) {
		return (width == Integer.BYTES) ? offsets.getInt(index * width) : offsets.getLong(index * width);
	}

	/**
	 * Copy offsets that count from another place from now on.
	 * @param source where they are
	 * @param from index of the first one
	 * @param target receives them
	 * @param to index of the first one there
	 * @param count how many
	 * @param width bytes of each offset
	 * @param difference is added to each
	 */
	static void rebase(ArrowBuf source, long from, ArrowBuf target, long to, long count, int width, long difference) {
		long bytes = count * width;
		if (difference == 0) {
			target.setBytes(to * width, source, from * width, bytes);
			return;
		}
		int[] ints = new int[(width == Integer.BYTES) ? (int) Math.min(CHUNK, count) : 0];
		long[] longs = new long[(width == Long.BYTES) ? (int) Math.min(CHUNK, count) : 0];
		for (long done = 0; done < bytes; done += WINDOW) {
			int size = (int) Math.min(WINDOW, bytes - done);
			ByteBuffer in = window(source, from * width + done, size);
			ByteBuffer out = window(target, to * width + done, size);
			if (width == Integer.BYTES) {
				rebase(in.asIntBuffer(), out.asIntBuffer(), ints, (int) difference);
			}
			else {
				rebase(in.asLongBuffer(), out.asLongBuffer(), longs, difference);
			}
		}
	}

	// through an array, since loops over arrays are compiled to vector instructions
	private static void rebase(IntBuffer in, IntBuffer out, int[] chunk, int difference) {
		while (in.hasRemaining()) {
			int count = Math.min(chunk.length, in.remaining());
			in.get(chunk, 0, count);
			for (int i = 0; i < count; i++) {
				chunk[i] += difference;
			}
			out.put(chunk, 0, count);
		}
	}

	private static void rebase(LongBuffer in, LongBuffer out, long[] chunk, long difference) {
		while (in.hasRemaining()) {
			int count = Math.min(chunk.length, in.remaining());
			in.get(chunk, 0, count);
			for (int i = 0; i < count; i++) {
				chunk[i] += difference;
			}
			out.put(chunk, 0, count);
		}
	}

	private static ByteBuffer window(ArrowBuf buffer, long position, int size) {
		return buffer.nioBuffer(position, size).order(ByteOrder.LITTLE_ENDIAN);
	}

}
