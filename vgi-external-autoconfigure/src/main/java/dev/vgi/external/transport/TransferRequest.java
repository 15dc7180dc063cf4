package dev.vgi.external.transport;

import dev.vgi.external.pace.PacedTransfer;
import org.jspecify.annotations.Nullable;

/**
 * One request of a transfer, redirects included, as its sender sees it: tells when it was
 * sent, and cancels it at any stage: waiting for its turn or for a connection, following
 * redirects or reading the body. Thread-safe.
 */
public final class TransferRequest {

	/** The time of a request that still waits for its turn. */
	public static final long NOT_SENT = Long.MAX_VALUE;

	private final PacedTransfer transfer;

	private final boolean hedge;

	private final RequestWatch.Source watches;

	private volatile long sentAt = NOT_SENT;

	private @Nullable Exchange exchange;

	private boolean cancelled;

	/**
	 * Create a request.
	 * @param transfer the transfer that it belongs to
	 * @param hedge whether it is the second copy of a late one, and comes before requests
	 * that wait for their turn
	 */
	public TransferRequest(PacedTransfer transfer, boolean hedge) {
		this(transfer, hedge, RequestWatch.Source.NONE);
	}

	/**
	 * Create a request that is watched.
	 * @param transfer the transfer that it belongs to
	 * @param hedge whether it is the second copy of a late one
	 * @param watches is asked for a watch of each of its hops
	 */
	public TransferRequest(PacedTransfer transfer, boolean hedge, RequestWatch.Source watches) {
		this.transfer = transfer;
		this.hedge = hedge;
		this.watches = watches;
	}

	PacedTransfer transfer() {
		return this.transfer;
	}

	/**
	 * Return which copy this is.
	 * @return whether it is the second copy of a late request
	 */
	public boolean isHedge() {
		return this.hedge;
	}

	RequestWatch beginHop() {
		return this.watches.begin(this.hedge);
	}

	/**
	 * Return when this was sent, which may be long after it was asked for.
	 * @return the time of the transport's timer, or {@link #NOT_SENT}
	 */
	public long sentAt() {
		return this.sentAt;
	}

	/**
	 * Record that the request may be sent.
	 * @param now the time
	 */
	void sent(long now) {
		if (this.sentAt == NOT_SENT) {
			this.sentAt = now;
		}
	}

	/**
	 * Forget when this was sent: it has to wait before it is sent again, and the wait
	 * says nothing about the storage.
	 */
	public void waitAgain() {
		this.sentAt = NOT_SENT;
	}

	/**
	 * Return whether the request is no longer wanted, for waits before an exchange.
	 * @return {@code true} once this was cancelled
	 */
	public synchronized boolean isCancelled() {
		return this.cancelled;
	}

	/**
	 * Cancel the running exchange and any later one. Idempotent.
	 */
	public void cancel() {
		Exchange running;
		synchronized (this) {
			this.cancelled = true;
			running = this.exchange;
		}
		if (running != null) {
			running.close();
		}
	}

	/**
	 * Watch the next exchange of the request.
	 * @param started cancelled at once if this was already cancelled
	 */
	void watch(Exchange started) {
		boolean late;
		synchronized (this) {
			this.exchange = started;
			late = this.cancelled;
		}
		if (late) {
			started.close();
		}
	}

}
