package dev.vgi.external.transfer;

import dev.vgi.external.transport.StorageUnavailableException;

/**
 * Storage was not available in any attempt, and a further one is not allowed or would
 * come too late. The cause is the last failure.
 */
public class AttemptsExhaustedException extends StorageUnavailableException {

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param last the failure of the last attempt
	 */
	public AttemptsExhaustedException(String message, StorageUnavailableException last) {
		super(message, last.status(), last);
	}

}
