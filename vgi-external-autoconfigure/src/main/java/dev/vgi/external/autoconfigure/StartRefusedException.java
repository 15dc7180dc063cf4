package dev.vgi.external.autoconfigure;

import org.jspecify.annotations.Nullable;

/**
 * The application cannot work as it is configured, and does not start: whoever starts it
 * reads what is wrong and what to do about it, and no stack trace.
 */
class StartRefusedException extends RuntimeException {

	private final String action;

	/**
	 * Create a refusal.
	 * @param description what is wrong, as sentences without secrets
	 * @param action what to do about it, naming the settings
	 */
	StartRefusedException(String description, String action) {
		this(description, action, null);
	}

	/**
	 * Create a refusal.
	 * @param description what is wrong, as sentences without secrets
	 * @param action what to do about it, naming the settings
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	StartRefusedException(String description, String action, @Nullable Throwable cause) {
		super(description, cause);
		this.action = action;
	}

	String action() {
		return this.action;
	}

}
