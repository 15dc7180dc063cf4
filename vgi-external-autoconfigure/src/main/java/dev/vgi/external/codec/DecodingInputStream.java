package dev.vgi.external.codec;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * Decodes a stream on the fly. Input that ends before its coding does is an error. Not
 * thread-safe; closes the encoded stream and the decoder.
 */
final class DecodingInputStream extends InputStream {

	private static final int BUFFER = 1 << 15;

	private final String coding;

	private final InputStream encoded;

	private final ContentCodec.Decoder decoder;

	private final ByteBuffer source = ByteBuffer.allocateDirect(BUFFER).limit(0);

	private final ByteBuffer target = ByteBuffer.allocateDirect(BUFFER).limit(0);

	private final byte[] transfer = new byte[BUFFER];

	private boolean complete;

	private boolean exhausted;

	private boolean closed;

	DecodingInputStream(String coding, InputStream encoded, ContentCodec.Decoder decoder) {
		this.coding = coding;
		this.encoded = encoded;
		this.decoder = decoder;
	}

	@Override
	public int read() throws IOException {
		return ensureDecoded() ? this.target.get() & 0xFF : -1;
	}

	@Override
	public int read(byte[] bytes, int offset, int length) throws IOException {
		Objects.checkFromIndexSize(offset, length, bytes.length);
		if (length == 0) {
			return 0;
		}
		if (!ensureDecoded()) {
			return -1;
		}
		int count = Math.min(length, this.target.remaining());
		this.target.get(bytes, offset, count);
		return count;
	}

	@Override
	public int available() {
		return this.target.remaining();
	}

	private boolean ensureDecoded() throws IOException {
		if (this.closed) {
			throw new IOException("Stream closed");
		}
		// a full target may mean that the decoder still holds decoded bytes
		boolean drained = this.target.limit() < this.target.capacity();
		while (!this.target.hasRemaining()) {
			if (drained && !this.source.hasRemaining() && !fill()) {
				if (!this.complete) {
					throw Corrupt.encoding(this.coding, "the data is cut off", null);
				}
				return false;
			}
			this.target.clear();
			try {
				this.complete = this.decoder.decode(this.source, this.target);
			}
			finally {
				this.target.flip();
			}
			drained = this.target.limit() < this.target.capacity();
		}
		return true;
	}

	private boolean fill() throws IOException {
		if (this.exhausted) {
			return false;
		}
		int count = this.encoded.read(this.transfer, 0, this.transfer.length);
		if (count < 0) {
			this.exhausted = true;
			return false;
		}
		this.source.clear().put(this.transfer, 0, count).flip();
		return true;
	}

	@Override
	public void close() throws IOException {
		if (!this.closed) {
			this.closed = true;
			try (this.decoder) {
				this.encoded.close();
			}
		}
	}

}
