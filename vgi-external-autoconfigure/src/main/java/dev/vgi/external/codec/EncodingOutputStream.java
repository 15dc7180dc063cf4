package dev.vgi.external.codec;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * Encodes a stream on the fly. Not thread-safe; closes the target and the encoder.
 */
final class EncodingOutputStream extends OutputStream {

	private static final int BUFFER = 1 << 15;

	private final OutputStream target;

	private final ZstdContentCodec.Encoder encoder;

	private final ByteBuffer source = ByteBuffer.allocateDirect(BUFFER);

	private final ByteBuffer encoded = ByteBuffer.allocateDirect(BUFFER);

	private final byte[] transfer = new byte[BUFFER];

	private boolean closed;

	EncodingOutputStream(OutputStream target, ZstdContentCodec.Encoder encoder) {
		this.target = target;
		this.encoder = encoder;
	}

	@Override
	public void write(int octet) throws IOException {
		makeRoom();
		this.source.put((byte) octet);
	}

	@Override
	public void write(byte[] bytes, int offset, int length) throws IOException {
		Objects.checkFromIndexSize(offset, length, bytes.length);
		int done = 0;
		while (done < length) {
			makeRoom();
			int count = Math.min(length - done, this.source.remaining());
			this.source.put(bytes, offset + done, count);
			done += count;
		}
	}

	/**
	 * Flush the target only. The encoder keeps its pending output, since flushing it in
	 * the middle would cost compression.
	 */
	@Override
	public void flush() throws IOException {
		this.target.flush();
	}

	private void makeRoom() throws IOException {
		if (this.closed) {
			throw new IOException("Stream closed");
		}
		if (!this.source.hasRemaining()) {
			encode(false);
		}
	}

	private void encode(boolean last) throws IOException {
		this.source.flip();
		boolean done = false;
		while (!done) {
			done = this.encoder.encode(this.source, this.encoded, last);
			this.encoded.flip();
			int count = this.encoded.remaining();
			this.encoded.get(this.transfer, 0, count);
			this.encoded.clear();
			this.target.write(this.transfer, 0, count);
		}
		this.source.clear();
	}

	@Override
	public void close() throws IOException {
		if (!this.closed) {
			this.closed = true;
			try (this.target; this.encoder) {
				encode(true);
			}
		}
	}

}
