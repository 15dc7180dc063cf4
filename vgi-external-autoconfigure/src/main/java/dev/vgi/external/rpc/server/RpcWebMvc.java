package dev.vgi.external.rpc.server;

import java.io.IOException;
import java.lang.reflect.Method;
import java.security.Principal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ArrowMediaType;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.mapping.RowMapping;
import dev.vgi.external.rpc.method.Endpoint;
import dev.vgi.external.rpc.method.HostedProtocol;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.server.ClosingAsyncListener;
import dev.vgi.external.web.server.ErrorWriter;
import dev.vgi.external.web.server.RequestTooLargeException;
import dev.vgi.external.web.server.ServedPaths;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.context.ApplicationContext;
import org.springframework.core.MethodParameter;
import org.springframework.core.Ordered;
import org.springframework.core.log.LogMessage;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.server.PathContainer;
import org.springframework.util.Assert;
import org.springframework.util.ReflectionUtils;
import org.springframework.web.ErrorResponse;
import org.springframework.web.HttpMediaTypeNotSupportedException;
import org.springframework.web.bind.support.WebDataBinderFactory;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.method.support.HandlerMethodArgumentResolver;
import org.springframework.web.method.support.HandlerMethodReturnValueHandler;
import org.springframework.web.method.support.ModelAndViewContainer;
import org.springframework.web.servlet.AsyncHandlerInterceptor;
import org.springframework.web.servlet.HandlerExceptionResolver;
import org.springframework.web.servlet.ModelAndView;
import org.springframework.web.servlet.NoHandlerFoundException;
import org.springframework.web.servlet.config.annotation.InterceptorRegistry;
import org.springframework.web.servlet.config.annotation.PathMatchConfigurer;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerAdapter;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;
import org.springframework.web.servlet.resource.NoResourceFoundException;

/**
 * Adds support for {@link RpcMethod} handlers to Spring MVC. Spring maps and calls them;
 * this class reads their requests, writes their results and reports their failures in the
 * form that peers expect. Other handlers are not affected.
 * <p>
 * A configurer is not enough, because Spring's own resolvers would treat a map as a
 * model: call {@link #install} once both beans exist.
 */
public final class RpcWebMvc implements WebMvcConfigurer, HandlerExceptionResolver, Ordered, ErrorWriter {

	private static final Log logger = LogFactory.getLog(RpcWebMvc.class);

	private static final String ERROR_HEADER = Capabilities.RPC_ERROR;

	private static final String REQUEST_ID_HEADER = Capabilities.REQUEST_ID;

	/**
	 * The values that a caller may set as its limit: from 64 KiB to the largest integer
	 * that a double holds exactly.
	 */
	private static final Pattern RESPONSE_LIMIT = Pattern.compile("[1-9][0-9]{0,15}");

	private static final long MIN_RESPONSE_LIMIT = 1 << 16;

	private static final long MAX_RESPONSE_LIMIT = (1L << 53) - 1;

	private final RpcMethods methods = new RpcMethods();

	private final RpcRoutes routes = new RpcRoutes();

	private final RpcSettings settings;

	private final String prefix;

	private final BufferAllocator allocator;

	private final RpcRequestReader reader;

	private final CycleExternalizer externalizer;

	private final StreamTokens tokens;

	private final RpcCallListener listener;

	private final RpcErrors errors;

	private final Map<String, HostedProtocol> protocols = new TreeMap<>();

	private final Map<Method, StreamHandler> streams = new HashMap<>();

	private @Nullable StreamCalls calls;

	/**
	 * Create the support for one application.
	 * @param settings how methods are served
	 * @param allocator the owner of the memory of requests and results
	 * @param resolver resolves requests that are pointers
	 * @param externalizer sends large results through storage
	 * @param tokens seals the state of streams
	 * @param listener observes calls
	 */
	public RpcWebMvc(RpcSettings settings, BufferAllocator allocator, PointerResolver resolver,
			CycleExternalizer externalizer, StreamTokens tokens, RpcCallListener listener) {
		this.settings = settings;
		this.prefix = settings.prefix();
		this.allocator = allocator;
		this.reader = new RpcRequestReader(resolver, settings);
		this.externalizer = externalizer;
		this.tokens = tokens;
		this.listener = listener;
		this.errors = new RpcErrors(settings.serverId(), settings.includeStackTrace());
	}

