package dev.vgi.external.web.server;

import dev.vgi.external.VgiExternalException;

/**
 * A request body is larger than the server accepts, encoded or decoded.
 */
public class RequestTooLargeException extends VgiExternalException {

	private final long limit;

	/**
	 * Create an error.
	 * @param limit the cap in bytes
	 */
	public RequestTooLargeException(long limit) {
		super(Kind.TOO_LARGE, "Request exceeds max_request_bytes (" + limit
				+ " bytes); send it through an upload URL, or raise vgi.rpc.max-request-size", null);
		this.limit = limit;
	}

	/**
	 * Return the cap.
	 * @return bytes
	 */
	public long limit() {
		return this.limit;
	}

}
