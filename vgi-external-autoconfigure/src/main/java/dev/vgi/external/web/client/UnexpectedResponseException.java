package dev.vgi.external.web.client;

import dev.vgi.external.VgiExternalException;

/**
 * The service answered with a status or a body that is no answer of the protocol.
 */
public class UnexpectedResponseException extends VgiExternalException {

	private final int status;

	/**
	 * Create an error.
	 * @param message what came instead, without secrets
	 * @param status the HTTP status
	 */
	public UnexpectedResponseException(String message, int status) {
		super(Kind.REMOTE_ERROR, message, null);
		this.status = status;
	}

	/**
	 * Return the status of the answer.
	 * @return the HTTP status
	 */
	public int status() {
		return this.status;
	}

}
