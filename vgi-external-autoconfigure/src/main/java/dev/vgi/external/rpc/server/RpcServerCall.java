package dev.vgi.external.rpc.server;

import dev.vgi.external.batch.BatchMetadata;
import org.jspecify.annotations.Nullable;

/**
 * A call as those see it who watch. One HTTP request: a turn of a stream is a call of its
 * own.
 */
public interface RpcServerCall {

	/**
	 * Return the name of the protocol.
	 * @return from the closed set of hosted protocols
	 */
	String protocol();

	/**
	 * Return the name of the method.
	 * @return from the closed set of the protocol's methods
	 */
	String method();

	/**
	 * Return how the method is called.
	 * @return {@code unary}, {@code producer} or {@code exchange}
	 */
	String kind();

	/**
	 * Return what the request is to the method.
	 * @return {@code call}, {@code init} or {@code exchange}
	 */
	String phase();

	/**
	 * Return what the caller calls this request.
	 * @return the request id, empty if there is none
	 */
	String requestId();

	/**
	 * Return the trace context that came with the batch.
	 * @return {@code traceparent} and {@code tracestate}, empty if there is none or the
	 * HTTP request has one of its own
	 */
	BatchMetadata traceContext();

	/**
	 * Return why the call failed.
	 * @return the failure; {@code null} while it has not, and if it succeeded
	 */
	@Nullable Throwable failure();

	/**
	 * Return whether the request was refused before the method ran.
	 * @return {@code true} if the failure is the caller's
	 */
	boolean isRefused();

	/**
	 * Return how much was sent in the body.
	 * @return bytes before any content coding
	 */
	long inlineBytes();

	/**
	 * Return how much was stored.
	 * @return bytes before they were compressed
	 */
	long externalBytes();

}
