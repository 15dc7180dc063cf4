package dev.vgi.external.web.server;

import dev.vgi.external.VgiExternalException;

/**
 * A renewal token is none, was changed, is for something else or for somebody else. The
 * message is always the same, so that nobody can find out which.
 */
final class InvalidRenewalException extends VgiExternalException {

	InvalidRenewalException() {
		super(Kind.BAD_REQUEST, "The renewal token is missing or invalid, or was given to somebody else", null);
	}

}
