package dev.vgi.external.test;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.DateDayVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float2Vector;
import org.apache.arrow.vector.TimeMicroVector;
import org.apache.arrow.vector.TimeMilliVector;
import org.apache.arrow.vector.TimeNanoVector;
import org.apache.arrow.vector.TimeSecVector;
import org.apache.arrow.vector.TimeStampVector;
import org.apache.arrow.vector.complex.BaseListVector;
import org.apache.arrow.vector.complex.MapVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The values of a column as Java objects: those that a typed method would receive, where
 * the library has typed methods for the type. Whole numbers have the smallest of
 * {@code Integer}, {@code Long} and {@code BigInteger} that holds all numbers of the
 * type.
 */
final class ColumnValues {

	private ColumnValues() {
	}

	/**
	 * Read a whole column.
	 * @param vector the column; borrowed
	 * @param dictionaries the dictionaries of its indices; borrowed
	 * @return its values, which do not depend on the vector any more
	 */
	static List<@Nullable Object> of(FieldVector vector, DictionaryProvider dictionaries) {
		return range(vector, 0, vector.getValueCount(), dictionaries);
	}

	private static List<@Nullable Object> range(FieldVector vector, int from, int to, DictionaryProvider dictionaries) {
		List<@Nullable Object> values = new ArrayList<>(to - from);
		for (int i = from; i < to; i++) {
			values.add(value(vector, i, dictionaries));
		}
		return Collections.unmodifiableList(values);
	}

	private static @Nullable Object value(FieldVector vector, int index, DictionaryProvider dictionaries) {
		DictionaryEncoding encoding = vector.getField().getDictionary();
		if (vector.isNull(index)) {
			return null;
		}
		if (encoding != null) {
			Dictionary dictionary = dictionaries.lookup(encoding.getId());
			Assert.state(dictionary != null, () -> "The dictionary " + encoding.getId() + " of the column '"
					+ vector.getName() + "' is missing");
			return value(dictionary.getVector(), (int) ((BaseIntVector) vector).getValueAsLong(index), dictionaries);
		}
		if (vector instanceof MapVector maps) {
			return map(maps, index, dictionaries);
		}
		if (vector instanceof BaseListVector lists) {
			return range(lists.getChildrenFromFields().get(0), lists.getElementStartIndex(index),
					lists.getElementEndIndex(index), dictionaries);
		}
		if (vector instanceof StructVector struct) {
			Map<String, @Nullable Object> values = new LinkedHashMap<>();
			struct.getChildrenFromFields()
				.forEach((child) -> values.put(child.getName(), value(child, index, dictionaries)));
			return Collections.unmodifiableMap(values);
		}
		return scalar(vector, index);
	}

	private static Map<@Nullable Object, @Nullable Object> map(MapVector maps, int index,
			DictionaryProvider dictionaries) {
		List<FieldVector> entries = maps.getChildrenFromFields().get(0).getChildrenFromFields();
		Map<@Nullable Object, @Nullable Object> values = new LinkedHashMap<>();
		for (int i = maps.getElementStartIndex(index); i < maps.getElementEndIndex(index); i++) {
			values.put(value(entries.get(0), i, dictionaries), value(entries.get(1), i, dictionaries));
		}
		return Collections.unmodifiableMap(values);
	}

	private static Object scalar(FieldVector vector, int index) {
		if (vector instanceof BaseIntVector integers && vector.getField().getType() instanceof ArrowType.Int type) {
			return integer(integers.getValueAsLong(index), type);
		}
		if (vector instanceof DateDayVector days) {
			return LocalDate.ofEpochDay(days.get(index));
		}
		if (vector instanceof TimeStampVector times && vector.getField().getType() instanceof ArrowType.Timestamp type
				&& type.getTimezone() != null) {
			return Instant.EPOCH.plus(times.get(index), unit(type.getUnit()));
		}
		if (vector instanceof TimeSecVector times) {
			return LocalTime.ofSecondOfDay(times.get(index));
		}
		if (vector instanceof TimeMilliVector times) {
			return LocalTime.ofNanoOfDay(times.get(index) * 1_000_000L);
		}
		if (vector instanceof TimeMicroVector times) {
			return LocalTime.ofNanoOfDay(times.get(index) * 1_000L);
		}
		if (vector instanceof TimeNanoVector times) {
			return LocalTime.ofNanoOfDay(times.get(index));
		}
		if (vector instanceof Float2Vector halves) {
			return halves.getValueAsFloat(index);
		}
		Object value = vector.getObject(index);
		return (value instanceof org.apache.arrow.vector.util.Text) ? value.toString() : value;
	}

	private static Number integer(long value, ArrowType.Int type) {
		if (type.getBitWidth() < 32 || (type.getBitWidth() == 32 && type.getIsSigned())) {
			return (int) value;
		}
		if (type.getBitWidth() == 64 && !type.getIsSigned()) {
			return new BigInteger(Long.toUnsignedString(value));
		}
		return value;
	}

	private static ChronoUnit unit(TimeUnit unit) {
		return switch (unit) {
			case SECOND -> ChronoUnit.SECONDS;
			case MILLISECOND -> ChronoUnit.MILLIS;
			case MICROSECOND -> ChronoUnit.MICROS;
			case NANOSECOND -> ChronoUnit.NANOS;
		};
	}

	/**
	 * Compare values: numbers by their value, whatever their class, so that a test need
	 * not know how wide a column is; everything else as it compares itself.
	 * @param first a value
	 * @param second another one
	 * @return 0 if they are equal
	 */
	static int compare(@Nullable Object first, @Nullable Object second) {
		if (first instanceof Number && second instanceof Number) {
			return compareNumbers((Number) first, (Number) second);
		}
		if (first instanceof List<?> a && second instanceof List<?> b) {
			return compareLists(a, b);
		}
		if (first instanceof Map<?, ?> a && second instanceof Map<?, ?> b) {
			return (a.keySet().equals(b.keySet())
					&& a.keySet().stream().allMatch((key) -> compare(a.get(key), b.get(key)) == 0)) ? 0 : -1;
		}
		if (first instanceof byte[] a && second instanceof byte[] b) {
			return java.util.Arrays.compare(a, b);
		}
		return compareOthers(first, second);
	}

	private static int compareLists(List<?> first, List<?> second) {
		for (int i = 0; i < Math.min(first.size(), second.size()); i++) {
			int order = compare(first.get(i), second.get(i));
			if (order != 0) {
				return order;
			}
		}
		return Integer.compare(first.size(), second.size());
	}

	private static int compareNumbers(Number first, Number second) {
		if (isExact(first) && isExact(second)) {
			return new BigDecimal(first.toString()).compareTo(new BigDecimal(second.toString()));
		}
		return Double.compare(first.doubleValue(), second.doubleValue());
	}

	private static boolean isExact(Number number) {
		return !(number instanceof Double || number instanceof Float);
	}

	@SuppressWarnings("unchecked")
	private static int compareOthers(@Nullable Object first, @Nullable Object second) {
		if (first instanceof Comparable<?> && second != null && first.getClass() == second.getClass()) {
			return ((Comparable<Object>) first).compareTo(second);
		}
		return java.util.Objects.equals(first, second) ? 0 : -1;
	}

}
