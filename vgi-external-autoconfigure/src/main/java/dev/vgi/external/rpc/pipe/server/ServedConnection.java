package dev.vgi.external.rpc.pipe.server;

import dev.vgi.external.rpc.pipe.Pipe;

/**
 * A connection between two calls or within one. Any thread may end it: at once, or as
 * soon as no call runs.
 */
public final class ServedConnection implements PipeServer.Activity, AutoCloseable {

	private final Pipe pipe;

	private boolean busy;

	private boolean draining;

	/**
	 * Create a connection.
	 * @param pipe its bytes; taken over
	 */
	public ServedConnection(Pipe pipe) {
		this.pipe = pipe;
	}

	@Override
	public synchronized void begins() {
		this.busy = true;
	}

	@Override
	public synchronized void ends() {
		this.busy = false;
		if (this.draining) {
			close();
		}
	}

	/**
	 * End the connection once no call runs.
	 */
	public synchronized void drain() {
		this.draining = true;
		if (!this.busy) {
			close();
		}
	}

	/**
	 * End the connection at once.
	 */
	@Override
	public synchronized void close() {
		this.draining = true;
		this.pipe.close();
	}

}
