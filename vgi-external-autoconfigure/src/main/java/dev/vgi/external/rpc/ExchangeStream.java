package dev.vgi.external.rpc;

import dev.vgi.external.batch.AnnotatedBatch;
import org.apache.arrow.vector.types.pojo.Schema;

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

	/**
	 * Say how a conversation starts: what a service's method returns.
	 * @param input schema of what is sent; a batch with the same columns in another order
	 * or of narrower types is converted to it
	 * @param output schema of the answers; a dictionary column has the type of its values
	 * @param state what the first turn is given
	 * @return the start of a conversation without a header
	 */
	static ExchangeStream<Void> of(Schema input, Schema output, Record state) {
		return new StreamStart<>(input, output, state, null);
	}

	/**
	 * Say how a conversation starts: what a service's method returns.
	 * @param <H> type of the header
	 * @param input schema of what is sent; a batch with the same columns in another order
	 * or of narrower types is converted to it
	 * @param output schema of the answers; a dictionary column has the type of its values
	 * @param state what the first turn is given
	 * @param header what the conversation starts with
	 * @return the start of a conversation
	 */
	static <H extends Record> ExchangeStream<H> of(Schema input, Schema output, Record state, H header) {
		return new StreamStart<>(input, output, state, header);
	}

}
