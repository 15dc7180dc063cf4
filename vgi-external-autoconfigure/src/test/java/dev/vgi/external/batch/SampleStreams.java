package dev.vgi.external.batch;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

import dev.vgi.external.batch.GatheredStream.Gatherer;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarCharVector;

/**
 * Streams for tests that more than one batch makes.
 */
public final class SampleStreams {

	private SampleStreams() {
	}

	/**
	 * Write {@link SampleBatches#dictionaries} three times. Between them deltas add
	 * "black", then "white" and "grey" to the colors.
	 * @param allocator for what is written
	 * @return the bytes
	 */
	public static byte[] growingDictionary(BufferAllocator allocator) {
		return write(SampleBatches.dictionaries(allocator, 3), (encoder, gatherer, batch) -> {
			encoder.batch(gatherer, batch);
			delta(encoder, gatherer, allocator, 7, "black");
			encoder.batch(gatherer, batch);
			delta(encoder, gatherer, allocator, 7, "white");
			delta(encoder, gatherer, allocator, 7, "grey");
			encoder.batch(gatherer, batch);
		});
	}

	/**
	 * Write {@link SampleBatches#nestedDictionaries} three times. Between them deltas add
	 * a text to the inner dictionary, and to the outer one its own values once more.
	 * @param allocator for what is written
	 * @return the bytes
	 */
	public static byte[] growingNestedDictionaries(BufferAllocator allocator) {
		return write(SampleBatches.nestedDictionaries(allocator), (encoder, gatherer, batch) -> {
			encoder.batch(gatherer, batch);
			delta(encoder, gatherer, allocator, 40, "c");
			encoder.batch(gatherer, batch);
			delta(encoder, gatherer, 2, batch.dictionaries().lookup(2).getVector());
			encoder.batch(gatherer, batch);
		});
	}

	private static byte[] write(AnnotatedBatch batch, Content content) {
		try (batch;
				Gatherer gatherer = new Gatherer(null);
				StreamEncoder encoder = new StreamEncoder(batch.schema(), batch.dictionaries())) {
			content.write(encoder, gatherer, batch);
			encoder.end(gatherer);
			return SampleBatches.bytes(gatherer.finish());
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static void delta(StreamEncoder encoder, Gatherer gatherer, BufferAllocator allocator, long id,
			String text) {
		try (VarCharVector texts = SampleBatches.texts(allocator, "delta", text)) {
			delta(encoder, gatherer, id, texts);
		}
	}

	private static void delta(StreamEncoder encoder, Gatherer gatherer, long id, FieldVector values) {
		encoder.dictionaryBatch(gatherer, id, BatchLayout.of(values.getValueCount(), List.of(values)), true);
	}

	private interface Content {

		void write(StreamEncoder encoder, Gatherer gatherer, AnnotatedBatch batch) throws IOException;

	}

}
