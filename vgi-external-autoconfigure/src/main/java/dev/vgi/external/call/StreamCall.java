package dev.vgi.external.call;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogSink;
import org.apache.arrow.util.AutoCloseables;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * A stream that a service has opened. Used by one thread at a time; the caller who opened
 * it closes it.
 */
public abstract sealed class StreamCall implements AutoCloseable permits ProducerCall, ExchangeCall {

	private static final Log logger = LogFactory.getLog(StreamCall.class);

	private final StreamTransport transport;

	private final @Nullable String method;

	private final AnswerPointers pointers;

	private final CallContext context;

	private @Nullable AnnotatedBatch header;

	/** Whether the service has ended the stream by an error. */
	private boolean failed;

	private boolean closed;

	/**
	 * Create a call.
	 * @param transport carries the turns; taken over, also on failure
	 * @param method the method's name, if the request has one
	 * @param pointers resolves what the service answers
	 * @param context the call
	 */
	StreamCall(StreamTransport transport, @Nullable String method, AnswerPointers pointers, CallContext context) {
		this.transport = transport;
		this.method = method;
		this.pointers = pointers;
		this.context = context;
		try {
			AnnotatedBatch received = transport.takeHeader();
			this.header = (received != null) ? pointers.resolve(received, context) : null;
		}
		catch (RuntimeException | Error ex) {
			failed(ex);
			AutoCloseables.close(ex, this::end);
			throw ex;
		}
	}

	/**
	 * Take the header of the stream.
	 * @return a batch of one row, resolved, which the caller closes from now on; or
	 * {@code null} if the stream has no header or it was already taken
	 */
	public final @Nullable AnnotatedBatch takeHeader() {
		AnnotatedBatch taken = this.header;
		this.header = null;
		return taken;
	}

	final CallContext context() {
		return this.context;
	}

	final StreamTransport transport() {
		return this.transport;
	}

	final AnswerPointers pointers() {
		return this.pointers;
	}

	/**
	 * Return whether the stream may have a further turn.
	 * @return {@code false} once the service has ended it
	 */
	final boolean isLive() {
		return !this.failed && this.transport.isLive();
	}

	/**
	 * Accept a resolved answer.
	 * @param answer the batch; taken over
	 * @return the batch that the caller sees
	 */
	final AnnotatedBatch accept(AnnotatedBatch answer) {
		return answer.withMetadata(this.transport.accept(answer.metadata()));
	}

	/**
	 * Note a failure: after an error of the service there is nothing left to cancel.
	 * @param failure why the header or a turn failed
	 */
	final void failed(Throwable failure) {
		this.failed |= failure instanceof ErrorBatchException;
	}

	/**
	 * End the stream: frees what was not taken and sends one cancel to the service if the
	 * stream can still continue. Idempotent; it is not an error if the cancel does not
	 * reach the service.
	 */
	@Override
	public final void close() {
		if (this.closed) {
			return;
		}
		this.closed = true;
		release();
		AnnotatedBatch untaken = takeHeader();
		if (untaken != null) {
			untaken.close();
		}
		end();
	}

	/**
	 * Return whether {@link #close()} was called.
	 * @return {@code true} afterwards
	 */
	final boolean isClosed() {
		return this.closed;
	}

	/**
	 * Stop what is still running and free what was not taken.
	 */
	abstract void release();

	private void end() {
		// The service is told about the cancellation even if this thread is interrupted.
		boolean interrupted = Thread.interrupted();
		try (this.transport) {
			if (!this.failed) {
				this.transport.cancel(this.context.withLogs(LogSink.discarding()));
			}
		}
		catch (VgiExternalException ex) {
			logger.debug("A stream of " + this.method + " could not be cancelled: " + ex.getMessage());
		}
		finally {
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

}
