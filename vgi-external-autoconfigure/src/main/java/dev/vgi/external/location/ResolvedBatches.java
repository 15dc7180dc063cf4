package dev.vgi.external.location;

import java.io.IOException;
import java.io.UncheckedIOException;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * The batches of a stream in order, pointers among them resolved, each verified before it
 * is handed out. What is ahead is fetched meanwhile. Used by one thread at a time, except
 * for {@link #close()}.
 */
public final class ResolvedBatches implements AutoCloseable {

	private final LocationResolver resolver;

	private final Source source;

	private final BufferAllocator allocator;

	private final LogSink logs;

	private @Nullable RuntimeException failure;

	private volatile boolean closed;

	ResolvedBatches(LocationResolver resolver, Source source, BufferAllocator allocator, LogSink logs) {
		this.resolver = resolver;
		this.source = source;
		this.allocator = allocator;
		this.logs = logs;
	}

	/**
	 * Return the schema of the batches.
	 * @return the schema in memory format
	 */
	public Schema schema() {
		return this.source.schema();
	}

	/**
	 * Return the next batch, and wait for it if necessary.
	 * @return the batch, which the caller closes; or {@code null} at the end
	 * @throws dev.vgi.external.VgiExternalException if this batch cannot be resolved or
	 * the source fails; later calls throw the same exception again
	 * @throws UncheckedIOException if the source cannot be read
	 * @throws IllegalStateException after {@link #close()}
	 */
	public @Nullable AnnotatedBatch next() {
		if (this.closed) {
			throw new IllegalStateException("The batches are closed");
		}
		if (this.failure != null) {
			throw this.failure;
		}
		try {
			AnnotatedBatch batch = this.source.next();
			return (batch != null) ? this.resolver.resolve(batch, this.allocator, this.logs) : null;
		}
		catch (IOException ex) {
			this.failure = new UncheckedIOException(ex);
			throw this.failure;
		}
		catch (RuntimeException ex) {
			this.failure = ex;
			throw ex;
		}
	}

	/**
	 * End all transfers, free what is ahead and close the source. No thread of this
	 * object lives on afterwards. May be called from another thread, and then ends a
	 * {@link #next()} that waits. Idempotent.
	 */
	@Override
	public void close() {
		if (!this.closed) {
			this.closed = true;
			this.source.close();
		}
	}

	/**
	 * Where the batches come from, such as the body of an HTTP message.
	 */
	public interface Source extends AutoCloseable {

		/**
		 * Return the schema of all batches.
		 * @return the schema in memory format
		 */
		Schema schema();

		/**
		 * Return the next batch. May wait for the network.
		 * @return the batch, which the caller closes; or {@code null} at the end
		 * @throws IOException if reading fails
		 */
		@Nullable AnnotatedBatch next() throws IOException;

		/**
		 * Return whether {@link #next()} would probably not wait.
		 * @return {@code false} if that is unknown
		 */
		boolean isReady();

		/**
		 * End a {@link #next()} that waits in another thread, if that is possible, and
		 * release everything. Idempotent.
		 */
		@Override
		void close();

	}

}