	@Override
	public void configurePathMatch(PathMatchConfigurer configurer) {
		if (!this.prefix.isEmpty()) {
			configurer.addPathPrefix(this.prefix, RpcMethods::isRpcController);
		}
	}

	@Override
	public void addInterceptors(InterceptorRegistry registry) {
		// Other interceptors may refuse a request before its body is read or a pointer in
		// it is resolved.
		registry.addInterceptor(new CallInterceptor()).order(LOWEST_PRECEDENCE);
	}

	/**
	 * Comes before the application's resolvers, which do not know error batches.
	 */
	@Override
	public int getOrder() {
		return HIGHEST_PRECEDENCE;
	}

	/**
	 * Put our resolvers before Spring's own and examine all RPC methods, so that the
	 * start fails if a signature cannot be mapped.
	 * @param mapping knows the handlers
	 * @param adapter calls them
	 * @throws IllegalStateException if a signature cannot be mapped to Arrow
	 */
	public void install(RequestMappingHandlerMapping mapping, RequestMappingHandlerAdapter adapter) {
		List<HandlerMethodArgumentResolver> resolvers = new ArrayList<>(List.of(new ArgumentResolver()));
		resolvers.addAll((adapter.getArgumentResolvers() != null) ? adapter.getArgumentResolvers() : List.of());
		adapter.setArgumentResolvers(resolvers);
		List<HandlerMethodReturnValueHandler> handlers = new ArrayList<>(List.of(new ReturnValueHandler()));
		handlers.addAll((adapter.getReturnValueHandlers() != null) ? adapter.getReturnValueHandlers() : List.of());
		adapter.setReturnValueHandlers(handlers);
		this.calls = new StreamCalls(this.tokens, new HandlerInvoker(adapter));
		Map<String, List<RpcMethodDescriptor>> found = new TreeMap<>();
		Map.copyOf(mapping.getHandlerMethods()).forEach((info, handler) -> {
			RpcMethodDescriptor descriptor = this.methods.find(handler);
			if (descriptor != null) {
				found.computeIfAbsent(descriptor.protocol(), (name) -> new ArrayList<>()).add(descriptor);
				this.routes.add(mapping, this.prefix, info, handler, descriptor, stream(mapping, handler, descriptor));
			}
		});
		found.forEach((name, descriptors) -> this.protocols.put(name, HostedProtocol.of(name, descriptors)));
		if (!this.protocols.isEmpty()) {
			describe(mapping);
		}
	}

	// Adds the endpoints that describe the service in either dialect.
	private void describe(RequestMappingHandlerMapping mapping) {
		this.routes.add(mapping, this.prefix + "/" + DescribeController.METHOD,
				new DescribeController(this.settings.serverId(), this.protocols, this.allocator, this),
				method(DescribeController.class, "describe"));
		Map<String, HostedProtocol> all = new LinkedHashMap<>(this.protocols);
		ReflectionController reflection = new ReflectionController(this.settings.serverId(), all);
		List<RpcMethodDescriptor> descriptors = new ArrayList<>();
		for (String name : List.of("listProtocols", "describe")) {
			Method method = method(ReflectionController.class, name);
			RpcMethodDescriptor descriptor = this.methods.find(method);
			Assert.state(descriptor != null, "The reflection protocol is no protocol");
			descriptors.add(descriptor);
			this.routes.add(mapping, this.prefix + "/" + ReflectionService.NAME + "/" + descriptor.name(), reflection,
					method);
		}
		all.put(ReflectionService.NAME, HostedProtocol.of(ReflectionService.NAME, descriptors));
	}

	private static Method method(Class<?> type, String name) {
		Method method = ReflectionUtils.findMethod(type, name, (Class<?>[]) null);
		Assert.state(method != null, () -> type.getName() + " has no method '" + name + "'");
		return method;
	}

	private @Nullable StreamHandler stream(RequestMappingHandlerMapping mapping, HandlerMethod handler,
			RpcMethodDescriptor descriptor) {
		if (!descriptor.kind().isStream()) {
			return null;
		}
		ApplicationContext beans = mapping.getApplicationContext();
		Assert.state(beans != null && this.calls != null, "The handler mapping is not initialised");
		StreamHandler stream = new StreamHandler(descriptor, StreamTurns.of(handler, beans), this.calls);
		this.streams.put(handler.getMethod(), stream);
		return stream;
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
		return !this.protocols.isEmpty();
	}

