package dev.vgi.external.rpc.server;

import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

import org.springframework.util.Assert;
import org.springframework.web.bind.annotation.ResponseBody;
import org.springframework.web.context.request.ServletWebRequest;

/**
 * The handler of a stream's turns: {@code POST {method}/exchange}.
 */
@ResponseBody
public final class StreamHandler {

	private final RpcMethodDescriptor descriptor;

	private final StreamTurns turns;

	private final StreamCalls calls;

	StreamHandler(RpcMethodDescriptor descriptor, StreamTurns turns, StreamCalls calls) {
		this.descriptor = descriptor;
		this.turns = turns;
		this.calls = calls;
	}

	RpcMethodDescriptor descriptor() {
		return this.descriptor;
	}

	StreamCalls calls() {
		return this.calls;
	}

	StreamTurns turns() {
		return this.turns;
	}

	/**
	 * Run one turn, or cancel the stream.
	 * @param request the request, which was read already
	 * @param response the response
	 * @throws Exception the exception that the turn threw
	 */
	public void exchange(HttpServletRequest request, HttpServletResponse response) throws Exception {
		RpcCall call = RpcCall.of(request);
		Assert.state(call != null, "The request of a stream was not read");
		this.calls.resume(call, this.turns, new ServletWebRequest(request, response));
		call.write(response);
	}

}
