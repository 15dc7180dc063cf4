package dev.vgi.external.rpc.pipe.client;

/**
 * A service at the other end of pipes, to which connections can be opened. Thread-safe.
 */
interface Peer {

	/**
	 * Open a connection and wait for the first answer on it.
	 * @return the connection, which speaks the protocol; the caller closes it
	 * @throws WorkerFailedException if there is none in time; nothing is left behind
	 * @throws dev.vgi.external.transport.TransferCancelledException if interrupted
	 */
	PipeConnection open();

	/**
	 * Return how messages name the service.
	 * @return such as {@code the worker 'model'}, without secrets
	 */
	String describe();

	/**
	 * Return what carries the calls.
	 * @return {@code stdio} or {@code unix}
	 */
	String transport();

}
