package dev.vgi.external.batch;

/**
 * Keeps the work of reading in proportion to the bytes that were read, and reports it to
 * the watch. Not thread-safe.
 */
final class WorkMeter {

	/** Work that needs no bytes, so that small streams may be unusual. */
	private static final long FREE = 1L << 24;

	/** Work that each byte pays for. */
	private static final long CREDIT_PER_BYTE = 8;

	private final ReadWatch watch;

	private long credit = FREE;

	private long untold;

	WorkMeter(ReadWatch watch) {
		this.watch = watch;
	}

	/**
	 * Bytes have arrived.
	 * @param bytes number of bytes
	 */
	void arrived(long bytes) {
		this.credit += CREDIT_PER_BYTE * bytes;
		done(bytes);
	}

	/**
	 * Bytes that have arrived are examined.
	 * @param bytes number of bytes
	 */
	void done(long bytes) {
		this.untold += bytes;
		if (this.untold >= ReadWatch.STRIDE) {
			long told = this.untold;
			this.untold = 0;
			this.watch.read(told);
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
