package dev.vgi.external.batch;

/**
 * Keeps the work of reading in proportion to the bytes that were read, and tells the
 * watch of it. Not thread-safe.
 */
final class WorkMeter {

	/** What no byte has to stand for, so that small streams may be unusual. */
	private static final long FREE = 1L << 24;

	/** A byte stands for this much work. */
	private static final long CREDIT_PER_BYTE = 8;

	private final ReadWatch watch;

	private long credit = FREE;

	private long untold;

	WorkMeter(ReadWatch watch) {
		this.watch = watch;
	}

	/**
	 * Bytes have arrived.
	 * @param bytes how many
	 */
	void arrived(long bytes) {
		this.credit += CREDIT_PER_BYTE * bytes;
		done(bytes);
	}

	/**
	 * Bytes that arrived are looked at.
	 * @param bytes how many
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
	 * Something is about to be made that does not stand in the stream.
	 * @param bytes how many bytes of work that is
	 * @throws CorruptStreamException if all the bytes so far do not stand for it
	 */
	void spend(long bytes) {
		this.credit -= bytes;
		if (this.credit < 0) {
			throw new CorruptStreamException("The stream asks for more work than its bytes stand for");
		}
		done(bytes);
	}

}
