package dev.vgi.external.location;

import java.io.IOException;

import dev.vgi.external.batch.AnnotatedBatch;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Where batches come from, such as the body of an HTTP message.
 */
public interface BatchSource extends AutoCloseable {

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
	 * Return a batch without rows, after the end of a source that had no batches.
	 * @return the batch, which the caller closes; {@code null} if its dictionaries are
	 * not known
	 * @throws IOException if this source is closed
	 */
	default @Nullable AnnotatedBatch zeroRows() throws IOException {
		return null;
	}

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
