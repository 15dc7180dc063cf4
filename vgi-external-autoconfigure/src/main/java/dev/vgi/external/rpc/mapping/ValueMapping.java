package dev.vgi.external.rpc.mapping;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import java.util.stream.Collectors;

import dev.vgi.external.location.SchemaMismatchException;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.jspecify.annotations.Nullable;

/**
 * Maps one Java type to one Arrow type. Handles non-null values only. Immutable.
 */
abstract class ValueMapping {

	/** Stands for bytes that are no text. */
	private static final char REPLACEMENT = '\uFFFD';

	private final ArrowType type;

	private final Class<? extends FieldVector> vectorType;

	private final @Nullable DictionaryEncoding encoding;

	ValueMapping(ArrowType type, Class<? extends FieldVector> vectorType) {
		this(type, vectorType, null);
	}

	ValueMapping(ArrowType type, Class<? extends FieldVector> vectorType, @Nullable DictionaryEncoding encoding) {
		this.type = type;
		this.vectorType = vectorType;
		this.encoding = encoding;
	}

	static SchemaMismatchException mismatch(String message) {
		return new SchemaMismatchException(message, null);
	}

	/**
	 * Decode a text. What is not UTF-8 is not replaced: texts that differ would be equal.
	 * @param utf8 its bytes
	 * @return the text
	 */
	static String text(byte[] utf8) {
		String text = new String(utf8, StandardCharsets.UTF_8);
		if (text.indexOf(REPLACEMENT) >= 0 && !Arrays.equals(text.getBytes(StandardCharsets.UTF_8), utf8)) {
			throw mismatch("is not UTF-8");
		}
		return text;
	}

	/**
	 * Require that a text can be encoded: half a surrogate pair would become a question
	 * mark.
	 * @param text the text
	 * @return the same text
	 * @throws IllegalArgumentException if it has half a pair
	 */
	static String requireUnicode(String text) {
		for (int i = 0; i < text.length(); i++) {
			if (Character.isSurrogate(text.charAt(i))) {
				if (!Character.isSupplementaryCodePoint(text.codePointAt(i))) {
					throw new IllegalArgumentException("has half a surrogate pair");
				}
				i++;
			}
		}
		return text;
	}

	/**
	 * Return the Arrow field in memory format: a dictionary column has its index type.
	 * @param name its name
	 * @param nullable whether values may be missing
	 * @return the field
	 */
	final Field field(String name, boolean nullable) {
		return new Field(name, new FieldType(nullable, this.type, this.encoding, Map.of()), children());
	}

	List<Field> children() {
		return List.of();
	}

	/**
	 * Return whether a peer's field has this type. Nullability, and the names of a list's
	 * or map's children, are ignored.
	 * @param actual the peer's field in memory format
	 * @param dictionaries the peer's dictionaries
	 * @return {@code true} if values can be read from its vector
	 */
	boolean accepts(Field actual, DictionaryProvider dictionaries) {
		return this.type.equals(actual.getType()) && actual.getDictionary() == null;
	}

	final void write(FieldVector vector, int index, Object value, RowWriting writing) {
		writePresent(vector, index, value, writing);
	}

	/**
	 * Read a value.
	 * @param vector the column
	 * @param index where it is not null
	 * @param reading the batch being read
	 * @return the value
	 */
	final Object read(FieldVector vector, int index, RowReading reading) {
		if (!this.vectorType.isInstance(vector)) {
			throw wrongType(vector.getField(), reading);
		}
		chargeHeap(vector, index, reading.heap());
		return readPresent(vector, index, reading);
	}

	final SchemaMismatchException wrongType(Field actual, RowReading reading) {
		return mismatch("expected Arrow type " + this + " but found " + spell(actual, reading.dictionaries()));
	}

	/**
	 * Write out a whole type: Arrow's own notation omits what a dictionary holds.
	 * @param field the field in memory format
	 * @param dictionaries looks up the content of its dictionaries
	 * @return the type, without the field's name
	 */
	static String spell(Field field, DictionaryProvider dictionaries) {
		return spell(field, (id) -> {
			Dictionary dictionary = dictionaries.lookup(id);
			return (dictionary != null) ? dictionary.getVectorType().toString() : "unknown";
		});
	}

	private static String spell(Field field, LongFunction<String> values) {
		DictionaryEncoding encoding = field.getDictionary();
		if (encoding != null) {
			return "Dictionary(" + field.getType() + ", " + values.apply(encoding.getId()) + ")";
		}
		String children = field.getChildren()
			.stream()
			.map((child) -> child.getName() + ": " + spell(child, values))
			.collect(Collectors.joining(", "));
		return field.getType() + (children.isEmpty() ? "" : "<" + children + ">");
	}

	/**
	 * Charge for the objects that a value becomes, without those of its parts.
	 * @param vector the column
	 * @param index where it is not null
	 * @param heap is charged
	 */
	void chargeHeap(FieldVector vector, int index, HeapMeter heap) {
		heap.charge(HeapMeter.OBJECT);
	}

	abstract void writePresent(FieldVector vector, int index, Object value, RowWriting writing);

	abstract Object readPresent(FieldVector vector, int index, RowReading reading);

	@Override
	public String toString() {
		// All dictionaries of ours hold text.
		return spell(field("", false), (id) -> ArrowType.Utf8.INSTANCE.toString());
	}

}
