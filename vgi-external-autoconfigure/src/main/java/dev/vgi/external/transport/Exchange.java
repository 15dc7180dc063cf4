package dev.vgi.external.transport;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.pace.Pace;
import dev.vgi.external.pace.Permit;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transport.RequestWatch.End;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.UrlRejectedException;
import org.apache.hc.core5.http.HttpException;
import org.jspecify.annotations.Nullable;

/**
 * One request and its response. Ends exactly once: read to its end, closed by its owner,
 * or cancelled by the deadline, another thread or the closing transport. The one that
 * ends it also releases the connection.
 */
final class Exchange implements StorageResponse {

	/** How often a wait looks whether it has become pointless. */
	private static final long LOOK_EVERY_MILLIS = 200;

	private final StorageTransport transport;

	private final StorageRequest request;

	private final Deadline deadline;

	private final TransferRequest sender;

	private final RequestWatch watch;

	private final Pace pace;

	private final ConnectionPool.Lease lease;

	/** Opens when the request may be sent, or must not be any more. */
	private final CountDownLatch decided = new CountDownLatch(1);

	private @Nullable Permit permit;

	/** Why it failed, for whoever watches it. */
	private volatile @Nullable String failure;

	private State state = State.RUNNING;

	private TransferTimer.@Nullable Alarm alarm;

	private int requests;

	private @Nullable ReceivedResponse response;

	Exchange(StorageTransport transport, StorageRequest request, Deadline deadline, TransferRequest sender) {
		this.transport = transport;
		this.sender = sender;
		this.pace = transport.paces().of(sender.transfer(), request.url());
		this.request = request;
		this.deadline = deadline;
		this.lease = transport.connections().new Lease(request.route());
		this.watch = sender.beginHop();
	}

	boolean cleansUp() {
		return this.request.cleansUp();
	}

	/**
	 * Send the request and receive the head of the response.
	 * @param before number of requests sent for earlier hops
	 * @return this exchange, which the caller closes; on failure it has ended
	 */
	Exchange execute(int before) {
		this.requests = before;
		Duration remaining = this.deadline.remaining();
		if (remaining.isZero()) {
			end(State.TIMED_OUT);
			throw timedOut();
		}
		try {
			this.transport.started(this);
			this.sender.watch(this);
			synchronized (this) {
				if (this.state == State.RUNNING) {
					this.alarm = this.transport.timer().schedule(remaining, () -> end(State.TIMED_OUT));
				}
			}
			awaitTurn();
			open(sendAndReceive());
			return this;
		}
		catch (IOException | HttpException ex) {
			throw broken((this.requests > before) ? "No answer from" : "Cannot reach", ex);
		}
		catch (RuntimeException | Error ex) {
			this.failure = ex.getMessage();
			end(State.CANCELLED);
			throw ex;
		}
	}

	private void awaitTurn() throws IOException {
		if (!cleansUp()) {
			requireTurn();
			Permit asked = this.pace.request(this.sender.transfer(), this.sender.isHedge(),
					(permit) -> this.decided.countDown());
			synchronized (this) {
				this.permit = asked;
				if (this.state != State.RUNNING) {
					asked.cancelled();
					this.decided.countDown();
				}
			}
			try {
				while (!this.decided.await(LOOK_EVERY_MILLIS, TimeUnit.MILLISECONDS)) {
					requireTurn();
				}
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
				throw new ClosedByInterruptException();
			}
			String refusal = asked.refusal();
			if (refusal != null) {
				throw new ExplainedException(refusal);
			}
		}
		if (state() != State.RUNNING) {
			throw new IOException("ended while waiting for its turn");
		}
		this.sender.sent(this.transport.timer().nanoTime());
		this.watch.sent();
	}

	// A pause that would end too late is not waited for.
	private void requireTurn() {
		long pause = this.pace.pauseNanos();
		if (pause > 0 && pause >= this.deadline.remaining().toNanos()) {
			throw waitedInVain(Duration.ofNanos(pause));
		}
	}

	// Tells the pace about a failure, unless this side has caused it.
	private VgiExternalException broken(String what, Exception cause) {
		VgiExternalException failure = failure(what, cause);
		Permit granted = this.permit;
		if (granted != null && failure.getClass() == StorageUnavailableException.class && state() == State.RUNNING) {
			granted.broken(FailureReason.of(cause));
		}
		this.failure = (failure.kind() != VgiExternalException.Kind.CANCELLED) ? failure.getMessage() : null;
		end(State.CANCELLED);
		return failure;
	}

	private ReceivedResponse sendAndReceive() throws IOException, HttpException {
		while (true) {
			StorageConnection connection = this.lease.take();
			long before = connection.received();
			try {
				this.requests++;
				return ReceivedResponse.receive(connection, this.request.send(connection), this.transport.timer(),
						this.transport.settings().readTimeout());
			}
			catch (IOException ex) {
				// The peer may have closed the idle connection just when it was reused.
				// If there was no response yet, the request is sent again.
				boolean reused = before > 0;
				if (!reused || connection.received() != before || !this.lease.drop()) {
					throw ex;
				}
			}
		}
	}

	private void open(ReceivedResponse received) {
		synchronized (this) {
			this.response = received;
			if (this.state == State.RUNNING) {
				received.watchSilence();
			}
		}
		int status = received.head.getCode();
		if (this.watch != RequestWatch.NONE) {
			this.watch.answered(status, received.requestId());
		}
		Permit granted = this.permit;
		if (granted != null && (status == 503 || status == 429)) {
			granted.busy(RetryAfter.parse(header("Retry-After"), header("Date")));
		}
		else if (granted != null && status >= 500) {
			// An answer, but none that shows that the storage works.
			granted.cancelled();
		}
		else if (granted != null) {
			granted.answered();
		}
		if (received.isComplete()) {
			end(State.COMPLETE);
		}
	}

