package dev.vgi.external.web.client;

import dev.vgi.external.VgiExternalException;

/**
 * The called service cannot be reached, or broke off in the middle of an answer. Whether
 * it did what it was asked is then unknown.
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
