package dev.vgi.external.rpc;

import java.util.Iterator;

import dev.vgi.external.batch.AnnotatedBatch;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * What a producer method returns: batches that the service makes one after the other, one
 * per HTTP turn. The same declaration serves both sides. A client iterates: each batch is
 * the caller's to close, and so is the stream, which cancels what is not read to its end.
 * A service returns one that only says how the stream starts; its turns make the batches.
 * <p>
 * A client's stream is used by one thread at a time.
 *
 * @param <H> record that the stream starts with, or {@link Void} for none
 */
public interface ProducerStream<H> extends Iterator<AnnotatedBatch>, AutoCloseable {

	/**
	 * Return what the stream started with.
	 * @return the header
	 * @throws IllegalStateException if the method declares none
	 */
	H header();

	/**
	 * Return whether there is a further batch. Asks the service if it has to.
	 * @return {@code false} once the stream ended
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service reports an error;
	 * the stream is over then
	 * @throws dev.vgi.external.VgiExternalException if it cannot be reached, or a fetch
	 * fails
	 */
	@Override
	boolean hasNext();

	/**
	 * Return the next batch, resolved, without the protocol's tokens among its metadata.
	 * @return the batch; the caller closes it
	 * @throws java.util.NoSuchElementException if there is none
	 */
	@Override
	AnnotatedBatch next();

	/**
	 * End the stream. Tells the service to cancel, at most once, if it has more to give.
	 * Idempotent; a service that cannot be told is not an error.
	 */
	@Override
	void close();

	/**
	 * Say how a stream starts: what a service's method returns.
	 * @param output schema of the batches; a dictionary column has the type of its values
	 * @param state what the first turn is given
	 * @return the start of a stream without a header
	 */
	static ProducerStream<Void> of(Schema output, Record state) {
		return new StreamStart<>(null, output, state, null);
	}

	/**
	 * Say how a stream starts: what a service's method returns.
	 * @param <H> type of the header
	 * @param output schema of the batches; a dictionary column has the type of its values
	 * @param state what the first turn is given
	 * @param header what the stream starts with
	 * @return the start of a stream
	 */
	static <H extends Record> ProducerStream<H> of(Schema output, Record state, H header) {
		return new StreamStart<>(null, output, state, header);
	}

}
