package dev.vgi.external.web;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.url.RedactedUrl;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.core.ResolvableType;
import org.springframework.http.HttpEntity;
import org.springframework.util.ReflectionUtils;

/**
 * The Java types that represent Arrow streams.
 */
@Internal
public final class ArrowValues {

	private static final Log logger = LogFactory.getLog(ArrowValues.class);

	private static final List<Class<?>> SINGLE = List.of(AnnotatedBatch.class, OutputCycle.class,
			VectorSchemaRoot.class);

	private ArrowValues() {
	}

	/**
	 * Return whether a declared type represents an Arrow stream.
	 * @param type the type of a handler's result or a body
	 * @return {@code true} for a batch, a cycle, a root, lists and streams of them, and a
	 * reader
	 */
	public static boolean isArrow(ResolvableType type) {
		Class<?> raw = type.toClass();
		if (SINGLE.contains(raw) || ArrowReader.class.isAssignableFrom(raw)) {
			return true;
		}
		boolean sequence = Collection.class.isAssignableFrom(raw) || raw == Iterable.class
				|| Stream.class.isAssignableFrom(raw);
		return sequence && SINGLE.contains(elementType(type, raw).toClass());
	}

	private static ResolvableType elementType(ResolvableType type, Class<?> raw) {
		return type.as(Stream.class.isAssignableFrom(raw) ? Stream.class : Iterable.class).getGeneric(0);
	}

	/**
	 * Return whether an object can be written as an Arrow stream, whatever its declared
	 * type.
	 * @param value the object; borrowed
	 * @return {@code true} for a batch, a cycle, a root, collections whose first element
	 * is one, and a reader
	 */
	public static boolean isArrow(@Nullable Object value) {
		Object first = value;
		if (value instanceof Collection<?> collection && !collection.isEmpty()) {
			first = collection.iterator().next();
		}
		return value instanceof ArrowReader || first != null && isSingle(first.getClass());
	}

	private static boolean isSingle(Class<?> type) {
		return SINGLE.stream().anyMatch((single) -> single.isAssignableFrom(type));
	}

	static boolean isReadable(ResolvableType type) {
		Class<?> raw = type.toClass();
		return isArrow(type) && (SINGLE.contains(raw) || isReadableSequence(raw));
	}

	/**
	 * Return whether a stream is read as a reader, batch by batch.
	 * @param type the type to read
	 * @return {@code true} for a reader of Arrow
	 */
	static boolean isReader(ResolvableType type) {
		return type.toClass() == ArrowReader.class;
	}

	/**
	 * Return whether a stream can be read as a type, provided that its elements can.
	 * @param type the type without its elements
	 * @return {@code true} for lists and their supertypes
	 */
	static boolean isReadableSequence(Class<?> type) {
		return type.isAssignableFrom(List.class) && Iterable.class.isAssignableFrom(type);
	}

	/**
	 * Return whether a stream is read as one batch.
	 * @param type a {@linkplain #isReadable readable} type
	 * @return {@code false} for lists
	 */
	static boolean isSingle(ResolvableType type) {
		return SINGLE.contains(type.toClass());
	}

	/**
	 * Return whether a type includes the log messages of a stream.
	 * @param type a {@linkplain #isReadable readable} type
	 * @return {@code true} for cycles
	 */
	static boolean keepsLogs(ResolvableType type) {
		Class<?> raw = type.toClass();
		return (SINGLE.contains(raw) ? raw : elementType(type, raw).toClass()) == OutputCycle.class;
	}

	static boolean isWritable(ResolvableType type, Class<?> valueClass) {
		return isSingle(valueClass) || ArrowReader.class.isAssignableFrom(valueClass) || isArrow(type);
	}

	/**
	 * Convert the content of a stream to a declared type.
	 * @param type a {@linkplain #isReadable readable} type
	 * @param content taken over, also on failure
	 * @return the value; the caller closes it
	 */
	static Object read(ResolvableType type, StreamContent content) {
		boolean complete = false;
		try {
			checkCount(type, content);
			Object value = isSingle(type) ? readOne(type.toClass(), content)
					: readList(elementType(type, type.toClass()).toClass(), content);
			complete = true;
			return value;
		}
		finally {
			if (!complete) {
				content.close();
			}
		}
	}

	/**
	 * Check that a stream does not have more batches than a type can hold.
	 * @param type a {@linkplain #isReadable readable} type
	 * @param content borrowed
	 * @throws CorruptStreamException if it has more
	 */
	static void checkCount(ResolvableType type, StreamContent content) {
		if (content.batches().size() > 1 && isSingle(type)) {
			throw new CorruptStreamException("The stream has " + content.batches().size()
					+ " batches where one is expected: declare List<" + type.toClass().getSimpleName() + ">");
		}
	}

	private static Object readOne(Class<?> type, StreamContent content) {
		return convert(type, content.batches().get(0), content);
	}

	private static List<Object> readList(Class<?> type, StreamContent content) {
		List<Object> values = new ArrayList<>();
		try {
			for (AnnotatedBatch batch : content.batches()) {
				values.add(convert(type, batch, content));
			}
			return values;
		}
		catch (RuntimeException ex) {
			close(values);
			throw ex;
		}
	}

