package dev.vgi.external.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;

import dev.vgi.external.Internal;
import dev.vgi.external.transport.RequestBody;

/**
 * A short text as the body of a request. Immutable.
 */
@Internal
public final class TextBody implements RequestBody {

	/** The body of a request without one. */
	public static final TextBody EMPTY = new TextBody("");

	private final byte[] bytes;

	/**
	 * Create a body.
	 * @param text the text, sent as UTF-8
	 */
	public TextBody(String text) {
		this.bytes = text.getBytes(StandardCharsets.UTF_8);
	}

	@Override
	public long length() {
		return this.bytes.length;
	}

	@Override
	public void writeTo(WritableByteChannel channel) throws IOException {
		ByteBuffer remaining = ByteBuffer.wrap(this.bytes);
		while (remaining.hasRemaining()) {
			channel.write(remaining);
		}
	}

}