	@Override
	public int status() {
		return response().head.getCode();
	}

	@Override
	public @Nullable String header(String name) {
		return response().header(name);
	}

	@Override
	public @Nullable String requestId() {
		return response().requestId();
	}

	@Override
	public @Nullable String contentEncoding() {
		return response().headers("Content-Encoding");
	}

	@Override
	public long contentLength() {
		return response().contentLength;
	}

	private ReceivedResponse response() {
		if (this.response == null) {
			throw new IllegalStateException("no response yet");
		}
		return this.response;
	}

	@Override
	public int requests() {
		return this.requests;
	}

	@Override
	public int read(ByteBuffer target) {
		State now = state();
		if (now == State.COMPLETE) {
			return -1;
		}
		if (now != State.RUNNING) {
			throw failure("Cannot read", new IOException("ended"));
		}
		ReceivedResponse received = response();
		try {
			int read = received.read(target);
			if (received.isComplete()) {
				end(State.COMPLETE);
			}
			return read;
		}
		catch (IOException ex) {
			long length = received.contentLength;
			throw broken(
					"Broke off after " + received.bytesRead() + ((length >= 0) ? " of " + length : "") + " bytes of",
					ex);
		}
	}

	@Override
	public void discard() {
		long length = contentLength();
		if (length > 0 && length <= 16 * 1024) {
			ByteBuffer sink = ByteBuffer.allocate((int) length);
			try {
				while (sink.hasRemaining() && read(sink) >= 0) {
					continue;
				}
			}
			catch (VgiExternalException ex) {
				// Only the connection is lost.
			}
		}
		close();
	}

	@Override
	public void close() {
		end(State.CANCELLED);
	}

	private synchronized State state() {
		return this.state;
	}

	private static void tellPace(Permit granted, State end, boolean answered, boolean waited) {
		if (end == State.COMPLETE) {
			granted.succeeded();
		}
		else if (end == State.TIMED_OUT && answered) {
			granted.late();
		}
		else if (end == State.TIMED_OUT && granted.isGranted() && !waited) {
			granted.broken("it takes too long");
		}
		else {
			granted.cancelled();
		}
	}

	private void end(State end) {
		ReceivedResponse received;
		Permit granted;
		synchronized (this) {
			if (this.state != State.RUNNING) {
				return;
			}
			this.state = end;
			received = this.response;
			granted = this.permit;
			if (this.alarm != null) {
				this.alarm.cancel();
			}
		}
		if (received != null) {
			received.stopWatching();
		}
		// Before anybody else notices the end, which may be that of the whole transfer.
		if (this.watch != RequestWatch.NONE) {
			End how = (end == State.CANCELLED && this.failure != null) ? End.FAILED : End.valueOf(end.name());
			this.watch.ended(how, this.request.carried(received), this.failure);
		}
		// Then others took all the time, and this place is not to blame.
		boolean waited = this.lease.isWaiting();
		this.lease.end((received != null && end == State.COMPLETE) ? received.keepAlive() : null);
		this.decided.countDown();
		if (granted != null) {
			tellPace(granted, end, received != null, waited);
		}
		this.transport.ended(this);
	}

	// Messages of foreign exceptions may contain the URL, and malformed data may be
	// anything, even part of another object. The failure is therefore described in our
	// own words, without a cause.
	private VgiExternalException failure(String what, Exception cause) {
		State now = state();
		if (now == State.TIMED_OUT || this.deadline.hasPassed()) {
			return (this.sender.sentAt() == TransferRequest.NOT_SENT && this.permit != null) ? waitedInVain(null)
					: timedOut();
		}
		URI url = this.request.url();
		String shown = RedactedUrl.of(url);
		if (cause instanceof AddressRejectedException) {
			return new UrlRejectedException(url, String.valueOf(cause.getMessage()));
		}
		if (Thread.currentThread().isInterrupted()) {
			return new TransferCancelledException("Interrupted during the transfer of " + shown);
		}
		if (this.transport.hasEnded()) {
			return new TransportClosedException("The storage transport was closed during the transfer of " + shown);
		}
		if (now == State.CANCELLED) {
			return new StorageUnavailableException("Transfer of " + shown + " was cancelled", 0, null);
		}
		String reason = (cause instanceof SocketTimeoutException) ? "it was silent for too long"
				: FailureReason.of(cause);
		return new StorageUnavailableException(this.pace, what + " " + shown + ": " + reason, 0);
	}

	Pace pace() {
		return this.pace;
	}

	private VgiExternalException waitedInVain(@Nullable Duration pause) {
		String message = "Transfer of " + RedactedUrl.of(this.request.url())
				+ ((pause != null) ? " would have" : " had") + " no turn within " + this.deadline.timeout().toMillis()
				+ " ms: " + this.pace.describeWait();
		return (pause != null || this.pace.isLimited()) ? new StorageBusyException(message, 0, pause)
				: new TransferTimeoutException(message, null);
	}

	private TransferTimeoutException timedOut() {
		return new TransferTimeoutException("Transfer of " + RedactedUrl.of(this.request.url())
				+ " did not finish within " + this.deadline.timeout().toMillis() + " ms", null);
	}

	private enum State {

		RUNNING, COMPLETE, TIMED_OUT, CANCELLED

	}

}
