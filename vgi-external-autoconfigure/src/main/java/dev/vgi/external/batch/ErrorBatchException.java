package dev.vgi.external.batch;

import java.util.Map;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * The other side answered with an error batch: its call failed there.
 */
public class ErrorBatchException extends VgiExternalException {

	private final String errorType;

	private final String errorMessage;

	private final @Nullable String remoteTraceback;

	private final @Nullable String requestId;

	private final @Nullable String errorKind;

	/**
	 * Create an error.
	 * @param errorType the error's type as the other side names it
	 * @param errorMessage its text
	 * @param remoteTraceback the other side's stack trace, or {@code null}
	 * @param requestId the request it belongs to, or {@code null}
	 * @param errorKind its machine-readable kind, or {@code null}
	 */
	public ErrorBatchException(String errorType, String errorMessage, @Nullable String remoteTraceback,
			@Nullable String requestId, @Nullable String errorKind) {
		super(Kind.REMOTE_ERROR, errorType + ": " + errorMessage, null);
		this.errorType = errorType;
		this.errorMessage = errorMessage;
		this.remoteTraceback = remoteTraceback;
		this.requestId = requestId;
		this.errorKind = errorKind;
	}

	/**
	 * Read an error from the metadata of its batch.
	 * @param metadata metadata of a batch of kind {@link BatchKind#ERROR}; whatever is
	 * missing gets a neutral value
	 * @return the error, to be thrown; of a type of its own for the kinds that callers
	 * tell apart
	 */
	public static ErrorBatchException from(BatchMetadata metadata) {
		LogMessage log = LogMessage.from(metadata);
		Map<String, Object> extra = (log != null) ? log.extra() : Map.of();
		String type = text(extra, "exception_type");
		String message = text(extra, "exception_message");
		String sentKind = metadata.get(MetadataKeys.ERROR_KIND);
		String kind = (sentKind != null) ? sentKind : text(extra, "error_kind");
		String knownType = (type != null) ? type : LogMessage.EXCEPTION;
		String knownMessage = (message != null) ? message : ((log != null) ? log.message() : "");
		if (ProtocolVersionException.KIND.equals(kind)) {
			return new ProtocolVersionException(knownType, knownMessage, text(extra, "traceback"),
					metadata.get(MetadataKeys.REQUEST_ID));
		}
		return new ErrorBatchException(knownType, knownMessage, text(extra, "traceback"),
				metadata.get(MetadataKeys.REQUEST_ID), kind);
	}

	private static @Nullable String text(Map<String, Object> extra, String key) {
		Object value = extra.get(key);
		return (value != null) ? value.toString() : null;
	}

	/**
	 * Return the error's type as the other side names it.
	 * @return such as {@code ValueError}, or {@code EXCEPTION} if it did not say
	 */
	public String errorType() {
		return this.errorType;
	}

	/**
	 * Return the error's text without its type.
	 * @return the text, may be empty
	 */
	public String errorMessage() {
		return this.errorMessage;
	}

	/**
	 * Return the other side's stack trace.
	 * @return its text, or {@code null} if it was not sent
	 */
	public @Nullable String remoteTraceback() {
		return this.remoteTraceback;
	}

	/**
	 * Return the request the error belongs to.
	 * @return its identifier, or {@code null} if it was not sent
	 */
	public @Nullable String requestId() {
		return this.requestId;
	}

	/**
	 * Return the error's machine-readable kind, from an open set.
	 * @return such as {@code method_not_implemented}, or {@code null} if it has none
	 */
	public @Nullable String errorKind() {
		return this.errorKind;
	}

}
