package dev.vgi.external.autoconfigure;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/**
 * Tells which key to set when no storage can be selected.
 */
class StorageSelectionFailureAnalyzer extends AbstractFailureAnalyzer<StorageSelectionException> {

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, StorageSelectionException cause) {
		return new FailureAnalysis(String.valueOf(cause.getMessage()), cause.action(), cause);
	}

}
