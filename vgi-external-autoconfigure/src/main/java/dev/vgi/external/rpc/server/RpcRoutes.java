package dev.vgi.external.rpc.server;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import dev.vgi.external.rpc.method.Endpoint;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.web.server.ServedPaths;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.http.server.PathContainer;
import org.springframework.util.Assert;
import org.springframework.util.ReflectionUtils;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.servlet.HandlerMapping;
import org.springframework.web.servlet.mvc.method.RequestMappingInfo;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;
import org.springframework.web.util.pattern.PathPattern;
import org.springframework.web.util.pattern.PathPatternParser;

/**
 * The routes of RPC methods in addition to the one that Spring MVC maps from the
 * annotation: those of streams, and the same routes below the protocol's name for peers
 * of the namespaced dialect.
 */
final class RpcRoutes {

	private static final Method EXCHANGE_HANDLER = exchangeHandler();

	private final Map<String, Endpoint> endpoints = new HashMap<>();

	/** Paths without patterns, which are compared for equality. */
	private final Set<String> paths = new HashSet<>();

	private final List<PathPattern> patterns = new ArrayList<>();

	/**
	 * Add the routes of a method that Spring MVC has mapped.
	 * @param mapping receives them
	 * @param prefix the path in front of the protocol's name
	 * @param info how Spring MVC maps the method
	 * @param handler the method
	 * @param descriptor what it declares
	 * @param stream runs the turns, or {@code null} for a unary method
	 */
	void add(RequestMappingHandlerMapping mapping, String prefix, RequestMappingInfo info, HandlerMethod handler,
			RpcMethodDescriptor descriptor, @Nullable StreamHandler stream) {
		for (String flat : info.getPatternValues()) {
			for (String path : Set.of(flat, prefix + "/" + descriptor.protocol() + "/" + descriptor.name())) {
				for (Endpoint endpoint : Endpoint.values()) {
					RequestMappingInfo added = info.mutate()
						.paths(path + endpoint.suffix())
						.options(mapping.getBuilderConfiguration())
						.build();
					this.endpoints.put(path + endpoint.suffix(), endpoint);
					remember(mapping, path + endpoint.suffix());
					if (endpoint == Endpoint.EXCHANGE && stream != null) {
						add(mapping, added, stream, EXCHANGE_HANDLER);
					}
					else {
						// The interceptor refuses a route that does not fit the method's
						// kind.
						add(mapping, added, handler.getBean(), handler.getMethod());
					}
				}
			}
		}
	}

	/**
	 * Add one route.
	 * @param mapping receives it
	 * @param path its path
	 * @param handler the object that handles it
	 * @param method the method that handles it
	 */
	void add(RequestMappingHandlerMapping mapping, String path, Object handler, Method method) {
		remember(mapping, path);
		add(mapping,
				RequestMappingInfo.paths(path)
					.methods(RequestMethod.POST)
					.options(mapping.getBuilderConfiguration())
					.build(),
				handler, method);
	}

	private static void add(RequestMappingHandlerMapping mapping, RequestMappingInfo info, Object handler,
			Method method) {
		for (RequestMappingInfo known : mapping.getHandlerMethods().keySet()) {
			// The application's own mapping wins.
			Set<RequestMethod> methods = known.getMethodsCondition().getMethods();
			if (known.getPatternValues().containsAll(info.getPatternValues())
					&& (methods.isEmpty() || methods.contains(RequestMethod.POST))) {
				return;
			}
		}
		mapping.registerMapping(info, handler, method);
	}

	private void remember(RequestMappingHandlerMapping mapping, String path) {
		PathPatternParser own = mapping.getPatternParser();
		PathPatternParser parser = (own != null) ? own : PathPatternParser.defaultInstance;
		PathPattern pattern = parser.parse(path);
		if (pattern.hasPatternSyntax() || !parser.isCaseSensitive()) {
			this.patterns.add(pattern);
		}
		else {
			this.paths.add(path);
		}
	}

	/**
	 * Return whether a path is one of these routes, whatever the HTTP method.
	 * @param path the path within the application, as Spring MVC matches it
	 * @return {@code true} if an RPC method would handle it
	 */
	boolean contains(PathContainer path) {
		return this.paths.contains(ServedPaths.text(path))
				|| this.patterns.stream().anyMatch((pattern) -> pattern.matches(path));
	}

	private static Method exchangeHandler() {
		Method method = ReflectionUtils.findMethod(StreamHandler.class, "exchange", (Class<?>[]) null);
		Assert.state(method != null, "StreamHandler has no method 'exchange'");
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