	/**
	 * Return whether any method is a stream.
	 * @return {@code true} if tokens are needed; {@code false} before {@link #install}
	 */
	public boolean servesStreams() {
		return !this.streams.isEmpty();
	}

	/**
	 * Return the names of the protocols that this application serves.
	 * @return their names in alphabetical order; empty before {@link #install}
	 */
	public Set<String> protocols() {
		return this.protocols.keySet();
	}

	@Override
	public @Nullable ModelAndView resolveException(HttpServletRequest request, HttpServletResponse response,
			@Nullable Object handler, Exception failure) {
		if (response.isCommitted()) {
			return null;
		}
		RpcMethodDescriptor descriptor = descriptor(handler);
		Throwable reason = failure;
		HttpStatusCode status;
		if (descriptor == null) {
			if (!isUnknownMethod(request, failure)) {
				return null;
			}
			status = HttpStatusCode.valueOf(HttpServletResponse.SC_NOT_FOUND);
			reason = unknownMethod(path(request).substring(this.prefix.length() + 1));
		}
		else {
			if (isSecurityFailure(failure)) {
				return null;
			}
			// Spring wraps an Error that a handler throws.
			reason = (failure.getCause() instanceof Error error) ? error : failure;
			status = status(failure);
			log(descriptor, reason);
			noteFailure(RpcCall.of(request), reason, status.is4xxClientError());
		}
		try {
			writeFailure(request, response, status.value(), reason);
			return new ModelAndView();
		}
		catch (IOException ex) {
			logger.debug("The error could not be sent", ex);
			return null;
		}
	}

	private static void noteFailure(@Nullable RpcCall call, Throwable failure, boolean refused) {
		if (call != null) {
			call.failed(failure, refused);
		}
	}

	private static void log(RpcMethodDescriptor method, Throwable failure) {
		// Transfers log their own failures, and a bad request is the caller's problem.
		if (failure instanceof VgiExternalException || failure instanceof ErrorResponse) {
			logger.debug(LogMessage.format("RPC method %s refused or failed: %s", method, failure.getMessage()));
		}
		else {
			logger.warn(LogMessage.format("RPC method %s failed", method), failure);
		}
	}

	@Override
	public void writeError(HttpServletRequest request, HttpServletResponse response, int status, Exception failure)
			throws IOException {
		boolean refused = status == HttpServletResponse.SC_BAD_REQUEST;
		writeFailure(request, response, status, refused
				? new RpcBadRequestException("ValueError", null, String.valueOf(failure.getMessage())) : failure);
	}

	private void writeFailure(HttpServletRequest request, HttpServletResponse response, int status, Throwable failure)
			throws IOException {
		RpcCall call = RpcCall.of(request);
		BatchMetadata metadata = this.errors.metadata(failure, requestId(request, response, call));
		response.resetBuffer();
		response.setStatus(status);
		response.setContentType(ArrowMediaType.NAME);
		if (status == HttpServletResponse.SC_OK) {
			response.setHeader(ERROR_HEADER, "true");
		}
		OutputCycle error = (call != null) ? new OutputCycle(call.takeLogs(), call.error(metadata))
				: OutputCycle.of(RowMapping.none().empty(metadata, this.allocator));
		try (ResponseBody body = (call != null) ? call.body()
				: new ResponseBody(CycleExternalizer.inline(), ResponseBudget.unlimited())) {
			body.error(error);
			body.writeTo(response);
		}
	}

	private static HttpStatusCode status(Exception failure) {
		if (failure instanceof RpcBadRequestException) {
			return HttpStatusCode.valueOf(HttpServletResponse.SC_BAD_REQUEST);
		}
		if (failure instanceof RequestTooLargeException) {
			return HttpStatusCode.valueOf(HttpServletResponse.SC_REQUEST_ENTITY_TOO_LARGE);
		}
		if (failure instanceof ErrorResponse response && response.getStatusCode().is4xxClientError()) {
			return response.getStatusCode();
		}
		// Peers treat a failure of a method as a successful exchange with an error in it.
		return HttpStatusCode.valueOf(HttpServletResponse.SC_OK);
	}

