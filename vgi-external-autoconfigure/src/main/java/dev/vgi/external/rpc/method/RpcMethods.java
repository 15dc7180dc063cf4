package dev.vgi.external.rpc.method;

import java.lang.reflect.Method;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

import dev.vgi.external.rpc.RpcMethod;
import org.jspecify.annotations.Nullable;

import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.util.ClassUtils;
import org.springframework.util.ReflectionUtils;
import org.springframework.web.method.HandlerMethod;

/**
 * Finds and caches the descriptors of methods. Thread-safe.
 */
public final class RpcMethods {

	private final Map<Method, Optional<RpcMethodDescriptor>> descriptors = new ConcurrentHashMap<>();

	/**
	 * Describe a handler.
	 * @param handler the handler that Spring MVC chose, or {@code null}
	 * @return its descriptor, or {@code null} if it is not an RPC method
	 * @throws RpcContractException if its signature cannot be mapped to Arrow
	 */
	public @Nullable RpcMethodDescriptor find(@Nullable Object handler) {
		return (handler instanceof HandlerMethod method) ? find(method.getMethod()) : null;
	}

	/**
	 * Describe a method of an interface, or of a class that implements one.
	 * @param method the method
	 * @return its descriptor, or {@code null} if it is not an RPC method
	 * @throws RpcContractException if its signature cannot be mapped to Arrow
	 */
	public @Nullable RpcMethodDescriptor find(Method method) {
		return this.descriptors
			.computeIfAbsent(method, (key) -> Optional.ofNullable(declaration(key)).map(RpcMethodDescriptor::new))
			.orElse(null);
	}

	/**
	 * Return whether a class serves RPC methods.
	 * @param type the class of a controller
	 * @return {@code true} if any of its methods is one
	 */
	public static boolean isRpcController(Class<?> type) {
		for (Method method : ReflectionUtils.getUniqueDeclaredMethods(ClassUtils.getUserClass(type))) {
			if (declaration(method) != null) {
				return true;
			}
		}
		return false;
	}

	private static @Nullable Method declaration(Method method) {
		if (!AnnotatedElementUtils.hasAnnotation(method, RpcMethod.class)) {
			return null;
		}
		if (AnnotatedElementUtils.isAnnotated(method, RpcMethod.class)) {
			return method;
		}
		Class<?> type = method.getDeclaringClass();
		for (Class<?> candidate : ClassUtils.getAllInterfacesForClassAsSet(type)) {
			Method declared = declared(candidate, method);
			if (declared != null) {
				return declared;
			}
		}
		for (Class<?> parent = type.getSuperclass(); parent != null; parent = parent.getSuperclass()) {
			Method declared = declared(parent, method);
			if (declared != null) {
				return declared;
			}
		}
		return null;
	}

	private static @Nullable Method declared(Class<?> type, Method method) {
		Method declared = ReflectionUtils.findMethod(type, method.getName(), method.getParameterTypes());
		return (declared != null && AnnotatedElementUtils.isAnnotated(declared, RpcMethod.class)) ? declared : null;
	}

}
