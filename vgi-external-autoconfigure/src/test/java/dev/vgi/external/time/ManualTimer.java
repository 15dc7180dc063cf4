package dev.vgi.external.time;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A clock that stands still until it is told to go on.
 */
public final class ManualTimer implements TransferTimer {

	private final List<Entry> entries = new ArrayList<>();

	private long now = 1_000_000_000L;

	@Override
	public synchronized long nanoTime() {
		return this.now;
	}

	@Override
	public synchronized Alarm schedule(Duration delay, Runnable action) {
		Entry entry = new Entry(this.now + delay.toNanos(), action);
		this.entries.add(entry);
		notifyAll();
		return () -> cancel(entry);
	}

	private synchronized void cancel(Entry entry) {
		this.entries.remove(entry);
	}

	/**
	 * Go on and run what is due.
	 * @param time how much
	 */
	public void advance(Duration time) {
		long end;
		synchronized (this) {
			end = this.now + time.toNanos();
		}
		while (true) {
			Entry due = null;
			synchronized (this) {
				for (Entry entry : this.entries) {
					if (entry.at <= end && (due == null || entry.at < due.at)) {
						due = entry;
					}
				}
				if (due == null) {
					this.now = end;
					return;
				}
				this.now = Math.max(this.now, due.at);
				this.entries.remove(due);
			}
			due.action.run();
		}
	}

	/**
	 * Go on to the next alarm, if it is near.
	 * @param most how far ahead it may be
	 * @return whether there was one
	 */
	public boolean advanceToAlarmWithin(Duration most) {
		long next = Long.MAX_VALUE;
		long start;
		synchronized (this) {
			start = this.now;
			for (Entry entry : this.entries) {
				next = Math.min(next, entry.at);
			}
		}
		if (next - start > most.toNanos()) {
			return false;
		}
		advance(Duration.ofNanos(next - start));
		return true;
	}

	/**
	 * Return how many alarms are set.
	 * @return the number of actions to come
	 */
	public synchronized int alarms() {
		return this.entries.size();
	}

	/**
	 * Wait, in real time, until an alarm is set for a certain moment from now.
	 * @param delay how far ahead
	 * @throws InterruptedException if interrupted
	 */
	public synchronized void awaitAlarmIn(Duration delay) throws InterruptedException {
		while (this.entries.stream().noneMatch((entry) -> entry.at == this.now + delay.toNanos())) {
			wait();
		}
	}

	@Override
	public synchronized void close() {
		this.entries.clear();
	}

	private static final class Entry {

		private final long at;

		private final Runnable action;

		Entry(long at, Runnable action) {
			this.at = at;
			this.action = action;
		}

	}

}
