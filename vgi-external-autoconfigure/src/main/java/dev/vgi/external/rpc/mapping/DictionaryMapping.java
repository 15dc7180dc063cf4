package dev.vgi.external.rpc.mapping;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VariableWidthFieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/**
 * Text as 16-bit indices into a dictionary: repeated strings, and enums by name. Reads
 * text of any type, with or without a dictionary, since some peers send plain text.
 */
final class DictionaryMapping extends ValueMapping {

	private static final ArrowType.Int INDEX_TYPE = new ArrowType.Int(16, true);

	/** Longest text, in bytes, that may be created and dropped without being charged. */
	private static final int LONGEST_NAME = 1024;

	private final long id;

	private final Function<Object, String> toText;

	private final Function<String, Object> fromText;

	private DictionaryMapping(DictionaryEncoding encoding, Function<Object, String> toText,
			Function<String, Object> fromText) {
		super(INDEX_TYPE, FieldVector.class, encoding);
		this.id = encoding.getId();
		this.toText = toText;
		this.fromText = fromText;
	}

	static DictionaryEncoding encoding(long id) {
		return new DictionaryEncoding(id, false, INDEX_TYPE);
	}

	static ValueMapping ofStrings(DictionaryEncoding encoding) {
		return new DictionaryMapping(encoding, String.class::cast, (text) -> text);
	}

	static ValueMapping ofEnum(DictionaryEncoding encoding, Class<?> type) {
		Map<String, Object> constants = new HashMap<>();
		for (Object constant : type.getEnumConstants()) {
			constants.put(((Enum<?>) constant).name(), constant);
		}
		// Some peers send an enum's value instead of its name.
		for (Object constant : type.getEnumConstants()) {
			constants.putIfAbsent(constant.toString(), constant);
		}
		return new DictionaryMapping(encoding, (value) -> ((Enum<?>) value).name(), (text) -> {
			Object constant = constants.get(text);
			if (constant == null) {
				throw mismatch("'" + text + "' is not a " + type.getSimpleName());
			}
			return constant;
		});
	}

	@Override
	boolean accepts(Field actual, DictionaryProvider dictionaries) {
		DictionaryEncoding encoding = actual.getDictionary();
		if (encoding == null) {
			return isText(actual.getType());
		}
		Dictionary dictionary = dictionaries.lookup(encoding.getId());
		return dictionary == null || isText(dictionary.getVectorType());
	}

	private static boolean isText(ArrowType type) {
		return type instanceof ArrowType.Utf8 || type instanceof ArrowType.LargeUtf8
				|| type instanceof ArrowType.Utf8View;
	}

	@Override
	void writePresent(FieldVector vector, int index, Object value, RowWriting writing) {
		int code = writing.indexOf(this.id, requireUnicode(this.toText.apply(value)));
		((BaseIntVector) vector).setWithPossibleTruncate(index, code);
	}

	@Override
	void chargeHeap(FieldVector vector, int index, HeapMeter heap) {
		// Only the reference: the text itself is charged once.
		heap.charge(Long.BYTES);
	}

	@Override
	Object readPresent(FieldVector vector, int index, RowReading reading) {
		if (isText(vector.getField().getType())) {
			return value((VariableWidthFieldVector) vector, index, reading);
		}
		Values values = reading.dictionaryColumns().computeIfAbsent(vector, (column) -> values(column, reading));
		long code = ((BaseIntVector) vector).getValueAsLong(index);
		if (code < 0 || code >= values.read().length || values.texts().isNull((int) code)) {
			throw mismatch("index " + code + " is not in the dictionary");
		}
		Object value = values.read()[(int) code];
		if (value == null) {
			value = value(values.texts(), (int) code, reading);
			values.read()[(int) code] = value;
		}
		return value;
	}

	private Object value(VariableWidthFieldVector texts, int index, RowReading reading) {
		int length = texts.getValueLength(index);
		// An enum's text is not kept, but a long one still takes heap for a moment.
		boolean isLong = length > LONGEST_NAME;
		if (isLong) {
			reading.heap().chargeText(length);
		}
		String text = text(texts.get(index));
		Object value = this.fromText.apply(text);
		if (value == text && !isLong) {
			reading.heap().chargeText(length);
		}
		return value;
	}

	private Values values(FieldVector column, RowReading reading) {
		DictionaryEncoding encoding = column.getField().getDictionary();
		Dictionary dictionary = (encoding != null) ? reading.dictionaries().lookup(encoding.getId()) : null;
		if (dictionary == null || !isText(dictionary.getVectorType())) {
			throw wrongType(column.getField(), reading);
		}
		VariableWidthFieldVector texts = (VariableWidthFieldVector) dictionary.getVector();
		int bits = ((ArrowType.Int) column.getField().getType()).getBitWidth();
		int count = (int) Math.min(texts.getValueCount(), 1L << Math.min(bits, Integer.SIZE));
		reading.heap().charge((long) Long.BYTES * count);
		return new Values(texts, new @Nullable Object[count]);
	}

	/**
	 * The dictionary of a column, and the values read from it so far: a text that a
	 * million rows share is one object.
	 *
	 * @param texts the dictionary
	 * @param read the value of each text that was read
	 */
	record Values(VariableWidthFieldVector texts, @Nullable Object[] read) {

	}

}
