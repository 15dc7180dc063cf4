package dev.vgi.external.rpc.server.http;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;

import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.method.Endpoint;
import dev.vgi.external.rpc.method.HostedProtocol;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;
import dev.vgi.external.rpc.server.HostedMethods;
import dev.vgi.external.rpc.server.MethodTable;
import dev.vgi.external.rpc.server.ReflectionController;
import dev.vgi.external.web.server.AddedRoutes;
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
 * Which methods this application serves, and where. Spring MVC maps the route in a
 * method's annotation; this class adds those of streams, and the same routes below the
 * protocol's name for peers of the namespaced dialect. Filled once, before the first
 * request.
 */
final class RpcRoutes {

	private static final Method EXCHANGE_HANDLER = exchangeHandler();

	private final String prefix;

	private final RpcMethods methods = new RpcMethods();

	private HostedMethods hosted = HostedMethods.none();

	private final Map<Method, StreamHandler> streams = new HashMap<>();

	private final Map<String, Endpoint> endpoints = new HashMap<>();

	/** Paths without patterns, which are compared for equality. */
	private final Set<String> paths = new HashSet<>();

	private final List<PathPattern> patterns = new ArrayList<>();

	/**
	 * Create routes without any method.
	 * @param prefix the path in front of all methods; may be empty
	 */
	RpcRoutes(String prefix) {
		this.prefix = prefix;
	}

	private static Method exchangeHandler() {
		Method method = ReflectionUtils.findMethod(StreamHandler.class, "exchange", (Class<?>[]) null);
		Assert.state(method != null, "StreamHandler has no method 'exchange'");
		return method;
	}

	/**
	 * Find all methods that Spring MVC has mapped, and add their routes.
	 * @param mapping knows the methods, and receives the routes
	 * @param serverId identifier of this process
	 * @param streams creates the handler of a stream's turns
	 * @throws IllegalStateException if a signature cannot be mapped to Arrow
	 */
	void addMethods(RequestMappingHandlerMapping mapping, String serverId,
			BiFunction<HandlerMethod, RpcMethodDescriptor, StreamHandler> streams) {
		Map<RequestMappingInfo, HandlerMethod> mapped = Map.copyOf(mapping.getHandlerMethods());
		this.hosted = HostedMethods.of(this.methods, mapped.values(), serverId);
		mapped.forEach((info, handler) -> {
			RpcMethodDescriptor descriptor = this.methods.find(handler);
			if (descriptor != null) {
				StreamHandler stream = null;
				if (descriptor.kind().isStream()) {
					stream = streams.apply(handler, descriptor);
					this.streams.put(handler.getMethod(), stream);
				}
				addEndpoints(mapping, info, handler, descriptor, stream);
			}
		});
	}

	private void addEndpoints(RequestMappingHandlerMapping mapping, RequestMappingInfo info, HandlerMethod handler,
			RpcMethodDescriptor descriptor, @Nullable StreamHandler stream) {
		AddedRoutes added = new AddedRoutes(mapping);
		for (String flat : info.getPatternValues()) {
			for (String path : Set.of(flat, this.prefix + "/" + descriptor.protocol() + "/" + descriptor.name())) {
				for (Endpoint endpoint : Endpoint.values()) {
					String route = path + endpoint.suffix();
					this.endpoints.put(route, endpoint);
					remember(mapping, route);
					if (endpoint == Endpoint.EXCHANGE && stream != null) {
						added.add(info.mutate().paths(route), stream, EXCHANGE_HANDLER);
					}
					else {
						// The interceptor refuses a route that does not fit the method's
						// kind.
						added.add(info.mutate().paths(route), handler.getBean(), handler.getMethod());
					}
				}
			}
		}
	}

	/**
	 * Add the endpoints that describe the service in either dialect.
	 * @param mapping receives the routes
	 * @param describe describes all methods to peers of the flat dialect
	 */
	void addDescriptions(RequestMappingHandlerMapping mapping, DescribeController describe) {
		AddedRoutes added = new AddedRoutes(mapping);
		added.add(this.prefix, describe);
		remember(mapping, this.prefix + "/" + MethodTable.METHOD);
		for (HostedMethods.Hosted reflection : this.hosted.methods(ReflectionController.PROTOCOL)) {
			String route = this.prefix + "/" + reflection.descriptor().protocol() + "/"
					+ reflection.descriptor().name();
			remember(mapping, route);
			added.add(RequestMappingInfo.paths(route).methods(RequestMethod.POST), reflection.handler().getBean(),
					reflection.handler().getMethod());
		}
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
	 * Return the hosted protocols, except for the one that describes them.
	 * @return the protocols by name, in alphabetical order
	 */
	Map<String, HostedProtocol> protocols() {
		return this.hosted.protocols();
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

	/**
	 * Return the method that a handler serves.
	 * @param handler the handler that Spring MVC chose, or {@code null}
	 * @return its description, or {@code null} if it is not an RPC method
	 */
	@Nullable RpcMethodDescriptor method(@Nullable Object handler) {
		return (handler instanceof HandlerMethod method && method.getBean() instanceof StreamHandler stream)
				? stream.method() : this.methods.find(handler);
	}

	/**
	 * Return what describes the methods.
	 * @return the descriptors
	 */
	RpcMethods methods() {
		return this.methods;
	}

	/**
	 * Return the handler of a stream.
	 * @param method the method that starts it
	 * @return the handler
	 */
	StreamHandler stream(@Nullable Method method) {
		StreamHandler stream = this.streams.get(method);
		Assert.state(stream != null, () -> method + " was not installed");
		return stream;
	}

	/**
	 * Return the route of a request.
	 * @param request a request that Spring MVC has mapped
	 * @return its route
	 */
	Endpoint endpoint(HttpServletRequest request) {
		Object pattern = request.getAttribute(HandlerMapping.BEST_MATCHING_PATTERN_ATTRIBUTE);
		return this.endpoints.getOrDefault(String.valueOf(pattern), Endpoint.CALL);
	}

	/**
	 * Return the error of a request that no handler serves.
	 * @param path its path
	 * @return the error, or {@code null} if the path is none of a protocol's
	 */
	@Nullable RpcBadRequestException unknown(String path) {
		if (protocols().isEmpty() || !path.startsWith(this.prefix + "/")) {
			return null;
		}
		String method = path.substring(this.prefix.length() + 1);
		String[] segments = method.split("/");
		boolean stream = method.endsWith(Endpoint.INIT.suffix()) || method.endsWith(Endpoint.EXCHANGE.suffix());
		boolean namespaced = segments.length == (stream ? 3 : 2);
		return namespaced ? this.hosted.unknown(segments[0], method.substring(segments[0].length() + 1))
				: this.hosted.unknown(null, method);
	}

}
