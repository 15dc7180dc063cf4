package dev.vgi.external.transport;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * More redirects than allowed, or one that leads nowhere.
 */
public class RedirectLimitException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public RedirectLimitException(String message, @Nullable Throwable cause) {
		super(Kind.REDIRECT_LOOP, message, cause);
	}

}
