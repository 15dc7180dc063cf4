package dev.vgi.external.transport;

import java.util.function.Function;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.pace.Pace;
import org.jspecify.annotations.Nullable;

/**
 * Storage cannot be reached, broke off, or responded with an unsuccessful status.
 */
public class StorageUnavailableException extends VgiExternalException {

	private final int status;

	/** The pace of the request that failed. */
	private final transient @Nullable Pace pace;

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param status the status of the response, or 0 if there was none
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public StorageUnavailableException(String message, int status, @Nullable Throwable cause) {
		super(Kind.STORAGE_UNAVAILABLE, message, cause);
		this.status = status;
		this.pace = (cause instanceof StorageUnavailableException known) ? known.pace : null;
	}

	/**
	 * Create the error of a request.
	 * @param pace what pays for further attempts
	 * @param message what happened, without secrets
	 * @param status the status of the response, or 0 if there was none
	 */
	StorageUnavailableException(Pace pace, String message, int status) {
		super(Kind.STORAGE_UNAVAILABLE, message, null);
		this.status = status;
		this.pace = pace;
	}

	/**
	 * Create an error with a kind of its own.
	 * @param kind what went wrong
	 * @param message what happened, without secrets
	 */
	StorageUnavailableException(Kind kind, String message) {
		super(kind, message, null);
		this.status = 0;
		this.pace = null;
	}

	/**
	 * Create the error for an unsuccessful response.
	 * @param message description of the response, without secrets
	 * @param response the response
	 * @return the error; a {@link StorageBusyException} for statuses that ask to retry
	 * later
	 */
	public static StorageUnavailableException answered(String message, StorageResponse response) {
		String id = response.requestId();
		String identified = (id != null) ? message + " (its request " + id + ")" : message;
		StorageUnavailableException failure = answered(identified, response.status(), false, response::header);
		return (response instanceof Exchange exchange && !(failure instanceof StorageBusyException))
				? new StorageUnavailableException(exchange.pace(), identified, response.status()) : failure;
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
	 * Pay for a further attempt of what has failed.
	 * @return {@code false} if so many requests to the same place have failed that no
	 * further attempt is allowed
	 */
	public boolean tryRetry() {
		return this.pace == null || this.pace.tryRetry();
	}

	/**
	 * Return the status of the response.
	 * @return the status, or 0 if there was no response
	 */
	public int status() {
		return this.status;
	}

}
