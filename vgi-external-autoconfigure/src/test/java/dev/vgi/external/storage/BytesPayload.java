package dev.vgi.external.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.Random;

import dev.vgi.external.transport.RequestBody;

/**
 * A payload of a test.
 *
 * @param bytes what it holds
 * @param offset where it starts
 * @param size how many bytes it has
 * @param failAt position at which writing fails, or -1
 */
public record BytesPayload(byte[] bytes, int offset, int size, int failAt) implements Payload {

	public static BytesPayload of(byte[] bytes) {
		return new BytesPayload(bytes, 0, bytes.length, -1);
	}

	public static BytesPayload random(int length, long seed) {
		byte[] bytes = new byte[length];
		new Random(seed).nextBytes(bytes);
		return of(bytes);
	}

	public BytesPayload failingAt(int position) {
		return new BytesPayload(this.bytes, this.offset, this.size, position);
	}

	@Override
	public long length() {
		return this.size;
	}

	@Override
	public void writeTo(WritableByteChannel channel) throws IOException {
		boolean fails = this.failAt >= this.offset && this.failAt < this.offset + this.size;
		int end = fails ? this.failAt : this.offset + this.size;
		ByteBuffer remaining = ByteBuffer.wrap(this.bytes, this.offset, end - this.offset);
		while (remaining.hasRemaining()) {
			channel.write(remaining);
		}
		if (fails) {
			throw new IOException("planted failure");
		}
	}

	@Override
	public RequestBody slice(long offset, long length) {
		return new BytesPayload(this.bytes, this.offset + (int) offset, (int) length, this.failAt);
	}

}
