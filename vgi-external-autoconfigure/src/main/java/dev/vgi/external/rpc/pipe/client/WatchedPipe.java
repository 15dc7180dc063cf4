package dev.vgi.external.rpc.pipe.client;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transport.TransferCancelledException;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of a connection and the other end that they come from. Whatever breaks off
 * the reading or writing ends both, and becomes the one failure that says why. Read and
 * written by one thread at a time; any thread may close it.
 */
final class WatchedPipe {

	private static final Log logger = LogFactory.getLog(WatchedPipe.class);

	/** Time for words that follow those that were no answer. */
	private static final Duration LAST_WORDS = Duration.ofMillis(200);

	/** How often an ended peer's words are looked for before they are given up. */
	private static final int LOOKS = 50;

	private final PeerInput input;

	private final Pipe pipe;

	private final Lifeline peer;

	private final TransferTimer timer;

	private final Watchdog watchdog;

	private final AtomicBoolean closed = new AtomicBoolean();

	/** Whether the peer has stopped reading. */
	private boolean unread;

	/** Whether the peer was found to have ended while its output was still open. */
	private volatile boolean ended;

	/**
	 * Create a pipe under watch.
	 * @param input what the peer sends; belongs to the pipe
	 * @param pipe the bytes; taken over
	 * @param peer the other end; taken over
	 * @param timer rings when an answer is late
	 */
	WatchedPipe(PeerInput input, Pipe pipe, Lifeline peer, TransferTimer timer) {
		this.input = input;
		this.pipe = pipe;
		this.peer = peer;
		this.timer = timer;
		this.watchdog = new Watchdog(timer, () -> peer.wake(pipe));
	}

	Pipe pipe() {
		return this.pipe;
	}

	Lifeline peer() {
		return this.peer;
	}

	boolean isOpen() {
		return this.pipe.isOpen();
	}

	/**
	 * Return whether there is something to read, the end included.
	 * @return whether a read would return at once
	 */
	boolean isReady() {
		return this.pipe.buffered() > 0 || this.input.isReady();
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
		catch (IOException | UncheckedIOException | VgiExternalException ex) {
			throw failed(ex, most);
		}
		finally {
			this.watchdog.end();
			if (!complete) {
				destroy();
			}
		}
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

	/**
	 * Return whether the peer has stopped reading, so that nothing more can be sent.
	 * @return {@code true} for good once something {@linkplain #isSent could not be sent}
	 */
	boolean isUnread() {
		return this.unread;
	}

	/**
	 * Fail because the peer has sent something that nobody has asked for, or has ended
	 * its output.
	 * @return the failure; the connection is closed
	 */
	VgiExternalException unasked() {
		this.pipe.mark();
		return failed(new CorruptStreamException("An answer came that nobody has asked for"), Duration.ZERO);
	}

	/**
	 * Warn that the peer has sent something that nobody has asked for, unless it has
	 * ended its output. Does not wait. Closes the pipe.
	 */
	void warnOfUnasked() {
		this.pipe.mark();
		byte[] bytes = (this.pipe.buffered() > 0) ? this.pipe.sinceMark() : read(new byte[0]);
		if (bytes.length > 0) {
			String words = Words.instead(bytes);
			logger.warn("The connection to " + this.peer.describe() + " is given up, since it has sent "
					+ (words.isEmpty() ? "something that nobody has asked for" : "a text: " + words));
		}
		this.pipe.close();
	}

	private VgiExternalException failed(Exception failure, Duration most) {
		boolean open = this.pipe.isOpen();
		this.watchdog.end();
		if (this.watchdog.isExpired() && !this.unread) {
			destroy();
			return new CallTimeoutException(
					"No answer from " + this.peer.describe() + " within " + most.toMillis() + " ms");
		}
		if (Thread.currentThread().isInterrupted()) {
			destroy();
			return new TransferCancelledException("The call was interrupted");
		}
		if (this.closed.get() || !open && !this.ended && !this.unread) {
			destroy();
			return new ServiceUnavailableException("The connection to " + this.peer.describe() + " was closed");
		}
		String words = (failure instanceof CorruptStreamException || failure instanceof EOFException) ? words() : "";
		if (this.unread) {
			return failure("has ended its input instead of reading a message", words);
		}
		if (this.ended || this.input.isEnded() || !(failure instanceof VgiExternalException)) {
			return failure("has ended its output instead of answering", words);
		}
		if (!words.isEmpty()) {
			return failure("has not answered", words);
		}
		destroy();
		return (VgiExternalException) failure;
	}

	/**
	 * Find out why there is no answer, and close everything.
	 * @param problem what was noticed, as the rest of a sentence
	 * @param words what the peer has sent instead of an answer, or nothing
	 * @return the failure
	 */
	WorkerFailedException failure(String problem, String words) {
		WorkerFailedException failure = this.peer.failure(problem, words);
		destroy();
		return failure;
	}

	// what the peer has sent instead of an answer, and what it still sends
	private String words() {
		byte[] bytes = this.pipe.sinceMark();
		int before = -1;
		this.watchdog.begin(LAST_WORDS);
		while (bytes.length > before && bytes.length < Words.MOST
				&& (bytes.length == 0 || !Words.instead(bytes).isEmpty())) {
			before = bytes.length;
			bytes = read(bytes);
		}
		this.watchdog.end();
		return Words.instead(bytes);
	}

	private byte[] read(byte[] before) {
		ByteBuffer more = ByteBuffer.allocate(Words.MOST);
		try {
			this.input.read(more);
		}
		catch (IOException ex) {
			// It sends nothing more for now.
		}
		byte[] all = Arrays.copyOf(before, before.length + more.position());
		more.flip().get(all, before.length, more.remaining());
		return all;
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

	/**
	 * End the output, wait a while for the peer to end by itself, and see to it that it
	 * has ended. Idempotent.
	 * @param grace how long it may take to end by itself
	 */
	void close(Duration grace) {
		// Nobody waits for a peer that is out of step.
		if (this.closed.compareAndSet(false, true) && this.pipe.isOpen()) {
			try {
				this.peer.awaitEnd(this.pipe, grace);
			}
			catch (IOException ex) {
				logger.debug("The output to " + this.peer.describe() + " could not be ended: " + ex.getMessage());
			}
		}
		destroy();
	}

	/**
	 * Close the pipe and end the peer at once. Idempotent.
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

}
