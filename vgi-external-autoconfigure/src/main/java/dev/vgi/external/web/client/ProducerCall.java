package dev.vgi.external.web.client;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadFactory;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.web.client.ServiceConnection.Reply;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The batches of a producer. While the caller works on one batch, the next one is fetched
 * ahead: one batch and no more, together with its log messages, which are delivered when
 * the batch is. Used by one thread at a time.
 */
public final class ProducerCall extends StreamCall {

	/** Most turns in a row without a batch before the stream counts as broken. */
	private static final int MAX_EMPTY_TURNS = 1000;

	private final @Nullable Prefetcher<Step> ahead;

	private TurnReply turn;

	private boolean runsAhead;

	private boolean over;

	/** A pointer that the budget had no room for when it was resolved ahead. */
	private @Nullable AnnotatedBatch refused;

	private ProducerCall(ServiceConnection connection, MethodAddress address, Reply<Opening> opening,
			CallContext context, @Nullable ThreadFactory aheadThreads) {
		super(connection, address, opening.dialect(), opening.value(), context);
		this.turn = opening.value().turn();
		this.ahead = (aheadThreads != null) ? new Prefetcher<>(aheadThreads, () -> context.doElsewhere(this::advance),
				(step) -> step.batch() == null) : null;
	}

	static ProducerCall open(ServiceConnection connection, AnnotatedBatch request, boolean header, CallContext context,
			@Nullable ThreadFactory aheadThreads) {
		MethodAddress address = MethodAddress.of(request.metadata(), MethodAddress.Step.INIT);
		return new ProducerCall(connection, address,
				StreamCall.open(connection, request, header, context, Answer::producerTurn), context, aheadThreads);
	}

	/**
	 * Return the next batch. Asks the service if necessary.
	 * @return the batch, resolved, without tokens, which the caller closes; or
	 * {@code null} at the end of the stream
	 * @throws ErrorBatchException if the service reports an error; the batches before it
	 * were returned, and the stream is over
	 * @throws dev.vgi.external.VgiExternalException if there is no answer, or a fetch
	 * fails; the stream is over
	 * @throws IllegalStateException if the stream was closed
	 */
	public @Nullable AnnotatedBatch next() {
		Assert.state(!isClosed(), "The stream is closed");
		if (this.over) {
			return null;
		}
		Step step = (this.ahead != null && this.ahead.hasMore()) ? takeAhead(this.ahead) : advance();
		AnnotatedBatch batch = step.batch();
		this.over = batch == null;
		boolean complete = false;
		try {
			step.logs().forEach(context().logs()::log);
			if (step.failure() != null) {
				throw step.failure();
			}
			if (this.ahead != null && !this.runsAhead && (isLive() || !this.turn.isEmpty())) {
				this.runsAhead = true;
				this.ahead.start();
			}
			complete = true;
			return batch;
		}
		finally {
			if (!complete && batch != null) {
				batch.close();
			}
		}
	}

	// What could not be fetched ahead is fetched again when the caller asks for it, and
	// prefetching stops.
	private Step takeAhead(Prefetcher<Step> ahead) {
		Step step = ahead.take();
		if (this.refused == null) {
			return step;
		}
		Step again = advance();
		List<LogMessage> logs = new ArrayList<>(step.logs());
		logs.addAll(again.logs());
		return new Step(again.batch(), logs, again.failure());
	}

	// advances by one batch; touches tokens and turns, on one thread at a time
	private Step advance() {
		List<LogMessage> logs = new ArrayList<>();
		CallContext context = context().withLogs(logs::add);
		try {
			return new Step(advance(context), logs, null);
		}
		catch (RuntimeException ex) {
			if (ex instanceof ErrorBatchException) {
				// The service ended the stream, so there is nothing left to cancel.
				goOnAt(null);
			}
			return new Step(null, logs, ex);
		}
	}

	private @Nullable AnnotatedBatch advance(CallContext context) {
		for (int empty = 0; empty < MAX_EMPTY_TURNS; empty++) {
			AnnotatedBatch batch = (this.refused != null) ? this.refused : this.turn.poll();
			this.refused = null;
			if (batch != null) {
				AnnotatedBatch resolved = resolveOrKeep(batch, context);
				return resolved.withMetadata(Answer.withoutTokens(resolved.metadata()));
			}
			ErrorBatchException failure = this.turn.failure();
			if (failure != null) {
				throw failure;
			}
			if (!isLive()) {
				return null;
			}
			this.turn = turn(context, Answer::producerTurn);
			goOnAt(this.turn.cursor());
		}
		throw new UnexpectedResponseException(
				"The service answered " + MAX_EMPTY_TURNS + " times in a row without a batch", 200);
	}

	private AnnotatedBatch resolveOrKeep(AnnotatedBatch batch, CallContext context) {
		if (BatchKind.of(batch.rowCount(), batch.metadata()) != BatchKind.POINTER) {
			return batch;
		}
		AnnotatedBatch kept = zeroRows(batch);
		try {
			AnnotatedBatch resolved = resolve(batch, context);
			kept.close();
			return resolved;
		}
		catch (BudgetExhaustedException ex) {
			this.refused = kept;
			throw ex;
		}
		catch (RuntimeException | Error ex) {
			kept.close();
			throw ex;
		}
	}

	@Override
	void release() {
		if (this.ahead != null) {
			for (Step untaken : this.ahead.abort()) {
				if (untaken.batch() != null) {
					untaken.batch().close();
				}
			}
		}
		if (this.refused != null) {
			this.refused.close();
		}
		this.turn.close();
	}

	/**
	 * The result of advancing by one batch.
	 *
	 * @param batch the batch, or {@code null} if there is none
	 * @param logs the log messages that came before it
	 * @param failure what went wrong, or {@code null}
	 */
	private record Step(@Nullable AnnotatedBatch batch, List<LogMessage> logs, @Nullable RuntimeException failure) {

	}

}
