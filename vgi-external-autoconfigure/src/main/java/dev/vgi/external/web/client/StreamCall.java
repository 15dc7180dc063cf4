package dev.vgi.external.web.client;

import java.util.List;
import java.util.Objects;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.web.client.MethodAddress.Step;
import dev.vgi.external.web.client.ServiceConnection.Reply;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * A stream that a service has opened. It keeps no connection between its turns: the
 * service's state travels in tokens. Used by one thread at a time; the caller who opened
 * it closes it.
 */
public abstract sealed class StreamCall implements AutoCloseable permits ProducerCall, ExchangeCall {

	private static final Log logger = LogFactory.getLog(StreamCall.class);

	private static final Schema NO_COLUMNS = new Schema(List.of());

	private final ServiceConnection connection;

	private final MethodAddress address;

	private final Dialect dialect;

	private final CallContext context;

	private final @Nullable String callToken;

	private @Nullable String cursor;

	private @Nullable AnnotatedBatch header;

	private boolean closed;

	StreamCall(ServiceConnection connection, MethodAddress address, Dialect dialect, Opening opening,
			CallContext context) {
		this.connection = connection;
		this.address = address.at(Step.EXCHANGE);
		this.dialect = dialect;
		this.context = context;
		this.callToken = opening.turn().callToken();
		this.cursor = opening.turn().cursor();
		this.header = opening.header();
	}

	/**
	 * Open a stream.
	 * @param connection the service
	 * @param request the request batch; borrowed
	 * @param header whether the method is declared with a header
	 * @param context the call
	 * @param turn reads the part of the response that follows the header
	 * @return the opening, with its header resolved
	 */
	static Reply<Opening> open(ServiceConnection connection, AnnotatedBatch request, boolean header,
			CallContext context, ServiceConnection.AnswerReader<TurnReply> turn) {
		Reply<Opening> reply = connection.post(MethodAddress.of(request.metadata(), Step.INIT), request, context,
				(answer) -> {
					AnnotatedBatch first = header ? answer.header() : null;
					boolean complete = false;
					try {
						Opening opening = new Opening(first, turn.read(answer));
						complete = true;
						return opening;
					}
					finally {
						if (!complete && first != null) {
							first.close();
						}
					}
				});
		AnnotatedBatch first = reply.value().header();
		if (first == null) {
			return reply;
		}
		try {
			AnnotatedBatch resolved = connection.resolve(first, context);
			return new Reply<>(new Opening(resolved, reply.value().turn()), reply.dialect());
		}
		catch (RuntimeException | Error ex) {
			reply.value().turn().close();
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

	final AnnotatedBatch resolve(AnnotatedBatch batch, CallContext context) {
		return this.connection.resolve(batch, context);
	}

	/**
	 * Copy a batch without rows.
	 * @param batch borrowed
	 * @return the copy; the caller closes it
	 */
	final AnnotatedBatch zeroRows(AnnotatedBatch batch) {
		return batch.zeroRows(batch.metadata(), this.connection.allocator());
	}

	/**
	 * Return whether the service can continue the stream.
	 * @return {@code false} once the service has ended it
	 */
	final boolean isLive() {
		return this.cursor != null;
	}

	final void goOnAt(@Nullable String cursor) {
		this.cursor = cursor;
	}

	// a turn without input
	final TurnReply turn(CallContext context, ServiceConnection.AnswerReader<TurnReply> reader) {
		try (AnnotatedBatch request = AnnotatedBatch.empty(NO_COLUMNS, tokens(), this.connection.allocator())) {
			return turn(request, context, reader);
		}
	}

	final TurnReply turn(AnnotatedBatch request, CallContext context,
			ServiceConnection.AnswerReader<TurnReply> reader) {
		return this.connection.postTurn(this.address, this.dialect, request, context, reader);
	}

	final BatchMetadata tokens() {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.STREAM_STATE,
				Objects.requireNonNull(this.cursor, "The stream is over"));
		return (this.callToken != null) ? metadata.with(MetadataKeys.CALL_STATE, this.callToken) : metadata;
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
		if (isLive()) {
			cancel();
		}
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

	private void cancel() {
		// The service is told about the cancellation even if this thread is interrupted.
		boolean interrupted = Thread.interrupted();
		try (AnnotatedBatch request = AnnotatedBatch.empty(NO_COLUMNS, tokens().with(MetadataKeys.CANCEL, "1"),
				this.connection.allocator())) {
			turn(request, this.context.withLogs(LogSink.discarding()), (answer) -> {
				answer.skip();
				return new TurnReply();
			});
		}
		catch (VgiExternalException ex) {
			logger.debug("A stream of " + this.address.method() + " could not be cancelled: " + ex.getMessage());
		}
		finally {
			this.cursor = null;
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

	/**
	 * What a service returns when a stream is opened.
	 *
	 * @param header the batch with the header, or {@code null} if none is declared
	 * @param turn the first turn
	 */
	record Opening(@Nullable AnnotatedBatch header, TurnReply turn) {

	}

}
