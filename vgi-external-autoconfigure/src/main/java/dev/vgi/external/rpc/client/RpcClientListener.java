package dev.vgi.external.rpc.client;

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
			public Runnable beside(Runnable work) {
				return work;
			}

			@Override
			public void end() {
			}

		};
	}

	/**
	 * Hears of one call, from one thread at a time except for work beside it.
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
		 * Make work a part of the call that another thread does, also while a thread has
		 * {@linkplain #enter() entered} it. It is done before the call is over.
		 * @param work the work
		 * @return the same as a part of the call
		 */
		Runnable beside(Runnable work);

		/**
		 * The call is over.
		 */
		void end();

	}

}