	private static Object convert(Class<?> type, AnnotatedBatch batch, StreamContent content) {
		if (type == OutputCycle.class) {
			return new OutputCycle(content.logs(), batch);
		}
		return (type == VectorSchemaRoot.class) ? batch.decode(content.allocator(), content.creating()) : batch;
	}

	/**
	 * Iterate over a value as cycles.
	 * @param value a value of a {@linkplain #isWritable writable} type; borrowed
	 * @return its cycles, lazily; the caller closes them
	 */
	static Cycles cyclesOf(Object value) {
		if (value instanceof Stream<?> stream) {
			return new Cycles(stream.iterator(), true);
		}
		if (value instanceof Iterable<?> iterable) {
			return new Cycles(iterable.iterator(), false);
		}
		return new Cycles(List.of(value).iterator(), false);
	}

	private static OutputCycle cycleOf(Object element) {
		if (element instanceof OutputCycle cycle) {
			return cycle;
		}
		if (element instanceof AnnotatedBatch batch) {
			return OutputCycle.of(batch);
		}
		VectorSchemaRoot root = (VectorSchemaRoot) element;
		requireNoDictionaries(root);
		return OutputCycle.of(AnnotatedBatch.of(root));
	}

	private static void requireNoDictionaries(VectorSchemaRoot root) {
		Set<String> encoded = new HashSet<>();
		for (Field field : root.getSchema().getFields()) {
			if (isEncoded(field)) {
				encoded.add(field.getName());
			}
		}
		if (!encoded.isEmpty()) {
			throw new IllegalArgumentException("Columns " + encoded
					+ " are dictionary-encoded: return an AnnotatedBatch, which has a place for dictionaries");
		}
	}

	private static boolean isEncoded(Field field) {
		return field.getDictionary() != null || field.getChildren().stream().anyMatch(ArrowValues::isEncoded);
	}

	/**
	 * Close a value of any of these types, also inside the wrappers of results: an
	 * entity, an optional, a map, an array, a record. A failure to do so is logged.
	 * Idempotent.
	 * @param value the value; anything else and {@code null} are ignored
	 */
	public static void close(@Nullable Object value) {
		if (value instanceof Iterable<?> iterable) {
			iterable.forEach(ArrowValues::closeInner);
		}
		else {
			closeInner(value);
		}
	}

	// Iterables other than collections are skipped: some start over with each iterator,
	// or contain themselves, as a path does.
	private static void closeInner(@Nullable Object value) {
		if (value != null && isSingle(value.getClass()) || value instanceof ArrowReader || value instanceof Stream<?>) {
			closeOne((AutoCloseable) value);
		}
		else if (value instanceof Collection<?> collection) {
			collection.forEach(ArrowValues::closeInner);
		}
		else if (value instanceof HttpEntity<?> entity) {
			closeInner(entity.getBody());
		}
		else if (value instanceof Optional<?> optional) {
			closeInner(optional.orElse(null));
		}
		else if (value instanceof Map<?, ?> map) {
			map.values().forEach(ArrowValues::closeInner);
		}
		else if (value instanceof Object[] array) {
			Arrays.asList(array).forEach(ArrowValues::closeInner);
		}
		else if (value instanceof Record) {
			for (RecordComponent component : value.getClass().getRecordComponents()) {
				if (!component.getType().isPrimitive()) {
					ReflectionUtils.makeAccessible(component.getAccessor());
					closeInner(ReflectionUtils.invokeMethod(component.getAccessor(), value));
				}
			}
		}
	}

	// One that cannot be closed must not keep the others open.
	private static void closeOne(AutoCloseable value) {
		try {
			value.close();
		}
		catch (Exception ex) {
			logger.warn("An Arrow value could not be closed: " + RedactedUrl.scrub(ex.toString()));
		}
	}

	/**
	 * The cycles of a value. Elements of a lazy sequence have no other owner. Each is
	 * therefore closed once the next one is requested, and one that was produced but
	 * never requested is closed at the end.
	 */
	static final class Cycles implements AutoCloseable, Iterable<OutputCycle> {

		private final Iterator<?> elements;

		private final boolean lazy;

		/** Whether {@code hasNext()} has already produced the next element. */
		private boolean ahead;

		private @Nullable Object current;

		private Cycles(Iterator<?> elements, boolean lazy) {
			this.elements = elements;
			this.lazy = lazy;
		}

		@Override
		public Iterator<OutputCycle> iterator() {
			return new Iterator<>() {

				@Override
				public boolean hasNext() {
					Cycles.this.ahead = Cycles.this.elements.hasNext();
					return Cycles.this.ahead;
				}

				@Override
				public OutputCycle next() {
					closeCurrent();
					Cycles.this.ahead = false;
					Object element = Cycles.this.elements.next();
					Cycles.this.current = element;
					return cycleOf(element);
				}

			};
		}

		private void closeCurrent() {
			if (this.lazy) {
				ArrowValues.close(this.current);
			}
			this.current = null;
		}

		@Override
		public void close() {
			closeCurrent();
			if (this.lazy && this.ahead) {
				this.ahead = false;
				ArrowValues.close(this.elements.next());
			}
		}

	}

}
