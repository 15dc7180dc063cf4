package dev.vgi.external.network;

import java.time.Duration;
import java.util.PriorityQueue;

import dev.vgi.external.time.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * A clock that jumps from one action to the next. Actions of the same time run in the
 * order in which they were scheduled. Belongs to one thread.
 */
public final class VirtualTime implements TransferTimer {

	private final PriorityQueue<Entry> entries = new PriorityQueue<>();

	private long now;

	private long scheduled;

	@Override
	public long nanoTime() {
		return this.now;
	}

	@Override
	public Alarm schedule(Duration delay, Runnable action) {
		return in(delay.toNanos(), action);
	}

	/**
	 * Run an action later, unless it is cancelled.
	 * @param nanos time from now, at least 0
	 * @param action what to do
	 * @return cancels the action
	 */
	Alarm in(long nanos, Runnable action) {
		Entry entry = new Entry(this.now + Math.max(0, nanos), this.scheduled++, action);
		this.entries.add(entry);
		return entry;
	}

	/**
	 * Run everything that is due until a certain time.
	 * @param end where the clock stands afterwards
	 */
	void runUntil(long end) {
		for (Entry next = this.entries.peek(); next != null && next.at <= end; next = this.entries.peek()) {
			this.entries.remove();
			Runnable action = next.action;
			if (action != null) {
				this.now = next.at;
				next.action = null;
				action.run();
			}
		}
		this.now = end;
	}

	@Override
	public void close() {
		this.entries.clear();
	}

	private static final class Entry implements Alarm, Comparable<Entry> {

		private final long at;

		private final long order;

		/** Is {@code null} once it has run or was cancelled. */
		private @Nullable Runnable action;

		Entry(long at, long order, Runnable action) {
			this.at = at;
			this.order = order;
			this.action = action;
		}

		@Override
		public void cancel() {
			this.action = null;
		}

		@Override
		public int compareTo(Entry other) {
			int byTime = Long.compare(this.at, other.at);
			return (byTime != 0) ? byTime : Long.compare(this.order, other.order);
		}

	}

}
