package dev.vgi.external.transport;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * Storage works, but asks to come back later.
 */
public class StorageBusyException extends StorageUnavailableException {

	private final @Nullable Duration retryAfter;

	/**
	 * Create an error.
	 * @param message what was answered, without secrets
	 * @param status the status storage answered with
	 * @param retryAfter how much later, or {@code null} if storage does not say
	 */
	public StorageBusyException(String message, int status, @Nullable Duration retryAfter) {
		super(message, status, null);
		this.retryAfter = retryAfter;
	}

	/**
	 * Return how much later to come back.
	 * @return as storage says, not negative; or {@code null} if it does not
	 */
	public @Nullable Duration retryAfter() {
		return this.retryAfter;
	}

}
