package dev.vgi.external.rpc;

import dev.vgi.external.batch.AnnotatedBatch;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * The result of an exchange method: a stream in which each input batch is answered by one
 * output batch. The same declaration serves both sides. A client calls {@link #exchange}.
 * A service returns an instance that only describes the start of the stream; its turns
 * return the answers.
 * <p>
 * A client's stream is used by one thread at a time.
 *
 * @param <H> record type of the header, or {@link Void} for none
 */
public interface ExchangeStream<H> extends AutoCloseable {

	/**
	 * Return the header of the stream.
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
	 * the stream is then over
	 * @throws dev.vgi.external.VgiExternalException if the service cannot be reached, or
	 * a transfer fails. The batch is never sent again, since the turn may have been
	 * processed
	 * @throws IllegalStateException if the stream is over
	 */
	AnnotatedBatch exchange(AnnotatedBatch input);

	/**
	 * End the stream. Sends a cancel to the service, at most once. Idempotent; it is not
	 * an error if the cancel does not reach the service.
	 */
	@Override
	void close();

	/**
	 * Describe the start of a stream, as the result of a service's method.
	 * @param input schema of the input batches; a batch with the same columns in another
	 * order or of narrower types is converted to it
	 * @param output schema of the answers; a dictionary column has the type of its values
	 * @param state the state for the first turn
	 * @return the start of a stream without a header
	 */
	static ExchangeStream<Void> of(Schema input, Schema output, Record state) {
		return new StreamStart<>(input, output, state, null);
	}

	/**
	 * Describe the start of a stream, as the result of a service's method.
	 * @param <H> type of the header
	 * @param input schema of the input batches; a batch with the same columns in another
	 * order or of narrower types is converted to it
	 * @param output schema of the answers; a dictionary column has the type of its values
	 * @param state the state for the first turn
	 * @param header the header of the stream
	 * @return the start of a stream
	 */
	static <H extends Record> ExchangeStream<H> of(Schema input, Schema output, Record state, H header) {
		return new StreamStart<>(input, output, state, header);
	}

}
