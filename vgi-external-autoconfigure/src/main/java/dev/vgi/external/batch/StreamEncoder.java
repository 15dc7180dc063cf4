package dev.vgi.external.batch;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.vgi.external.batch.GatheredStream.Gatherer;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.DictionaryUtility;
import org.jspecify.annotations.Nullable;

/**
 * Encodes the batches of one stream as messages. Remembers which dictionaries the reader
 * already has and repeats only those that changed. Not thread-safe; the creator closes
 * it.
 */
final class StreamEncoder implements AutoCloseable {

	private static final int CONTINUATION = -1;

	private static final int PREFIX = 8;

	private static final int ALIGNMENT = 8;

	private final Schema schema;

	private final DictionaryProvider dictionaries;

	private final Map<Long, BatchLayout> written = new HashMap<>();

	/**
	 * Hashed like those of Arrow's own writer, so that dictionaries have the same order.
	 */
	private final Set<Long> dictionaryIds = new HashSet<>();

	private boolean started;

	StreamEncoder(Schema schema, DictionaryProvider dictionaries) {
		this.schema = schema;
		this.dictionaries = dictionaries;
	}

	void batch(Gatherer gatherer, AnnotatedBatch batch) {
		checkSchema(batch);
		DictionaryProvider provider = preferring(batch.dictionaries());
		start(gatherer, provider);
		dictionaries(gatherer, provider);
		recordBatch(gatherer, BatchLayout.of(batch.rowCount(), batch.root().getFieldVectors()), batch.metadata());
	}

	void zeroRows(Gatherer gatherer, BatchMetadata metadata) {
		start(gatherer, this.dictionaries);
		for (long id : this.dictionaryIds) {
			// a batch without rows can use the dictionary that the reader already has
			if (!this.written.containsKey(id)) {
				dictionary(gatherer, id, this.dictionaries);
			}
		}
		recordBatch(gatherer, BatchLayout.zeroRows(this.schema.getFields()), metadata);
	}

	void schema(Gatherer gatherer) {
		start(gatherer, this.dictionaries);
	}

	void end(Gatherer gatherer) {
		start(gatherer, this.dictionaries);
		gatherer.intLittleEndian(CONTINUATION);
		gatherer.intLittleEndian(0);
	}

	private DictionaryProvider preferring(DictionaryProvider preferred) {
		DictionaryProvider fallback = this.dictionaries;
		return (preferred == fallback) ? fallback : new DictionaryProvider() {

			@Override
			public @Nullable Dictionary lookup(long id) {
				Dictionary dictionary = preferred.lookup(id);
				return (dictionary != null) ? dictionary : fallback.lookup(id);
			}

			@Override
			public Set<Long> getDictionaryIds() {
				throw new UnsupportedOperationException("Dictionaries are looked up");
			}

		};
	}

	private void checkSchema(AnnotatedBatch batch) {
		Schema other = batch.schema();
		if (other != this.schema && !sameLayout(this.schema.getFields(), other.getFields())) {
			throw new IllegalArgumentException("The batch's columns are not those of its stream");
		}
		for (FieldVector vector : batch.root().getFieldVectors()) {
			if (vector.getValueCount() != batch.rowCount()) {
				throw new IllegalArgumentException("Column '" + vector.getName() + "' has " + vector.getValueCount()
						+ " values in a batch of " + batch.rowCount() + " rows"
						+ ((vector.getValueCount() == 0) ? ": has it been closed already?" : ""));
			}
		}
	}

	// names, nullability and metadata are the stream's; only types determine the bytes
	private static boolean sameLayout(List<Field> expected, List<Field> actual) {
		if (expected.size() != actual.size()) {
			return false;
		}
		for (int i = 0; i < expected.size(); i++) {
			Field left = expected.get(i);
			Field right = actual.get(i);
			if (!left.getType().equals(right.getType()) || id(left) != id(right)
					|| (left.getDictionary() == null) != (right.getDictionary() == null)
					|| !sameLayout(left.getChildren(), right.getChildren())) {
				return false;
			}
		}
		return true;
	}

