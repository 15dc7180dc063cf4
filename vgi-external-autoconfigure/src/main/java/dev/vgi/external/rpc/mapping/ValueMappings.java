package dev.vgi.external.rpc.mapping;

import java.lang.annotation.Annotation;
import java.lang.reflect.AnnotatedArrayType;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.AnnotatedParameterizedType;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.AnnotatedWildcardType;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
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
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.rpc.ArrowField;
import dev.vgi.external.rpc.RpcParam;
import dev.vgi.external.rpc.RpcResult;
import dev.vgi.external.rpc.mapping.RowWriting.DictionarySeed;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.util.ClassUtils;

/**
 * Derives the Arrow side of a method from its Java signature.
 * <p>
 * A record that is a parameter or a result is a binary value that holds a stream; at any
 * deeper level it is a struct.
 */
public final class ValueMappings {

	/** Name of the single column of a result. */
	private static final String RESULT = "result";

	private final List<DictionarySeed> dictionaries = new ArrayList<>();

	private final Deque<Class<?>> enclosing;

	private ValueMappings(Deque<Class<?>> enclosing) {
		this.enclosing = enclosing;
	}

	/**
	 * Map parameters.
	 * @param parameters those that are sent, in order
	 * @return their columns
	 * @throws IllegalArgumentException if one has no Arrow type, saying which
	 */
	public static RowMapping ofParameters(List<Parameter> parameters) {
		ValueMappings mappings = new ValueMappings(new ArrayDeque<>());
		List<String> names = new ArrayList<>();
		List<Slot> slots = new ArrayList<>();
		for (Parameter parameter : parameters) {
			String name = name(parameter);
			names.add(name);
			slots.add(mappings.named(name, parameter.getAnnotatedType(), isNullable(parameter), true));
		}
		return new RowMapping(names, slots, mappings.dictionaries);
	}

	/**
	 * Map a result.
	 * @param method the method
	 * @return one column, or none for {@code void}
	 * @throws IllegalArgumentException if it has no Arrow type
	 */
	public static RowMapping ofResult(Method method) {
		if (method.getReturnType() == void.class || method.getReturnType() == Void.class) {
			return RowMapping.none();
		}
		ValueMappings mappings = new ValueMappings(new ArrayDeque<>());
		boolean referring = method.getReturnType() == RpcResult.class;
		AnnotatedType type = method.getAnnotatedReturnType();
		Slot slot = mappings.named(RESULT, referring ? argument(type, 0) : type, isNullable(method), true);
		return new RowMapping(List.of(RESULT), List.of(slot), mappings.dictionaries);
	}

	/**
	 * Map a record to columns of their own.
	 * @param type the class of the record
	 * @return one column per component
	 * @throws IllegalArgumentException if a component has no Arrow type, saying which
	 */
	public static RecordRow ofRecord(Class<?> type) {
		Assert.isTrue(type.isRecord(), () -> type.getTypeName() + " is no record");
		ValueMappings mappings = new ValueMappings(new ArrayDeque<>());
		mappings.enclosing.push(type);
		Components components = mappings.components(type);
		return new RecordRow(type, new RecordBinding(type),
				new RowMapping(components.names(), components.slots(), mappings.dictionaries));
	}

	private static String name(Parameter parameter) {
		RpcParam annotation = parameter.getAnnotation(RpcParam.class);
		if (annotation != null) {
			return annotation.value();
		}
		Assert.isTrue(parameter.isNamePresent(), () -> "parameter " + parameter
				+ " has no name: annotate it with @RpcParam or compile with -parameters");
		return underscored(parameter.getName());
	}

	private static String underscored(String name) {
		StringBuilder underscored = new StringBuilder();
		for (char c : name.toCharArray()) {
			if (Character.isUpperCase(c) && !underscored.isEmpty()) {
				underscored.append('_');
			}
			underscored.append(c);
		}
		return underscored.toString().toLowerCase(Locale.ROOT);
	}

	private Slot named(String name, AnnotatedType type, boolean nullable, boolean top) {
		try {
			Slot slot = slot(type, top, null);
			return nullable ? new Slot(slot.mapping(), true, slot.optional()) : slot;
		}
		catch (IllegalArgumentException ex) {
			throw new IllegalArgumentException("'" + name + "': " + ex.getMessage(), ex);
		}
	}

