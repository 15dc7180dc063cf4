package dev.vgi.external.fetch;

import dev.vgi.external.VgiExternalException;

/**
 * A cap on bytes was exceeded.
 */
public class PayloadTooLargeException extends VgiExternalException {

	private final String cap;

	private final long limit;

	/**
	 * Create an error.
	 * @param cap the protocol's name of the cap, such as {@code max_fetch_bytes}
	 * @param limit the cap in bytes
	 * @param key the setting that raises it
	 */
	public PayloadTooLargeException(String cap, long limit, String key) {
		super(Kind.TOO_LARGE, "Payload exceeds " + cap + " (" + limit + " bytes); raise " + key + " to allow more",
				null);
		this.cap = cap;
		this.limit = limit;
	}

	/**
	 * Return the protocol's name of the cap.
	 * @return such as {@code max_fetch_bytes}
	 */
	public String cap() {
		return this.cap;
	}

	/**
	 * Return the cap.
	 * @return bytes
	 */
	public long limit() {
		return this.limit;
	}

}
