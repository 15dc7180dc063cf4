package dev.vgi.external.rpc.server.http;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;

import dev.vgi.external.location.CallerPointers;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.method.RpcMethods;
import dev.vgi.external.rpc.server.CallArguments;
import dev.vgi.external.rpc.server.HandlerInvoker;
import dev.vgi.external.rpc.server.MethodTable;
import dev.vgi.external.rpc.server.RequestReader;
import dev.vgi.external.rpc.server.RpcErrors;
import dev.vgi.external.rpc.server.StreamTurns;
import dev.vgi.external.web.server.AddedRoutes;
import dev.vgi.external.web.server.ErrorWriter;
import dev.vgi.external.web.server.HealthController;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.context.ApplicationContext;
import org.springframework.core.MethodParameter;
import org.springframework.core.Ordered;
import org.springframework.http.server.PathContainer;
import org.springframework.util.Assert;
import org.springframework.util.function.SingletonSupplier;
import org.springframework.web.bind.support.WebBindingInitializer;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.method.support.HandlerMethodArgumentResolver;
import org.springframework.web.method.support.HandlerMethodReturnValueHandler;
import org.springframework.web.method.support.ModelAndViewContainer;
import org.springframework.web.servlet.HandlerExceptionResolver;
import org.springframework.web.servlet.ModelAndView;
import org.springframework.web.servlet.config.annotation.InterceptorRegistry;
import org.springframework.web.servlet.config.annotation.PathMatchConfigurer;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerAdapter;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;
import org.springframework.web.servlet.mvc.method.annotation.ServletRequestDataBinderFactory;

/**
 * Adds support for {@link RpcMethod} handlers to Spring MVC. Spring maps and calls them;
 * this library reads their requests, writes their results and reports their failures in
 * the form that peers expect. Other handlers are not affected.
 * <p>
 * A configurer is not enough, because Spring's own resolvers would treat a map as a
 * model: call {@link #install} once both beans exist.
 */
public final class RpcWebMvc implements WebMvcConfigurer, HandlerExceptionResolver, Ordered, ErrorWriter {

	private final RpcSettings settings;

	private final BufferAllocator allocator;

	private final RpcRoutes routes;

	private final RequestReader reader;

	private final Supplier<StreamTokens> tokens;

	private final RpcRequestInterceptor interceptor;

	private final RpcErrorResolver errors;

	/**
	 * Create the support for one application.
	 * @param settings how methods are served
	 * @param allocator the owner of the memory of requests and results
	 * @param resolver resolves requests that are pointers
	 * @param externalizer sends large results through storage
	 * @param tokens called once, if any method is a stream: seals the state of streams
	 * @param listener observes calls
	 */
	public RpcWebMvc(RpcSettings settings, BufferAllocator allocator, LocationResolver resolver,
			Externalizer externalizer, Supplier<StreamTokens> tokens, RpcCallListener listener) {
		this(settings, allocator, resolver, externalizer, tokens, listener, (request) -> CallerPointers.unbound());
	}

	/**
	 * Create the support for one application whose callers differ in what they may do
	 * with pointers.
	 * @param settings how methods are served
	 * @param allocator the owner of the memory of requests and results
	 * @param resolver resolves requests that are pointers
	 * @param externalizer sends large results through storage
	 * @param tokens called once, if any method is a stream: seals the state of streams
	 * @param listener observes calls
	 * @param pointers returns what the sender of a request has to do with pointers;
	 * called by the thread that serves it
	 */
	public RpcWebMvc(RpcSettings settings, BufferAllocator allocator, LocationResolver resolver,
			Externalizer externalizer, Supplier<StreamTokens> tokens, RpcCallListener listener,
			Function<HttpServletRequest, CallerPointers> pointers) {
		this.settings = settings;
		this.allocator = allocator;
		this.routes = new RpcRoutes(settings.prefix());
		this.reader = new RequestReader(resolver, settings.readLimits());
		this.tokens = tokens;
		this.interceptor = new RpcRequestInterceptor(this.routes, settings, allocator, this.reader, externalizer,
				listener, pointers);
		this.errors = new RpcErrorResolver(this.routes,
				new RpcErrors(settings.serverId(), settings.includeStackTrace()), allocator);
	}

	@Override
	public void configurePathMatch(PathMatchConfigurer configurer) {
		if (!this.settings.prefix().isEmpty()) {
			configurer.addPathPrefix(this.settings.prefix(), RpcMethods::isRpcController);
		}
	}

	@Override
	public void addInterceptors(InterceptorRegistry registry) {
		// Other interceptors may refuse a request before its body is read or a pointer in
		// it is resolved.
		registry.addInterceptor(this.interceptor).order(LOWEST_PRECEDENCE);
	}

