package dev.vgi.external.autoconfigure;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/**
 * Tells which flag to start the JVM with.
 */
class OffHeapAccessFailureAnalyzer extends AbstractFailureAnalyzer<OffHeapAccessException> {

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, OffHeapAccessException cause) {
		return new FailureAnalysis(
				"Apache Arrow has to read and write off-heap memory as NIO buffers, which this JVM has not opened to it.",
				"""
						Start the JVM with
						    --add-opens=java.base/java.nio=ALL-UNNAMED
						An executable jar can carry the flag itself, in its manifest:
						    Add-Opens: java.base/java.nio""", cause);
	}

}
