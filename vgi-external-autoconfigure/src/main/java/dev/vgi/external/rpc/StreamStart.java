package dev.vgi.external.rpc;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.AnnotatedBatch;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The start of a stream as a service describes it. Produces no batches: the turns do.
 *
 * @param <H> record type of the header
 */
@Internal
public final class StreamStart<H> implements ProducerStream<H>, ExchangeStream<H> {

	private final @Nullable Schema input;

	private final Schema output;

	private final Record state;

	private final @Nullable H header;

	/**
	 * Create a start.
	 * @param input schema of the input batches, or {@code null} for a producer
	 * @param output schema of the output batches
	 * @param state the state for the first turn
	 * @param header the header, or {@code null} for none
	 */
	StreamStart(@Nullable Schema input, Schema output, Record state, @Nullable H header) {
		Assert.notNull(output, "'output' must not be null");
		Assert.notNull(state, "'state' must not be null");
		this.input = input;
		this.output = output;
		this.state = state;
		this.header = header;
	}

	/**
	 * Return the schema of the input batches.
	 * @return the schema, or {@code null} for a producer
	 */
	public @Nullable Schema input() {
		return this.input;
	}

	/**
	 * Return the schema of the output batches.
	 * @return the schema
	 */
	public Schema output() {
		return this.output;
	}

	/**
	 * Return the state for the first turn.
	 * @return the state
	 */
	public Record state() {
		return this.state;
	}

	/**
	 * Return the header.
	 * @return the header, or {@code null} if there is none
	 */
	public @Nullable H headerOrNull() {
		return this.header;
	}

	@Override
	public H header() {
		Assert.state(this.header != null, "The stream has no header");
		return this.header;
	}

	@Override
	public boolean hasNext() {
		throw clientsOnly();
	}

	@Override
	public AnnotatedBatch next() {
		throw clientsOnly();
	}

	@Override
	public AnnotatedBatch exchange(AnnotatedBatch input) {
		throw clientsOnly();
	}

	@Override
	public void close() {
		// Nothing is open.
	}

	private static UnsupportedOperationException clientsOnly() {
		return new UnsupportedOperationException("On the service's side a stream is made by its @RpcTurn method");
	}

}
