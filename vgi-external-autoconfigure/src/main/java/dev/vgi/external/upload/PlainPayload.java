package dev.vgi.external.upload;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.List;

import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferTrace;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A gathered stream that is stored unchanged: its parts are views of the batches' memory.
 */
final class PlainPayload implements EncodedPayload {

	private final List<ByteBuffer> segments;

	private final long length;

	private final TransferTrace trace;

	private long taken;

	PlainPayload(GatheredStream stream, TransferTrace trace) {
		this.segments = stream.segments();
		this.length = stream.length();
		this.trace = trace;
	}

	@Override
	public TransferTrace trace() {
		return this.trace;
	}

	@Override
	public long maxLength() {
		return this.length;
	}

	@Override
	public @Nullable Part next(int size) {
		Assert.isTrue(size > 0 && size <= LARGEST_PART, "'size' is out of range");
		if (this.taken == this.length) {
			return null;
		}
		long offset = this.taken;
		if (offset == 0) {
			this.trace.sized(this.length, null);
			this.trace.begins(Phase.UPLOAD);
		}
		this.taken = Math.min(this.length, offset + size);
		return new View(offset, this.taken - offset);
	}

	@Override
	public @Nullable String contentCoding() {
		return null;
	}

	@Override
	public long takenLength() {
		return this.taken;
	}

	@Override
	public void close() {
		// The stream owns everything.
	}

	private final class View implements Part {

		private final long offset;

		private final long size;

		View(long offset, long size) {
			this.offset = offset;
			this.size = size;
		}

		@Override
		public boolean isLast() {
			return this.offset + this.size == PlainPayload.this.length;
		}

		@Override
		public long length() {
			return this.size;
		}

		@Override
		public void writeTo(WritableByteChannel channel) throws IOException {
			long skip = this.offset;
			long left = this.size;
			for (ByteBuffer segment : PlainPayload.this.segments) {
				int available = segment.remaining();
				if (skip >= available) {
					skip -= available;
					continue;
				}
				ByteBuffer piece = segment.duplicate();
				piece.position(piece.position() + (int) skip);
				piece.limit((int) Math.min(piece.limit(), piece.position() + left));
				skip = 0;
				left -= piece.remaining();
				while (piece.hasRemaining()) {
					channel.write(piece);
				}
				if (left == 0) {
					return;
				}
			}
		}

		@Override
		public void close() {
			// A view owns nothing.
		}

	}

}
