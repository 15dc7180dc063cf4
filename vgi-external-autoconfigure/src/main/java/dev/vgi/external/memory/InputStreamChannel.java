package dev.vgi.external.memory;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;

import dev.vgi.external.Internal;

/**
 * Reads a stream into off-heap memory, through one array on the heap. Unlike the JDK's
 * channel for a stream it blocks for the first byte only. Not thread-safe.
 */
@Internal
public final class InputStreamChannel implements ReadableByteChannel {

	private static final int PIECE = 1 << 16;

	private final InputStream in;

	private byte[] piece = new byte[0];

	private volatile boolean closed;

	/**
	 * Create a channel.
	 * @param in the stream; closed with the channel
	 */
	public InputStreamChannel(InputStream in) {
		this.in = in;
	}

	@Override
	public int read(ByteBuffer target) throws IOException {
		int wanted = Math.min(PIECE, target.remaining());
		// Most bodies are much shorter than a piece.
		if (this.piece.length < wanted) {
			this.piece = new byte[wanted];
		}
		int got = this.in.read(this.piece, 0, wanted);
		if (got > 0) {
			target.put(this.piece, 0, got);
		}
		return got;
	}

	@Override
	public boolean isOpen() {
		return !this.closed;
	}

	@Override
	public void close() throws IOException {
		this.closed = true;
		this.in.close();
	}

}
