package dev.vgi.external.transport;

/**
 * The caller interrupted or cancelled the transfer: nothing has failed, and no further
 * attempt is wanted.
 */
public class TransferCancelledException extends StorageUnavailableException {

	/**
	 * Create an error.
	 * @param message what was interrupted, without secrets
	 */
	public TransferCancelledException(String message) {
		super(Kind.CANCELLED, message);
	}

}
