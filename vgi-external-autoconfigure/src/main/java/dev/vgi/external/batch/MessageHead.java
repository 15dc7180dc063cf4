package dev.vgi.external.batch;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import org.apache.arrow.flatbuf.Decimal;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.DictionaryEncoding;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FixedSizeBinary;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Timestamp;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Union;
import org.jspecify.annotations.Nullable;

/**
 * The head of a message: all of it but the body. Its flat buffers are walked before
 * anything is created from them: their Java runtime checks bounds, but neither cycles nor
 * tables that are shared a million times. Every visit therefore takes from an allowance,
 * which a well-formed message of this size cannot use up.
 */
final class MessageHead {

	private static final int MAX_DEPTH = 64;

	private static final int TABLE = 8;

	private static final int SLACK = 1024;

	/** Longest part of a name that a message shows, in bytes. */
	private static final int LONGEST_SHOWN_NAME = 100;

	private final Message message;

	private final int size;

	private final ReadLimits limits;

	/** The field being examined, and its parents. */
	private final List<Field> path = new ArrayList<>();

	private long allowance;

	private long metadataSize;

	private int fields;

	/**
	 * Read the head of a message.
	 * @param bytes its flat buffers
	 * @param limits what may be created from it
	 */
	MessageHead(ByteBuffer bytes, ReadLimits limits) {
		this.size = bytes.remaining();
		this.limits = limits;
		this.allowance = 4L * this.size + SLACK;
		this.message = Message.getRootAsMessage(bytes);
		short version = this.message.version();
		if (version != MetadataVersion.V5 && version != MetadataVersion.V4) {
			throw new UnsupportedStreamException("metadata version V" + (version + 1));
		}
	}

	/**
	 * Return the size of the head, which limits what can be created from it.
	 * @return bytes
	 */
	int size() {
		return this.size;
	}

	byte type() {
		return this.message.headerType();
	}

	long bodyLength() {
		return this.message.bodyLength();
	}

	boolean isBeforeV5() {
		return this.message.version() < MetadataVersion.V5;
	}

	/**
	 * Read a schema.
	 * @return the schema in message format
	 */
	org.apache.arrow.vector.types.pojo.Schema schema() {
		Schema table = new Schema();
		if (this.message.header(table) == null) {
			throw new CorruptStreamException("The schema message is empty");
		}
		if (table.endianness() != Endianness.Little) {
			throw new UnsupportedStreamException("big-endian values");
		}
		for (int i = 0; i < count(table.fieldsLength()); i++) {
			check(table.fields(i), 0);
		}
		for (int i = 0; i < count(table.customMetadataLength()); i++) {
			check(table.customMetadata(i));
		}
		return org.apache.arrow.vector.types.pojo.Schema.convertSchema(table);
	}

	RecordBatch recordBatch() {
		RecordBatch table = new RecordBatch();
		if (this.message.header(table) == null) {
			throw new CorruptStreamException("The record batch message is empty");
		}
		return table;
	}

	DictionaryBatch dictionaryBatch() {
		DictionaryBatch table = new DictionaryBatch();
		if (this.message.header(table) == null) {
			throw new CorruptStreamException("The dictionary batch message is empty");
		}
		return table;
	}

	private void check(@Nullable Field field, int depth) {
		if (field == null || depth > MAX_DEPTH) {
			throw new CorruptStreamException("The schema nests more than " + MAX_DEPTH + " levels or lacks a field");
		}
		ByteBuffer name = field.nameAsByteBuffer();
		if (name == null) {
			throw new CorruptStreamException("The schema has a field without a name");
		}
		this.limits.checkFields(++this.fields);
		spend(TABLE + length(name));
		this.path.add(field);
		requireVector(field);
		if (text(name) == null) {
			throw unsupported("a name that is not UTF-8");
		}
		if (field.typeType() == Type.Union && field.type(new Union()) instanceof Union union) {
			spend(TABLE * (long) count(union.typeIdsLength()));
		}
		if (field.typeType() == Type.Timestamp && field.type(new Timestamp()) instanceof Timestamp timestamp) {
			spend(length(timestamp.timezoneAsByteBuffer()));
			if (text(timestamp.timezoneAsByteBuffer()) == null) {
				throw unsupported("a time zone that is not UTF-8");
			}
		}
		for (int i = 0; i < count(field.customMetadataLength()); i++) {
			check(field.customMetadata(i));
		}
		for (int i = 0; i < count(field.childrenLength()); i++) {
			check(field.children(i), depth + 1);
		}
		this.path.remove(this.path.size() - 1);
	}

