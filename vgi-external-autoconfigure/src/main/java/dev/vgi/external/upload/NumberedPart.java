package dev.vgi.external.upload;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.function.BooleanSupplier;

import dev.vgi.external.transport.RequestBody;

/**
 * A part and its place in the object. Writing it fails once the transfer is cancelled.
 */
public final class NumberedPart implements RequestBody {

	/** How many bytes are written between two checks for cancellation. */
	private static final int STEP = 256 * 1024;

	private final Payload.Part part;

	private final int number;

	private final long offset;

	private final BooleanSupplier cancelled;

	NumberedPart(Payload.Part part, int number, long offset, BooleanSupplier cancelled) {
		this.part = part;
		this.number = number;
		this.offset = offset;
		this.cancelled = cancelled;
	}

	/**
	 * Return the number of the part.
	 * @return 1 for the first one
	 */
	public int number() {
		return this.number;
	}

	/**
	 * Return where the part starts.
	 * @return number of bytes before it
	 */
	public long offset() {
		return this.offset;
	}

	/**
	 * Return whether no other part follows.
	 * @return {@code true} for the last part
	 */
	public boolean isLast() {
		return this.part.isLast();
	}

	/**
	 * Return the part itself, which is closed once it was sent.
	 * @return the part
	 */
	Payload.Part part() {
		return this.part;
	}

	@Override
	public long length() {
		return this.part.length();
	}

	@Override
	public void writeTo(WritableByteChannel channel) throws IOException {
		this.part.writeTo(new CancellableChannel(channel, this.cancelled));
	}

	/**
	 * A channel that writes in small steps, until it is cancelled.
	 *
	 * @param target where the bytes go
	 * @param cancelled whether to stop
	 */
	private record CancellableChannel(WritableByteChannel target,
			BooleanSupplier cancelled) implements WritableByteChannel {

		@Override
		public int write(ByteBuffer source) throws IOException {
			if (this.cancelled.getAsBoolean()) {
				throw new IOException("The upload was cancelled");
			}
			int limit = source.limit();
			source.limit(Math.min(limit, source.position() + STEP));
			try {
				return this.target.write(source);
			}
			finally {
				source.limit(limit);
			}
		}

		@Override
		public boolean isOpen() {
			return this.target.isOpen();
		}

		@Override
		public void close() throws IOException {
			this.target.close();
		}

	}

}
