package dev.vgi.external.rpc;

import java.util.Iterator;

import dev.vgi.external.batch.AnnotatedBatch;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * The result of a producer method: batches that the service produces one after the other,
 * one per turn. The same declaration serves both sides. A client iterates, and closes
 * each batch and the stream; closing cancels a stream that was not read to its end. A
 * service returns an instance that only describes the start of the stream; its turns
 * produce the batches.
 * <p>
 * A client's stream is used by one thread at a time.
 *
 * @param <H> record type of the header, or {@link Void} for none
 */
public interface ProducerStream<H> extends Iterator<AnnotatedBatch>, AutoCloseable {

	/**
	 * Return the header of the stream.
	 * @return the header
	 * @throws IllegalStateException if the method declares none
	 */
	H header();

	/**
	 * Return whether there is a further batch. Asks the service if necessary.
	 * @return {@code false} once the stream ended
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service reports an error;
	 * the stream is then over
	 * @throws dev.vgi.external.VgiExternalException if the service cannot be reached, or
	 * a fetch fails
	 */
	@Override
	boolean hasNext();

	/**
	 * Return the next batch, resolved, without the protocol's tokens in its metadata.
	 * @return the batch; the caller closes it
	 * @throws java.util.NoSuchElementException if there is none
	 */
	@Override
	AnnotatedBatch next();

	/**
	 * End the stream. Sends a cancel to the service, at most once, if the stream has not
	 * ended. Idempotent; it is not an error if the cancel does not reach the service.
	 */
	@Override
	void close();

	/**
	 * Describe the start of a stream, as the result of a service's method.
	 * @param output schema of the batches; a dictionary column has the type of its values
	 * @param state the state for the first turn
	 * @return the start of a stream without a header
	 */
	static ProducerStream<Void> of(Schema output, Record state) {
		return new StreamStart<>(null, output, state, null);
	}

	/**
	 * Describe the start of a stream, as the result of a service's method.
	 * @param <H> type of the header
	 * @param output schema of the batches; a dictionary column has the type of its values
	 * @param state the state for the first turn
	 * @param header the header of the stream
	 * @return the start of a stream
	 */
	static <H extends Record> ProducerStream<H> of(Schema output, Record state, H header) {
		return new StreamStart<>(null, output, state, header);
	}

}
