package dev.vgi.external.autoconfigure.start;

import org.jspecify.annotations.Nullable;

/**
 * The application cannot work with its configuration and does not start. The report says
 * what is wrong and what to do about it, without a stack trace.
 */
public final class StartRefusedException extends RuntimeException {

	private final String action;

	/**
	 * Create a refusal.
	 * @param description what is wrong, as sentences without secrets
	 * @param action what to do about it, naming the settings
	 */
	public StartRefusedException(String description, String action) {
		this(description, action, null);
	}

	/**
	 * Create a refusal.
	 * @param description what is wrong, as sentences without secrets
	 * @param action what to do about it, naming the settings
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public StartRefusedException(String description, String action, @Nullable Throwable cause) {
		super(description, cause);
		this.action = action;
	}

	String action() {
		return this.action;
	}

}
