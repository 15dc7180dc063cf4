package dev.vgi.external.rpc.pipe.server;

import java.time.Duration;

import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.transport.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * A connection between two calls or within one. Any thread may end it: at once, or as
 * soon as no call runs.
 */
public final class ServedConnection implements PipeServer.Activity, AutoCloseable {

	private final Pipe pipe;

	private final @Nullable TransferTimer timer;

	private final Duration idleTimeout;

	private TransferTimer.@Nullable Alarm alarm;

	/** Counts beginnings and ends, so that a late alarm is recognised. */
	private long changes;

	private boolean busy;

	private boolean draining;

	/**
	 * Create a connection that may be idle for as long as its peer wants.
	 * @param pipe its bytes; taken over
	 */
	public ServedConnection(Pipe pipe) {
		this(pipe, null, Duration.ZERO);
	}

	/**
	 * Create a connection.
	 * @param pipe its bytes; taken over
	 * @param timer ends an idle connection, or {@code null}
	 * @param idleTimeout how long it may be idle
	 */
	ServedConnection(Pipe pipe, @Nullable TransferTimer timer, Duration idleTimeout) {
		this.pipe = pipe;
		this.timer = timer;
		this.idleTimeout = idleTimeout;
		ends();
	}

	@Override
	public synchronized void begins() {
		this.changes++;
		this.busy = true;
		cancelAlarm();
	}

	@Override
	public synchronized void ends() {
		this.changes++;
		this.busy = false;
		if (this.draining) {
			close();
		}
		else if (this.timer != null) {
			long now = this.changes;
			this.alarm = this.timer.schedule(this.idleTimeout, () -> endIdle(now));
		}
	}

	private synchronized void endIdle(long since) {
		if (this.changes == since) {
			close();
		}
	}

	private void cancelAlarm() {
		if (this.alarm != null) {
			this.alarm.cancel();
			this.alarm = null;
		}
	}

	/**
	 * End the connection once no call runs.
	 */
	public synchronized void drain() {
		this.draining = true;
		if (!this.busy) {
			close();
		}
	}

	/**
	 * End the connection at once.
	 */
	@Override
	public synchronized void close() {
		this.changes++;
		this.draining = true;
		cancelAlarm();
		this.pipe.close();
	}

}
