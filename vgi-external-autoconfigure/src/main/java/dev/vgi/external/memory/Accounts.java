package dev.vgi.external.memory;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.memory.WaitingLine.Caller;
import dev.vgi.external.memory.WaitingLine.Waiter;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Who holds how much of a budget. Thread-safe: every method that others call takes the
 * one lock, which also guards the waiting line and the amount that a request holds.
 * Private methods run under it, and nothing else is called from there.
 */
final class Accounts {

	private static final String KEY = "vgi.external.memory.budget";

	/**
	 * A request that holds no more than this may still wait, as one that is a pointer
	 * does.
	 */
	private static final long SMALL = 64L << 10;

	private final long maxBytes;

	private final long maxPerRequest;

	private final long small;

	private final int maxWaiters;

	private final long maxWaitNanos;

	private final ReentrantLock lock = new ReentrantLock();

	private final WaitingLine line;

	private long inUse;

	private long peak;

	private long refusals;

	private boolean closed;

	Accounts(long maxBytes, long maxPerRequest, int maxWaiters, @Nullable Duration maxWait) {
		this.maxBytes = maxBytes;
		this.maxPerRequest = maxPerRequest;
		// All waiters together hold at most a quarter, so that they cannot block each
		// other.
		this.small = Math.min(SMALL, maxBytes / 4 / Math.max(1, maxWaiters));
		this.maxWaiters = maxWaiters;
		this.maxWaitNanos = (maxWait != null) ? maxWait.toNanos() : Long.MAX_VALUE;
		// A quarter always remains for other callers.
		this.line = new WaitingLine(Math.max(maxPerRequest, maxBytes - maxBytes / 4));
	}

