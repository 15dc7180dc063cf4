package dev.vgi.external.rpc.pipe.client;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

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
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferTimer;
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

	/** Time for words that follow those that were no answer. */
	private static final Duration LAST_WORDS = Duration.ofMillis(200);

	/** How often an ended peer's words are looked for before they are given up. */
	private static final int LOOKS = 50;

	/** A question that needs no work is answered at once, or not worth waiting for. */
	private static final Duration PROBE = Duration.ofSeconds(5);

	private final Pipe pipe;

	private final PeerInput input;

	private final Lifeline peer;

	private final PeerSettings settings;

	private final BufferAllocator allocator;

	private final TransferTimer timer;

	private final Watchdog watchdog;

	private final AtomicBoolean closed = new AtomicBoolean();

	/** Whether the peer answers the question that shows whether it is in step. */
	private boolean answersQuestions;

	/** Whether the peer has stopped reading. */
	private boolean unread;

	private volatile boolean busy;

	private volatile boolean served;

	/** Whether the peer was found to have ended while its output was still open. */
	private volatile boolean ended;

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
		this.input = input;
		this.pipe = pipe;
		this.peer = peer;
		this.settings = settings;
		this.allocator = allocator;
		this.timer = timer;
		this.watchdog = new Watchdog(timer, this::wake);
	}

	/**
	 * Wait until the peer has answered for the first time, which shows that it speaks the
	 * protocol. Closes the connection if it does not.
	 * @param most how long
	 * @throws WorkerFailedException if it does not answer, or not with Arrow
	 * @throws TransferCancelledException if interrupted
	 */
	void greet(Duration most) {
		try {
			this.answersQuestions = within(most, this::isAnswered);
		}
		catch (CallTimeoutException ex) {
			throw this.peer.failure("has not answered within the start-timeout of " + most.toMillis() + " ms", "");
		}
		catch (WorkerFailedException | TransferCancelledException ex) {
			throw ex;
		}
		catch (VgiExternalException ex) {
			throw this.peer.failure("does not speak the protocol: " + ex.getMessage(), "");
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
			return within(this.settings.callTimeout(), () -> answer(isSent(gathered, context), context)).take();
		}
		finally {
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
			Answer opening = within(this.settings.callTimeout(), () -> {
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
			throw new ServiceUnavailableException("The connection to " + this.peer.describe() + " is closed");
		}
		this.pipe.mark();
		if (isReady()) {
			// The call has not been sent.
			throw failed(new CorruptStreamException("An answer came that nobody has asked for"), Duration.ZERO);
		}
		this.busy = true;
	}

	private boolean isSent(GatheredStream request, CallContext context) throws IOException {
		context.sent(request.length());
		return isSent(() -> this.pipe.send(request));
	}

	/**
	 * Send something.
	 * @param sending sends it
	 * @return whether it was sent; if not, the peer may have said why before it stopped
	 * reading
	 * @throws IOException if there is no connection any more
	 */
	boolean isSent(Sending sending) throws IOException {
		try {
			sending.send();
			return true;
		}
		catch (IOException ex) {
			if (!this.pipe.isOpen()) {
				throw ex;
			}
			logger.debug("A message to " + this.peer.describe() + " was not read: " + ex.getMessage());
			this.unread = true;
			this.watchdog.begin(LAST_WORDS);
			return false;
		}
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
			if (reader.isBrokenOff() || !sent) {
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
		this.pipe.mark();
		return this.pipe.reader(this.settings.maxAnswerSize(), this.allocator,
				ReadOptions.of(this.settings.readLimits()));
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
			boolean inStep = within(PROBE, () -> {
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
			logger.debug("The connection to " + this.peer.describe() + " is given up: " + ex.getMessage());
		}
		destroy();
	}

	/**
	 * Create an input without columns.
	 * @return the input; nothing is written yet
	 */
	IpcStreamWriter emptyInput() {
		return new IpcStreamWriter(this.pipe.output(), TransportOptions.NO_COLUMNS,
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
			boolean sent = isSent(() -> this.pipe.send(question));
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

	/**
	 * Do a part of a call that ends with an answer.
	 * @param <T> the result
	 * @param most how long it may take
	 * @param work the part
	 * @return the result
	 * @throws CallTimeoutException if it takes longer
	 * @throws TransferCancelledException if interrupted
	 * @throws VgiExternalException if the connection is broken or nonsense arrives: the
	 * connection is closed then, as it is after any failure
	 */
	<T extends @Nullable Object> T within(Duration most, Work<T> work) {
		if (Thread.currentThread().isInterrupted()) {
			// The connection is still in step.
			throw new TransferCancelledException("The call was interrupted");
		}
		boolean complete = false;
		this.watchdog.begin(most);
		try {
			T result = work.run();
			complete = true;
			return result;
		}
		catch (IOException ex) {
			throw failed(ex, most);
		}
		catch (UncheckedIOException | VgiExternalException ex) {
			throw failed(ex, most);
		}
		finally {
			this.watchdog.end();
			if (!complete) {
				destroy();
			}
		}
	}

	private VgiExternalException failed(Exception failure, Duration most) {
		boolean open = this.pipe.isOpen();
		this.watchdog.end();
		if (this.watchdog.isExpired() && this.unread) {
			return failure("has ended its input instead of reading a message", "");
		}
		if (this.watchdog.isExpired()) {
			destroy();
			return new CallTimeoutException(
					"No answer from " + this.peer.describe() + " within " + most.toMillis() + " ms");
		}
		if (Thread.currentThread().isInterrupted()) {
			destroy();
			return new TransferCancelledException("The call was interrupted");
		}
		if (this.closed.get() || !open && !this.ended) {
			destroy();
			return new ServiceUnavailableException("The connection to " + this.peer.describe() + " was closed");
		}
		String words = (failure instanceof CorruptStreamException) ? words() : "";
		boolean gone = this.ended || this.input.isEnded() || !(failure instanceof VgiExternalException);
		if (!words.isEmpty() || gone) {
			return failure("has ended its output instead of answering", words);
		}
		destroy();
		return (VgiExternalException) failure;
	}

	private WorkerFailedException failure(String problem, String words) {
		WorkerFailedException failure = this.peer.failure(problem, words);
		destroy();
		return failure;
	}

	// what the peer has sent instead of an answer, and what it still sends
	private String words() {
		byte[] bytes = this.pipe.sinceMark();
		if (bytes.length > 0 && Words.instead(bytes).isEmpty()) {
			return "";
		}
		this.watchdog.begin(LAST_WORDS);
		try {
			while (bytes.length < Words.MOST && (bytes.length == 0 || !Words.instead(bytes).isEmpty())) {
				ByteBuffer more = ByteBuffer.allocate(Words.MOST);
				int got = this.input.read(more);
				if (got < 0) {
					break;
				}
				int length = bytes.length;
				bytes = Arrays.copyOf(bytes, length + got);
				more.flip().get(bytes, length, got);
			}
		}
		catch (IOException ex) {
			// It sends nothing more for now.
		}
		finally {
			this.watchdog.end();
		}
		return Words.instead(bytes);
	}

	PeerSettings settings() {
		return this.settings;
	}

	Pipe pipe() {
		return this.pipe;
	}

	/**
	 * Return whether there is something to read, the end included.
	 * @return whether a read would return at once
	 */
	boolean isReady() {
		return this.pipe.buffered() > 0 || this.input.isReady();
	}

	boolean isOpen() {
		return this.pipe.isOpen();
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
	 * Return whether a further call can be made.
	 * @return {@code false} while a call is running, and for good once the connection is
	 * closed or out of step
	 */
	boolean isUsable() {
		return !this.busy && this.pipe.isOpen() && this.peer.isAlive() && !isReady();
	}

	/**
	 * The peer has ended. Nobody waits any longer for what only others could write to its
	 * output, once everything that it has written itself was read, or not read for long.
	 */
	void peerEnded() {
		peerEnded(LOOKS);
	}

	private void peerEnded(int looks) {
		this.timer.schedule(LAST_WORDS, () -> {
			if (looks > 0 && this.pipe.isOpen() && this.input.isReady() && !this.input.isEnded()) {
				peerEnded(looks - 1);
			}
			else {
				this.ended = true;
				this.pipe.close();
			}
		});
	}

	private void wake() {
		this.pipe.close();
		this.peer.wake();
	}

	/**
	 * End the output, wait a while for the peer to end by itself, and see to it that it
	 * has ended. Idempotent.
	 */
	@Override
	public void close() {
		if (this.closed.compareAndSet(false, true)) {
			try {
				this.pipe.endOutput();
				this.peer.awaitEnd(this.settings.closeGrace());
			}
			catch (IOException ex) {
				logger.debug("The output to " + this.peer.describe() + " could not be ended: " + ex.getMessage());
			}
		}
		destroy();
	}

	/**
	 * Close the connection and end the peer at once. Idempotent.
	 */
	void destroy() {
		this.closed.set(true);
		this.watchdog.close();
		this.pipe.close();
		this.peer.destroy();
	}

	/**
	 * Sends something.
	 */
	@FunctionalInterface
	interface Sending {

		/**
		 * Send it.
		 * @throws IOException if the connection is closed or broken
		 */
		void send() throws IOException;

	}

	/**
	 * A part of a call.
	 *
	 * @param <T> the result
	 */
	@FunctionalInterface
	interface Work<T extends @Nullable Object> {

		/**
		 * Do it.
		 * @return the result
		 * @throws IOException if the connection breaks
		 */
		T run() throws IOException;

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
