package dev.vgi.external.rpc.server.http;

import java.io.IOException;
import java.security.Principal;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Pattern;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.StreamTooLongException;
import dev.vgi.external.location.CallerPointers;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.server.CallFailures;
import dev.vgi.external.rpc.server.RequestReader;
import dev.vgi.external.rpc.server.RpcCall;
import dev.vgi.external.rpc.server.RpcRequest;
import dev.vgi.external.rpc.server.ServedCall;
import dev.vgi.external.rpc.server.http.StreamHandler.TurnRequest;
import dev.vgi.external.storage.ArrowMediaType;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.server.ClosingAsyncListener;
import dev.vgi.external.web.server.RequestTooLargeException;
import dev.vgi.external.web.server.ServedPaths;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.web.HttpMediaTypeNotSupportedException;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.servlet.AsyncHandlerInterceptor;

/**
 * Reads the request of an RPC method before the method is called, and cleans up after the
 * response.
 */
final class RpcRequestInterceptor implements AsyncHandlerInterceptor {

	private static final String TRANSPORT = "http";

	/**
	 * The values that a caller may set as its limit: from 64 KiB to the largest integer
	 * that a double holds exactly.
	 */
	private static final Pattern RESPONSE_LIMIT = Pattern.compile("[1-9][0-9]{0,15}");

	private static final long MIN_RESPONSE_LIMIT = 1 << 16;

	private static final long MAX_RESPONSE_LIMIT = (1L << 53) - 1;

	private final RpcRoutes routes;

	private final RpcSettings settings;

	private final BufferAllocator allocator;

	private final RequestReader reader;

	private final Externalizer externalizer;

	private final RpcCallListener listener;

	private final Function<HttpServletRequest, CallerPointers> pointers;

	/**
	 * Create an interceptor.
	 * @param routes the methods
	 * @param settings limits
	 * @param allocator the owner of the memory of requests and results
	 * @param reader reads requests
	 * @param externalizer sends large results through storage
	 * @param listener observes calls
	 * @param pointers returns what the sender of a request has to do with pointers
	 */
	RpcRequestInterceptor(RpcRoutes routes, RpcSettings settings, BufferAllocator allocator, RequestReader reader,
			Externalizer externalizer, RpcCallListener listener,
			Function<HttpServletRequest, CallerPointers> pointers) {
		this.routes = routes;
		this.settings = settings;
		this.allocator = allocator;
		this.reader = reader;
		this.externalizer = externalizer;
		this.listener = listener;
		this.pointers = pointers;
	}

	@Override
	public boolean preHandle(HttpServletRequest request, HttpServletResponse response, Object handler)
			throws Exception {
		RpcMethodDescriptor method = this.routes.method(handler);
		RpcCall known = ServedRequest.callOf(request);
		if (known != null) {
			known.enter();
		}
		else if (method != null) {
			if (!ArrowMediaType.isNamedBy(request.getContentType())) {
				throw new HttpMediaTypeNotSupportedException("Expected Content-Type: " + ArrowMediaType.NAME);
			}
			read(request, response, method, (HandlerMethod) handler);
		}
		return true;
	}

	private void read(HttpServletRequest request, HttpServletResponse response, RpcMethodDescriptor method,
			HandlerMethod handler) throws IOException {
		ResponseBudget budget = new ResponseBudget(this.settings.maxResponseBytes(),
				this.settings.maxExternalizedResponseBytes())
			.forCaller(this.pointers.apply(request));
		RpcCall call = null;
		AnnotatedBatch sent = null;
		try {
			requireRoute(request, method);
			Long accepted = acceptedResponseBytes(request);
			StreamTokens.Binding binding = binding(request, method, budget.pointers().group());
			sent = readBatch(request);
			call = begin(request, response, method, budget, sent.metadata());
			serve(handler, call, binding, sent, budget, accepted).bindTo(request);
		}
		catch (Exception | Error ex) {
			if (sent != null) {
				// Perhaps nobody has taken it over. Idempotent.
				sent.close();
			}
			RpcCall refused = (call != null) ? call : begin(request, response, method, budget, BatchMetadata.empty());
			refused.failed(ex, !(ex instanceof Exception failure) || RpcErrorResolver.isRefused(failure));
			refused.close();
			throw ex;
		}
	}

	private void requireRoute(HttpServletRequest request, RpcMethodDescriptor method) {
		if (!this.routes.endpoint(request).fits(method.kind())) {
			throw new RpcBadRequestException("TypeError", null, "'" + method.name() + "' is a " + method.kind()
					+ " method and has no route " + ServedPaths.text(ServedPaths.of(request)));
		}
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

	private static StreamTokens.Binding binding(HttpServletRequest request, RpcMethodDescriptor method,
			List<String> group) {
		Principal principal = request.getUserPrincipal();
		return new StreamTokens.Binding(method.protocol(), method.name(),
				(principal != null) ? principal.getName() : null, group);
	}

	private AnnotatedBatch readBatch(HttpServletRequest request) throws IOException {
		Long maxBytes = this.settings.maxRequestBytes();
		try {
			return this.reader.read(request.getInputStream(), (maxBytes != null) ? maxBytes : Long.MAX_VALUE,
					RequestMemory.allocator(this.allocator));
		}
		catch (StreamTooLongException ex) {
			throw new RequestTooLargeException(ex.limit());
		}
	}

	private RpcCall begin(HttpServletRequest request, HttpServletResponse response, RpcMethodDescriptor method,
			ResponseBudget budget, BatchMetadata metadata) {
		// The trace of the HTTP request itself comes first.
		BatchMetadata traced = (request.getHeader(RpcCall.TRACE_PARENT) != null) ? BatchMetadata.empty() : metadata;
		RpcCall call = new RpcCall(TRANSPORT, method, this.routes.endpoint(request),
				RpcErrorResolver.requestId(request, response), traced, this.allocator, budget, this.listener);
		ServedRequest.bind(call, request);
		return call;
	}

	private ServedRequest serve(HandlerMethod handler, RpcCall call, StreamTokens.Binding binding, AnnotatedBatch sent,
			ResponseBudget budget, @Nullable Long accepted) {
		RpcMethodDescriptor method = call.descriptor();
		ResponseBudget limited = budget.tightenedTo(accepted);
		if (!(handler.getBean() instanceof StreamHandler stream)) {
			RpcRequest arguments = this.reader.arguments(call, sent);
			ResponseBody body = new ResponseBody(method.result(), this.allocator, limited);
			return new ServedRequest(new ServedCall(call, arguments, this.externalizer, limited), body, binding,
					accepted, null);
		}
		TurnRequest turn = stream.read(call, binding, sent);
		limited = limited.tightenedTo(turn.stream().maxResponseBytes());
		ResponseBody body = new ResponseBody(method.result(), this.allocator, limited);
		body.opens(turn.stream().output());
		return new ServedRequest(new ServedCall(call, turn.request(), this.externalizer, limited), body, binding,
				accepted, turn);
	}

	@Override
	public void afterConcurrentHandlingStarted(HttpServletRequest request, HttpServletResponse response,
			Object handler) {
		RpcCall call = ServedRequest.callOf(request);
		if (call != null) {
			call.leave();
			request.getAsyncContext().addListener(new ClosingAsyncListener(call::close));
		}
	}

	@Override
	public void afterCompletion(HttpServletRequest request, HttpServletResponse response, Object handler,
			@Nullable Exception ex) {
		RpcCall call = ServedRequest.callOf(request);
		if (call != null) {
			if (ex != null) {
				call.failed(ex, CallFailures.isSecurityFailure(ex));
			}
			call.close();
		}
	}

}
