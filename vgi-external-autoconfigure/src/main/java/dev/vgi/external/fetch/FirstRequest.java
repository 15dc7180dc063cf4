package dev.vgi.external.fetch;

import java.time.Duration;
import java.util.concurrent.ThreadFactory;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.RequestWatch;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferRequest;
import org.jspecify.annotations.Nullable;

/**
 * The first request of a fetch, which everything else has to wait for. It is sent on the
 * caller's thread; if the response is late, a second copy is sent on a worker. The first
 * copy that succeeds cancels the other one; one that fails leaves the result to the
 * other. The worker, if there was one, has ended when {@link #send} returns.
 *
 * @param <T> the response
 */
final class FirstRequest<T extends AutoCloseable> {

	/**
	 * Sends one copy, which the given request ends as long as its response is open.
	 * Called by two threads at the same time.
	 */
	private final Function<TransferRequest, T> request;

	private final TransferTimer timer;

	private final ThreadFactory workers;

	/** Sends the second copy, in the context of the thread that sends the first one. */
	private Runnable task = this::sendSecond;

	private final FetchShare share;

	private final TransferRequest firstCopy;

	private final TransferRequest secondCopy;

	private final BooleanSupplier mayHedge;

	/** Guarded by this object's monitor, as are the next four. */
	private boolean over;

	private boolean firstWon;

	private @Nullable Thread second;

	private TransferTimer.@Nullable Alarm alarm;

	private @Nullable T secondAnswer;

	FirstRequest(Function<TransferRequest, T> request, ObjectRequests requests, RequestWatch.Source watches,
			FetchContext context) {
		this.request = request;
		this.firstCopy = requests.request(false, watches);
		this.secondCopy = requests.request(true, watches);
		this.mayHedge = requests::tryHedge;
		this.timer = context.transport().timer();
		this.workers = context.resources().threads().named("range");
		this.share = context.share();
	}

	/**
	 * Send the request.
	 * @param lateAfter nanoseconds after which the second copy is sent, or
	 * {@link Long#MAX_VALUE} for never
	 * @return the first response that succeeded; the caller closes it
	 */
	T send(long lateAfter) {
		if (lateAfter == Long.MAX_VALUE) {
			return this.request.apply(this.firstCopy);
		}
		this.task = TransferThreads.inheriting(this.task);
		setAlarm(lateAfter, lateAfter);
		T answer;
		try {
			answer = this.request.apply(this.firstCopy);
		}
		catch (StorageUnavailableException ex) {
			// This copy failed or was cancelled by the second one, which may have
			// succeeded.
			endSecond(Thread.currentThread().isInterrupted());
			T other = takeSecond();
			if (other == null) {
				throw ex;
			}
			return other;
		}
		catch (RuntimeException | Error ex) {
			endSecond(true);
			throw ex;
		}
		T faster = claimFirst();
		if (faster != null) {
			closeQuietly(answer);
			endSecond(false);
			return faster;
		}
		endSecond(true);
		return answer;
	}

	/**
	 * Return whether the second copy was sent.
	 * @return {@code true} if there were two
	 */
	synchronized boolean isHedged() {
		return this.second != null;
	}

	private synchronized void setAlarm(long delay, long lateAfter) {
		if (!this.over) {
			this.alarm = this.timer.schedule(Duration.ofNanos(delay), () -> checkLate(lateAfter));
		}
	}

	// Runs on the timer's thread. The time in which the request waits for its turn does
	// not count.
	private void checkLate(long lateAfter) {
		long sentAt = this.firstCopy.sentAt();
		long left = (sentAt == TransferRequest.NOT_SENT) ? lateAfter : lateAfter - (this.timer.nanoTime() - sentAt);
		if (left > 0) {
			setAlarm(left, lateAfter);
		}
		else if (this.mayHedge.getAsBoolean()) {
			startSecond();
		}
	}

	// Runs on the timer's thread, or on that of a fetch that has freed a connection.
	private synchronized void startSecond() {
		if (!this.over && this.second == null && this.share.tryConnect(this::startSecond)) {
			this.second = this.workers.newThread(this.task);
			this.second.start();
		}
	}

	private void sendSecond() {
		T answer;
		try {
			answer = this.request.apply(this.secondCopy);
		}
		catch (RuntimeException ex) {
			return; // The first copy continues.
		}
		boolean won;
		synchronized (this) {
			won = !this.firstWon;
			this.secondAnswer = won ? answer : null;
		}
		if (won) {
			this.firstCopy.cancel();
		}
		else {
			closeQuietly(answer);
		}
	}

	/**
	 * Let the first copy win, unless the second one already has.
	 * @return the second copy's response if that one has won
	 */
	private synchronized @Nullable T claimFirst() {
		this.firstWon = this.secondAnswer == null;
		return takeSecond();
	}

	private synchronized @Nullable T takeSecond() {
		T answer = this.secondAnswer;
		this.secondAnswer = null;
		return answer;
	}

	// Waits for the second copy, if there is one.
	private void endSecond(boolean useless) {
		Thread worker;
		synchronized (this) {
			this.over = true;
			worker = this.second;
			if (this.alarm != null) {
				this.alarm.cancel();
			}
		}
		this.share.waive();
		if (useless) {
			this.secondCopy.cancel();
		}
		boolean interrupted = false;
		while (worker != null && worker.isAlive()) {
			try {
				worker.join();
			}
			catch (InterruptedException ex) {
				interrupted = true;
				this.secondCopy.cancel();
			}
		}
		if (worker != null) {
			this.share.disconnect();
		}
		if (useless || interrupted) {
			T unused = takeSecond();
			if (unused != null) {
				closeQuietly(unused);
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
	}

	private static void closeQuietly(AutoCloseable unused) {
		try {
			unused.close();
		}
		catch (Exception ex) {
			// The response is no longer needed.
		}
	}

}
