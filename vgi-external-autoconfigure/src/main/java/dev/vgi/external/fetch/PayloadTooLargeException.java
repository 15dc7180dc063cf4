package dev.vgi.external.fetch;

import dev.vgi.external.VgiExternalException;

/**
 * A cap on bytes was exceeded.
 */
class PayloadTooLargeException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param cap the protocol's name of the cap, such as {@code max_fetch_bytes}
	 * @param limit the cap in bytes
	 * @param key the setting that raises it
	 */
	PayloadTooLargeException(String cap, long limit, String key) {
		super(Kind.TOO_LARGE, "Payload exceeds " + cap + " (" + limit + " bytes); raise " + key + " to allow more",
				null);
	}

}
