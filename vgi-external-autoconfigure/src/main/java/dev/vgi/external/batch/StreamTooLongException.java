package dev.vgi.external.batch;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

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
	 * Count what is created of streams.
	 * @param limit most bytes
	 * @return receives the bytes that are about to be created, and throws this exception
	 * once there are too many
	 */
	public static LongConsumer meter(long limit) {
		AtomicLong left = new AtomicLong(limit);
		return (bytes) -> {
			if (left.addAndGet(-bytes) < 0) {
				throw new StreamTooLongException(limit);
			}
		};
	}

	/**
	 * Return the limit.
	 * @return bytes
	 */
	public long limit() {
		return this.limit;
	}

}
