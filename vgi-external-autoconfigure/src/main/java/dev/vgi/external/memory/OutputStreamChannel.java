package dev.vgi.external.memory;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.Arrays;

import dev.vgi.external.Internal;

/**
 * Writes off-heap bytes to a stream, through one array on the heap, in pieces of equal
 * size; only the last one may be shorter. HTTP/2 splits a piece at the end of the
 * receiver's window, and some servers take the tiny remainders of oversized pieces for an
 * attack. The caller flushes at the end.
 */
@Internal
public final class OutputStreamChannel implements WritableByteChannel {

	/** The initial window size of HTTP/2 (RFC 9113, section 6.9.2). */
	public static final int PIECE = 65_535;

	private final OutputStream out;

	private byte[] piece = new byte[0];

	private int filled;

	/**
	 * Create a channel.
	 * @param out the stream; left open
	 */
	public OutputStreamChannel(OutputStream out) {
		this.out = out;
	}

	@Override
	public int write(ByteBuffer source) throws IOException {
		int written = source.remaining();
		while (source.hasRemaining()) {
			makeRoom(source.remaining());
			int length = Math.min(this.piece.length - this.filled, source.remaining());
			source.get(this.piece, this.filled, length);
			this.filled += length;
		}
		return written;
	}

	// Most bodies are much shorter than a piece.
	private void makeRoom(int wanted) throws IOException {
		if (this.filled == PIECE) {
			flush();
		}
		int needed = (int) Math.min(PIECE, (long) this.filled + wanted);
		if (this.piece.length < needed) {
			this.piece = Arrays.copyOf(this.piece, Math.min(PIECE, Math.max(needed, 2 * this.piece.length)));
		}
	}

	/**
	 * Write the buffered rest to the stream, which is not flushed itself.
	 * @throws IOException if it cannot be written
	 */
	public void flush() throws IOException {
		this.out.write(this.piece, 0, this.filled);
		this.filled = 0;
	}

	@Override
	public boolean isOpen() {
		return true;
	}

	@Override
	public void close() {
		// The stream belongs to the caller.
	}

}
