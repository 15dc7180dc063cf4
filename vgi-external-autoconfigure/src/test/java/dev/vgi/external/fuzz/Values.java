package dev.vgi.external.fuzz;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.SampleBatches;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.ClassUtils;
import org.springframework.util.ReflectionUtils;

/**
 * Arguments of any type.
 */
final class Values {

	private static final List<Object> SAMPLES = List.of("AB", new byte[8], 2L, 3, (short) 4, (byte) 5, 1.5, 2.5f, true,
			BigInteger.TEN, new BigDecimal("1.5"), LocalDate.EPOCH, LocalDateTime.of(2026, 11, 30, 12, 0),
			Instant.parse("2026-11-30T12:00:00Z"), LocalTime.NOON, Duration.ofSeconds(3),
			new Schema(List.of(Field.nullable("n", new ArrowType.Int(64, true)))));

	private Values() {
	}

	/**
	 * Make up a value.
	 * @param type what it is a value of
	 * @param allocator the owner of the memory of batches
	 * @param owned receives them
	 * @return a value of the type
	 */
	static Object of(Type type, BufferAllocator allocator, List<AutoCloseable> owned) {
		if (type instanceof ParameterizedType generic) {
			Object value = of(generic.getActualTypeArguments()[0], allocator, owned);
			if (generic.getRawType() == Map.class) {
				return Map.of(value, of(generic.getActualTypeArguments()[1], allocator, owned));
			}
			return (generic.getRawType() == Set.class) ? Set.of(value) : List.of(value, value);
		}
		Class<?> known = ClassUtils.resolvePrimitiveIfNecessary((Class<?>) type);
		for (Object sample : SAMPLES) {
			if (known.isInstance(sample)) {
				return sample;
			}
		}
		if (known == AnnotatedBatch.class) {
			AnnotatedBatch batch = SampleBatches.numbers(allocator, 2);
			owned.add(batch);
			return batch;
		}
		return known.isEnum() ? known.getEnumConstants()[1] : row(known, allocator, owned);
	}

	private static Object row(Class<?> type, BufferAllocator allocator, List<AutoCloseable> owned) {
		List<Class<?>> types = new ArrayList<>();
		List<Object> values = new ArrayList<>();
		for (RecordComponent component : type.getRecordComponents()) {
			types.add(component.getType());
			values.add(of(component.getGenericType(), allocator, owned));
		}
		try {
			return ReflectionUtils.accessibleConstructor(type, types.toArray(Class<?>[]::new))
				.newInstance(values.toArray());
		}
		catch (ReflectiveOperationException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * Show values, so that equal ones are shown alike.
	 * @param value the value
	 * @return the text
	 */
	static String text(@Nullable Object value) {
		if (value instanceof byte[] bytes) {
			return Arrays.toString(bytes);
		}
		if (value instanceof Object[] array) {
			return text(Arrays.asList(array));
		}
		if (value instanceof Set<?> set) {
			TreeSet<String> texts = new TreeSet<>();
			set.forEach((each) -> texts.add(text(each)));
			return texts.toString();
		}
		if (value instanceof Collection<?> list) {
			List<String> texts = new ArrayList<>();
			list.forEach((each) -> texts.add(text(each)));
			return texts.toString();
		}
		if (value instanceof Map<?, ?> map) {
			Map<String, String> texts = new HashMap<>();
			map.forEach((key, each) -> texts.put(text(key), text(each)));
			return texts.toString();
		}
		if (value instanceof AnnotatedBatch batch) {
			return batch.schema() + text(SampleBatches.values(batch));
		}
		if (value instanceof Record row) {
			return components(row).toString();
		}
		return String.valueOf(value);
	}

	private static List<String> components(Record row) {
		List<String> texts = new ArrayList<>();
		for (RecordComponent component : row.getClass().getRecordComponents()) {
			ReflectionUtils.makeAccessible(component.getAccessor());
			texts.add(text(ReflectionUtils.invokeMethod(component.getAccessor(), row)));
		}
		return texts;
	}

}