	private Slot slot(AnnotatedType type, boolean top, @Nullable ArrowField outer) {
		if (type instanceof AnnotatedWildcardType wildcard) {
			return slot(wildcard.getAnnotatedUpperBounds()[0], top, outer);
		}
		ArrowField field = (outer != null) ? outer : arrowField(type);
		Class<?> raw = rawType(type.getType());
		if (raw == Optional.class) {
			Slot present = slot(argument(type, 0), top, field);
			return new Slot(present.mapping(), true, true);
		}
		return new Slot(mapping(type, raw, field, top), isNullable(type), false);
	}

	private ValueMapping mapping(AnnotatedType type, Class<?> raw, @Nullable ArrowField field, boolean top) {
		if (field != null) {
			return explicit(raw, field);
		}
		if (raw.isEnum()) {
			List<String> names = Arrays.stream(raw.getEnumConstants()).map((each) -> ((Enum<?>) each).name()).toList();
			return DictionaryMapping.ofEnum(dictionary(names), raw);
		}
		if (raw.isRecord()) {
			return ofRecord(raw, top);
		}
		if (raw == Map.class) {
			Slot key = slot(argument(type, 0), false, null);
			return new MapMapping(new Slot(key.mapping(), false, false), slot(argument(type, 1), false, null));
		}
		if (raw == List.class || raw == Collection.class || raw == Iterable.class || raw == Set.class) {
			return new ListMapping(slot(argument(type, 0), false, null), raw == Set.class);
		}
		return plain(raw);
	}

	private ValueMapping plain(Class<?> raw) {
		Class<?> boxed = ClassUtils.resolvePrimitiveIfNecessary(raw);
		if (boxed == Integer.class || boxed == Long.class) {
			return ScalarMapping.integer(64, true, boxed.asSubclass(Number.class));
		}
		if (boxed == Float.class || boxed == Double.class) {
			return ScalarMapping.float64(boxed == Float.class);
		}
		if (boxed == Boolean.class) {
			return ScalarMapping.bool();
		}
		if (boxed == String.class) {
			return ScalarMapping.utf8();
		}
		if (boxed == byte[].class) {
			return ScalarMapping.binary();
		}
		if (boxed == BigDecimal.class) {
			return ScalarMapping.decimal(20, 4);
		}
		if (boxed == LocalDate.class) {
			return ScalarMapping.date();
		}
		if (boxed == LocalDateTime.class) {
			return ScalarMapping.timestamp();
		}
		if (boxed == Instant.class) {
			return ScalarMapping.timestampUtc();
		}
		if (boxed == LocalTime.class) {
			return ScalarMapping.time();
		}
		if (boxed == Duration.class) {
			return ScalarMapping.duration();
		}
		if (boxed == AnnotatedBatch.class) {
			return StreamMapping.ofBatch();
		}
		if (boxed == VectorSchemaRoot.class) {
			return StreamMapping.ofRoot();
		}
		if (boxed == Schema.class) {
			return new SchemaMapping();
		}
		if (ArrowReader.class.isAssignableFrom(boxed)) {
			throw new IllegalArgumentException(
					"An RPC method takes and returns one batch, and not what " + raw.getTypeName()
							+ " yields: declare a ProducerStream, or return the reader from an ordinary" + " handler");
		}
		throw new IllegalArgumentException(raw.getTypeName() + " has no Arrow type"
				+ (Number.class.isAssignableFrom(boxed) ? " of its own: annotate it with @ArrowField" : ""));
	}

	private ValueMapping explicit(Class<?> raw, ArrowField field) {
		Class<?> boxed = ClassUtils.resolvePrimitiveIfNecessary(raw);
		return switch (field.value()) {
			case INT8 -> ScalarMapping.integer(8, true, whole(boxed, field));
			case INT16 -> ScalarMapping.integer(16, true, whole(boxed, field));
			case INT32 -> ScalarMapping.integer(32, true, whole(boxed, field));
			case INT64 -> ScalarMapping.integer(64, true, whole(boxed, field));
			case UINT8 -> ScalarMapping.integer(8, false, whole(boxed, field));
			case UINT16 -> ScalarMapping.integer(16, false, whole(boxed, field));
			case UINT32 -> ScalarMapping.integer(32, false, whole(boxed, field));
			case UINT64 -> ScalarMapping.integer(64, false, whole(boxed, field));
			case FLOAT32 ->
				ScalarMapping.float32(require(boxed, field, Float.class, Double.class) == (Class<?>) Float.class);
			case FLOAT64 ->
				ScalarMapping.float64(require(boxed, field, Float.class, Double.class) == (Class<?>) Float.class);
			case DECIMAL128 -> {
				require(boxed, field, BigDecimal.class);
				yield ScalarMapping.decimal(field.precision(), field.scale());
			}
			case UTF8 -> {
				require(boxed, field, String.class);
				yield ScalarMapping.utf8();
			}
			case LARGE_UTF8 -> {
				require(boxed, field, String.class);
				yield ScalarMapping.largeUtf8();
			}
			case BINARY -> {
				require(boxed, field, byte[].class);
				yield ScalarMapping.binary();
			}
			case LARGE_BINARY -> {
				require(boxed, field, byte[].class);
				yield ScalarMapping.largeBinary();
			}
			case FIXED_SIZE_BINARY -> {
				require(boxed, field, byte[].class);
				Assert.isTrue(field.width() > 0, "FIXED_SIZE_BINARY needs a width");
				yield ScalarMapping.fixedSizeBinary(field.width());
			}
			case DICTIONARY -> {
				require(boxed, field, String.class);
				yield DictionaryMapping.ofStrings(dictionary(List.of()));
			}
		};
	}

