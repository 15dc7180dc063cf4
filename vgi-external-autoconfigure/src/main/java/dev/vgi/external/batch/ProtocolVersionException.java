package dev.vgi.external.batch;

import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * The two sides speak different versions of a contract; the text names both and says
 * which side is newer.
 */
public class ProtocolVersionException extends ErrorBatchException {

	/** The kind under which peers send it. */
	static final String KIND = "protocol_version_mismatch";

	ProtocolVersionException(String errorType, String errorMessage, @Nullable String remoteTraceback,
			@Nullable String requestId, @Nullable String errorCode, List<Map<String, Object>> errorDetails) {
		super(errorType, errorMessage, remoteTraceback, requestId, KIND, errorCode, errorDetails);
	}

}
