package dev.vgi.external.storage.local;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;

import dev.vgi.external.storage.local.LocalAccessException.Reason;

/**
 * The body of a PUT request, which has to have its announced length and to arrive at a
 * minimum pace: a slower sender may only want to keep a request open. Used once.
 */
final class UploadBody {

	private static final int BUFFER = 64 * 1024;

	private static final Duration WINDOW = Duration.ofSeconds(10);

	private static final long BYTES_PER_SECOND = 1024;

	private static final long MAX_DISCARDED = 64L << 20;

	private static final Duration MAX_DISCARDING = Duration.ofSeconds(20);

	private final InputStream body;

	private final long length;

	private final Clock clock;

	/** When the current window began, and how many bytes have arrived since. */
	private Instant start;

	private long bytes;

	/**
	 * Create a body.
	 * @param body the bytes as received
	 * @param length their announced number
	 * @param clock measures the pace
	 */
	UploadBody(InputStream body, long length, Clock clock) {
		this.body = body;
		this.length = length;
		this.clock = clock;
		this.start = clock.instant();
	}

	/**
	 * Copy all bytes.
	 * @param target where they go
	 * @throws LocalAccessException with {@link Reason#INCOMPLETE} or
	 * {@link Reason#TOO_SLOW}
	 * @throws IOException if the target fails
	 */
	void copyTo(WritableByteChannel target) throws IOException {
		byte[] buffer = new byte[BUFFER];
		long remaining = this.length;
		while (remaining > 0) {
			int count = read(buffer, (int) Math.min(buffer.length, remaining));
			if (count < 0) {
				throw new LocalAccessException(Reason.INCOMPLETE,
						"The upload broke off " + remaining + " bytes before its announced end", null);
			}
			target.write(ByteBuffer.wrap(buffer, 0, count));
			remaining -= count;
			if (remaining > 0) {
				arrived(count);
			}
		}
		if (read(buffer, 1) >= 0) {
			throw new LocalAccessException(Reason.INCOMPLETE, "The upload is longer than announced", null);
		}
	}

	/**
	 * Read the bytes away, up to a limit, as long as they arrive at the pace, and not for
	 * long: a sender without permission must not hold a thread.
	 */
	void discard() {
		byte[] buffer = new byte[BUFFER];
		Instant end = this.start.plus(MAX_DISCARDING);
		try {
			int count = 0;
			for (long discarded = 0; count >= 0 && discarded < MAX_DISCARDED
					&& this.clock.instant().isBefore(end); discarded += count) {
				arrived(count);
				count = read(buffer, buffer.length);
			}
		}
		catch (LocalAccessException ex) {
			// Its sender has the answer, or will not see it.
		}
	}

	private int read(byte[] buffer, int count) {
		// A failure of the body is the caller's fault; a failure of the folder is ours.
		try {
			return this.body.read(buffer, 0, count);
		}
		catch (IOException ex) {
			throw new LocalAccessException(Reason.INCOMPLETE,
					(ex instanceof EOFException) ? "The upload broke off" : "The upload cannot be read", null);
		}
	}

	private void arrived(int count) {
		this.bytes += count;
		Instant now = this.clock.instant();
		Duration elapsed = Duration.between(this.start, now);
		if (elapsed.compareTo(WINDOW) < 0) {
			return;
		}
		if (this.bytes < elapsed.toSeconds() * BYTES_PER_SECOND) {
			throw new LocalAccessException(Reason.TOO_SLOW, "The upload is slower than " + BYTES_PER_SECOND
					+ " bytes a second over " + WINDOW.toSeconds() + " s", null);
		}
		this.start = now;
		this.bytes = 0;
	}

}
