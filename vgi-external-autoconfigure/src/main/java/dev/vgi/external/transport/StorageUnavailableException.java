package dev.vgi.external.transport;

import java.util.function.Function;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * Storage cannot be reached, broke off, or responded with an unsuccessful status.
 */
public class StorageUnavailableException extends VgiExternalException {

	private final int status;

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param status the status of the response, or 0 if there was none
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public StorageUnavailableException(String message, int status, @Nullable Throwable cause) {
		super(Kind.STORAGE_UNAVAILABLE, message, cause);
		this.status = status;
	}

	/**
	 * Create an error with a kind of its own.
	 * @param kind what went wrong
	 * @param message what happened, without secrets
	 */
	StorageUnavailableException(Kind kind, String message) {
		super(kind, message, null);
		this.status = 0;
	}

	/**
	 * Create the error for an unsuccessful response.
	 * @param message description of the response, without secrets
	 * @param response the response
	 * @return the error; a {@link StorageBusyException} for statuses that ask to retry
	 * later
	 */
	public static StorageUnavailableException answered(String message, StorageResponse response) {
		return answered(message, response.status(), false, response::header);
	}

	/**
	 * Create the error for an unsuccessful response.
	 * @param message description of the response, without secrets
	 * @param status the status
	 * @param slowDown whether the response asks to retry later in another way than by its
	 * status
	 * @param header returns the response's headers by name
	 * @return the error
	 */
	public static StorageUnavailableException answered(String message, int status, boolean slowDown,
			Function<String, @Nullable String> header) {
		return (slowDown || status == 503 || status == 429 || status == 408)
				? new StorageBusyException(message, status,
						RetryAfter.parse(header.apply("Retry-After"), header.apply("Date")))
				: new StorageUnavailableException(message, status, null);
	}

	/**
	 * Return the status of the response.
	 * @return the status, or 0 if there was no response
	 */
	public int status() {
		return this.status;
	}

}