	private RpcBadRequestException unknownMethod(String path) {
		String[] segments = path.split("/");
		boolean stream = path.endsWith(Endpoint.INIT.suffix()) || path.endsWith(Endpoint.EXCHANGE.suffix());
		boolean namespaced = segments.length == (stream ? 3 : 2);
		if (namespaced && !this.protocols.containsKey(segments[0]) && !ReflectionService.NAME.equals(segments[0])) {
			return RpcBadRequestException.protocolNotSupported(segments[0], this.protocols.keySet());
		}
		return new RpcBadRequestException("MethodNotImplementedError", "method_not_implemented",
				"Unknown method: '" + path + "'");
	}

	private boolean isUnknownMethod(HttpServletRequest request, Exception failure) {
		return servesMethods()
				&& (failure instanceof NoResourceFoundException || failure instanceof NoHandlerFoundException)
				&& HttpMethod.POST.matches(request.getMethod()) && path(request).startsWith(this.prefix + "/")
				&& ArrowMediaType.isNamedBy(request.getContentType());
	}

	private static String path(HttpServletRequest request) {
		return ServedPaths.text(ServedPaths.of(request));
	}

	// Spring Security handles its own failures, in filters that expect the exception.
	private static boolean isSecurityFailure(Exception failure) {
		for (Class<?> type = failure.getClass(); type != null; type = type.getSuperclass()) {
			if (type.getName().equals("org.springframework.security.access.AccessDeniedException")
					|| type.getName().equals("org.springframework.security.core.AuthenticationException")) {
				return true;
			}
		}
		return false;
	}

	private static String requestId(HttpServletRequest request, HttpServletResponse response, @Nullable RpcCall call) {
		if (call != null) {
			return call.requestId();
		}
		// A filter may have chosen the id already.
		String chosen = response.getHeader(REQUEST_ID_HEADER);
		String sent = request.getHeader(REQUEST_ID_HEADER);
		return (chosen != null) ? chosen : ((sent != null) ? sent : "");
	}

	private @Nullable RpcMethodDescriptor descriptor(@Nullable Object handler) {
		return (handler instanceof HandlerMethod method && method.getBean() instanceof StreamHandler stream)
				? stream.descriptor() : this.methods.find(handler);
	}

	private static @Nullable Long acceptedResponseBytes(HttpServletRequest request) {
		List<String> sent = Collections.list(request.getHeaders(Capabilities.ACCEPT_MAX_RESPONSE_BYTES));
		if (sent.isEmpty()) {
			return null;
		}
		long limit = (sent.size() == 1 && RESPONSE_LIMIT.matcher(sent.get(0)).matches()) ? Long.parseLong(sent.get(0))
				: 0;
		if (limit < MIN_RESPONSE_LIMIT || limit > MAX_RESPONSE_LIMIT) {
			throw new RpcBadRequestException("ValueError", null, Capabilities.ACCEPT_MAX_RESPONSE_BYTES
					+ " must be one decimal integer from " + MIN_RESPONSE_LIMIT + " to " + MAX_RESPONSE_LIMIT);
		}
		return limit;
	}

	private @Nullable RpcMethodDescriptor descriptor(MethodParameter parameter) {
		return (parameter.getMethod() != null) ? this.methods.find(parameter.getMethod()) : null;
	}

	private static RpcCall call(NativeWebRequest request) {
		RpcCall call = RpcCall.of(request);
		Assert.state(call != null, "The request of an RPC method was not read");
		return call;
	}

	/**
	 * Reads the request before the method is called, and cleans up after the response.
	 */
	private final class CallInterceptor implements AsyncHandlerInterceptor {

		@Override
		public boolean preHandle(HttpServletRequest request, HttpServletResponse response, Object handler)
				throws Exception {
			RpcMethodDescriptor descriptor = descriptor(handler);
			RpcCall known = RpcCall.of(request);
			if (descriptor == null || known != null) {
				if (known != null) {
					known.enter();
				}
				return true;
			}
			if (!ArrowMediaType.isNamedBy(request.getContentType())) {
				throw new HttpMediaTypeNotSupportedException("Expected Content-Type: " + ArrowMediaType.NAME);
			}
			RpcCall call = newCall(descriptor, request, response);
			call.bindTo(request);
			try {
				read(request, call, (HandlerMethod) handler);
			}
			catch (Exception | Error ex) {
				call.arrived(BatchMetadata.empty());
				call.failed(ex, !(ex instanceof Exception failure) || status(failure).is4xxClientError());
				call.close();
				throw ex;
			}
			return true;
		}

