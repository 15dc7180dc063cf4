package dev.vgi.external.rpc;

import java.util.List;
import java.util.Map;
import java.util.Set;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.MetadataKeys;
import org.jspecify.annotations.Nullable;

/**
 * A request that does not follow the protocol or the method's signature. The method was
 * not called.
 */
public class RpcBadRequestException extends VgiExternalException implements WireError {

	private final String errorType;

	private final @Nullable String errorKind;

	private final transient List<Map<String, Object>> errorDetails;

	/**
	 * Create an exception without details.
	 * @param errorType the type of the error on the wire
	 * @param errorKind the protocol's kind, or {@code null} if it has none
	 * @param message describes the error, without secrets
	 */
	public RpcBadRequestException(String errorType, @Nullable String errorKind, String message) {
		this(errorType, errorKind, message, List.of());
	}

	/**
	 * Create an exception.
	 * @param errorType the type of the error on the wire
	 * @param errorKind the protocol's kind, or {@code null} if it has none
	 * @param message describes the error, without secrets
	 * @param errorDetails sent to the caller unchanged
	 */
	public RpcBadRequestException(String errorType, @Nullable String errorKind, String message,
			List<Map<String, Object>> errorDetails) {
		super(Kind.BAD_REQUEST, message, null);
		this.errorType = errorType;
		this.errorKind = errorKind;
		this.errorDetails = errorDetails;
	}

	/**
	 * Create the error of a request for a protocol that is not hosted.
	 * @param protocol the requested protocol
	 * @param hosted the names of the hosted protocols
	 * @return the exception
	 */
	public static RpcBadRequestException protocolNotSupported(String protocol, Set<String> hosted) {
		return new RpcBadRequestException("ProtocolNotSupportedError", "protocol_not_supported",
				"The protocol '" + protocol + "' is not hosted here, only " + hosted);
	}

	/**
	 * Create the error of a request that names no protocol, where nothing else does.
	 * @param hosted the names of the hosted protocols
	 * @return the exception
	 */
	public static RpcBadRequestException protocolNotSpecified(Set<String> hosted) {
		return new RpcBadRequestException("ProtocolNotSpecifiedError", "protocol_not_specified",
				"The request lacks the metadata " + MetadataKeys.PROTOCOL + "; hosted are " + hosted);
	}

	@Override
	public String errorType() {
		return this.errorType;
	}

	@Override
	public @Nullable String errorKind() {
		return this.errorKind;
	}

	@Override
	public String errorCode() {
		if (this.errorKind == null || this.errorKind.equals("protocol_not_specified")) {
			return "INVALID_ARGUMENT";
		}
		return this.errorKind.equals("protocol_version_mismatch") ? "FAILED_PRECONDITION" : "UNIMPLEMENTED";
	}

	@Override
	public List<Map<String, Object>> errorDetails() {
		return this.errorDetails;
	}

}
