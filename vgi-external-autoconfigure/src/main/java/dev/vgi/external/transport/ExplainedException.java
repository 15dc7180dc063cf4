package dev.vgi.external.transport;

import java.io.IOException;

/**
 * An I/O failure whose message is our own and may be shown.
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
