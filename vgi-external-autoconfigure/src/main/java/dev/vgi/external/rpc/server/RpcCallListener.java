package dev.vgi.external.rpc.server;

/**
 * Watches calls. Does not throw, is quick and thread-safe.
 */
@FunctionalInterface
public interface RpcCallListener {

	/**
	 * A call begins: its request has arrived, but no pointer in it is resolved yet.
	 * @param call the call; what it says of the outcome is known once it ends
	 * @return told of the rest
	 */
	Watch begin(RpcServerCall call);

	/**
	 * Watch nothing.
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
	 * Hears of one call. The thread that serves it may change in between.
	 */
	interface Watch {

		/**
		 * The current thread serves the call from now on.
		 */
		void enter();

		/**
		 * The current thread does not serve the call any more.
		 */
		void leave();

		/**
		 * The call is over.
		 */
		void end();

	}

}