	private static Class<? extends Number> whole(Class<?> boxed, ArrowField field) {
		return require(boxed, field, Long.class, Integer.class, Short.class, Byte.class, BigInteger.class)
			.asSubclass(Number.class);
	}

	private static Class<?> require(Class<?> boxed, ArrowField field, Class<?>... allowed) {
		Assert.isTrue(Arrays.asList(allowed).contains(boxed),
				() -> boxed.getSimpleName() + " cannot be " + field.value());
		return boxed;
	}

	private ValueMapping ofRecord(Class<?> type, boolean top) {
		Assert.isTrue(!this.enclosing.contains(type), () -> type.getSimpleName() + " contains itself");
		this.enclosing.push(type);
		try {
			// An embedded stream has its own dictionaries.
			ValueMappings scope = top ? new ValueMappings(this.enclosing) : this;
			Components components = scope.components(type);
			RecordBinding binding = new RecordBinding(type);
			if (!top) {
				return new StructMapping(binding, components.names(), components.slots());
			}
			return StreamMapping.ofRecord(new RecordRow(type, binding,
					new RowMapping(components.names(), components.slots(), scope.dictionaries)));
		}
		finally {
			this.enclosing.pop();
		}
	}

	private Components components(Class<?> type) {
		List<String> names = new ArrayList<>();
		List<Slot> slots = new ArrayList<>();
		for (RecordComponent component : type.getRecordComponents()) {
			RpcParam annotation = component.getAnnotation(RpcParam.class);
			String name = (annotation != null) ? annotation.value() : underscored(component.getName());
			names.add(name);
			slots.add(named(name, component.getAnnotatedType(), isNullable(component), false));
		}
		return new Components(names, slots);
	}

	private DictionaryEncoding dictionary(List<String> texts) {
		DictionaryEncoding encoding = DictionaryMapping.encoding(this.dictionaries.size());
		this.dictionaries.add(new DictionarySeed(encoding, texts));
		return encoding;
	}

	private static @Nullable ArrowField arrowField(AnnotatedType type) {
		ArrowField field = type.getAnnotation(ArrowField.class);
		if (field == null && type instanceof AnnotatedArrayType array) {
			// In "@ArrowField(…) byte[] value" Java attaches the annotation to the byte.
			return arrowField(array.getAnnotatedGenericComponentType());
		}
		return field;
	}

	// JSpecify's annotation, or any other of that name.
	private static boolean isNullable(AnnotatedElement element) {
		return Arrays.stream(element.getAnnotations())
			.map(Annotation::annotationType)
			.anyMatch((type) -> type.getSimpleName().equals("Nullable"));
	}

	private static AnnotatedType argument(AnnotatedType type, int index) {
		Assert.isInstanceOf(AnnotatedParameterizedType.class, type,
				() -> type.getType().getTypeName() + " needs type arguments");
		return ((AnnotatedParameterizedType) type).getAnnotatedActualTypeArguments()[index];
	}

	private static Class<?> rawType(Type type) {
		if (type instanceof Class<?> plain) {
			return plain;
		}
		if (type instanceof ParameterizedType parameterized) {
			return (Class<?>) parameterized.getRawType();
		}
		throw new IllegalArgumentException(type.getTypeName() + " has no Arrow type");
	}

	/**
	 * The components of a record.
	 *
	 * @param names their names on the wire
	 * @param slots how they are mapped, in the same order
	 */
	private record Components(List<String> names, List<Slot> slots) {

	}

}