	/**
	 * Comes before the application's resolvers, which do not know error batches.
	 */
	@Override
	public int getOrder() {
		return HIGHEST_PRECEDENCE;
	}

	@Override
	public @Nullable ModelAndView resolveException(HttpServletRequest request, HttpServletResponse response,
			@Nullable Object handler, Exception failure) {
		return this.errors.resolve(request, response, handler, failure);
	}

	@Override
	public void writeError(HttpServletRequest request, HttpServletResponse response, int status, Exception failure)
			throws IOException {
		this.errors.writeError(request, response, status, failure);
	}

	/**
	 * Put our resolvers before Spring's own and examine all RPC methods, so that the
	 * start fails if a signature cannot be mapped. If there are any, add the routes of
	 * streams, of descriptions and of the service's health.
	 * @param mapping knows the handlers
	 * @param adapter calls them
	 * @throws IllegalStateException if a signature cannot be mapped to Arrow
	 */
	public void install(RequestMappingHandlerMapping mapping, RequestMappingHandlerAdapter adapter) {
		List<HandlerMethodArgumentResolver> resolvers = new ArrayList<>(
				List.of(new CallArguments(this.routes.methods())));
		resolvers.addAll((adapter.getArgumentResolvers() != null) ? adapter.getArgumentResolvers() : List.of());
		adapter.setArgumentResolvers(resolvers);
		List<HandlerMethodReturnValueHandler> handlers = new ArrayList<>(List.of(new ReturnValueHandler(this.routes)));
		handlers.addAll((adapter.getReturnValueHandlers() != null) ? adapter.getReturnValueHandlers() : List.of());
		adapter.setReturnValueHandlers(handlers);
		WebBindingInitializer binding = adapter.getWebBindingInitializer();
		addRoutes(mapping,
				new HandlerInvoker(resolvers, new ServletRequestDataBinderFactory(List.of(), binding), binding));
	}

	private void addRoutes(RequestMappingHandlerMapping mapping, HandlerInvoker invoker) {
		ApplicationContext beans = mapping.getApplicationContext();
		Assert.state(beans != null, "The handler mapping is not initialised");
		Supplier<StreamTokens> sealing = SingletonSupplier.of(this.tokens);
		this.routes.addMethods(mapping, this.settings.serverId(), (handler, method) -> new StreamHandler(method,
				StreamTurns.of(handler, beans), this.reader, sealing.get(), invoker));
		if (servesMethods()) {
			String serverId = this.settings.serverId();
			this.routes.addDescriptions(mapping, new DescribeController(
					new MethodTable(serverId, this.routes.protocols()), this.allocator, this.errors));
			new AddedRoutes(mapping).add(this.settings.prefix(),
					new HealthController(serverId, protocols().iterator().next()));
		}
	}

	/**
	 * Return whether a path belongs to an RPC method, or to an endpoint that describes
	 * them.
	 * @param path the path within the application, as Spring MVC matches it
	 * @return {@code true} if it does; {@code false} before {@link #install}
	 */
	public boolean isRoute(PathContainer path) {
		return this.routes.contains(path);
	}

	/**
	 * Return whether this application has any RPC method.
	 * @return {@code true} if it has; {@code false} before {@link #install}
	 */
	public boolean servesMethods() {
		return !protocols().isEmpty();
	}

	/**
	 * Return the names of the protocols that this application serves.
	 * @return their names in alphabetical order; empty before {@link #install}
	 */
	public Set<String> protocols() {
		return this.routes.protocols().keySet();
	}

	private static HttpServletRequest servletRequest(NativeWebRequest request) {
		HttpServletRequest servletRequest = request.getNativeRequest(HttpServletRequest.class);
		Assert.state(servletRequest != null, "There is no servlet request");
		return servletRequest;
	}

	/**
	 * Writes the method's result, or starts the stream that it describes.
	 *
	 * @param routes the methods
	 */
	private record ReturnValueHandler(RpcRoutes routes) implements HandlerMethodReturnValueHandler {

		@Override
		public boolean supportsReturnType(MethodParameter returnType) {
			return returnType.getMethod() != null && this.routes.methods().find(returnType.getMethod()) != null;
		}

		@Override
		public void handleReturnValue(@Nullable Object returnValue, MethodParameter returnType,
				ModelAndViewContainer mavContainer, NativeWebRequest webRequest) throws Exception {
			mavContainer.setRequestHandled(true);
			HttpServletResponse response = webRequest.getNativeResponse(HttpServletResponse.class);
			Assert.state(response != null, "There is no servlet response");
			ServedRequest served = ServedRequest.of(servletRequest(webRequest));
			if (served.call().call().descriptor().kind().isStream()) {
				this.routes.stream(returnType.getMethod()).start(served, returnValue, webRequest);
			}
			else {
				served.body().result(served.call().result(returnValue));
			}
			served.write(response);
		}

	}

}
