package dev.vgi.external.autoconfigure.start;

import dev.vgi.external.rpc.method.RpcContractException;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/**
 * Tells which RPC method cannot be served or called as it is declared.
 */
class RpcContractFailureAnalyzer extends AbstractFailureAnalyzer<RpcContractException> {

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, RpcContractException cause) {
		return new FailureAnalysis(String.valueOf(cause.getMessage()), """
				Change the declaration of the method. docs/rpc.md says what parameters and results may be, and \
				docs/streams.md what a stream needs.""", cause);
	}

}
