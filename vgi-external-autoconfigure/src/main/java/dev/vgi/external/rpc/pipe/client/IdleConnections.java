package dev.vgi.external.rpc.pipe.client;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

import dev.vgi.external.time.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * The connections of a pool that no call uses. The one that was used last is used next,
 * so that those that are not needed stay unused until their time is up. Every method is
 * called with the pool's lock held.
 */
final class IdleConnections {

	private final ReentrantLock lock;

	private final TransferTimer timer;

	private final @Nullable Duration longest;

	private final Consumer<Pooled> end;

	/** The one that was used last comes first. */
	private final Deque<Entry> entries = new ArrayDeque<>();

	private TransferTimer.@Nullable Alarm alarm;

	/**
	 * Create an instance.
	 * @param lock the lock of the pool
	 * @param timer measures how long a connection is unused
	 * @param longest how long that may be, or {@code null} for any time
	 * @param end ends a connection without blocking
	 */
	IdleConnections(ReentrantLock lock, TransferTimer timer, @Nullable Duration longest, Consumer<Pooled> end) {
		this.lock = lock;
		this.timer = timer;
		this.longest = longest;
		this.end = end;
	}

	/**
	 * Keep a connection.
	 * @param connection a connection that no call waits for
	 */
	void push(Pooled connection) {
		this.entries.push(new Entry(connection, this.timer.nanoTime()));
		watch();
	}

	/**
	 * Take a connection that still works. Those that have died meanwhile are ended.
	 * @return the connection, or {@code null} if there is none
	 */
	@Nullable Pooled poll() {
		Entry entry = this.entries.poll();
		while (entry != null && !entry.connection().connection().isUsable()) {
			this.end.accept(entry.connection());
			entry = this.entries.poll();
		}
		return (entry != null) ? entry.connection() : null;
	}

	int size() {
		return this.entries.size();
	}

	/**
	 * Hand out all connections and keep none.
	 * @return the connections
	 */
	List<Pooled> removeAll() {
		List<Pooled> all = new ArrayList<>();
		this.entries.forEach((entry) -> all.add(entry.connection()));
		this.entries.clear();
		if (this.alarm != null) {
			this.alarm.cancel();
		}
		return all;
	}

	private void watch() {
		Entry oldest = this.entries.peekLast();
		if (this.longest != null && oldest != null && this.alarm == null) {
			long remaining = oldest.since() + this.longest.toNanos() - this.timer.nanoTime();
			this.alarm = this.timer.schedule(Duration.ofNanos(Math.max(remaining, 0)), this::endOldest);
		}
	}

	private void endOldest() {
		this.lock.lock();
		try {
			this.alarm = null;
			while (isDue(this.entries.peekLast())) {
				this.end.accept(this.entries.removeLast().connection());
			}
			watch();
		}
		finally {
			this.lock.unlock();
		}
	}

	private boolean isDue(@Nullable Entry oldest) {
		return oldest != null && this.longest != null
				&& this.timer.nanoTime() - oldest.since() >= this.longest.toNanos();
	}

	private record Entry(Pooled connection, long since) {

	}

	/**
	 * A connection of the pool.
	 *
	 * @param connection the open connection
	 * @param failuresBefore how many starts had failed when it was opened
	 */
	record Pooled(PipeConnection connection, int failuresBefore) {

	}

}
