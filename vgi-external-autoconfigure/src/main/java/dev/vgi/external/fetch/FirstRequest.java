package dev.vgi.external.fetch;

import java.time.Duration;
import java.util.concurrent.ThreadFactory;
import java.util.function.Function;

import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transport.Cancellation;
import dev.vgi.external.transport.StorageUnavailableException;
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
	 * Sends one copy, which the cancellation ends as long as its response is open. Called
	 * by two threads at the same time.
	 */
	private final Function<Cancellation, T> request;

	private final TransferTimer timer;

	private final ThreadFactory workers;

	private final FetchShare share;

	private final Cancellation firstCancellation = new Cancellation();

	private final Cancellation secondCancellation = new Cancellation();

	/** Guarded by this object's monitor, as are the next three. */
	private boolean over;

	private boolean firstWon;

	private @Nullable Thread second;

	private @Nullable T secondAnswer;

	FirstRequest(Function<Cancellation, T> request, TransferTimer timer, ThreadFactory workers, FetchShare share) {
		this.request = request;
		this.timer = timer;
		this.workers = workers;
		this.share = share;
	}

	/**
	 * Send the request.
	 * @param lateAfter nanoseconds after which the second copy is sent, or
	 * {@link Long#MAX_VALUE} for never
	 * @return the first response that succeeded; the caller closes it
	 */
	T send(long lateAfter) {
		if (lateAfter == Long.MAX_VALUE) {
			return this.request.apply(this.firstCancellation);
		}
		TransferTimer.Alarm alarm = this.timer.schedule(Duration.ofNanos(lateAfter), this::startSecond);
		T answer;
		try {
			answer = this.request.apply(this.firstCancellation);
		}
		catch (StorageUnavailableException ex) {
			// This copy failed or was cancelled by the second one, which may have
			// succeeded.
			alarm.cancel();
			endSecond(Thread.currentThread().isInterrupted());
			T other = takeSecond();
			if (other == null) {
				throw ex;
			}
			return other;
		}
		catch (RuntimeException | Error ex) {
			alarm.cancel();
			endSecond(true);
			throw ex;
		}
		alarm.cancel();
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

	// Runs on the timer's thread, or on that of a fetch that has freed a connection.
	private synchronized void startSecond() {
		if (!this.over && this.second == null && this.share.tryConnect(this::startSecond)) {
			this.second = this.workers.newThread(this::sendSecond);
			this.second.start();
		}
	}

	private void sendSecond() {
		T answer;
		try {
			answer = this.request.apply(this.secondCancellation);
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
			this.firstCancellation.cancel();
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
		}
		this.share.waive();
		if (useless) {
			this.secondCancellation.cancel();
		}
		boolean interrupted = false;
		while (worker != null && worker.isAlive()) {
			try {
				worker.join();
			}
			catch (InterruptedException ex) {
				interrupted = true;
				this.secondCancellation.cancel();
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
