package dev.vgi.external.call;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.CorruptStreamException;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * An exchange with a service: each input batch is answered by one output batch. Used by
 * one thread at a time.
 */
public final class ExchangeCall extends StreamCall {

	private boolean over;

	ExchangeCall(StreamTransport transport, @Nullable String method, AnswerPointers pointers, CallContext context) {
		super(transport, method, pointers, context);
	}

	/**
	 * Send one batch and receive one. Never sent twice, since the service may have
	 * processed the turn although its answer did not arrive.
	 * @param input any number of rows; borrowed. Its metadata is sent too, except for the
	 * protocol's own keys
	 * @return the answer, resolved; the caller closes it
	 * @throws dev.vgi.external.batch.ErrorBatchException if the service reports an error
	 * @throws dev.vgi.external.VgiExternalException if there is no answer, or a transfer
	 * fails
	 * @throws IllegalStateException if the stream is over: closed, ended by the service,
	 * or failed
	 */
	public AnnotatedBatch exchange(AnnotatedBatch input) {
		Assert.state(!isClosed(), "The stream is closed");
		Assert.state(!this.over && isLive(), "The stream is over");
		this.over = true;
		try {
			AnnotatedBatch answer = exchangeLive(input);
			this.over = false;
			return answer;
		}
		catch (RuntimeException ex) {
			failed(ex);
			throw ex;
		}
	}

	private AnnotatedBatch exchangeLive(AnnotatedBatch input) {
		// A view of the same vectors: the caller still owns the input. Protocol keys of
		// another call would change the meaning of the request, or reveal the signed URL
		// that the batch came from.
		AnnotatedBatch request = new AnnotatedBatch(input.root(), input.dictionaries(),
				input.metadata().withoutProtocolKeys());
		AnnotatedBatch answer = transport().turn(request, context());
		if (answer == null) {
			throw new CorruptStreamException("The service ended an exchange instead of answering");
		}
		return accept(pointers().resolve(answer, context()));
	}

	@Override
	void release() {
		// Nothing is kept between turns.
	}

}
