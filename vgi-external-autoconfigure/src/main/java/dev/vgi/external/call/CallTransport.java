package dev.vgi.external.call;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.location.LocationResolver;
import org.apache.arrow.memory.BufferAllocator;

/**
 * Carries the calls of one service, and decides nothing about them. Thread-safe.
 */
public interface CallTransport {

	/**
	 * Return what carries the calls, as observations name it.
	 * @return {@code http}, {@code stdio} or {@code unix}
	 */
	String name();

	/**
	 * Carry a unary call.
	 * @param request the request batch; borrowed. Its metadata names the method
	 * @param context receives log messages and counts what is transferred
	 * @return the data batch of the answer, possibly a pointer; the caller closes it
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service answers with an
	 * error
	 * @throws dev.vgi.external.VgiExternalException if there is no answer
	 */
	AnnotatedBatch call(AnnotatedBatch request, CallContext context);

	/**
	 * Open a producer.
	 * @param request the request batch; borrowed. Its metadata names the method
	 * @param header whether the method is declared with a header
	 * @param context receives log messages and counts what is transferred
	 * @return the open stream; the caller closes it
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service answers with an
	 * error
	 * @throws dev.vgi.external.VgiExternalException if there is no answer
	 */
	StreamTransport openProducer(AnnotatedBatch request, boolean header, CallContext context);

	/**
	 * Open an exchange.
	 * @param request the request batch; borrowed. Its metadata names the method
	 * @param header whether the method is declared with a header
	 * @param context receives log messages and counts what is transferred
	 * @return the open stream; the caller closes it
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service answers with an
	 * error
	 * @throws dev.vgi.external.VgiExternalException if there is no answer
	 */
	StreamTransport openExchange(AnnotatedBatch request, boolean header, CallContext context);

	/**
	 * Return what resolves the pointers of answers.
	 * @return the resolver under the URL policy for this service
	 */
	LocationResolver resolver();

	/**
	 * Return the owner of the memory of requests and answers.
	 * @return the allocator
	 */
	BufferAllocator allocator();

}
