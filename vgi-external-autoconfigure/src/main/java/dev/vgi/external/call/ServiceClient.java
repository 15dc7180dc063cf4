package dev.vgi.external.call;

import java.util.concurrent.ThreadFactory;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.MetadataKeys;
import org.jspecify.annotations.Nullable;

/**
 * Calls the methods of one service and resolves the pointers of its answers. One subclass
 * per transport. Thread-safe.
 */
public abstract class ServiceClient {

	private final CallTransport transport;

	private final AnswerPointers pointers;

	private final @Nullable ThreadFactory prefetchThreads;

	/**
	 * Create a client.
	 * @param transport carries the calls
	 * @param prefetchThreads creates the threads that fetch the next batch of a producer;
	 * {@code null} to disable prefetching
	 */
	protected ServiceClient(CallTransport transport, @Nullable ThreadFactory prefetchThreads) {
		this.transport = transport;
		this.pointers = new AnswerPointers(transport);
		this.prefetchThreads = prefetchThreads;
	}

	/**
	 * Return how calls are carried.
	 * @return from a closed set: {@code http}, {@code stdio} or {@code unix}
	 */
	public final String transport() {
		return this.transport.name();
	}

	/**
	 * Call a method.
	 * @param request the request batch; borrowed. Its metadata names the method and its
	 * protocol
	 * @param context the call
	 * @return the data batch of the answer, resolved; the caller closes it
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service answers with an
	 * error
	 * @throws dev.vgi.external.VgiExternalException if it cannot be reached, answers with
	 * anything else that is not data, or an upload or a fetch fails
	 */
	public final AnnotatedBatch call(AnnotatedBatch request, CallContext context) {
		return resolve(this.transport.call(request, context), context);
	}

	/**
	 * Open a producer.
	 * @param request the request batch, as for
	 * {@link #call(AnnotatedBatch, CallContext)}; borrowed
	 * @param header whether the method is declared with a header
	 * @param context the call
	 * @return the open stream; the caller closes it
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service answers with an
	 * error
	 * @throws dev.vgi.external.VgiExternalException as for a call
	 */
	public final ProducerCall openProducer(AnnotatedBatch request, boolean header, CallContext context) {
		return new ProducerCall(this.transport.openProducer(request, header, context),
				request.metadata().get(MetadataKeys.METHOD), this.pointers, context, this.prefetchThreads);
	}

	/**
	 * Open an exchange.
	 * @param request the request batch, as for
	 * {@link #call(AnnotatedBatch, CallContext)}; borrowed
	 * @param header whether the method is declared with a header
	 * @param context the call
	 * @return the open stream; the caller closes it
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service answers with an
	 * error
	 * @throws dev.vgi.external.VgiExternalException as for a call
	 */
	public final ExchangeCall openExchange(AnnotatedBatch request, boolean header, CallContext context) {
		return new ExchangeCall(this.transport.openExchange(request, header, context),
				request.metadata().get(MetadataKeys.METHOD), this.pointers, context);
	}

	/**
	 * Resolve a batch of an answer if it is a pointer.
	 * @param batch the batch; taken over
	 * @param context the call
	 * @return the batch itself, or the one that the pointer refers to; the caller closes
	 * it
	 */
	protected final AnnotatedBatch resolve(AnnotatedBatch batch, CallContext context) {
		return this.pointers.resolve(batch, context);
	}

}
