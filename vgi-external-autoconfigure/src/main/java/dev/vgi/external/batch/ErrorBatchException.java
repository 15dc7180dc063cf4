package dev.vgi.external.batch;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * The other side returned an error batch: the call failed there.
 */
public class ErrorBatchException extends VgiExternalException {

	private static final String RETRY_INFO = "vgi_rpc.RetryInfo";

	/** Longest details that the protocol allows, in characters. */
	private static final int MAX_DETAILS = 4096;

	/** No more objects than that fit into the longest details. */
	private static final int MOST_DETAILS = MAX_DETAILS / "{},".length();

	private static final JsonMapper JSON = JsonMapper.shared();

	private final String errorType;

	private final String errorMessage;

	private final @Nullable String remoteTraceback;

	private final @Nullable String requestId;

	private final @Nullable String errorKind;

	private final @Nullable String errorCode;

	private final transient List<Map<String, Object>> errorDetails;

	/**
	 * Create an error without a code and details.
	 * @param errorType the error's type, as named by the other side
	 * @param errorMessage its text
	 * @param remoteTraceback the other side's stack trace, or {@code null}
	 * @param requestId the request it belongs to, or {@code null}
	 * @param errorKind its machine-readable kind, or {@code null}
	 */
	public ErrorBatchException(String errorType, String errorMessage, @Nullable String remoteTraceback,
			@Nullable String requestId, @Nullable String errorKind) {
		this(errorType, errorMessage, remoteTraceback, requestId, errorKind, null, List.of());
	}

	ErrorBatchException(String errorType, String errorMessage, @Nullable String remoteTraceback,
			@Nullable String requestId, @Nullable String errorKind, @Nullable String errorCode,
			List<Map<String, Object>> errorDetails) {
		super(Kind.REMOTE_ERROR, errorType + ": " + errorMessage, null);
		this.errorType = errorType;
		this.errorMessage = errorMessage;
		this.remoteTraceback = remoteTraceback;
		this.requestId = requestId;
		this.errorKind = errorKind;
		this.errorCode = errorCode;
		this.errorDetails = errorDetails;
	}

	/**
	 * Read an error from the metadata of its batch.
	 * @param metadata metadata of a batch of kind {@link BatchKind#ERROR}; missing values
	 * get neutral defaults
	 * @return the error, to be thrown; a subtype for the kinds that callers distinguish
	 */
	public static ErrorBatchException from(BatchMetadata metadata) {
		LogMessage log = LogMessage.from(metadata);
		Map<String, Object> extra = (log != null) ? log.extra() : Map.of();
		String type = text(extra, "exception_type");
		String knownType = (type != null) ? type : LogMessage.EXCEPTION;
		String message = text(extra, "exception_message");
		String knownMessage = (message != null) ? message : withoutType((log != null) ? log.message() : "", knownType);
		String traceback = text(extra, "traceback");
		String requestId = metadata.get(MetadataKeys.REQUEST_ID);
		String sentKind = metadata.get(MetadataKeys.ERROR_KIND);
		String kind = (sentKind != null) ? sentKind : text(extra, "error_kind");
		String sentCode = metadata.get(MetadataKeys.ERROR_CODE);
		String code = (sentCode != null) ? sentCode : text(extra, "error_code");
		List<Map<String, Object>> details = details(metadata.get(MetadataKeys.ERROR_DETAILS),
				extra.get("error_details"));
		if (ProtocolVersionException.KIND.equals(kind)) {
			return new ProtocolVersionException(knownType, knownMessage, traceback, requestId, code, details);
		}
		return new ErrorBatchException(knownType, knownMessage, traceback, requestId, kind, code, details);
	}

	// A log message begins with the type, which is available separately.
	private static String withoutType(String logMessage, String type) {
		String prefix = type + ": ";
		return logMessage.startsWith(prefix) ? logMessage.substring(prefix.length()) : logMessage;
	}

	private static List<Map<String, Object>> details(@Nullable String json, @Nullable Object mirrored) {
		List<Map<String, Object>> details = new ArrayList<>();
		Object sent = (json != null) ? parsed(json) : mirrored;
		for (Object detail : (sent instanceof List<?> list) ? list : List.of()) {
			if (detail instanceof Map<?, ?> entries && details.size() < MOST_DETAILS) {
				Map<String, Object> copy = new LinkedHashMap<>();
				entries.forEach((key, value) -> {
					if (value != null) {
						copy.put(String.valueOf(key), value);
					}
				});
				details.add(Collections.unmodifiableMap(copy));
			}
		}
		return List.copyOf(details);
	}

	private static @Nullable Object parsed(String json) {
		if (json.length() > MAX_DETAILS) {
			return null;
		}
		try {
			return JSON.readValue(json, Object.class);
		}
		catch (JacksonException ex) {
			// The error itself matters more than its malformed details.
			return null;
		}
	}

	private static @Nullable String text(Map<String, Object> extra, String key) {
		Object value = extra.get(key);
		return (value != null) ? value.toString() : null;
	}

	/**
	 * Return the error's type, as named by the other side.
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

	/**
	 * Return the error's canonical code, one of gRPC's names.
	 * @return such as {@code UNAVAILABLE}, or {@code null} if the other side does not
	 * send codes
	 */
	public @Nullable String errorCode() {
		return this.errorCode;
	}

	/**
	 * Return the details that a program may act on: JSON objects that name their kind
	 * under {@code @type}, such as {@code vgi_rpc.BadRequest}.
	 * @return the details as they were sent, including unknown kinds; may be empty
	 */
	public List<Map<String, Object>> errorDetails() {
		// Details are not serialized.
		return Objects.requireNonNullElse(this.errorDetails, List.of());
	}

	/**
	 * Return the delay that the other side asks for before the call is repeated.
	 * @return the delay, or {@code null} if it did not say
	 */
	public @Nullable Duration retryDelay() {
		for (Map<String, Object> detail : errorDetails()) {
			if (RETRY_INFO.equals(detail.get("@type")) && detail.get("retry_delay_seconds") instanceof Number seconds
					&& seconds.doubleValue() >= 0 && seconds.doubleValue() < Integer.MAX_VALUE) {
				return Duration.ofMillis(Math.round(seconds.doubleValue() * 1000));
			}
		}
		return null;
	}

	/**
	 * Return whether the same call may succeed later, by the protocol's rule: the service
	 * is unavailable, or has no room and says when to retry. The caller has to know
	 * whether the call may be made twice.
	 * @return {@code true} if it may succeed
	 */
	public boolean isRetryable() {
		return "UNAVAILABLE".equals(this.errorCode)
				|| "RESOURCE_EXHAUSTED".equals(this.errorCode) && retryDelay() != null;
	}

}
