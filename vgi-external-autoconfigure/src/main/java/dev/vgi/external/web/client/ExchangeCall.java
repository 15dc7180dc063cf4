package dev.vgi.external.web.client;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.web.client.ServiceConnection.Reply;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * An exchange with a service: each input batch is answered by one output batch. Used by
 * one thread at a time.
 */
public final class ExchangeCall extends StreamCall {

	private boolean failed;

	private ExchangeCall(ServiceConnection connection, MethodAddress address, Reply<Opening> opening,
			CallContext context) {
		super(connection, address, opening.dialect(), opening.value(), context);
	}

	static ExchangeCall open(ServiceConnection connection, AnnotatedBatch request, boolean header,
			CallContext context) {
		MethodAddress address = MethodAddress.of(request.metadata(), MethodAddress.Step.INIT);
		return new ExchangeCall(connection, address,
				StreamCall.open(connection, request, header, context, Answer::exchangeOpening), context);
	}

	/**
	 * Send one batch and receive one. Never sent twice, since the service may have
	 * processed the turn although its answer did not arrive.
	 * @param input any number of rows; borrowed. Its metadata is sent too, except for the
	 * protocol's own keys
	 * @return the answer, resolved, without tokens; the caller closes it
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service reports an error
	 * @throws dev.vgi.external.VgiExternalException if there is no answer, or a transfer
	 * fails
	 * @throws IllegalStateException if the stream is over: closed, ended by the service,
	 * or failed
	 */
	public AnnotatedBatch exchange(AnnotatedBatch input) {
		Assert.state(!isClosed(), "The stream is closed");
		Assert.state(!this.failed && isLive(), "The stream is over");
		this.failed = true;
		try {
			AnnotatedBatch answer = exchangeLive(input);
			this.failed = false;
			return answer;
		}
		catch (ErrorBatchException ex) {
			// The service ended the stream, so there is nothing left to cancel.
			goOnAt(null);
			throw ex;
		}
	}

	private AnnotatedBatch exchangeLive(AnnotatedBatch input) {
		// A view of the same vectors: the caller still owns the input.
		AnnotatedBatch request = new AnnotatedBatch(input.root(), input.dictionaries(),
				// Protocol keys of another call would change the meaning of the request,
				// or reveal the signed URL that the batch came from.
				input.metadata().withoutProtocolKeys().with(tokens()));
		TurnReply turn = turn(request, context(), Answer::exchangeTurn);
		AnnotatedBatch answer = turn.poll();
		Assert.state(answer != null, "a turn of an exchange has one batch");
		String beside = turn.cursor();
		String onAnswer = answer.metadata().get(MetadataKeys.STREAM_STATE);
		AnnotatedBatch resolved = resolve(answer, context());
		String inside = resolved.metadata().get(MetadataKeys.STREAM_STATE);
		goOnAt(first(inside, onAnswer, beside, tokens().get(MetadataKeys.STREAM_STATE)));
		return resolved.withMetadata(Answer.withoutTokens(resolved.metadata()));
	}

	private static @Nullable String first(@Nullable String... candidates) {
		for (String candidate : candidates) {
			if (candidate != null) {
				return candidate;
			}
		}
		return null;
	}

	@Override
	void release() {
		// Nothing is kept between turns.
	}

}
