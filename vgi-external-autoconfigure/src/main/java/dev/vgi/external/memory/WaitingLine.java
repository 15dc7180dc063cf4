package dev.vgi.external.memory;

import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.Condition;

import org.jspecify.annotations.Nullable;

/**
 * The waiters for a budget in their order: the one whose caller holds least is next, then
 * the one who came first. A caller at its limit does not block the others. Not
 * thread-safe: guarded by the lock of the {@link Accounts}.
 */
final class WaitingLine {

	/** Stands for transfers that belong to no request. */
	private static final String NOBODY = "";

	private final long maxPerCaller;

	/** Those that hold or wait for something, by name. */
	private final Map<String, Caller> callers = new HashMap<>();

	private long arrivals;

	private int length;

	/**
	 * Create a line.
	 * @param maxPerCaller most bytes that all requests of one caller may hold
	 */
	WaitingLine(long maxPerCaller) {
		this.maxPerCaller = maxPerCaller;
	}

	int length() {
		return this.length;
	}

	int callers() {
		return this.callers.size();
	}

	Caller caller(@Nullable RequestMemory request) {
		return this.callers.computeIfAbsent((request != null) ? request.caller : NOBODY,
				(name) -> new Caller(name, name.equals(NOBODY) ? Long.MAX_VALUE : this.maxPerCaller));
	}

	/**
	 * Remove a caller that neither holds nor waits for anything.
	 * @param caller the caller, which remains if it does
	 */
	void forget(Caller caller) {
		if (caller.inUse == 0 && caller.waiters.isEmpty()) {
			this.callers.remove(caller.name, caller);
		}
	}

	/**
	 * Add a waiter.
	 * @param caller the waiter's caller
	 * @param bytes what it waits for
	 * @param changed wakes its thread
	 * @return the last waiter of its caller
	 */
	Waiter join(Caller caller, long bytes, Condition changed) {
		Waiter waiter = new Waiter(caller, bytes, this.arrivals++, changed);
		caller.waiters.addLast(waiter);
		this.length++;
		return waiter;
	}

	/**
	 * Remove a waiter that gives up. Has no effect on the line if it was displaced.
	 * @param waiter the waiter
	 */
	void leave(Waiter waiter) {
		if (waiter.caller.waiters.remove(waiter)) {
			this.length--;
		}
		forget(waiter.caller);
	}

	/**
	 * Find the waiter who is next.
	 * @return the waiter, or {@code null} if no one waits whose caller is below its limit
	 */
	@Nullable Waiter next() {
		if (this.length == 0) {
			return null;
		}
		return this.callers.values()
			.stream()
			.map((caller) -> caller.waiters.peekFirst())
			.filter((waiter) -> waiter != null && waiter.caller.mayHold(waiter.bytes))
			.min(Comparator.<Waiter>comparingLong((waiter) -> waiter.caller.inUse)
				.thenComparingLong((waiter) -> waiter.arrival))
			.orElse(null);
	}

	/**
	 * Let a waiter go on.
	 * @param next the waiter who is next
	 */
	void admit(Waiter next) {
		end(next.caller.waiters.removeFirst(), State.ADMITTED);
	}

	/**
	 * Limit the line: the last waiter of the caller with the most waiters gives way to a
	 * caller with fewer.
	 * @param newcomer the last waiter of its caller
	 * @return {@code false} if no caller has more waiters
	 */
	boolean displaceFor(Waiter newcomer) {
		Caller longest = newcomer.caller;
		for (Caller caller : this.callers.values()) {
			if (caller.waiters.size() > longest.waiters.size()) {
				longest = caller;
			}
		}
		if (longest == newcomer.caller) {
			return false;
		}
		end(longest.waiters.removeLast(), State.DISPLACED);
		return true;
	}

	private void end(Waiter waiter, State state) {
		this.length--;
		waiter.state = state;
		waiter.changed.signal();
	}

	/**
	 * Wake all waiters, who remain in the line.
	 */
	void wake() {
		this.callers.values().forEach((caller) -> caller.waiters.forEach((waiter) -> waiter.changed.signal()));
	}

	/**
	 * What one caller holds, and its waiters.
	 */
	static final class Caller {

		private final String name;

		private final long mostBytes;

		private final Deque<Waiter> waiters = new ArrayDeque<>();

		private long inUse;

		private Caller(String name, long mostBytes) {
			this.name = name;
			this.mostBytes = mostBytes;
		}

		boolean mayHold(long more) {
			return more <= this.mostBytes - this.inUse;
		}

		void hold(long more) {
			this.inUse += more;
		}

	}

	/**
	 * A thread that waits for room.
	 */
	static final class Waiter {

		private final Caller caller;

		private final long bytes;

		private final long arrival;

		private final Condition changed;

		private State state = State.WAITING;

		private Waiter(Caller caller, long bytes, long arrival, Condition changed) {
			this.caller = caller;
			this.bytes = bytes;
			this.arrival = arrival;
			this.changed = changed;
		}

		Caller caller() {
			return this.caller;
		}

		long bytes() {
			return this.bytes;
		}

		boolean isWaiting() {
			return this.state == State.WAITING;
		}

		boolean isAdmitted() {
			return this.state == State.ADMITTED;
		}

		long await(long nanos) throws InterruptedException {
			return this.changed.awaitNanos(nanos);
		}

	}

	private enum State {

		WAITING, ADMITTED, DISPLACED

	}

}
