package dev.vgi.external.batch;

import java.util.function.LongConsumer;

/**
 * Keeps the work of reading in proportion to the bytes that were read, and reports it to
 * the watch. What compressed buffers decode to counts as if it had been read, before it
 * is decoded. Not thread-safe.
 */
final class WorkMeter {

	/** Work that needs no bytes, so that small streams may be unusual. */
	private static final long FREE = 1L << 24;

	/** Work that each byte pays for. */
	private static final long CREDIT_PER_BYTE = 8;

	/** Rows that are examined between two reports. */
	private static final int ROWS = 1 << 14;

	/** Bytes of work between two reports to the watch. */
	static final int STRIDE = 1 << 20;

	private final LongConsumer watch;

	private final long maxSize;

	private long credit = FREE;

	private long untold;

	private long read;

	private long expanded;

	/**
	 * Create a meter.
	 * @param watch receives the work
	 * @param maxSize most bytes that the streams may have with their buffers decoded
	 */
	WorkMeter(LongConsumer watch, long maxSize) {
		this.watch = watch;
		this.maxSize = maxSize;
	}

	/**
	 * Bytes have arrived.
	 * @param bytes number of bytes
	 */
	void arrived(long bytes) {
		this.credit += CREDIT_PER_BYTE * bytes;
		this.read += bytes;
		done(bytes);
	}

	/**
	 * Compressed buffers are about to be decoded.
	 * @param bytes by how much that makes the stream longer
	 * @throws StreamTooLongException if the stream may not be as long
	 */
	void expanding(long bytes) {
		if (bytes > this.maxSize - this.read - this.expanded) {
			throw new StreamTooLongException(this.maxSize);
		}
		this.expanded += bytes;
		this.credit += CREDIT_PER_BYTE * bytes;
	}

	/**
	 * Return how much longer the streams would be without compressed buffers.
	 * @return bytes so far
	 */
	long expanded() {
		return this.expanded;
	}

	/**
	 * What was read so far no longer counts against the maximum size.
	 */
	void newAccount() {
		this.read = 0;
		this.expanded = 0;
	}

	/**
	 * Bytes that have arrived are examined.
	 * @param bytes number of bytes
	 */
	void done(long bytes) {
		this.untold += bytes;
		if (this.untold >= STRIDE) {
			long told = this.untold;
			this.untold = 0;
			this.watch.accept(told);
		}
	}

	/**
	 * A row is about to be examined. Reports the work from time to time.
	 * @param row index of the row
	 * @param width bytes of each row
	 */
	void row(int row, int width) {
		if ((row & (ROWS - 1)) == ROWS - 1) {
			done((long) ROWS * width);
		}
	}

	/**
	 * Something is about to be created that the stream does not contain.
	 * @param bytes the work in bytes
	 * @throws CorruptStreamException if the bytes so far do not pay for it
	 */
	void spend(long bytes) {
		this.credit -= bytes;
		if (this.credit < 0) {
			throw new CorruptStreamException("The stream asks for more work than its bytes stand for");
		}
		done(bytes);
	}

}
