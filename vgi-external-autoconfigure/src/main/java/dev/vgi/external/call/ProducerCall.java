package dev.vgi.external.call;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadFactory;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.memory.BudgetExhaustedException;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The batches of a producer. While the caller works on one batch, the next one is fetched
 * ahead: one batch and no more, together with its log messages, which are delivered when
 * the batch is. Used by one thread at a time.
 */
public final class ProducerCall extends StreamCall {

	private final @Nullable Prefetcher<Step> ahead;

	private boolean runsAhead;

	private boolean over;

	/** A pointer that the budget had no room for when it was resolved ahead. */
	private @Nullable AnnotatedBatch refused;

	ProducerCall(StreamTransport transport, @Nullable String method, AnswerPointers pointers, CallContext context,
			@Nullable ThreadFactory aheadThreads) {
		super(transport, method, pointers, context);
		this.ahead = (aheadThreads != null) ? new Prefetcher<>(aheadThreads, () -> context.doElsewhere(this::advance),
				(step) -> step.batch() == null) : null;
	}

	/**
	 * Return the next batch. Asks the service if necessary.
	 * @return the batch, resolved, which the caller closes; or {@code null} at the end of
	 * the stream
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
			if (this.ahead != null && !this.runsAhead && isLive()) {
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
		// What was refused belongs to the step after this one if this one has a batch.
		if (step.batch() != null || this.refused == null) {
			return step;
		}
		Step again = advance();
		List<LogMessage> logs = new ArrayList<>(step.logs());
		logs.addAll(again.logs());
		return new Step(again.batch(), logs, again.failure());
	}

	// advances by one batch; touches the transport, on one thread at a time
	private Step advance() {
		List<LogMessage> logs = new ArrayList<>();
		CallContext context = context().withLogs(logs::add);
		try {
			return new Step(advance(context), logs, null);
		}
		catch (RuntimeException ex) {
			failed(ex);
			return new Step(null, logs, ex);
		}
	}

	private @Nullable AnnotatedBatch advance(CallContext context) {
		AnnotatedBatch batch = (this.refused != null) ? this.refused : turn(context);
		this.refused = null;
		return (batch != null) ? accept(resolveOrKeep(batch, context)) : null;
	}

	private @Nullable AnnotatedBatch turn(CallContext context) {
		return (this.ahead != null && !transport().isInterruptible())
				? this.ahead.spared(() -> transport().turn(null, context)) : transport().turn(null, context);
	}

	private AnnotatedBatch resolveOrKeep(AnnotatedBatch batch, CallContext context) {
		if (!batch.isPointer()) {
			return batch;
		}
		AnnotatedBatch kept = pointers().copy(batch);
		try {
			AnnotatedBatch resolved = pointers().resolve(batch, context);
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
