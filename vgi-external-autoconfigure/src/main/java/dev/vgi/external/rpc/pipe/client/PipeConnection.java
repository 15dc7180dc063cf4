package dev.vgi.external.rpc.pipe.client;

import java.io.EOFException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.call.AnswerBatches;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transport.TransferCancelledException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A connection on which calls follow each other. It is usable as long as it is known to
 * be in step: every byte that was sent for a call has been read, and so has every byte
 * that the call was answered with. Anything else ends it, so that no answer is taken for
 * that of another call. Calls are made by one thread at a time; any thread may close it.
 */
final class PipeConnection implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(PipeConnection.class);

	/** A question that needs no work is answered at once, or not worth waiting for. */
	private static final Duration PROBE = Duration.ofSeconds(5);

	private final WatchedPipe pipe;

	private final PeerSettings settings;

	private final BufferAllocator allocator;

	/** Whether the peer answers the question that shows whether it is in step. */
	private boolean answersQuestions;

	private volatile boolean busy;

	private volatile boolean served;

	/**
	 * Create a connection.
	 * @param input what the peer sends; belongs to the pipe
	 * @param pipe the bytes; taken over
	 * @param peer the other end; taken over
	 * @param settings timeouts and limits
	 * @param allocator the owner of the memory of answers
	 * @param timer rings when an answer is late
	 */
	PipeConnection(PeerInput input, Pipe pipe, Lifeline peer, PeerSettings settings, BufferAllocator allocator,
			TransferTimer timer) {
		this.pipe = new WatchedPipe(input, pipe, peer, timer);
		this.settings = settings;
		this.allocator = allocator;
	}

	/**
	 * Wait until the peer has answered for the first time, which shows that it speaks the
	 * protocol. Closes the connection if it does not.
	 * @param most how long
	 * @throws WorkerFailedException if it does not answer, or not with Arrow
	 * @throws TransferCancelledException if interrupted
	 */
	void greet(Duration most) {
		boolean answered = false;
		try {
			this.answersQuestions = this.pipe.within(most, this::isAnswered);
			answered = true;
		}
		catch (CallTimeoutException ex) {
			throw this.pipe.failure(
					"has not answered within the start-timeout of " + this.settings.startTimeout().toMillis() + " ms",
					Words.instead(this.pipe.pipe().sinceMark()));
		}
		catch (WorkerFailedException | TransferCancelledException ex) {
			throw ex;
		}
		catch (VgiExternalException ex) {
			throw this.pipe.failure("does not speak the protocol: " + ex.getMessage(), "");
		}
		finally {
			if (!answered) {
				// Nobody has it yet, also if nothing was said because of an interrupt.
				destroy();
			}
		}
	}

	/**
	 * Make a unary call.
	 * @param request the request batch; borrowed
	 * @param context receives log messages and counts what is transferred
	 * @return the data batch of the answer, possibly a pointer; the caller closes it
	 */
	AnnotatedBatch call(AnnotatedBatch request, CallContext context) {
		begin();
		try (GatheredStream gathered = IpcStreamWriter.gather(request.schema(), List.of(request))) {
			return this.pipe.within(this.settings.callTimeout(), () -> answer(isSent(gathered, context), context))
				.take();
		}
		finally {
			if (this.pipe.isUnread()) {
				destroy();
			}
			this.busy = false;
		}
	}

	/**
	 * Open a stream.
	 * @param request the request batch; borrowed
	 * @param header whether the method is declared with a header
	 * @param context receives log messages and counts what is transferred
	 * @return the open stream, which keeps the connection busy until it is over
	 */
	PipeStream open(AnnotatedBatch request, boolean header, CallContext context) {
		begin();
		PipeStream stream = null;
		try (GatheredStream gathered = IpcStreamWriter.gather(request.schema(), List.of(request))) {
			Answer opening = this.pipe.within(this.settings.callTimeout(), () -> {
				boolean sent = isSent(gathered, context);
				return (header || !sent) ? answer(sent, context) : null;
			});
			if (opening != null && opening.error() != null) {
				settle();
			}
			stream = new PipeStream(this, (opening != null) ? opening.take() : null);
			return stream;
		}
		finally {
			this.busy = stream != null;
		}
	}

	private void begin() {
		Assert.state(!this.busy, "The connection is busy");
		if (!this.pipe.isOpen()) {
			throw new ServiceUnavailableException("The connection to " + this.pipe.peer().describe() + " is closed");
		}
		if (this.pipe.isReady()) {
			// The call has not been sent.
			throw this.pipe.unasked();
		}
		this.busy = true;
	}

	private boolean isSent(GatheredStream request, CallContext context) throws IOException {
		context.sent(request.length());
		return this.pipe.isSent(() -> this.pipe.pipe().send(request));
	}

	private Answer answer(boolean sent, CallContext context) throws IOException {
		try (IpcStreamReader reader = reader()) {
			AnswerBatches batches = new AnswerBatches(reader, context.logs());
			AnnotatedBatch data = null;
			ErrorBatchException error = null;
			try {
				nextStream(reader);
				data = batches.single();
			}
			catch (ErrorBatchException ex) {
				error = ex;
				reader.endStream();
			}
			finally {
				context.received(reader.position());
			}
			Answer answer = new Answer(data, error, batches);
			if (reader.isBrokenOff() || !sent && error == null) {
				answer.close();
				throw new EOFException("The answer is not complete");
			}
			if (data == null && error == null) {
				throw new CorruptStreamException("The service answered without data");
			}
			served();
			return answer;
		}
	}

	/**
	 * Read what the peer sends from here on.
	 * @return the reader; the caller closes it
	 */
	IpcStreamReader reader() {
		this.pipe.pipe().mark();
		return this.pipe.pipe()
			.reader(this.settings.maxAnswerSize(), this.allocator, ReadOptions.of(this.settings.readLimits()));
	}

	/**
	 * Go to the next stream, which has to be there.
	 * @param reader reads it
	 * @throws EOFException if the peer has ended its output
	 */
	static void nextStream(IpcStreamReader reader) throws EOFException {
		if (!reader.nextStream()) {
			throw new EOFException("There is no answer");
		}
	}

	/**
	 * Get back into step after an error at the opening of a stream: a peer whose handler
	 * has failed waits for an input and drops it, and one that has refused the request
	 * does not, or takes the input for a request. Closes the connection if in doubt.
	 */
	private void settle() {
		try {
			boolean inStep = this.pipe.within(PROBE, () -> {
				try (IpcStreamWriter none = emptyInput()) {
					none.end();
				}
				return isInStep();
			});
			if (inStep) {
				return;
			}
		}
		catch (VgiExternalException ex) {
			logger.debug("The connection to " + this.pipe.peer().describe() + " is given up: " + ex.getMessage());
		}
		destroy();
	}

	/**
	 * Create an input without columns.
	 * @return the input; nothing is written yet
	 */
	IpcStreamWriter emptyInput() {
		return new IpcStreamWriter(this.pipe.pipe().output(), TransportOptions.NO_COLUMNS,
				new DictionaryProvider.MapDictionaryProvider());
	}

	/**
	 * Find out whether the next answer belongs to the next question.
	 * @return whether the peer is in step; nothing is left on the wire then
	 * @throws IOException if the connection breaks
	 */
	boolean isInStep() throws IOException {
		return this.answersQuestions && isAnswered();
	}

	private boolean isAnswered() throws IOException {
		try (GatheredStream question = TransportOptions.question(this.allocator); IpcStreamReader reader = reader()) {
			boolean sent = this.pipe.isSent(() -> this.pipe.pipe().send(question));
			nextStream(reader);
			boolean answered = false;
			for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
				answered |= TransportOptions.isAnswer(batch);
				batch.close();
			}
			if (!sent || reader.isBrokenOff()) {
				throw new EOFException("The answer is not complete");
			}
			return answered;
		}
	}

	PeerSettings settings() {
		return this.settings;
	}

	WatchedPipe pipe() {
		return this.pipe;
	}

	/**
	 * A stream is over.
	 */
	void released() {
		this.busy = false;
	}

	/**
	 * A call was answered, or a turn of a stream.
	 */
	void served() {
		this.served = true;
	}

	/**
	 * Return whether a call was ever answered, be it with an error.
	 * @return {@code true} for good once one was
	 */
	boolean hasServed() {
		return this.served;
	}

	/**
	 * Return whether a further call can be made. A peer that has sent something that
	 * nobody has asked for is warned of.
	 * @return {@code false} while a call is running, and for good once the connection is
	 * closed or out of step
	 */
	boolean isUsable() {
		if (this.busy || !this.pipe.isOpen() || !this.pipe.peer().isAlive()) {
			return false;
		}
		if (this.pipe.isReady()) {
			this.pipe.warnOfUnasked();
			return false;
		}
		return true;
	}

	/**
	 * The peer has ended, whoever holds its output open.
	 */
	void peerEnded() {
		this.pipe.peerEnded();
	}

	/**
	 * End the output, wait a while for the peer to end by itself, and see to it that it
	 * has ended. Idempotent.
	 */
	@Override
	public void close() {
		this.pipe.close(this.settings.closeGrace());
	}

	/**
	 * Close the connection and end the peer at once. Idempotent.
	 */
	void destroy() {
		this.pipe.destroy();
	}

	/**
	 * An answer that was read to its end.
	 *
	 * @param data its data batch, if there is no error
	 * @param error its error, or {@code null}
	 * @param logs its log messages
	 */
	private record Answer(@Nullable AnnotatedBatch data, @Nullable ErrorBatchException error, AnswerBatches logs) {

		AnnotatedBatch take() {
			boolean complete = false;
			try {
				this.logs.deliverLogs();
				if (this.error != null) {
					throw this.error;
				}
				Assert.state(this.data != null, "an answer without an error has data");
				complete = true;
				return this.data;
			}
			finally {
				if (!complete) {
					close();
				}
			}
		}

		void close() {
			if (this.data != null) {
				this.data.close();
			}
		}

	}

}
