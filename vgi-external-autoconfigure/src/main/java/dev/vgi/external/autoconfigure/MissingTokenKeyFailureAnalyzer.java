package dev.vgi.external.autoconfigure;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/**
 * Tells where the key of streams comes from.
 */
class MissingTokenKeyFailureAnalyzer extends AbstractFailureAnalyzer<MissingTokenKeyException> {

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, MissingTokenKeyException cause) {
		return new FailureAnalysis(
				"The application serves streams on Kubernetes, and each turn of a stream may reach another pod, but"
						+ " there is no key by which pods could open each other's tokens.",
				"""
						Set vgi.rpc.token-keys to 32 random bytes, the same in every pod, for example from a Secret:
						    openssl rand -base64 32""", cause);
	}

}
