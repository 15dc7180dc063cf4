package dev.vgi.external.rpc.client;

import java.util.Map;

/**
 * Observes the calls of clients. Implementations are quick, thread-safe and do not throw.
 */
@FunctionalInterface
public interface RpcClientListener {

	/**
	 * A call begins. Nothing has been sent yet.
	 * @param call the call; its outcome is known once it ends
	 * @return receives the further events
	 */
	Watch begin(RpcClientCall call);

	/**
	 * Return a listener that does nothing.
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
	 * Receives the events of one call, from one thread at a time, except for work on
	 * other threads.
	 */
	interface Watch {

		/**
		 * Return the headers by which the service continues a trace.
		 * @return headers; only {@code traceparent} and {@code tracestate} are sent
		 */
		Map<String, String> traceContext();

		/**
		 * The current thread works for the call from now on.
		 */
		void enter();

		/**
		 * The current thread no longer works for the call.
		 */
		void leave();

		/**
		 * Make work on another thread a part of the call, even while a thread has
		 * {@linkplain #enter() entered} it. The work is done before the call ends.
		 * @param work the work
		 * @return the same work as a part of the call
		 */
		Runnable beside(Runnable work);

		/**
		 * The call has ended.
		 */
		void end();

	}

}
