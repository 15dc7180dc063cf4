package dev.vgi.external.rpc;

/**
 * Observes calls. Implementations are quick, thread-safe and do not throw.
 */
@FunctionalInterface
public interface RpcCallListener {

	/**
	 * A call begins. Its request has arrived, but no pointer in it is resolved yet.
	 * @param call the call; its outcome is known once it ends
	 * @return receives the further events
	 */
	Watch begin(RpcServerCall call);

	/**
	 * Return a listener that does nothing.
	 * @return the listener
	 */
	static RpcCallListener none() {
		return (call) -> new Watch() {

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
	 * Receives the events of one call. The thread that serves the call may change.
	 */
	interface Watch {

		/**
		 * The current thread serves the call from now on.
		 */
		void enter();

		/**
		 * The current thread no longer serves the call.
		 */
		void leave();

		/**
		 * The call has ended.
		 */
		void end();

	}

}
