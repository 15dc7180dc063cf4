package dev.vgi.external.rpc.pipe.client;

/**
 * A connection of a pool and its history. The pool's lock guards it.
 */
final class PooledConnection {

	private final PipeConnection connection;

	private final int failuresBefore;

	private boolean served;

	/**
	 * Create an instance.
	 * @param connection the open connection
	 * @param failuresBefore how many starts had failed when it was opened
	 */
	PooledConnection(PipeConnection connection, int failuresBefore) {
		this.connection = connection;
		this.failuresBefore = failuresBefore;
	}

	PipeConnection connection() {
		return this.connection;
	}

	boolean isUsable() {
		return this.connection.isUsable();
	}

	int failuresBefore() {
		return this.failuresBefore;
	}

	/**
	 * A call has ended, and the next one may use the connection.
	 */
	void served() {
		this.served = true;
	}

	boolean hasServed() {
		return this.served;
	}

}