	private static long id(Field field) {
		DictionaryEncoding encoding = field.getDictionary();
		return (encoding != null) ? encoding.getId() : 0;
	}

	private void start(Gatherer gatherer, DictionaryProvider provider) {
		if (this.started) {
			return;
		}
		List<Field> fields = new ArrayList<>();
		for (Field field : this.schema.getFields()) {
			fields.add(DictionaryUtility.toMessageFormat(field, provider, this.dictionaryIds));
		}
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int header = new Schema(fields, this.schema.getCustomMetadata()).getSchema(builder);
		message(gatherer, builder, MessageHeader.Schema, header, 0, BatchMetadata.empty());
		this.started = true;
	}

	private void dictionaries(Gatherer gatherer, DictionaryProvider provider) {
		for (long id : this.dictionaryIds) {
			dictionary(gatherer, id, provider);
		}
	}

	private void dictionary(Gatherer gatherer, long id, DictionaryProvider provider) {
		Dictionary dictionary = provider.lookup(id);
		if (dictionary == null) {
			throw new IllegalArgumentException("There is no dictionary " + id);
		}
		FieldVector vector = dictionary.getVector();
		BatchLayout layout = BatchLayout.of(vector.getValueCount(), List.of(vector));
		BatchLayout previous = this.written.get(id);
		if (previous != null && previous.sameAs(layout)) {
			return;
		}
		dictionaryBatch(gatherer, id, layout, false);
		layout.retain();
		this.written.put(id, layout);
		if (previous != null) {
			previous.release();
		}
	}

	void dictionaryBatch(Gatherer gatherer, long id, BatchLayout layout, boolean delta) {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int data = layout.writeTable(builder);
		DictionaryBatch.startDictionaryBatch(builder);
		DictionaryBatch.addId(builder, id);
		DictionaryBatch.addData(builder, data);
		DictionaryBatch.addIsDelta(builder, delta);
		int header = DictionaryBatch.endDictionaryBatch(builder);
		message(gatherer, builder, MessageHeader.DictionaryBatch, header, layout.bodyLength(), BatchMetadata.empty());
		layout.writeBody(gatherer);
	}

	private void recordBatch(Gatherer gatherer, BatchLayout layout, BatchMetadata metadata) {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int header = layout.writeTable(builder);
		message(gatherer, builder, MessageHeader.RecordBatch, header, layout.bodyLength(),
				metadata.withoutLocalNotes());
		layout.writeBody(gatherer);
	}

	private void message(Gatherer gatherer, FlatBufferBuilder builder, byte type, int header, long bodyLength,
			BatchMetadata metadata) {
		int custom = 0;
		if (!metadata.isEmpty()) {
			int[] entries = new int[metadata.asMap().size()];
			int count = 0;
			for (Map.Entry<String, String> entry : metadata.asMap().entrySet()) {
				int key = text(builder, entry.getKey());
				int value = text(builder, entry.getValue());
				entries[count++] = KeyValue.createKeyValue(builder, key, value);
			}
			custom = Message.createCustomMetadataVector(builder, entries);
		}
		Message.startMessage(builder);
		Message.addHeaderType(builder, type);
		Message.addHeader(builder, header);
		Message.addVersion(builder, MetadataVersion.V5);
		Message.addBodyLength(builder, bodyLength);
		if (custom != 0) {
			Message.addCustomMetadata(builder, custom);
		}
		builder.finish(Message.endMessage(builder));
		ByteBuffer flatBuffer = builder.dataBuffer();
		int length = flatBuffer.remaining();
		int padding = Math.floorMod(-(length + PREFIX), ALIGNMENT);
		gatherer.intLittleEndian(CONTINUATION);
		gatherer.intLittleEndian(length + padding);
		gatherer.bytes(flatBuffer);
		gatherer.zeros(padding);
	}

	// The builder's own method refuses half a surrogate pair, such as the end of a
	// message
	// that was cut off.
	private static int text(FlatBufferBuilder builder, String text) {
		return builder.createString(StandardCharsets.UTF_8.encode(text));
	}

	@Override
	public void close() {
		this.written.values().forEach(BatchLayout::release);
		this.written.clear();
	}

}
