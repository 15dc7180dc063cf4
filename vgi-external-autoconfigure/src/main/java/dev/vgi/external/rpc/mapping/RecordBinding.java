package dev.vgi.external.rpc.mapping;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;

import org.jspecify.annotations.Nullable;

import org.springframework.util.ReflectionUtils;

/**
 * Takes records apart and creates them from values.
 */
final class RecordBinding {

	private final Class<?> type;

	private final Constructor<?> constructor;

	private final List<Method> accessors;

	RecordBinding(Class<?> type) {
		this.type = type;
		RecordComponent[] components = type.getRecordComponents();
		try {
			this.constructor = type
				.getDeclaredConstructor(Arrays.stream(components).map(RecordComponent::getType).toArray(Class[]::new));
		}
		catch (NoSuchMethodException ex) {
			throw new IllegalStateException("Record without canonical constructor: " + type.getName(), ex);
		}
		ReflectionUtils.makeAccessible(this.constructor);
		this.accessors = Arrays.stream(components).map(RecordComponent::getAccessor).toList();
		this.accessors.forEach(ReflectionUtils::makeAccessible);
	}

	@Nullable Object get(Object value, int component) {
		return ReflectionUtils.invokeMethod(this.accessors.get(component), value);
	}

	/**
	 * Create a record.
	 * @param values one per component, in order
	 * @return the record
	 * @throws dev.vgi.external.location.SchemaMismatchException if the record refuses the
	 * values
	 */
	Object create(@Nullable Object[] values) {
		try {
			return this.constructor.newInstance(values);
		}
		catch (InvocationTargetException ex) {
			// Other exceptions tell about the record's code and not about the values.
			String reason = (ex.getTargetException() instanceof IllegalArgumentException refused)
					? ": " + refused.getMessage() : "";
			throw ValueMapping.mismatch("not a valid " + this.type.getSimpleName() + reason);
		}
		catch (ReflectiveOperationException ex) {
			throw new IllegalStateException("Record cannot be created: " + this.type.getName(), ex);
		}
	}

}
