package dev.vgi.external.call;

import dev.vgi.external.VgiExternalException;

/**
 * The called service cannot be reached, or the connection broke in the middle of an
 * answer. It is then unknown whether the service executed the call.
 */
public class ServiceUnavailableException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 */
	public ServiceUnavailableException(String message) {
		super(Kind.SERVICE_UNAVAILABLE, message, null);
	}

}
