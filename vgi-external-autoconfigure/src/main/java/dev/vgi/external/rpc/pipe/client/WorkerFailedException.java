package dev.vgi.external.rpc.pipe.client;

import dev.vgi.external.call.ServiceUnavailableException;

/**
 * A worker, or a service behind a Unix socket, cannot be started or reached, has ended,
 * or sends something that is no answer. It is then unknown whether it executed a call
 * that had begun.
 */
public class WorkerFailedException extends ServiceUnavailableException {

	private final int exitCode;

	/**
	 * Create an error.
	 * @param message what happened, with the worker's last words, without secrets
	 * @param exitCode the exit code, or -1 if the process did not end by itself
	 */
	WorkerFailedException(String message, int exitCode) {
		super(message);
		this.exitCode = exitCode;
	}

	/**
	 * Return how the process ended.
	 * @return its exit code; -1 if there is no process, or if it did not end by itself
	 */
	public int exitCode() {
		return this.exitCode;
	}

}
