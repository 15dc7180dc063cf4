package dev.vgi.external.batch;

import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * The two sides use different versions of a contract. The message names both and says
 * which side is newer.
 */
public class ProtocolVersionException extends ErrorBatchException {

	/** The kind that peers send for it. */
	static final String KIND = "protocol_version_mismatch";

	ProtocolVersionException(String errorType, String errorMessage, @Nullable String remoteTraceback,
			@Nullable String requestId, @Nullable String errorCode, List<Map<String, Object>> errorDetails) {
		super(errorType, errorMessage, remoteTraceback, requestId, KIND, errorCode, errorDetails);
	}

}
