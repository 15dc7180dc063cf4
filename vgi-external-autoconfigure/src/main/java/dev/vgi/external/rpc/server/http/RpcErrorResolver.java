package dev.vgi.external.rpc.server.http;

import java.io.IOException;
import java.util.List;

import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.mapping.RowMapping;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.server.CallFailures;
import dev.vgi.external.rpc.server.RpcCall;
import dev.vgi.external.rpc.server.RpcErrors;
import dev.vgi.external.storage.ArrowMediaType;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.server.ErrorWriter;
import dev.vgi.external.web.server.RequestTooLargeException;
import dev.vgi.external.web.server.ServedPaths;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatusCode;
import org.springframework.web.ErrorResponse;
import org.springframework.web.servlet.ModelAndView;
import org.springframework.web.servlet.NoHandlerFoundException;
import org.springframework.web.servlet.resource.NoResourceFoundException;

/**
 * Answers the failures of RPC methods, and requests for unknown ones, with a status and
 * an error batch. Leaves the failures of other handlers to others.
 */
final class RpcErrorResolver implements ErrorWriter {

	private static final Log logger = LogFactory.getLog(RpcErrorResolver.class);

	private final RpcRoutes routes;

	private final RpcErrors errors;

	private final BufferAllocator allocator;

	/**
	 * Create a resolver.
	 * @param routes the methods
	 * @param errors describes failures
	 * @param allocator the owner of the memory of error batches
	 */
	RpcErrorResolver(RpcRoutes routes, RpcErrors errors, BufferAllocator allocator) {
		this.routes = routes;
		this.errors = errors;
		this.allocator = allocator;
	}

	/**
	 * Answer a failure.
	 * @param request the request
	 * @param response its response
	 * @param handler the handler that Spring MVC chose, or {@code null}
	 * @param failure what it threw, or why there is none
	 * @return an empty view if it was answered, or {@code null} if it is left to others
	 */
	@Nullable ModelAndView resolve(HttpServletRequest request, HttpServletResponse response, @Nullable Object handler,
			Exception failure) {
		if (response.isCommitted()) {
			return null;
		}
		RpcMethodDescriptor method = this.routes.method(handler);
		Throwable reason = failure;
		int status = HttpServletResponse.SC_NOT_FOUND;
		if (method == null) {
			reason = unknownMethod(request, failure);
			if (reason == null) {
				return null;
			}
		}
		else {
			if (CallFailures.isSecurityFailure(failure)) {
				return null;
			}
			// Spring wraps an Error that a handler throws.
			reason = (failure.getCause() instanceof Error error) ? error : failure;
			status = status(failure).value();
			CallFailures.log(method, reason);
			RpcCall call = ServedRequest.callOf(request);
			if (call != null) {
				call.failed(reason, isRefused(failure));
			}
		}
		try {
			write(request, response, status, reason);
			return new ModelAndView();
		}
		catch (IOException ex) {
			logger.debug("The error could not be sent", ex);
			return null;
		}
	}

	private @Nullable Throwable unknownMethod(HttpServletRequest request, Exception failure) {
		boolean unknown = (failure instanceof NoResourceFoundException || failure instanceof NoHandlerFoundException)
				&& HttpMethod.POST.matches(request.getMethod()) && ArrowMediaType.isNamedBy(request.getContentType());
		return unknown ? this.routes.unknown(ServedPaths.text(ServedPaths.of(request))) : null;
	}

	@Override
	public void writeError(HttpServletRequest request, HttpServletResponse response, int status, Exception failure)
			throws IOException {
		boolean refused = status == HttpServletResponse.SC_BAD_REQUEST;
		write(request, response, status, refused
				? new RpcBadRequestException("ValueError", null, String.valueOf(failure.getMessage())) : failure);
	}

	private void write(HttpServletRequest request, HttpServletResponse response, int status, Throwable failure)
			throws IOException {
		response.resetBuffer();
		response.setStatus(status);
		response.setContentType(ArrowMediaType.NAME);
		if (status == HttpServletResponse.SC_OK) {
			response.setHeader(Capabilities.RPC_ERROR, "true");
		}
		RpcCall call = ServedRequest.callOf(request);
		ServedRequest served = ServedRequest.find(request);
		String requestId = (call != null) ? call.requestId() : requestId(request, response);
		try (ResponseBody body = (served != null) ? served.body() : emptyBody(call)) {
			body.error(this.errors.metadata(failure, requestId),
					(served != null) ? served.call().takeLogs() : List.of());
			if (call != null) {
				call.answered(body.length());
			}
			body.writeTo(response);
		}
	}

	private ResponseBody emptyBody(@Nullable RpcCall call) {
		return new ResponseBody((call != null) ? call.descriptor().result() : RowMapping.none(), this.allocator,
				ResponseBudget.unlimited());
	}

	/**
	 * Return the identifier of a request without a call yet.
	 * @param request the request
	 * @param response its response
	 * @return the identifier, empty if there is none
	 */
	static String requestId(HttpServletRequest request, HttpServletResponse response) {
		// A filter may have chosen the id already.
		String chosen = response.getHeader(Capabilities.REQUEST_ID);
		String sent = request.getHeader(Capabilities.REQUEST_ID);
		return (chosen != null) ? chosen : ((sent != null) ? sent : "");
	}

	/**
	 * Return whether the caller caused a failure.
	 * @param failure the failure
	 * @return {@code true} if its status says so
	 */
	static boolean isRefused(Exception failure) {
		return status(failure).is4xxClientError();
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

}
