package dev.vgi.external.rpc;

import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * Implemented by an exception that has a name of its own on the wire. Other exceptions
 * travel under the name of the Python exception they come closest to.
 */
public interface WireError {

	/**
	 * Return the type that peers see.
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
	 * Return what a caller's program may act on: JSON objects that name their kind under
	 * {@code @type}, such as {@code vgi_rpc.RetryInfo} with a
	 * {@code retry_delay_seconds}. All of them together travel only up to 4096 bytes.
	 * @return the details, may be empty
	 */
	default List<Map<String, Object>> errorDetails() {
		return List.of();
	}

}
