package dev.vgi.external.rpc.method;

import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

/**
 * The declaration of an RPC method cannot be served or called. Found when the application
 * starts, and never by a call.
 */
public final class RpcContractException extends IllegalStateException {

	/**
	 * Create an error.
	 * @param message which method it is and what is wrong with it
	 * @param cause what led to it, or {@code null}
	 */
	public RpcContractException(String message, @Nullable Throwable cause) {
		super(message, cause);
	}

	/**
	 * Require something of a declaration.
	 * @param condition whether it is so
	 * @param message which method it is and what is wrong with it
	 */
	public static void require(boolean condition, Supplier<String> message) {
		if (!condition) {
			throw new RpcContractException(message.get(), null);
		}
	}

}
