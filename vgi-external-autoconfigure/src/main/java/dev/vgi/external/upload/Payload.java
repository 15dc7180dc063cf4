package dev.vgi.external.upload;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;

import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.RequestBody;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of one upload, taken part by part from the first to the last. A coded payload
 * is encoded while it is taken, so that only the parts that were taken and not yet closed
 * are in memory. Borrowed by the storage for the duration of the call; can be taken once.
 */
public interface Payload {

	/** Largest part. */
	int LARGEST_PART = 1 << 30;

	/** Maximum number of bytes of a payload that is produced while it is stored. */
	long UNKNOWN_LENGTH = Long.MAX_VALUE;

	/**
	 * Return the maximum number of bytes, for example to reserve room or to choose a part
	 * size.
	 * @return bytes, never fewer than the total of all parts; {@link #UNKNOWN_LENGTH} if
	 * nothing is known, and {@link #next} may wait for bytes as long as it takes to
	 * produce them
	 */
	long maxLength();

	/**
	 * Take the next part. Called by one thread at a time; earlier parts may be sent at
	 * the same time. If memory is short, waits until one of them is closed.
	 * @param size bytes of the part, unless it is the last one; from 1 to
	 * {@value #LARGEST_PART}
	 * @return the part, which the caller closes; or {@code null} if the last one was
	 * taken
	 * @throws dev.vgi.external.VgiExternalException if the bytes cannot be produced
	 */
	@Nullable Part next(int size);

	/**
	 * Return the transfer that these bytes belong to, for a storage that reports what it
	 * does. None has to.
	 * @return its trace; by default one that nobody watches
	 */
	default TransferTrace trace() {
		return TransferTrace.none();
	}

	/**
	 * Take no further part: a call of {@link #next} that waits for bytes fails at once,
	 * and whoever produces them is told. Idempotent. May be called by any thread.
	 */
	default void abandon() {
	}

	/**
	 * Write all bytes that were not taken yet, for a storage that does not need parts.
	 * @param channel a blocking channel; left open
	 * @throws IOException if the channel fails
	 */
	default void writeTo(WritableByteChannel channel) throws IOException {
		boolean more = true;
		while (more) {
			try (Part part = next(1 << 20)) {
				more = part != null && !part.isLast();
				if (part != null) {
					part.writeTo(channel);
				}
			}
		}
	}

	/**
	 * A part of a payload. Thread-safe; can be sent any number of times until it is
	 * closed.
	 */
	interface Part extends RequestBody, AutoCloseable {

		/**
		 * Return whether no other part follows.
		 * @return {@code true} for the last part, which may be shorter than requested
		 */
		boolean isLast();

		/**
		 * Release the bytes. Idempotent. No thread may still be writing them.
		 */
		@Override
		void close();

	}

}
