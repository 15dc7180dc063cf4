package dev.vgi.external.batch;

import java.io.InputStream;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Reads Arrow IPC streams that stand back to back, batch by batch, with the batches'
 * metadata. Every length and offset is checked before it is used. Not thread-safe; the
 * creator closes it.
 */
public final class IpcStreamReader implements AutoCloseable {

	/**
	 * Read from memory without copying: the batches are slices of the body and keep it
	 * alive.
	 * @param body the bytes, retained until this reader and all batches are closed
	 * @param length how many of its bytes belong to the streams
	 * @param allocator the owner of what must be allocated nevertheless
	 * @return the reader
	 */
	public static IpcStreamReader of(ArrowBuf body, long length, BufferAllocator allocator) {
		throw new UnsupportedOperationException();
	}

	/**
	 * Read from a stream, one copy into off-heap memory per batch; never reads past the
	 * last end marker it was asked for.
	 * @param in the bytes; left open
	 * @param maxBytes how many bytes may be read in all before
	 * {@link CorruptStreamException} says it is too much
	 * @param allocator the owner of the batches' memory
	 * @return the reader
	 */
	public static IpcStreamReader of(InputStream in, long maxBytes, BufferAllocator allocator) {
		throw new UnsupportedOperationException();
	}

	/**
	 * Go to the next stream and read its schema; skips what is left of the current one.
	 * @return {@code false} at the clean end of the bytes
	 * @throws CorruptStreamException if there are bytes that are no stream
	 */
	public boolean nextStream() {
		throw new UnsupportedOperationException();
	}

	/**
	 * Return the schema of the current stream in memory format.
	 * @return the schema
	 * @throws IllegalStateException before {@link #nextStream()}
	 */
	public Schema schema() {
		throw new UnsupportedOperationException();
	}

	/**
	 * Read the next batch of the current stream.
	 * @return the batch, which owns its vectors and dictionaries and which the caller
	 * closes; or {@code null} at the end of the stream
	 * @throws CorruptStreamException if the bytes are not a batch of this schema
	 */
	public @Nullable AnnotatedBatch next() {
		throw new UnsupportedOperationException();
	}

	/**
	 * Return how many bytes were read so far.
	 * @return bytes up to the end of the last batch or marker
	 */
	public long position() {
		throw new UnsupportedOperationException();
	}

	/**
	 * Free dictionaries and let go of the body. Batches handed out stay valid.
	 */
	@Override
	public void close() {
	}

}
