package dev.vgi.external.batch;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.List;

import dev.vgi.external.batch.GatheredStream.Gatherer;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Writes one Arrow IPC stream whose batches keep their metadata. Not thread-safe.
 */
public final class IpcStreamWriter implements AutoCloseable {

	private final WritableByteChannel channel;

	private final StreamEncoder encoder;

	private boolean ended;

	/**
	 * Start a stream; its schema is written with the first batch or with its end.
	 * @param channel a blocking channel; left open
	 * @param schema the schema in memory format
	 * @param dictionaries borrowed; written before the first batch unless that batch
	 * brings its own
	 */
	public IpcStreamWriter(WritableByteChannel channel, Schema schema, DictionaryProvider dictionaries) {
		this.channel = channel;
		this.encoder = new StreamEncoder(schema, dictionaries);
	}

	/**
	 * Gather a complete stream without copying the batches' values.
	 * @param cycle its logs come first, as zero-row batches, then its data; borrowed, and
	 * its buffers are retained until the gathered stream is closed
	 * @return the stream; the caller closes it
	 */
	public static GatheredStream gather(OutputCycle cycle) {
		AnnotatedBatch data = cycle.data();
		try (Gatherer gatherer = new Gatherer(allocator(data));
				StreamEncoder encoder = new StreamEncoder(data.schema(), data.dictionaries())) {
			for (LogMessage log : cycle.logs()) {
				encoder.zeroRows(gatherer, log.toMetadata());
			}
			encoder.batch(gatherer, data);
			encoder.end(gatherer);
			return gatherer.finish();
		}
	}

	/**
	 * Gather a complete stream of several batches with one schema.
	 * @param schema the schema in memory format
	 * @param batches borrowed, and their buffers retained; may be empty unless the schema
	 * has dictionary columns
	 * @return the stream; the caller closes it
	 * @throws IllegalArgumentException if a batch has other columns, or the dictionaries
	 * of the schema are missing
	 */
	public static GatheredStream gather(Schema schema, List<AnnotatedBatch> batches) {
		DictionaryProvider dictionaries = batches.isEmpty() ? new DictionaryProvider.MapDictionaryProvider()
				: batches.get(0).dictionaries();
		try (Gatherer gatherer = new Gatherer(batches.isEmpty() ? null : allocator(batches.get(0)));
				StreamEncoder encoder = new StreamEncoder(schema, dictionaries)) {
			for (AnnotatedBatch batch : batches) {
				encoder.batch(gatherer, batch);
			}
			encoder.end(gatherer);
			return gatherer.finish();
		}
	}

	/**
	 * Gather a complete stream of at most one batch with values, preceded by logs and
	 * followed by a token, both as batches without rows.
	 * @param shape supplies schema and dictionaries; borrowed. May be the data batch
	 * itself
	 * @param before metadata of the preceding batches without rows
	 * @param data the batch, or {@code null} if there is none; borrowed, and its buffers
	 * retained
	 * @param after metadata of the following batches without rows
	 * @return the stream; the caller closes it
	 * @throws IllegalArgumentException if the batch has other columns than the shape
	 */
	public static GatheredStream gather(AnnotatedBatch shape, List<BatchMetadata> before, @Nullable AnnotatedBatch data,
			List<BatchMetadata> after) {
		DictionaryProvider dictionaries = (data != null) ? data.dictionaries() : shape.dictionaries();
		try (Gatherer gatherer = new Gatherer(allocator((data != null) ? data : shape));
				StreamEncoder encoder = new StreamEncoder(shape.schema(), dictionaries)) {
			before.forEach((metadata) -> encoder.zeroRows(gatherer, metadata));
			if (data != null) {
				encoder.batch(gatherer, data);
			}
			after.forEach((metadata) -> encoder.zeroRows(gatherer, metadata));
			encoder.end(gatherer);
			return gatherer.finish();
		}
	}

	private static @Nullable BufferAllocator allocator(AnnotatedBatch batch) {
		List<FieldVector> vectors = batch.root().getFieldVectors();
		return vectors.isEmpty() ? null : vectors.get(0).getAllocator();
	}

	/**
	 * Write one batch with its metadata, preceded by those of its dictionaries that the
	 * stream does not have yet or that have changed. A dictionary's vector must not be
	 * changed in place while this writer is open.
	 * @param batch with the stream's schema; borrowed
	 * @return number of bytes written
	 * @throws IOException if the channel fails
	 * @throws IllegalArgumentException if the batch has other columns than the stream
	 */
	public long write(AnnotatedBatch batch) throws IOException {
		Assert.state(!this.ended, "The stream has ended");
		try (Gatherer gatherer = new Gatherer(allocator(batch))) {
			this.encoder.batch(gatherer, batch);
			return send(gatherer);
		}
	}

	/**
	 * Write a batch without rows.
	 * @param metadata its metadata
	 * @return number of bytes written
	 * @throws IOException if the channel fails
	 */
	public long writeEmpty(BatchMetadata metadata) throws IOException {
		Assert.state(!this.ended, "The stream has ended");
		try (Gatherer gatherer = new Gatherer(null)) {
			this.encoder.zeroRows(gatherer, metadata);
			return send(gatherer);
		}
	}

	/**
	 * Write the end marker, after the schema if nothing was written yet. Idempotent.
	 * @throws IOException if the channel fails
	 */
	public void end() throws IOException {
		if (!this.ended) {
			try (Gatherer gatherer = new Gatherer(null)) {
				this.encoder.end(gatherer);
				send(gatherer);
			}
			this.ended = true;
		}
	}

	private long send(Gatherer gatherer) throws IOException {
		try (GatheredStream stream = gatherer.finish()) {
			stream.writeTo(this.channel);
			return stream.length();
		}
	}

	/**
	 * Free what the writer holds. Writes nothing. Idempotent.
	 */
	@Override
	public void close() {
		this.ended = true;
		this.encoder.close();
	}

}