	// A type of Arrow's format for which its Java library has no vector.
	private void requireVector(Field field) {
		String type = switch (field.typeType()) {
			case Type.Int -> (field.type(new Int()) instanceof Int whole) ? unheld(whole) : null;
			case Type.Decimal -> (field.type(new Decimal()) instanceof Decimal decimal && decimal.bitWidth() != 128
					&& decimal.bitWidth() != 256) ? "decimal" + decimal.bitWidth() : null;
			case Type.FixedSizeBinary ->
				(field.type(new FixedSizeBinary()) instanceof FixedSizeBinary binary && binary.byteWidth() == 0)
						? "binary(0)" : null;
			default -> (field.typeType() > Type.LargeListView) ? "type " + field.typeType() : null;
		};
		DictionaryEncoding dictionary = field.dictionary();
		Int indices = (dictionary != null) ? dictionary.indexType() : null;
		if (type == null && indices != null && unheld(indices) != null) {
			type = "indices of type " + unheld(indices);
		}
		if (type != null) {
			throw unsupported(type);
		}
	}

	private static @Nullable String unheld(Int type) {
		return switch (type.bitWidth()) {
			case 8, 16, 32, 64 -> null;
			default -> (type.isSigned() ? "int" : "uint") + type.bitWidth();
		};
	}

	// Missing text is empty, as in Arrow.
	private static @Nullable String text(@Nullable ByteBuffer bytes) {
		try {
			return (bytes != null) ? StandardCharsets.UTF_8.newDecoder().decode(bytes).toString() : "";
		}
		catch (CharacterCodingException ex) {
			return null;
		}
	}

	private UnsupportedStreamException unsupported(String what) {
		return new UnsupportedStreamException(this.path.isEmpty() ? what
				: what + this.path.stream()
					.map((field) -> legible(field.nameAsByteBuffer()))
					.collect(Collectors.joining(".", " in column '", "'")));
	}

	// Names come from a stranger and end up in messages and logs.
	private static String legible(@Nullable ByteBuffer bytes) {
		if (bytes == null) {
			return "";
		}
		ByteBuffer shown = bytes.duplicate();
		shown.limit(Math.min(shown.limit(), shown.position() + LONGEST_SHOWN_NAME));
		String name = StandardCharsets.UTF_8.decode(shown).toString().replaceAll("\\p{Cntrl}", "?");
		return (shown.limit() < bytes.limit()) ? name + "..." : name;
	}

	private Map.Entry<String, String> check(KeyValue entry) {
		long length = (long) length(entry.keyAsByteBuffer()) + length(entry.valueAsByteBuffer());
		this.metadataSize += Math.max(length, ReadLimits.MIN_ENTRY);
		this.limits.checkMetadataSize(this.metadataSize);
		spend(TABLE + length);
		String key = text(entry.keyAsByteBuffer());
		String value = text(entry.valueAsByteBuffer());
		if (key == null || value == null) {
			throw unsupported("metadata '" + legible(entry.keyAsByteBuffer()) + "' that is not UTF-8");
		}
		return Map.entry(key, value);
	}

	/**
	 * Read the metadata. Of equal keys, the last one is used.
	 * @return the metadata
	 * @throws UnsupportedStreamException if an entry is not UTF-8, naming its key
	 */
	BatchMetadata metadata() {
		int count = count(this.message.customMetadataLength());
		if (count == 0) {
			return BatchMetadata.empty();
		}
		Map<String, String> entries = new LinkedHashMap<>();
		for (int i = 0; i < count; i++) {
			Map.Entry<String, String> entry = check(this.message.customMetadata(i));
			entries.put(entry.getKey(), entry.getValue());
		}
		return BatchMetadata.of(entries);
	}

	/**
	 * Return whether the metadata has a key, without reading the values.
	 * @param key the key in UTF-8
	 * @return whether an entry has it
	 */
	boolean hasMetadata(ByteBuffer key) {
		for (int i = 0; i < count(this.message.customMetadataLength()); i++) {
			if (key.equals(this.message.customMetadata(i).keyAsByteBuffer())) {
				return true;
			}
		}
		return false;
	}

	/**
	 * Check the length of a vector. Each element has at least four bytes.
	 * @param length the declared length
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
