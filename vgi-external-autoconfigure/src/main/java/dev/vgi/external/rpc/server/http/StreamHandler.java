package dev.vgi.external.rpc.server.http;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.server.RpcCall;
import dev.vgi.external.rpc.server.StreamTurns;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.web.bind.annotation.ResponseBody;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.context.request.ServletWebRequest;

/**
 * One stream: its opening, and the handler of its turns, {@code POST {method}/exchange}.
 */
@ResponseBody
final class StreamHandler {

	private final RpcMethodDescriptor descriptor;

	private final StreamTurns turns;

	private final StreamCalls calls;

	private final HandlerInvoker invoker;

	StreamHandler(RpcMethodDescriptor descriptor, StreamTurns turns, StreamCalls calls, HandlerInvoker invoker) {
		this.descriptor = descriptor;
		this.turns = turns;
		this.calls = calls;
		this.invoker = invoker;
	}

	RpcMethodDescriptor descriptor() {
		return this.descriptor;
	}

	/**
	 * Read the request of a turn.
	 * @param call the call
	 * @param binding the method and the caller
	 * @param sent the batch of its request; taken over
	 * @return the request
	 */
	StreamCalls.TurnRequest read(RpcCall call, StreamTokens.Binding binding, AnnotatedBatch sent) {
		return this.calls.read(call, binding, this.turns, sent);
	}

	/**
	 * Start the stream.
	 * @param served the request; its body receives the output
	 * @param returned the method's result
	 * @param request the request
	 * @throws Exception the exception that the first turn threw
	 */
	void open(ServedRequest served, @Nullable Object returned, NativeWebRequest request) throws Exception {
		this.calls.start(served, this.turns, returned, invoker(request));
	}

	/**
	 * Run one turn, or cancel the stream.
	 * @param request the request, which was read already
	 * @param response the response
	 * @throws Exception the exception that the turn threw
	 */
	void exchange(HttpServletRequest request, HttpServletResponse response) throws Exception {
		ServedRequest served = ServedRequest.of(request);
		this.calls.resume(served, this.turns, invoker(new ServletWebRequest(request, response)));
		served.write(response);
	}

	private StreamTurns.Invoker invoker(NativeWebRequest request) {
		return (handler, provided) -> this.invoker.invoke(handler, request, provided);
	}

}
