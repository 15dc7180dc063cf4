package dev.vgi.external.rpc;

import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.WildcardType;
import java.util.HashSet;
import java.util.Set;

import org.springframework.aot.hint.ExecutableMode;
import org.springframework.aot.hint.MemberCategory;
import org.springframework.aot.hint.ReflectionHints;
import org.springframework.aot.hint.annotation.ReflectiveProcessor;

/**
 * Names what is reached by reflection because of a method: the method, and the records
 * and enumerations in its signature, however deep. Those of results and headers too,
 * since what Spring's own processor of HTTP interfaces registers is for JSON.
 */
final class RpcReflectiveProcessor implements ReflectiveProcessor {

	@Override
	public void registerReflectionHints(ReflectionHints hints, AnnotatedElement element) {
		if (element instanceof Method method) {
			hints.registerMethod(method, ExecutableMode.INVOKE);
			Set<Type> seen = new HashSet<>();
			for (Type parameter : method.getGenericParameterTypes()) {
				register(hints, parameter, seen);
			}
			register(hints, method.getGenericReturnType(), seen);
		}
	}

	private static void register(ReflectionHints hints, Type type, Set<Type> seen) {
		if (!seen.add(type)) {
			return;
		}
		if (type instanceof ParameterizedType parameterized) {
			register(hints, parameterized.getRawType(), seen);
			for (Type argument : parameterized.getActualTypeArguments()) {
				register(hints, argument, seen);
			}
		}
		else if (type instanceof WildcardType wildcard) {
			register(hints, wildcard.getUpperBounds()[0], seen);
		}
		else if (type instanceof GenericArrayType array) {
			register(hints, array.getGenericComponentType(), seen);
		}
		else if (type instanceof Class<?> plain && plain.isRecord()) {
			registerRecord(hints, plain, seen);
		}
		else if (type instanceof Class<?> plain && plain.isEnum()) {
			hints.registerType(plain, MemberCategory.ACCESS_DECLARED_FIELDS, MemberCategory.INVOKE_PUBLIC_METHODS);
		}
	}

	private static void registerRecord(ReflectionHints hints, Class<?> type, Set<Type> seen) {
		hints.registerType(type, MemberCategory.ACCESS_DECLARED_FIELDS, MemberCategory.INVOKE_DECLARED_CONSTRUCTORS);
		for (RecordComponent component : type.getRecordComponents()) {
			hints.registerMethod(component.getAccessor(), ExecutableMode.INVOKE);
			register(hints, component.getGenericType(), seen);
		}
	}

}
