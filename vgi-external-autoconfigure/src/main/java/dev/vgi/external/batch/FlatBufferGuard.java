package dev.vgi.external.batch;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Timestamp;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Union;
import org.jspecify.annotations.Nullable;

/**
 * Walks the flat buffers of a message before anything is built from them. The Java
 * runtime of flat buffers checks bounds but neither cycles nor tables that are shared a
 * million times; every visit therefore costs something out of an allowance that an honest
 * message of its size cannot use up.
 */
final class FlatBufferGuard {

	private static final int MAX_DEPTH = 64;

	private static final int TABLE = 8;

	private static final int SLACK = 1024;

	private final int size;

	private final ReadLimits limits;

	private long allowance;

	private long metadataSize;

	private int fields;

	/**
	 * Create a guard for one message.
	 * @param size the length of its metadata in bytes
	 * @param limits what may be made of it
	 */
	FlatBufferGuard(int size, ReadLimits limits) {
		this.size = size;
		this.limits = limits;
		this.allowance = 4L * size + SLACK;
	}

	void check(Schema schema) {
		for (int i = 0; i < count(schema.fieldsLength()); i++) {
			check(schema.fields(i), 0);
		}
		for (int i = 0; i < count(schema.customMetadataLength()); i++) {
			check(schema.customMetadata(i));
		}
	}

	private void check(@Nullable Field field, int depth) {
		if (field == null || depth > MAX_DEPTH) {
			throw new CorruptStreamException("The schema nests more than " + MAX_DEPTH + " levels or lacks a field");
		}
		if (field.nameAsByteBuffer() == null) {
			throw new CorruptStreamException("The schema has a field without a name");
		}
		this.limits.checkFields(++this.fields);
		spend(TABLE + length(field.nameAsByteBuffer()));
		if (field.typeType() == Type.Union && field.type(new Union()) instanceof Union union) {
			spend(TABLE * (long) count(union.typeIdsLength()));
		}
		if (field.typeType() == Type.Timestamp && field.type(new Timestamp()) instanceof Timestamp timestamp) {
			spend(length(timestamp.timezoneAsByteBuffer()));
		}
		for (int i = 0; i < count(field.customMetadataLength()); i++) {
			check(field.customMetadata(i));
		}
		for (int i = 0; i < count(field.childrenLength()); i++) {
			check(field.children(i), depth + 1);
		}
	}

	private void check(KeyValue entry) {
		long length = (long) length(entry.keyAsByteBuffer()) + length(entry.valueAsByteBuffer());
		this.metadataSize += Math.max(length, ReadLimits.MIN_ENTRY);
		this.limits.checkMetadataSize(this.metadataSize);
		spend(TABLE + length);
	}

	/**
	 * Read the metadata of a message. The last of equal keys wins; an entry that is not
	 * UTF-8 is dropped.
	 * @param message the message
	 * @return its metadata
	 */
	BatchMetadata metadata(Message message) {
		int count = count(message.customMetadataLength());
		if (count == 0) {
			return BatchMetadata.empty();
		}
		Map<String, String> entries = new LinkedHashMap<>();
		for (int i = 0; i < count; i++) {
			KeyValue entry = message.customMetadata(i);
			check(entry);
			String key = text(entry.keyAsByteBuffer());
			String value = text(entry.valueAsByteBuffer());
			if (key != null && value != null) {
				entries.put(key, value);
			}
		}
		return BatchMetadata.of(entries);
	}

	private static @Nullable String text(@Nullable ByteBuffer bytes) {
		try {
			return (bytes != null) ? StandardCharsets.UTF_8.newDecoder().decode(bytes).toString() : null;
		}
		catch (CharacterCodingException ex) {
			return null;
		}
	}

	/**
	 * Check the length of a vector: an element has at least four bytes.
	 * @param length the length it declares
	 * @return the same length
	 */
	int count(int length) {
		if (length < 0 || length > this.size / Integer.BYTES) {
			throw new CorruptStreamException("A message declares more elements than it has room for");
		}
		return length;
	}

	private static int length(@Nullable ByteBuffer bytes) {
		return (bytes != null) ? bytes.remaining() : 0;
	}

	private void spend(long cost) {
		this.allowance -= cost;
		if (this.allowance < 0) {
			throw new CorruptStreamException("The parts of a message overlap");
		}
	}

}
