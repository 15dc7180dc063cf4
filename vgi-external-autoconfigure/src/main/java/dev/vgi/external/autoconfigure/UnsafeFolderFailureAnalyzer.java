package dev.vgi.external.autoconfigure;

import dev.vgi.external.storage.local.UnsafeFolderException;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/**
 * Tells what to do about a folder of the local store, or its signing key, that is open to
 * other users of the machine.
 */
class UnsafeFolderFailureAnalyzer extends AbstractFailureAnalyzer<UnsafeFolderException> {

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, UnsafeFolderException cause) {
		return new FailureAnalysis(cause.getMessage() + ".", cause.remedy(), cause);
	}

}
