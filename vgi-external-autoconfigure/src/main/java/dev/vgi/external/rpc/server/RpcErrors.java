package dev.vgi.external.rpc.server;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LimitExceededException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.location.ResponseTooLargeException;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.rpc.WireError;
import dev.vgi.external.url.RedactedUrl;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.web.method.annotation.HandlerMethodValidationException;

/**
 * Converts exceptions to the metadata of error batches. URLs lose their queries, and
 * nothing specific to Java appears unless stack traces are enabled.
 */
public final class RpcErrors {

	private static final int MAX_FRAMES = 5;

	/** The protocol's cap on details, in bytes of JSON. */
	private static final int MAX_DETAILS = 4096;

	/** About as long as a transfer takes. */
	private static final List<Map<String, Object>> RETRY_SOON = List
		.of(Map.of("@type", "vgi_rpc.RetryInfo", "retry_delay_seconds", 1));

	private static final JsonMapper JSON = JsonMapper.shared();

	private final String serverId;

	private final boolean includeStackTrace;

	/**
	 * Create a conversion.
	 * @param serverId identifier of this process
	 * @param includeStackTrace whether errors carry stack traces
	 */
	public RpcErrors(String serverId, boolean includeStackTrace) {
		this.serverId = serverId;
		this.includeStackTrace = includeStackTrace;
	}

	/**
	 * Describe a failure.
	 * @param failure the failure
	 * @param requestId the request that it ends, empty if unknown
	 * @return the metadata of its error batch
	 */
	public BatchMetadata metadata(Throwable failure, String requestId) {
		String type = errorType(failure);
		String message = message(failure);
		String kind = errorKind(failure);
		// What Spring Security knows is not for the caller.
		boolean traced = this.includeStackTrace && !CallFailures.isSecurityFailure(failure);
		Map<String, Object> extra = new LinkedHashMap<>();
		extra.put("exception_type", type);
		extra.put("exception_message", message);
		extra.put("traceback", traced ? traceback(failure) : type + ": " + message + "\n");
		extra.put("frames", traced ? frames(failure) : List.of());
		Throwable cause = failure.getCause();
		if (traced && cause != null) {
			extra.put("cause", Map.of("exception_type", errorType(cause), "exception_message", message(cause)));
		}
		String code = errorCode(failure);
		extra.put("error_code", code);
		if (kind != null) {
			extra.put("error_kind", kind);
		}
		List<Map<String, Object>> details = errorDetails(failure);
		String json = details.isEmpty() ? "" : JSON.writeValueAsString(details);
		// All or nothing: a part of them could be misleading.
		boolean detailed = !json.isEmpty() && json.getBytes(StandardCharsets.UTF_8).length <= MAX_DETAILS;
		if (detailed) {
			extra.put("error_details", details);
		}
		BatchMetadata metadata = new LogMessage(LogMessage.EXCEPTION, type + ": " + message, extra).toMetadata();
		if (kind != null) {
			metadata = metadata.with(MetadataKeys.ERROR_KIND, kind);
		}
		if (detailed) {
			metadata = metadata.with(MetadataKeys.ERROR_DETAILS, json);
		}
		metadata = metadata.with(MetadataKeys.ERROR_CODE, code).with(MetadataKeys.SERVER_ID, this.serverId);
		return requestId.isEmpty() ? metadata : metadata.with(MetadataKeys.REQUEST_ID, requestId);
	}

	private static String errorType(Throwable failure) {
		if (failure instanceof WireError error) {
			return error.errorType();
		}
		if (failure instanceof ErrorBatchException remote) {
			return remote.errorType();
		}
		if (failure instanceof ResponseTooLargeException) {
			return "ResponseTooLargeError";
		}
		if (failure instanceof VgiExternalException external) {
			return switch (external.kind()) {
				case URL_REJECTED, SCHEMA_MISMATCH, BAD_REQUEST -> "ValueError";
				default -> "RuntimeError";
			};
		}
		if (CallFailures.isSecurityFailure(failure)) {
			return "PermissionError";
		}
		if (failure instanceof IllegalArgumentException || failure instanceof HandlerMethodValidationException) {
			return "ValueError";
		}
		return (failure instanceof ClassCastException) ? "TypeError" : "RuntimeError";
	}

	private static @Nullable String errorKind(Throwable failure) {
		if (failure instanceof WireError error) {
			return error.errorKind();
		}
		if (failure instanceof LimitExceededException) {
			return "limit_exceeded";
		}
		if (failure instanceof BudgetExhaustedException) {
			return "budget_exhausted";
		}
		if (failure instanceof VgiExternalException external
				&& (external.kind() == VgiExternalException.Kind.OBJECT_GONE
						|| external.kind() == VgiExternalException.Kind.LINK_EXPIRED)) {
			return external.kind().code().replace('-', '_');
		}
		return (failure instanceof ErrorBatchException remote) ? remote.errorKind() : null;
	}

	private static List<Map<String, Object>> errorDetails(Throwable failure) {
		if (failure instanceof WireError error) {
			return error.errorDetails();
		}
		return (failure instanceof BudgetExhaustedException exhausted && exhausted.isPassing()) ? RETRY_SOON
				: List.of();
	}

	private static String errorCode(Throwable failure) {
		if (failure instanceof WireError error && error.errorCode() != null) {
			return error.errorCode();
		}
		if (failure instanceof VgiExternalException external) {
			return switch (external.kind()) {
				case TOO_LARGE, LIMIT_EXCEEDED, BUDGET_EXHAUSTED -> "RESOURCE_EXHAUSTED";
				case TIMED_OUT -> "DEADLINE_EXCEEDED";
				case CANCELLED -> "CANCELLED";
				case STORAGE_UNAVAILABLE -> "UNAVAILABLE";
				case UNSUPPORTED -> "UNIMPLEMENTED";
				case OBJECT_GONE -> "NOT_FOUND";
				default -> "UNKNOWN";
			};
		}
		if (CallFailures.isSecurityFailure(failure)) {
			return CallFailures.isDenied(failure) ? "PERMISSION_DENIED" : "UNAUTHENTICATED";
		}
		return "UNKNOWN";
	}

	private static String message(Throwable failure) {
		if (CallFailures.isSecurityFailure(failure)) {
			return CallFailures.isDenied(failure) ? "Access denied" : "Authentication required";
		}
		String message = (failure instanceof ErrorBatchException remote) ? remote.errorMessage() : failure.getMessage();
		return RedactedUrl.scrub(message);
	}

	private static String traceback(Throwable failure) {
		StringWriter text = new StringWriter();
		failure.printStackTrace(new PrintWriter(text, true));
		return RedactedUrl.scrub(text.toString());
	}

	private static List<Map<String, Object>> frames(Throwable failure) {
		List<Map<String, Object>> frames = new ArrayList<>();
		for (StackTraceElement element : failure.getStackTrace()) {
			if (frames.size() == MAX_FRAMES) {
				break;
			}
			String file = element.getFileName();
			// Peers list the innermost frame last.
			frames.add(0, Map.of("file", (file != null) ? file : "", "line", Math.max(0, element.getLineNumber()),
					"function", element.getClassName() + "." + element.getMethodName(), "code", ""));
		}
		return frames;
	}

}
