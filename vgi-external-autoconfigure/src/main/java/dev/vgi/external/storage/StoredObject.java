package dev.vgi.external.storage;

import java.io.IOException;
import java.nio.channels.SeekableByteChannel;

import org.jspecify.annotations.Nullable;

/**
 * An object opened for reading without HTTP. The code that opened it closes it.
 *
 * @param channel the stored bytes, positioned at the first one
 * @param length number of stored bytes
 * @param contentCoding their coding, or {@code null} for none
 * @param entityTag the strong entity tag, in quotes
 */
public record StoredObject(SeekableByteChannel channel, long length, @Nullable String contentCoding,
		String entityTag) implements AutoCloseable {

	@Override
	public void close() throws IOException {
		this.channel.close();
	}

}
