package dev.vgi.external.location;

import dev.vgi.external.VgiExternalException;

/**
 * A result exceeds what the server or its caller allows for a response. No part of it was
 * sent, and the batch in question was not stored.
 */
public class ResponseTooLargeException extends VgiExternalException {

	ResponseTooLargeException(String message) {
		super(Kind.TOO_LARGE, message, null);
	}

}
