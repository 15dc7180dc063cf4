package dev.vgi.external.rpc;

import java.lang.reflect.Method;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.util.ReflectionUtils;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.servlet.HandlerMapping;
import org.springframework.web.servlet.mvc.method.RequestMappingInfo;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

/**
 * The routes of RPC methods beyond the one that Spring MVC maps from the annotation:
 * streams' own, and the same ones below the protocol's name, where peers of the
 * namespaced dialect look.
 */
final class RpcRoutes {

	private static final Method EXCHANGE_HANDLER = exchangeHandler();

	private final Map<String, Endpoint> endpoints = new HashMap<>();

	/**
	 * Add the routes of a method.
	 * @param mapping receives them
	 * @param info how Spring MVC maps the method
	 * @param handler the method
	 * @param descriptor what it declares
	 * @param stream makes the turns, or {@code null} for a unary method
	 */
	void add(RequestMappingHandlerMapping mapping, RequestMappingInfo info, HandlerMethod handler,
			RpcMethodDescriptor descriptor, @Nullable StreamHandler stream) {
		Set<String> taken = new HashSet<>();
		mapping.getHandlerMethods().keySet().forEach((known) -> taken.addAll(known.getPatternValues()));
		for (String flat : info.getPatternValues()) {
			String name = "/" + descriptor.name();
			String parent = flat.endsWith(name) ? flat.substring(0, flat.length() - name.length()) : "";
			String namespaced = parent + "/" + descriptor.protocol() + name;
			this.endpoints.put(flat, Endpoint.CALL);
			for (String path : Set.of(flat, namespaced)) {
				for (Endpoint endpoint : Endpoint.values()) {
					String route = path + endpoint.suffix();
					this.endpoints.put(route, endpoint);
					// The application's own mapping wins.
					if (taken.add(route)) {
						RequestMappingInfo added = info.mutate()
							.paths(route)
							.options(mapping.getBuilderConfiguration())
							.build();
						if (endpoint == Endpoint.EXCHANGE && stream != null) {
							mapping.registerMapping(added, stream, EXCHANGE_HANDLER);
						}
						else {
							// The wrong route for its kind is refused by the interceptor.
							mapping.registerMapping(added, handler.getBean(), handler.getMethod());
						}
					}
				}
			}
		}
	}

	private static Method exchangeHandler() {
		Method method = ReflectionUtils.findMethod(StreamHandler.class, "exchange", (Class<?>[]) null);
		if (method == null) {
			throw new IllegalStateException("StreamHandler has no method 'exchange'");
		}
		return method;
	}

	/**
	 * Return the route of a request.
	 * @param request a request that Spring MVC has mapped
	 * @return its route
	 */
	Endpoint of(HttpServletRequest request) {
		Object pattern = request.getAttribute(HandlerMapping.BEST_MATCHING_PATTERN_ATTRIBUTE);
		return this.endpoints.getOrDefault(String.valueOf(pattern), Endpoint.CALL);
	}

}
