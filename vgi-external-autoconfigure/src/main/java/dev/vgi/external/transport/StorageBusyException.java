package dev.vgi.external.transport;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * Storage works, but asks to retry later.
 */
public class StorageBusyException extends StorageUnavailableException {

	private final @Nullable Duration retryAfter;

	/**
	 * Create an error.
	 * @param message description of the response, without secrets
	 * @param status the status of the response
	 * @param retryAfter the pause that storage asks for, or {@code null} if it does not
	 * say
	 */
	public StorageBusyException(String message, int status, @Nullable Duration retryAfter) {
		super(message, status, null);
		this.retryAfter = retryAfter;
	}

	/**
	 * Return the pause that storage asks for.
	 * @return the pause, not negative; or {@code null} if storage does not say
	 */
	public @Nullable Duration retryAfter() {
		return this.retryAfter;
	}

}
