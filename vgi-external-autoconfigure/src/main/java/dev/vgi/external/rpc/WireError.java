package dev.vgi.external.rpc;

import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * Implemented by an exception with its own name on the wire. Other exceptions are sent
 * under the name of the most similar Python exception.
 */
public interface WireError {

	/**
	 * Return the type on the wire.
	 * @return such as {@code ValueError}
	 */
	String errorType();

	/**
	 * Return the machine-readable kind.
	 * @return such as {@code method_not_implemented}, or {@code null} if it has none
	 */
	default @Nullable String errorKind() {
		return null;
	}

	/**
	 * Return the canonical code, one of gRPC's names.
	 * @return such as {@code NOT_FOUND}, or {@code null} for {@code UNKNOWN}
	 */
	default @Nullable String errorCode() {
		return null;
	}

	/**
	 * Return details that a caller's program may act on: JSON objects that name their
	 * kind under {@code @type}, such as {@code vgi_rpc.RetryInfo} with a
	 * {@code retry_delay_seconds}. Details of more than 4096 bytes in total are not sent.
	 * @return the details, may be empty
	 */
	default List<Map<String, Object>> errorDetails() {
		return List.of();
	}

}
