package dev.vgi.external.web;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/**
 * Writes off-heap bytes to an HTTP body through one heap buffer: the JDK's own adapter
 * copies 8 KB at a time.
 */
public final class OutputStreamChannel implements WritableByteChannel {

	private static final int STEP = 64 * 1024;

	private final OutputStream body;

	private byte[] step = new byte[0];

	/**
	 * Create a channel.
	 * @param body the body; left open
	 */
	public OutputStreamChannel(OutputStream body) {
		this.body = body;
	}

	@Override
	public int write(ByteBuffer source) throws IOException {
		int written = source.remaining();
		if (source.hasArray()) {
			this.body.write(source.array(), source.arrayOffset() + source.position(), written);
			source.position(source.limit());
			return written;
		}
		if (this.step.length < Math.min(STEP, written)) {
			this.step = new byte[Math.min(STEP, written)];
		}
		while (source.hasRemaining()) {
			int length = Math.min(this.step.length, source.remaining());
			source.get(this.step, 0, length);
			this.body.write(this.step, 0, length);
		}
		return written;
	}

	@Override
	public boolean isOpen() {
		return true;
	}

	@Override
	public void close() {
		// The body belongs to the message.
	}

}
