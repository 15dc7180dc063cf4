package dev.vgi.external.web.client;

import dev.vgi.external.VgiExternalException;

/**
 * The service returned a status or a body that the protocol does not define.
 */
public class UnexpectedResponseException extends VgiExternalException {

	private final int status;

	/**
	 * Create an error.
	 * @param message what was received instead, without secrets
	 * @param status the HTTP status
	 */
	public UnexpectedResponseException(String message, int status) {
		super(Kind.REMOTE_ERROR, message, null);
		this.status = status;
	}

	/**
	 * Return the status of the response.
	 * @return the HTTP status
	 */
	public int status() {
		return this.status;
	}

}
