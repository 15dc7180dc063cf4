package dev.vgi.external.rpc.pipe.client;

import java.time.Duration;

import dev.vgi.external.time.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * Watches one wait after the other on a connection. Most waits are short, so that an
 * alarm is not cancelled with its wait: it serves the later ones too. Thread-safe.
 */
final class Watchdog {

	private final TransferTimer timer;

	private final Runnable late;

	private TransferTimer.@Nullable Alarm alarm;

	private long alarmAt;

	private long deadline;

	private boolean waiting;

	private boolean expired;

	/**
	 * Create a watchdog.
	 * @param timer rings the alarm
	 * @param late wakes up whoever waits; runs on the timer's thread
	 */
	Watchdog(TransferTimer timer, Runnable late) {
		this.timer = timer;
		this.late = late;
	}

	/**
	 * A wait begins.
	 * @param most how long it may take
	 */
	synchronized void begin(Duration most) {
		this.deadline = this.timer.nanoTime() + most.toNanos();
		this.waiting = true;
		if (this.alarm != null && this.alarmAt - this.deadline > 0) {
			this.alarm.cancel();
			this.alarm = null;
		}
		if (this.alarm == null) {
			ringIn(most);
		}
	}

	/**
	 * The wait has ended.
	 */
	synchronized void end() {
		this.waiting = false;
	}

	/**
	 * Return whether a wait took too long.
	 * @return {@code true} for good once it did
	 */
	synchronized boolean isExpired() {
		return this.expired;
	}

	/**
	 * Watch no longer.
	 */
	synchronized void close() {
		this.waiting = false;
		if (this.alarm != null) {
			this.alarm.cancel();
			this.alarm = null;
		}
	}

	private void ringIn(Duration delay) {
		this.alarmAt = this.timer.nanoTime() + delay.toNanos();
		this.alarm = this.timer.schedule(delay, this::ring);
	}

	private void ring() {
		synchronized (this) {
			this.alarm = null;
			if (!this.waiting) {
				return;
			}
			long left = this.deadline - this.timer.nanoTime();
			if (left > 0) {
				ringIn(Duration.ofNanos(left));
				return;
			}
			this.expired = true;
		}
		this.late.run();
	}

}
