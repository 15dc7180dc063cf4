package dev.vgi.external.rpc.client;

import dev.vgi.external.call.CallContext;
import org.jspecify.annotations.Nullable;

/**
 * A client's call as listeners see it: a unary call from its request to its result, a
 * stream from its opening to its end.
 */
public interface RpcClientCall {

	/**
	 * Return the name of the protocol.
	 * @return the name that the interface declares
	 */
	String protocol();

	/**
	 * Return the name of the method on the wire.
	 * @return the name that the interface declares
	 */
	String method();

	/**
	 * Return how the method is called.
	 * @return {@code unary}, {@code producer} or {@code exchange}
	 */
	String kind();

	/**
	 * Return how the call is carried.
	 * @return {@code http}, {@code stdio} or {@code unix}
	 */
	String transport();

	/**
	 * Return how much the call has transferred so far.
	 * @return counters that are updated while the call runs
	 */
	CallContext traffic();

	/**
	 * Return why the call failed.
	 * @return the failure; {@code null} while it runs, and if it succeeded
	 */
	@Nullable Throwable failure();

	/**
	 * Return whether the caller ended a stream before its end.
	 * @return {@code true} once a producer was closed before its end
	 */
	boolean isCancelled();

}
