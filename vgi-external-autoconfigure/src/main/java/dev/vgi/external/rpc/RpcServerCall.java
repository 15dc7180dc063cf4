package dev.vgi.external.rpc;

import dev.vgi.external.batch.BatchMetadata;
import org.jspecify.annotations.Nullable;

/**
 * A call as listeners see it. Over HTTP it is one request; on standard streams and on a
 * Unix socket it begins once its request has been read, and ends once its answer has been
 * written. Each turn of a stream is a call of its own, and so is its opening.
 */
public interface RpcServerCall {

	/**
	 * Return what carries the call.
	 * @return {@code http}, {@code stdio} or {@code unix}
	 */
	String transport();

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
	 * Return which part of a call it is.
	 * @return {@code call} for a whole unary call, {@code init} for the opening of a
	 * stream, {@code exchange} for a turn or the cancellation
	 */
	String phase();

	/**
	 * Return the caller's identifier of this request.
	 * @return the request id, empty if there is none
	 */
	String requestId();

	/**
	 * Return the trace context in the batch's metadata.
	 * @return {@code traceparent} and {@code tracestate}, empty if there is none or the
	 * HTTP request has its own
	 */
	BatchMetadata traceContext();

	/**
	 * Return why the call failed.
	 * @return the failure; {@code null} while it runs, and if it succeeded
	 */
	@Nullable Throwable failure();

	/**
	 * Return whether the request was refused before the method was called.
	 * @return {@code true} if the caller caused the failure
	 */
	boolean isRefused();

	/**
	 * Return how much was sent inline.
	 * @return bytes before any content coding
	 */
	long inlineBytes();

	/**
	 * Return how much was stored.
	 * @return bytes before compression
	 */
	long externalBytes();

}
