package dev.vgi.external.fetch;

import java.time.Duration;
import java.util.concurrent.ThreadFactory;

import dev.vgi.external.transport.Cancellation;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * The first request of a fetch, on the caller's thread, and a second copy of it on a
 * worker if the answer is late: everything else has to wait for this one. The first copy
 * that succeeds ends the other; one that fails leaves it to the other. The worker, if
 * there was any, has ended when {@link #send} returns.
 *
 * @param <T> the answer
 */
final class FirstRequest<T extends AutoCloseable> {

	private final Request<T> request;

	private final TransferTimer timer;

	private final ThreadFactory workers;

	private final Cancellation firstCancellation = new Cancellation();

	private final Cancellation secondCancellation = new Cancellation();

	/** Guarded by this object's monitor, as are the next three. */
	private boolean over;

	private boolean firstWon;

	private @Nullable Thread second;

	private @Nullable T secondAnswer;

	FirstRequest(Request<T> request, TransferTimer timer, ThreadFactory workers) {
		this.request = request;
		this.timer = timer;
		this.workers = workers;
	}

	/**
	 * Send it.
	 * @param lateAfter nanoseconds after which the second copy is sent, or
	 * {@link Long#MAX_VALUE} for never
	 * @return the first answer that succeeded; the caller closes it
	 */
	T send(long lateAfter) {
		if (lateAfter == Long.MAX_VALUE) {
			return this.request.send(this.firstCancellation);
		}
		TransferTimer.Alarm alarm = this.timer.schedule(Duration.ofNanos(lateAfter), this::startSecond);
		T answer;
		try {
			answer = this.request.send(this.firstCancellation);
		}
		catch (StorageUnavailableException ex) {
			// The second copy may succeed where this one failed, or was ended by it.
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

	// On the timer's thread.
	private synchronized void startSecond() {
		if (!this.over) {
			this.second = this.workers.newThread(this::sendSecond);
			this.second.start();
		}
	}

	private void sendSecond() {
		T answer;
		try {
			answer = this.request.send(this.secondCancellation);
		}
		catch (RuntimeException ex) {
			return; // The first copy goes on.
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
	 * @return the second one's answer if so
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

	// Wait for the second copy, if there is one.
	private void endSecond(boolean useless) {
		Thread worker;
		synchronized (this) {
			this.over = true;
			worker = this.second;
		}
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
			// Nobody wants it.
		}
	}

	/**
	 * Sends the request.
	 *
	 * @param <T> the answer
	 */
	@FunctionalInterface
	interface Request<T> {

		/**
		 * Send one copy. Called by two threads at once.
		 * @param cancellation ends it, as long as the answer is open
		 * @return the answer
		 */
		T send(Cancellation cancellation);

	}

}
