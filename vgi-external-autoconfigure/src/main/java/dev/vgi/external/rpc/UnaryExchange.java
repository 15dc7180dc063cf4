package dev.vgi.external.rpc;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;

/**
 * Carries one request to a service and brings its answer back, as {@code VgiClient::call}
 * does.
 */
@FunctionalInterface
public interface UnaryExchange {

	/**
	 * Send one batch and receive one.
	 * @param path the path below the service's prefix, such as {@code /echo_string}
	 * @param request the request batch with its metadata; borrowed
	 * @param logs receives the log messages of the answer
	 * @return the data batch of the answer, resolved; the caller closes it
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service answers with an
	 * error
	 * @throws dev.vgi.external.VgiExternalException if there is no answer
	 */
	AnnotatedBatch call(String path, AnnotatedBatch request, LogSink logs);

}
