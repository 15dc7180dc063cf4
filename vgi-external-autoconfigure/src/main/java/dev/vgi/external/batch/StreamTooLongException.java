package dev.vgi.external.batch;

/**
 * An Arrow stream is longer, or declares to be longer, than its reader allows.
 */
public class StreamTooLongException extends CorruptStreamException {

	private final long limit;

	/**
	 * Create an error.
	 * @param limit most bytes that the reader accepts
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
