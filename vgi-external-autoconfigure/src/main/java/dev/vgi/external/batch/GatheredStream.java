package dev.vgi.external.batch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;

import org.apache.arrow.memory.ArrowBuf;

import org.springframework.util.Assert;

/**
 * A complete Arrow IPC stream as a list of views of the batches it was gathered from.
 * Large buffers are not copied: the views retain the batches' buffers, which must not
 * change while the stream is open. May be written any number of times, also from several
 * threads. The code that gathered it closes it.
 */
public final class GatheredStream implements AutoCloseable {

	private final List<ByteBuffer> views;

	private final List<ArrowBuf> retained;

	private final long length;

	private boolean closed;

	GatheredStream(List<ByteBuffer> views, List<ArrowBuf> retained, long length) {
		this.views = views;
		this.retained = retained;
		this.length = length;
	}

	/**
	 * Return the exact length of the stream.
	 * @return bytes
	 */
	public long length() {
		return this.length;
	}

	/**
	 * Return the stream piece by piece.
	 * @return fresh read-only direct views, each at most {@link Integer#MAX_VALUE} bytes
	 * and none empty, valid until this stream is closed
	 * @throws IllegalStateException after {@link #close()}
	 */
	public synchronized List<ByteBuffer> segments() {
		Assert.state(!this.closed, "The gathered stream is closed");
		List<ByteBuffer> segments = new ArrayList<>(this.views.size());
		this.views.forEach((view) -> segments.add(view.duplicate()));
		return segments;
	}

	/**
	 * Write the whole stream.
	 * @param channel the blocking channel to write to; left open
	 * @throws IOException if the channel fails
	 * @throws IllegalStateException after {@link #close()}
	 */
	public void writeTo(WritableByteChannel channel) throws IOException {
		for (ByteBuffer segment : segments()) {
			while (segment.hasRemaining()) {
				channel.write(segment);
			}
		}
	}

	/**
	 * Release the views. Idempotent. No thread may still be writing or hold a segment.
	 */
	@Override
	public synchronized void close() {
		if (!this.closed) {
			this.closed = true;
			this.retained.forEach((buffer) -> buffer.getReferenceManager().release());
		}
	}

}
