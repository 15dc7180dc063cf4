package dev.vgi.external.transport;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;

/**
 * A request body of known length that can be written again for a retry. Thread-safe.
 */
public interface RequestBody {

	/**
	 * Return the exact length.
	 * @return bytes, sent as {@code Content-Length}
	 */
	long length();

	/**
	 * Write all bytes.
	 * @param channel a blocking channel; left open
	 * @throws IOException if the channel fails
	 */
	void writeTo(WritableByteChannel channel) throws IOException;

}
