package dev.vgi.external.rpc;

import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.ExternalRef;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The output of one turn of a stream, and how the stream continues. An exchange always
 * emits one batch and continues. A producer may also emit a last batch, or end without
 * one.
 * <p>
 * A batch is taken over: it is closed once it is written, also if writing fails.
 */
public final class Turn {

	private static final Turn FINISHED = new Turn(List.of(), null, null, null);

	private final List<LogMessage> logs;

	private final @Nullable AnnotatedBatch batch;

	private final @Nullable ExternalRef ref;

	private final @Nullable Record nextState;

	private Turn(List<LogMessage> logs, @Nullable AnnotatedBatch batch, @Nullable ExternalRef ref,
			@Nullable Record nextState) {
		this.logs = logs;
		this.batch = batch;
		this.ref = ref;
		this.nextState = nextState;
	}

	/**
	 * Emit a batch and continue the stream.
	 * @param batch of the stream's output schema, taken over; its metadata is sent too
	 * @param nextState the state for the next turn
	 * @return the turn
	 */
	public static Turn emit(AnnotatedBatch batch, Record nextState) {
		Assert.notNull(batch, "'batch' must not be null");
		Assert.notNull(nextState, "'nextState' must not be null");
		return new Turn(List.of(), batch, null, nextState);
	}

	/**
	 * Emit a batch and continue the stream.
	 * @param root of the stream's output schema, without dictionary columns, taken over
	 * @param nextState the state for the next turn
	 * @return the turn
	 */
	public static Turn emit(VectorSchemaRoot root, Record nextState) {
		return emit(AnnotatedBatch.of(root), nextState);
	}

	/**
	 * Emit log messages and a batch and continue the stream.
	 * @param cycle taken over; its messages come after those of {@link RpcContext#log}
	 * @param nextState the state for the next turn
	 * @return the turn
	 */
	public static Turn emit(OutputCycle cycle, Record nextState) {
		Assert.notNull(nextState, "'nextState' must not be null");
		return new Turn(cycle.logs(), cycle.data(), null, nextState);
	}

	/**
	 * Emit a published batch of a producer and continue the stream. An exchange cannot do
	 * this, since its next state is sent inside the batch.
	 * @param ref a batch of the stream's output schema; never inlined
	 * @param nextState the state for the next turn
	 * @return the turn
	 */
	public static Turn emit(ExternalRef ref, Record nextState) {
		Assert.notNull(ref, "'ref' must not be null");
		Assert.notNull(nextState, "'nextState' must not be null");
		return new Turn(List.of(), null, ref, nextState);
	}

	/**
	 * Emit the last batch of a producer.
	 * @param batch of the stream's output schema, taken over; its metadata is sent too
	 * @return the turn
	 */
	public static Turn emitLast(AnnotatedBatch batch) {
		Assert.notNull(batch, "'batch' must not be null");
		return new Turn(List.of(), batch, null, null);
	}

	/**
	 * Emit the last batch of a producer.
	 * @param root of the stream's output schema, without dictionary columns, taken over
	 * @return the turn
	 */
	public static Turn emitLast(VectorSchemaRoot root) {
		return emitLast(AnnotatedBatch.of(root));
	}

	/**
	 * Emit log messages and the last batch of a producer.
	 * @param cycle taken over; its messages come after those of {@link RpcContext#log}
	 * @return the turn
	 */
	public static Turn emitLast(OutputCycle cycle) {
		return new Turn(cycle.logs(), cycle.data(), null, null);
	}

	/**
	 * Emit a published batch as the last one of a producer.
	 * @param ref a batch of the stream's output schema; never inlined
	 * @return the turn
	 */
	public static Turn emitLast(ExternalRef ref) {
		Assert.notNull(ref, "'ref' must not be null");
		return new Turn(List.of(), null, ref, null);
	}

	/**
	 * End a producer without a further batch.
	 * @return the turn
	 */
	public static Turn finish() {
		return FINISHED;
	}

	/**
	 * Return the messages that precede the batch.
	 * @return the messages, often none
	 */
	public List<LogMessage> logs() {
		return this.logs;
	}

	/**
	 * Return the batch.
	 * @return the batch, closed by the code that sends it; or {@code null} if the stream
	 * ends or a published batch is sent
	 */
	public @Nullable AnnotatedBatch batch() {
		return this.batch;
	}

	/**
	 * Return the published batch.
	 * @return the reference, or {@code null} if none is sent
	 */
	public @Nullable ExternalRef ref() {
		return this.ref;
	}

	/**
	 * Return the state for the next turn.
	 * @return the state, or {@code null} if this is the last turn
	 */
	public @Nullable Record nextState() {
		return this.nextState;
	}

}
