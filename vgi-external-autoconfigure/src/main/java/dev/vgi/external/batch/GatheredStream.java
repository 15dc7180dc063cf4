package dev.vgi.external.batch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.List;

/**
 * A complete Arrow IPC stream as a list of views of the batches it was gathered from.
 * Nothing big was copied: the views retain the batches' buffers, which must not be
 * changed while the stream is open. May be written any number of times, also from several
 * threads. Whoever gathered it closes it.
 */
public final class GatheredStream implements AutoCloseable {

	/**
	 * Return the exact length of the stream.
	 * @return bytes
	 */
	public long length() {
		throw new UnsupportedOperationException();
	}

	/**
	 * Return the stream piece by piece.
	 * @return fresh read-only direct views, each at most {@link Integer#MAX_VALUE} bytes,
	 * valid until this stream is closed
	 */
	public List<ByteBuffer> segments() {
		throw new UnsupportedOperationException();
	}

	/**
	 * Write the whole stream.
	 * @param channel the blocking channel to write to; left open
	 * @throws IOException if the channel fails
	 */
	public void writeTo(WritableByteChannel channel) throws IOException {
		throw new UnsupportedOperationException();
	}

	/**
	 * Let go of the views. Idempotent.
	 */
	@Override
	public void close() {
	}

}
