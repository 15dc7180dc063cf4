package dev.vgi.external.batch;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.List;

import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Writes one Arrow IPC stream whose batches keep their metadata. Not thread-safe.
 */
public final class IpcStreamWriter implements AutoCloseable {

	/**
	 * Start a stream; its schema is written with the first batch or with its end.
	 * @param channel a blocking channel; left open
	 * @param schema the schema in memory format
	 * @param dictionaries borrowed; written before the first batch
	 */
	public IpcStreamWriter(WritableByteChannel channel, Schema schema, DictionaryProvider dictionaries) {
	}

	/**
	 * Gather a complete stream without copying the batches' values.
	 * @param cycle its logs come first, as zero-row batches, then its data; borrowed, and
	 * its buffers retained until the gathered stream is closed
	 * @return the stream; the caller closes it
	 */
	public static GatheredStream gather(OutputCycle cycle) {
		throw new UnsupportedOperationException();
	}

	/**
	 * Gather a complete stream of several batches of one schema.
	 * @param schema the schema in memory format
	 * @param batches borrowed, and their buffers retained; may be empty
	 * @return the stream; the caller closes it
	 */
	public static GatheredStream gather(Schema schema, List<AnnotatedBatch> batches) {
		throw new UnsupportedOperationException();
	}

	/**
	 * Write one batch with its metadata.
	 * @param batch of the stream's schema; borrowed
	 * @throws IOException if the channel fails
	 */
	public void write(AnnotatedBatch batch) throws IOException {
		throw new UnsupportedOperationException();
	}

	/**
	 * Write a batch without rows.
	 * @param metadata its metadata
	 * @throws IOException if the channel fails
	 */
	public void writeEmpty(BatchMetadata metadata) throws IOException {
		throw new UnsupportedOperationException();
	}

	/**
	 * Write the end marker, after the schema if nothing was written yet. Idempotent.
	 * @throws IOException if the channel fails
	 */
	public void end() throws IOException {
		throw new UnsupportedOperationException();
	}

	/**
	 * Free what the writer holds; writes nothing.
	 */
	@Override
	public void close() {
	}

}
