package dev.vgi.external.observation;

/**
 * Stands for a failure that cannot be shown as it is, because it is the application's and
 * may say anything, or because only its reason is known. Is never thrown.
 */
final class ObservedFailure extends Exception {

	private static final long serialVersionUID = 1L;

	/**
	 * Create a failure.
	 * @param message what may be shown, without a query
	 */
	ObservedFailure(String message) {
		super(message, null, false, false);
	}

}
