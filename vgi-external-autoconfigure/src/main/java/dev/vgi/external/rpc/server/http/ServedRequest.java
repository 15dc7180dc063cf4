package dev.vgi.external.rpc.server.http;

import java.io.IOException;

import dev.vgi.external.rpc.server.CallArguments;
import dev.vgi.external.rpc.server.RpcCall;
import dev.vgi.external.rpc.server.ServedCall;
import dev.vgi.external.rpc.server.http.StreamHandler.TurnRequest;
import dev.vgi.external.storage.ArrowMediaType;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.web.context.request.ServletRequestAttributes;

/**
 * A request that has been read, and the body of its response. Bound to the HTTP request,
 * where the later steps find it.
 *
 * @param call the call
 * @param body the body, owned by the call
 * @param binding the method and the caller, which the tokens of a stream are bound to
 * @param acceptedResponseBytes the limit that the caller set with this request, or
 * {@code null}
 * @param turn the request of a stream's turn, or {@code null}
 */
record ServedRequest(ServedCall call, ResponseBody body, StreamTokens.Binding binding,
		@Nullable Long acceptedResponseBytes, @Nullable TurnRequest turn) {

	private static final String ATTRIBUTE = ServedRequest.class.getName();

	/**
	 * Find the call of a request that has arrived, whether it could be read or not.
	 * @param request the request
	 * @return the call, or {@code null} if it is not for an RPC method
	 */
	static @Nullable RpcCall callOf(HttpServletRequest request) {
		return (RpcCall) request.getAttribute(RpcCall.class.getName());
	}

	static void bind(RpcCall call, HttpServletRequest request) {
		request.setAttribute(RpcCall.class.getName(), call);
	}

	static @Nullable ServedRequest find(HttpServletRequest request) {
		return (ServedRequest) request.getAttribute(ATTRIBUTE);
	}

	static ServedRequest of(HttpServletRequest request) {
		ServedRequest served = find(request);
		Assert.state(served != null, "The request of an RPC method was not read");
		return served;
	}

	void bindTo(HttpServletRequest request) {
		this.call.call().own(this.body);
		request.setAttribute(ATTRIBUTE, this);
		CallArguments.bind(this.call, new ServletRequestAttributes(request));
	}

	/**
	 * Write the body of a successful call.
	 * @param response the response
	 * @throws IOException if the caller has disconnected
	 */
	void write(HttpServletResponse response) throws IOException {
		this.body.checkLength();
		response.setContentType(ArrowMediaType.NAME);
		this.call.call().answered(this.body.length());
		this.body.writeTo(response);
	}

}
