package dev.vgi.external.transfer;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

import dev.vgi.external.time.TransferTimer;

/**
 * A clock by which every pause between attempts passes at once, and a note of how long it
 * was. Pauses for a busy storage are as long as they may be.
 */
public final class RecordedPauses implements TransferTimer {

	private final List<Duration> pauses = new ArrayList<>();

	private final Consumer<Duration> during;

	private long now;

	/**
	 * Create a clock.
	 */
	public RecordedPauses() {
		this((pause) -> {
		});
	}

	/**
	 * Create a clock.
	 * @param during what happens in each pause
	 */
	public RecordedPauses(Consumer<Duration> during) {
		this.during = during;
	}

	/**
	 * Return a policy by this clock.
	 * @param maxRetries further attempts
	 * @return a policy with the protocol's pause between them
	 */
	public RetryPolicy policy(int maxRetries) {
		return new RetryPolicy(maxRetries, RetryPolicy.DEFAULT_DELAY, this, () -> false, (longest) -> longest);
	}

	/**
	 * Return how long the pauses were.
	 * @return all so far
	 */
	public synchronized List<Duration> pauses() {
		return List.copyOf(this.pauses);
	}

	@Override
	public synchronized long nanoTime() {
		return this.now;
	}

	@Override
	public Alarm schedule(Duration delay, Runnable action) {
		synchronized (this) {
			this.pauses.add(delay);
			this.now += delay.toNanos();
		}
		this.during.accept(delay);
		action.run();
		return () -> {
		};
	}

	@Override
	public void close() {
	}

}