	/**
	 * Take room, and wait for it unless the request holds more than a negligible amount.
	 * @param request the request to charge, or {@code null} if there is none
	 * @param bytes number of bytes
	 * @param maxWait longest wait
	 * @throws BudgetExhaustedException if there is no room in time
	 */
	void take(@Nullable RequestMemory request, long bytes, Duration maxWait) {
		this.lock.lock();
		try {
			checkFits(request, bytes);
			Caller caller = this.line.caller(request);
			boolean free = isFree(caller, bytes);
			if (free && this.line.length() == 0) {
				grant(caller, bytes);
			}
			else if (request == null || request.held <= this.small) {
				await(caller, bytes, Math.min(this.maxWaitNanos, maxWait.toNanos()));
			}
			else if (free) {
				grant(caller, bytes);
			}
			else {
				throw refused(new BudgetExhaustedException("A request that holds " + request.held + " bytes needs "
						+ bytes + " more than the transfer budget has left for it; raise " + KEY + " (now "
						+ this.maxBytes + " bytes)", null));
			}
			hold(request, bytes);
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Take room unless there is none now, or others already wait for it.
	 * @param request the request to charge, or {@code null} if there is none
	 * @param bytes number of bytes
	 * @return whether it was taken
	 * @throws BudgetExhaustedException if it will never fit
	 */
	boolean tryTake(@Nullable RequestMemory request, long bytes) {
		this.lock.lock();
		try {
			checkFits(request, bytes);
			Waiter waiter = join(this.line.caller(request), bytes);
			if (!waiter.isAdmitted()) {
				leave(waiter);
				return false;
			}
			hold(request, bytes);
			return true;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Take more for a transfer that is running. It does not wait, and comes before those
	 * who do.
	 * @param request the request to charge, or {@code null} if there is none
	 * @param present number of bytes that the transfer already holds
	 * @param more number of additional bytes
	 * @throws BudgetExhaustedException if there is no room now
	 */
	void grow(@Nullable RequestMemory request, long present, long more) {
		this.lock.lock();
		try {
			checkFits(request, more);
			Caller caller = this.line.caller(request);
			if (!isFree(caller, more)) {
				this.line.forget(caller);
				throw refused(new BudgetExhaustedException("A transfer of " + present + " bytes needs " + more
						+ " more than the transfer budget has left; raise " + KEY + " (now " + this.maxBytes
						+ " bytes)", null));
			}
			grant(caller, more);
			hold(request, more);
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return what was taken.
	 * @param request the request that was charged, or {@code null} if there was none
	 * @param bytes number of bytes, at most what was taken
	 */
	void giveBack(@Nullable RequestMemory request, long bytes) {
		this.lock.lock();
		try {
			hold(request, -bytes);
			revoke(this.line.caller(request), bytes);
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Charge another request for what was taken.
	 * @param from the request that was charged, or {@code null} if there was none
	 * @param to the request to charge
	 * @param bytes number of bytes, at most what was taken
	 */
	void move(@Nullable RequestMemory from, RequestMemory to, long bytes) {
		this.lock.lock();
		try {
			hold(from, -bytes);
			hold(to, bytes);
			Caller giver = this.line.caller(from);
			giver.hold(-bytes);
			this.line.caller(to).hold(bytes);
			this.line.forget(giver);
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Let no one wait any more: those who do fail at once.
	 */
	void close() {
		this.lock.lock();
		try {
			this.closed = true;
			this.line.wake();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Check that the application does not shut down.
	 * @throws BudgetExhaustedException after {@link #close()}
	 */
	void checkOpen() {
		this.lock.lock();
		try {
			if (this.closed) {
				throw new BudgetExhaustedException("The application is shutting down and begins no further transfer",
						null);
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	Usage usage() {
		this.lock.lock();
		try {
			return new Usage(this.inUse, this.peak, this.line.length(), this.line.callers(), this.refusals);
		}
		finally {
			this.lock.unlock();
		}
	}

	private void checkFits(@Nullable RequestMemory request, long bytes) {
		Assert.isTrue(bytes >= 0, "'bytes' must not be negative");
		if (request != null && bytes > this.maxPerRequest - request.held) {
			throw refused(BudgetExhaustedException.never("The request holds " + request.held + " bytes and needs "
					+ bytes + " more, but one request may hold " + this.maxPerRequest
					+ "; raise vgi.external.memory.max-per-request, by default half of " + KEY));
		}
		if (bytes > this.maxBytes) {
			throw refused(BudgetExhaustedException.never("A transfer of " + bytes
					+ " bytes exceeds the whole transfer budget of " + this.maxBytes + " bytes; raise " + KEY));
		}
	}

	private static void hold(@Nullable RequestMemory request, long bytes) {
		if (request != null) {
			request.held += bytes;
		}
	}

	private boolean isFree(Caller caller, long bytes) {
		return bytes <= this.maxBytes - this.inUse && caller.mayHold(bytes);
	}

	private void grant(Caller caller, long bytes) {
		caller.hold(bytes);
		this.inUse += bytes;
		this.peak = Math.max(this.peak, this.inUse);
	}

	private void revoke(Caller caller, long bytes) {
		caller.hold(-bytes);
		this.inUse -= bytes;
		this.line.forget(caller);
		admitWaiters();
	}

	private void await(Caller caller, long bytes, long nanos) {
		Waiter waiter = join(caller, bytes);
		if (waiter.isAdmitted()) {
			return;
		}
		try {
			if (this.line.length() > this.maxWaiters && !this.line.displaceFor(waiter)) {
				throw refused(tooManyWait());
			}
			long remaining = nanos;
			while (waiter.isWaiting() && remaining > 0 && !this.closed) {
				remaining = waiter.await(remaining);
			}
			if (!waiter.isAdmitted()) {
				checkOpen();
				throw refused(waiter.isWaiting() ? tooLate(bytes, nanos) : tooManyWait());
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			if (waiter.isAdmitted()) {
				revoke(caller, bytes);
			}
			throw BudgetExhaustedException.interrupted();
		}
		finally {
			if (!waiter.isAdmitted()) {
				leave(waiter);
			}
		}
	}

	private Waiter join(Caller caller, long bytes) {
		Waiter waiter = this.line.join(caller, bytes, this.lock.newCondition());
		admitWaiters();
		return waiter;
	}

	private void leave(Waiter waiter) {
		this.line.leave(waiter);
		admitWaiters();
	}

	/** Strictly in order: a small transfer behind a large one does not overtake it. */
	private void admitWaiters() {
		Waiter next = this.line.next();
		while (next != null && next.bytes() <= this.maxBytes - this.inUse) {
			this.line.admit(next);
			grant(next.caller(), next.bytes());
			next = this.line.next();
		}
	}

	private BudgetExhaustedException refused(BudgetExhaustedException refusal) {
		this.refusals++;
		return refusal;
	}

	private BudgetExhaustedException tooManyWait() {
		return new BudgetExhaustedException(
				"The transfer budget of " + this.maxBytes + " bytes is in use and " + this.maxWaiters
						+ " transfers already wait for it; raise " + KEY + " or vgi.external.memory.max-waiters",
				null);
	}

	private BudgetExhaustedException tooLate(long bytes, long nanos) {
		return new BudgetExhaustedException("No room for " + bytes + " bytes in the transfer budget of " + this.maxBytes
				+ " bytes within " + TimeUnit.NANOSECONDS.toMillis(nanos) + " ms; raise " + KEY
				+ " or vgi.external.memory.max-wait", null);
	}

	/**
	 * What is measured of a budget.
	 *
	 * @param inUse bytes that are taken
	 * @param peak most bytes that ever were
	 * @param waiting number of waiters
	 * @param callers number of callers that hold or wait for something
	 * @param refusals how often room was refused
	 */
	record Usage(long inUse, long peak, int waiting, int callers, long refusals) {

	}

}
