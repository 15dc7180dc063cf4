package dev.vgi.external.rpc.client;

import dev.vgi.external.web.client.CallContext;
import org.jspecify.annotations.Nullable;

/**
 * A call that a client makes, as those see it who watch: a unary call from its request to
 * its result, a stream from its opening to its end.
 */
public interface RpcClientCall {

	/**
	 * Return the name of the protocol.
	 * @return as the interface declares it
	 */
	String protocol();

	/**
	 * Return the name of the method on the wire.
	 * @return as the interface declares it
	 */
	String method();

	/**
	 * Return how the method is called.
	 * @return {@code unary}, {@code producer} or {@code exchange}
	 */
	String kind();

	/**
	 * Return how much the call has moved so far.
	 * @return counters that run while the call does
	 */
	CallContext traffic();

	/**
	 * Return why the call failed.
	 * @return the failure; {@code null} while it has not, and if it succeeded
	 */
	@Nullable Throwable failure();

	/**
	 * Return whether the caller ended a stream that had more to give.
	 * @return {@code true} once a producer was closed before its end
	 */
	boolean isCancelled();

}
