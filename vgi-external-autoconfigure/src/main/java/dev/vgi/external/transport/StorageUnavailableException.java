package dev.vgi.external.transport;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * Storage cannot be reached, broke off or answered with a status that is no success.
 */
public class StorageUnavailableException extends VgiExternalException {

	private final int status;

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param status the status storage answered with, or 0 if there was none
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public StorageUnavailableException(String message, int status, @Nullable Throwable cause) {
		super(Kind.STORAGE_UNAVAILABLE, message, cause);
		this.status = status;
	}

	/**
	 * Create an error of a kind of its own.
	 * @param kind what went wrong
	 * @param message what happened, without secrets
	 */
	StorageUnavailableException(Kind kind, String message) {
		super(kind, message, null);
		this.status = 0;
	}

	/**
	 * Return the status storage answered with.
	 * @return the status, or 0 if there was no answer
	 */
	public int status() {
		return this.status;
	}

}
