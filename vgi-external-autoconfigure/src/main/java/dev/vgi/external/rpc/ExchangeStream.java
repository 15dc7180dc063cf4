package dev.vgi.external.rpc;

import dev.vgi.external.batch.AnnotatedBatch;

/**
 * What an exchange method returns: a conversation in which every batch sent is answered
 * by one. The same declaration serves both sides. A client calls {@link #exchange}; a
 * service returns one that only says how the conversation starts; its turns answer.
 * <p>
 * A client's stream is used by one thread at a time.
 *
 * @param <H> record that the stream starts with, or {@link Void} for none
 */
public interface ExchangeStream<H> extends AutoCloseable {

	/**
	 * Return what the stream started with.
	 * @return the header
	 * @throws IllegalStateException if the method declares none
	 */
	H header();

	/**
	 * Send one batch and receive one. A batch that is too large for a request goes
	 * through an upload URL.
	 * @param input the batch, of any number of rows; borrowed
	 * @return the answer, resolved; the caller closes it
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service reports an error;
	 * the stream is over then
	 * @throws dev.vgi.external.VgiExternalException if it cannot be reached, or a
	 * transfer fails; never sent again, since a turn may have happened
	 * @throws IllegalStateException if the stream is over
	 */
	AnnotatedBatch exchange(AnnotatedBatch input);

	/**
	 * End the stream. Tells the service to cancel, at most once. Idempotent; a service
	 * that cannot be told is not an error.
	 */
	@Override
	void close();

}
