package dev.vgi.external.transport;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * The overall deadline of a transfer passed.
 */
public class TransferTimeoutException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public TransferTimeoutException(String message, @Nullable Throwable cause) {
		super(Kind.TIMED_OUT, message, cause);
	}

}
