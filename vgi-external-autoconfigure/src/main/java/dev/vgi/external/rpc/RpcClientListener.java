package dev.vgi.external.rpc;

import java.util.Map;

/**
 * Watches the calls of clients. Does not throw, is quick and thread-safe.
 */
@FunctionalInterface
public interface RpcClientListener {

	/**
	 * A call begins: nothing was sent yet.
	 * @param call the call; what it says of the outcome is known once it ends
	 * @return told of the rest
	 */
	Watch begin(RpcClientCall call);

	/**
	 * Watch nothing.
	 * @return the listener
	 */
	static RpcClientListener none() {
		return (call) -> new Watch() {

			@Override
			public Map<String, String> traceContext() {
				return Map.of();
			}

			@Override
			public void enter() {
			}

			@Override
			public void leave() {
			}

			@Override
			public void end() {
			}

		};
	}

	/**
	 * Hears of one call, from one thread at a time.
	 */
	interface Watch {

		/**
		 * Return what lets the service continue a trace.
		 * @return headers; only {@code traceparent} and {@code tracestate} travel
		 */
		Map<String, String> traceContext();

		/**
		 * The current thread works for the call from now on.
		 */
		void enter();

		/**
		 * The current thread does not work for the call any more.
		 */
		void leave();

		/**
		 * The call is over.
		 */
		void end();

	}

}
