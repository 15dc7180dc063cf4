package dev.vgi.external.batch;

/**
 * An Arrow stream that goes on, or says it does, beyond the bytes that its reader takes.
 */
public class StreamTooLongException extends CorruptStreamException {

	private final long limit;

	/**
	 * Create an error.
	 * @param limit the most bytes that the reader takes
	 */
	StreamTooLongException(long limit) {
		super(Kind.TOO_LARGE, "The Arrow IPC stream is longer than the " + limit + " bytes allowed");
		this.limit = limit;
	}

	/**
	 * Return the limit.
	 * @return bytes
	 */
	public long limit() {
		return this.limit;
	}

}
