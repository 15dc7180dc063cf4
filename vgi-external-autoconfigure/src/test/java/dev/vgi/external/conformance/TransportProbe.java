package dev.vgi.external.conformance;

import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcServerCall;
import dev.vgi.external.rpc.RpcService;

import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Says how a call has reached the worker. Its name keeps it out of the suite's list of
 * the application's protocols.
 */
@RestController
@RequestMapping("/transport-probe")
@RpcService(name = "vgi_rpc.TransportProbe.v1")
class TransportProbe implements RpcCallListener {

	private final ThreadLocal<String> transport = new ThreadLocal<>();

	@RpcMethod("transport")
	String transport() {
		return this.transport.get();
	}

	@Override
	public Watch begin(RpcServerCall call) {
		return new Watch() {

			@Override
			public void enter() {
				TransportProbe.this.transport.set(call.transport());
			}

			@Override
			public void leave() {
				TransportProbe.this.transport.remove();
			}

			@Override
			public void end() {
			}

		};
	}

}
