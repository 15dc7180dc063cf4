package dev.vgi.external.fetch;

import java.nio.ByteBuffer;

import dev.vgi.external.codec.ContentCodec;
import org.jspecify.annotations.Nullable;

/**
 * What is known about a body before it is received, and the memory that it takes.
 *
 * @param codec the coding of its bytes, or {@code null} for none
 * @param size decoded size as far as known, or -1
 * @param window bytes of decoded content that the decoder holds
 */
record BodyShape(@Nullable ContentCodec codec, long size, long window) {

	/** Initial capacity for a body of unknown size. */
	private static final long FIRST_CAPACITY = 1L << 20;

	/**
	 * Determine the shape of a body.
	 * @param codec the coding of its bytes, or {@code null} for none
	 * @param head the first bytes of a coded body, which declare its size
	 * @param length number of its bytes as stored, or -1
	 * @param config the cap on decoded bytes
	 * @return the shape
	 */
	static BodyShape of(@Nullable ContentCodec codec, ByteBuffer head, long length, FetchConfig config) {
		if (codec == null) {
			return new BodyShape(null, length, 0);
		}
		long declared;
		try (ContentCodec.Decoder decoder = codec.decoder()) {
			declared = decoder.declaredSize(head);
		}
		config.checkDecodedSize(declared);
		return new BodyShape(codec, declared, codec.window(head));
	}

	@Nullable String coding() {
		return (this.codec != null) ? this.codec.coding() : null;
	}

	// How much memory the decoded bytes need at the start.
	long capacity() {
		if (this.codec == null) {
			return (this.size > 0) ? this.size : FIRST_CAPACITY;
		}
		// A decoder notices its end only if its target has room left.
		return (this.size >= 0) ? this.size + 1 : FIRST_CAPACITY;
	}

	// How much memory a decoder and its input need in addition.
	long beside() {
		return (this.codec != null) ? BodyAssembly.STEP + this.window : 0;
	}

	// How much memory to reserve.
	long memory() {
		return capacity() + beside();
	}

}
