package dev.vgi.external.rpc.pipe.client;

import dev.vgi.external.VgiExternalException;

/**
 * A worker did not answer in time. It is unknown whether it executed the call.
 */
public class CallTimeoutException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param message what took too long, without secrets
	 */
	CallTimeoutException(String message) {
		super(Kind.TIMED_OUT, message, null);
	}

}
