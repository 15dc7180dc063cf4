package dev.vgi.external.transport;

import java.io.IOException;

/**
 * An I/O failure with a message of our own, which may be shown.
 */
public class ExplainedException extends IOException {

	private static final long serialVersionUID = 1L;

	/**
	 * Create a failure.
	 * @param message half a sentence without secrets
	 */
	public ExplainedException(String message) {
		super(message);
	}

}
