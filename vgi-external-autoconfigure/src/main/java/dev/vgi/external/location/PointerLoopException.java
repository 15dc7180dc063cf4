package dev.vgi.external.location;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * A stored batch is itself a pointer.
 */
public class PointerLoopException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public PointerLoopException(String message, @Nullable Throwable cause) {
		super(Kind.REDIRECT_LOOP, message, cause);
	}

}
