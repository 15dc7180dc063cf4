package dev.vgi.external.autoconfigure;

/**
 * The settings do not say which storage to use, or the one they say cannot be used.
 */
class StorageSelectionException extends RuntimeException {

	private final String action;

	StorageSelectionException(String message, String action) {
		super(message);
		this.action = action;
	}

	String action() {
		return this.action;
	}

}
