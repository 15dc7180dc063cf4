package dev.vgi.external.batch;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import dev.vgi.external.memory.OutputStreamChannel;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

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

	private GatheredStream(List<ByteBuffer> views, List<ArrowBuf> retained, long length) {
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
	 * Write the whole stream.
	 * @param out the stream to write to; left open and not flushed
	 * @throws IOException if it cannot be written
	 * @throws IllegalStateException after {@link #close()}
	 */
	public void writeTo(OutputStream out) throws IOException {
		OutputStreamChannel channel = new OutputStreamChannel(out);
		writeTo(channel);
		channel.flush();
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

	/**
	 * Collects the pieces of a stream: large buffers as views that keep their memory
	 * alive, small ones and headers as copies in as few blocks as possible. Not
	 * thread-safe. Its creator closes it, which has no effect after {@link #finish()}.
	 */
	static final class Gatherer implements AutoCloseable {

		/** Below this size a copy is cheaper than one more segment. */
		private static final int SMALL = 4096;

		/** Size at which the collected copies get a block of their own. */
		private static final int BLOCK = 1 << 22;

		/** The length of a view is an int. */
		private static final long WINDOW = 1L << 30;

		private final @Nullable BufferAllocator allocator;

		private final List<Piece> pieces = new ArrayList<>();

		private final List<ByteBuffer> views = new ArrayList<>();

		private List<ArrowBuf> retained = new ArrayList<>();

		private byte[] copies = new byte[1024];

		private int copied;

		private int copiedFrom;

		private long length;

		/**
		 * Create a gatherer.
		 * @param allocator the owner of the copies' memory, or {@code null} to use the
		 * heap
		 */
		Gatherer(@Nullable BufferAllocator allocator) {
			this.allocator = allocator;
		}

		void intLittleEndian(int value) {
			reserve(Integer.BYTES);
			for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
				this.copies[this.copied++] = (byte) (value >>> shift);
			}
			this.length += Integer.BYTES;
		}

		void bytes(ByteBuffer bytes) {
			int count = bytes.remaining();
			reserve(count);
			bytes.get(this.copies, this.copied, count);
			this.copied += count;
			this.length += count;
		}

		void zeros(long count) {
			int size = Math.toIntExact(count);
			reserve(size);
			Arrays.fill(this.copies, this.copied, this.copied + size, (byte) 0);
			this.copied += size;
			this.length += size;
		}

		void buffer(ArrowBuf buffer, long count) {
			if (count < SMALL) {
				int size = (int) count;
				reserve(size);
				buffer.getBytes(0, this.copies, this.copied, size);
				this.copied += size;
				this.length += size;
				return;
			}
			endCopies();
			buffer.getReferenceManager().retain();
			this.retained.add(buffer);
			this.pieces.add(new Piece(buffer, 0, count));
			this.length += count;
		}

		private void reserve(int count) {
			if (this.copied > BLOCK) {
				makeBlock();
			}
			int needed = Math.addExact(this.copied, count);
			if (needed > this.copies.length) {
				this.copies = Arrays.copyOf(this.copies, Math.max(needed, 2 * this.copies.length));
			}
		}

		private void endCopies() {
			this.pieces.add(new Piece(null, this.copiedFrom, this.copied - this.copiedFrom));
			this.copiedFrom = this.copied;
		}

		// puts all copies into one block and turns the pieces so far into views
		private void makeBlock() {
			endCopies();
			ByteBuffer block = allocate(this.copied);
			block.put(0, this.copies, 0, this.copied);
			for (Piece piece : this.pieces) {
				for (long done = 0; done < piece.length(); done += WINDOW) {
					int size = (int) Math.min(WINDOW, piece.length() - done);
					this.views.add(((piece.buffer() != null) ? piece.buffer().nioBuffer(piece.offset() + done, size)
							: block.slice((int) (piece.offset() + done), size))
						.asReadOnlyBuffer());
				}
			}
			this.pieces.clear();
			this.copied = 0;
			this.copiedFrom = 0;
		}

		private ByteBuffer allocate(int size) {
			if (this.allocator == null) {
				return ByteBuffer.allocateDirect(size);
			}
			ArrowBuf block = this.allocator.buffer(size);
			this.retained.add(block);
			return block.nioBuffer(0, size);
		}

		/**
		 * Hand over everything gathered.
		 * @return the pieces gathered so far; the caller closes them
		 */
		GatheredStream finish() {
			makeBlock();
			GatheredStream stream = new GatheredStream(List.copyOf(this.views), this.retained, this.length);
			this.retained = new ArrayList<>();
			return stream;
		}

		@Override
		public void close() {
			this.retained.forEach((buffer) -> buffer.getReferenceManager().release());
			this.retained = new ArrayList<>();
		}

		/**
		 * A run of bytes.
		 *
		 * @param buffer the source, or {@code null} if they are copies
		 * @param offset start in the source
		 * @param length number of bytes
		 */
		private record Piece(@Nullable ArrowBuf buffer, long offset, long length) {

		}

	}

}
