package dev.vgi.external.transport;

/**
 * The transport was closed, usually because the application shuts down: no further
 * attempt makes sense.
 */
public class TransportClosedException extends StorageUnavailableException {

	/**
	 * Create an error.
	 * @param message what could not be done, without secrets
	 */
	public TransportClosedException(String message) {
		super(message, 0, null);
	}

}
