package dev.vgi.external.transport;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * Storage refused an expired link.
 */
public class LinkExpiredException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public LinkExpiredException(String message, @Nullable Throwable cause) {
		super(Kind.LINK_EXPIRED, message, cause);
	}

}
