package dev.vgi.external.rpc.pipe;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;

/**
 * What arrives on a connection. Small reads are served from a buffer, which is filled
 * with whatever is there; large ones go straight to their target. Used by one thread at a
 * time.
 */
final class PipeInput extends InputStream implements ReadableByteChannel {

	/** What a pipe of Linux holds. */
	private static final int BUFFER = 1 << 16;

	private final ReadableByteChannel source;

	/** Holds what was read and not yet taken, between its position and its limit. */
	private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER).limit(0);

	private int mark;

	/**
	 * Create an input.
	 * @param source a blocking channel; closed with the input
	 */
	PipeInput(ReadableByteChannel source) {
		this.source = source;
	}

	@Override
	public int read(ByteBuffer target) throws IOException {
		if (!target.hasRemaining()) {
			return 0;
		}
		if (!this.buffer.hasRemaining() && target.remaining() >= BUFFER) {
			this.mark = this.buffer.position();
			return this.source.read(target);
		}
		int count = available(target.remaining());
		if (count > 0) {
			int limit = this.buffer.limit();
			target.put(this.buffer.limit(this.buffer.position() + count));
			this.buffer.limit(limit);
		}
		return count;
	}

	@Override
	public int read(byte[] target, int offset, int length) throws IOException {
		int count = (length > 0) ? available(length) : 0;
		if (count > 0) {
			this.buffer.get(target, offset, count);
		}
		return count;
	}

	@Override
	public int read() throws IOException {
		return (available(1) > 0) ? this.buffer.get() & 0xFF : -1;
	}

	// Fills the buffer if it is empty: returns how much can be taken, or -1 at the end.
	private int available(int most) throws IOException {
		if (!this.buffer.hasRemaining()) {
			int taken = this.buffer.position();
			this.buffer.clear();
			int got = -1;
			try {
				got = this.source.read(this.buffer);
			}
			finally {
				if (got < 0) {
					// What was there before it ended may tell why.
					this.buffer.limit(taken).position(taken);
				}
			}
			if (got < 0) {
				return -1;
			}
			this.buffer.flip();
			this.mark = 0;
		}
		return Math.min(most, this.buffer.remaining());
	}

	/**
	 * Remember where the next bytes begin.
	 */
	void mark() {
		this.mark = this.buffer.position();
	}

	/**
	 * Return what has arrived since the last {@link #mark()}, as far as it is still in
	 * the buffer, whether it was taken or not.
	 * @return a copy of the bytes
	 */
	byte[] sinceMark() {
		byte[] bytes = new byte[this.buffer.limit() - this.mark];
		this.buffer.get(this.mark, bytes);
		return bytes;
	}

	@Override
	public int available() {
		return this.buffer.remaining();
	}

	@Override
	public boolean isOpen() {
		return this.source.isOpen();
	}

	@Override
	public void close() throws IOException {
		this.source.close();
	}

}
