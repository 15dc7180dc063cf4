package dev.vgi.external.rpc;

import java.nio.charset.StandardCharsets;
import java.util.function.Function;

import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.SmallIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/**
 * Text as 16-bit indices into a dictionary: repeated strings, and enums by name.
 */
final class DictionaryMapping extends ValueMapping {

	private static final ArrowType.Int INDEX_TYPE = new ArrowType.Int(16, true);

	private final long id;

	private final Function<Object, String> toText;

	private final Function<String, Object> fromText;

	private DictionaryMapping(DictionaryEncoding encoding, Function<Object, String> toText,
			Function<String, Object> fromText) {
		super(INDEX_TYPE, SmallIntVector.class, encoding);
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
		Object[] constants = type.getEnumConstants();
		return new DictionaryMapping(encoding, (value) -> ((Enum<?>) value).name(), (text) -> {
			for (Object constant : constants) {
				if (((Enum<?>) constant).name().equals(text)) {
					return constant;
				}
			}
			throw mismatch("'" + text + "' is not a " + type.getSimpleName());
		});
	}

	@Override
	boolean accepts(Field actual, DictionaryProvider dictionaries) {
		DictionaryEncoding encoding = actual.getDictionary();
		if (encoding == null || !INDEX_TYPE.equals(actual.getType())) {
			return false;
		}
		Dictionary dictionary = dictionaries.lookup(encoding.getId());
		return dictionary == null || dictionary.getVectorType().equals(ArrowType.Utf8.INSTANCE);
	}

	@Override
	void writePresent(FieldVector vector, int index, Object value, RowWriting writing) {
		int code = writing.indexOf(this.id, this.toText.apply(value));
		((BaseIntVector) vector).setWithPossibleTruncate(index, code);
	}

	@Override
	void chargeHeap(FieldVector vector, int index, HeapMeter heap) {
		// A reference: the text itself is charged once.
		heap.charge(Long.BYTES);
	}

	@Override
	Object readPresent(FieldVector vector, int index, RowReading reading) {
		Values values = reading.dictionaryColumns().computeIfAbsent(vector, (column) -> values(column, reading));
		long code = ((BaseIntVector) vector).getValueAsLong(index);
		if (code < 0 || code >= values.texts().getValueCount() || values.texts().isNull((int) code)) {
			throw mismatch("index " + code + " is not in the dictionary");
		}
		Object value = values.read()[(int) code];
		if (value == null) {
			reading.heap().chargeText(values.texts().getValueLength((int) code));
			value = this.fromText.apply(new String(values.texts().get((int) code), StandardCharsets.UTF_8));
			values.read()[(int) code] = value;
		}
		return value;
	}

	private static Values values(FieldVector column, RowReading reading) {
		DictionaryEncoding encoding = column.getField().getDictionary();
		Dictionary dictionary = (encoding != null) ? reading.dictionaries().lookup(encoding.getId()) : null;
		if (dictionary == null || !(dictionary.getVector() instanceof VarCharVector texts)) {
			throw mismatch("expected text in a dictionary");
		}
		int count = Math.min(texts.getValueCount(), 1 << (INDEX_TYPE.getBitWidth() - 1));
		reading.heap().charge((long) Long.BYTES * count);
		return new Values(texts, new @Nullable Object[count]);
	}

	/**
	 * The dictionary of a column, and what was read of it: a text that a million rows
	 * share is one object.
	 *
	 * @param texts the dictionary
	 * @param read the value of each text that was asked for
	 */
	record Values(VarCharVector texts, @Nullable Object[] read) {

	}

}