		private RpcCall newCall(RpcMethodDescriptor descriptor, HttpServletRequest request,
				HttpServletResponse response) {
			RpcSettings settings = RpcWebMvc.this.settings;
			Principal principal = request.getUserPrincipal();
			RpcCall call = new RpcCall(descriptor, requestId(request, response, null),
					(principal != null) ? principal.getName() : null, RpcWebMvc.this.allocator,
					RpcWebMvc.this.externalizer,
					new ResponseBudget(settings.maxResponseBytes(), settings.maxExternalizedResponseBytes()),
					RpcWebMvc.this.routes.of(request));
			call.watchedBy(RpcWebMvc.this.listener, request.getHeader(RpcCall.TRACE_PARENT) != null);
			return call;
		}

		private void read(HttpServletRequest request, RpcCall call, HandlerMethod handler) throws IOException {
			RpcMethodDescriptor descriptor = call.descriptor();
			Endpoint endpoint = call.endpoint();
			if (!endpoint.fits(descriptor.kind())) {
				throw new RpcBadRequestException("TypeError", null, "'" + descriptor.name() + "' is a "
						+ descriptor.kind() + " method and has no route " + path(request));
			}
			call.acceptResponseBytes(acceptedResponseBytes(request));
			if (endpoint == Endpoint.EXCHANGE) {
				StreamHandler stream = (StreamHandler) handler.getBean();
				RpcWebMvc.this.reader.readTurn(request, call, stream.calls(), stream.turns());
			}
			else {
				RpcWebMvc.this.reader.read(request, call);
			}
		}

		@Override
		public void afterConcurrentHandlingStarted(HttpServletRequest request, HttpServletResponse response,
				Object handler) {
			RpcCall call = RpcCall.of(request);
			if (call != null) {
				call.leave();
				request.getAsyncContext().addListener(new ClosingAsyncListener(call::close));
			}
		}

		@Override
		public void afterCompletion(HttpServletRequest request, HttpServletResponse response, Object handler,
				@Nullable Exception ex) {
			RpcCall call = RpcCall.of(request);
			if (call != null) {
				if (ex != null) {
					call.failed(ex, isSecurityFailure(ex));
				}
				call.close();
			}
		}

	}

	/**
	 * Supplies the arguments from the request.
	 */
	private final class ArgumentResolver implements HandlerMethodArgumentResolver {

		@Override
		public boolean supportsParameter(MethodParameter parameter) {
			RpcMethodDescriptor descriptor = descriptor(parameter);
			return descriptor != null && (descriptor.column(parameter.getParameterIndex()) >= 0
					|| parameter.getParameterType() == RpcContext.class);
		}

		@Override
		public @Nullable Object resolveArgument(MethodParameter parameter, @Nullable ModelAndViewContainer mavContainer,
				NativeWebRequest webRequest, @Nullable WebDataBinderFactory binderFactory) {
			RpcCall call = call(webRequest);
			return (parameter.getParameterType() == RpcContext.class) ? call
					: call.argument(parameter.getParameterIndex());
		}

	}

	/**
	 * Writes the method's result.
	 */
	private final class ReturnValueHandler implements HandlerMethodReturnValueHandler {

		@Override
		public boolean supportsReturnType(MethodParameter returnType) {
			return descriptor(returnType) != null;
		}

		@Override
		public void handleReturnValue(@Nullable Object returnValue, MethodParameter returnType,
				ModelAndViewContainer mavContainer, NativeWebRequest webRequest) throws Exception {
			mavContainer.setRequestHandled(true);
			HttpServletRequest request = webRequest.getNativeRequest(HttpServletRequest.class);
			HttpServletResponse response = webRequest.getNativeResponse(HttpServletResponse.class);
			Assert.state(request != null && response != null, "There is no servlet request");
			RpcCall call = call(webRequest);
			if (call.descriptor().kind().isStream()) {
				StreamHandler stream = RpcWebMvc.this.streams.get(returnType.getMethod());
				Assert.state(stream != null, () -> call.descriptor() + " was not installed");
				stream.calls().start(call, stream.turns(), returnValue, webRequest);
			}
			else {
				AnnotatedBatch result = call.result(returnValue);
				call.body().result(new OutputCycle(call.takeLogs(), result));
			}
			call.write(response);
		}

	}

}
