package dev.vgi.external.upload;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.function.BooleanSupplier;

import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.TransferRequest;
import org.jspecify.annotations.Nullable;

/**
 * A part and its place in the object. Writing it fails once the transfer is cancelled,
 * and the request that carries it ends.
 */
public final class NumberedPart implements RequestBody {

	private final Payload.Part part;

	private final int number;

	private final long offset;

	private final BooleanSupplier cancelled;

	private volatile @Nullable TransferRequest request;

	/**
	 * Number a part.
	 * @param part the part; borrowed
	 * @param number 1 for the first one
	 * @param offset number of bytes before it
	 * @param cancelled whether the transfer is cancelled
	 */
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
	 * Say which request carries this part next, so that it ends with the transfer.
	 * @param request the request
	 */
	public void carriedBy(TransferRequest request) {
		this.request = request;
		if (this.cancelled.getAsBoolean()) {
			request.cancel();
		}
	}

	/**
	 * End the request that carries this part. The transfer is cancelled already.
	 */
	void cancel() {
		TransferRequest running = this.request;
		if (running != null) {
			running.cancel();
		}
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
	 * A channel that writes until it is cancelled.
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
			return this.target.write(source);
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
