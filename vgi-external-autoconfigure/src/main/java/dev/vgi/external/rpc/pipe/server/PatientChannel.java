package dev.vgi.external.rpc.pipe.server;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.GatheringByteChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;

import dev.vgi.external.time.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * A socket whose peer may be waited for only so long, for bytes that it sends or for room
 * for those that it reads. The time runs anew whenever the direction changes: a peer that
 * sends one byte from time to time gains nothing. One thread reads and writes; any thread
 * may close it.
 */
final class PatientChannel implements ReadableByteChannel, GatheringByteChannel {

	private static final long NOT = Long.MIN_VALUE;

	private final SocketChannel socket;

	private final TransferTimer timer;

	private final long patience;

	private TransferTimer.@Nullable Alarm alarm;

	private boolean writing;

	/** How long the peer has been waited for since the direction changed. */
	private long waited;

	/** When the wait that goes on has begun. */
	private long since = NOT;

	/**
	 * Create a channel.
	 * @param socket a blocking socket; taken over
	 * @param timer closes it
	 * @param patience how long its peer may be waited for
	 */
	PatientChannel(SocketChannel socket, TransferTimer timer, Duration patience) {
		this.socket = socket;
		this.timer = timer;
		this.patience = patience.toNanos();
	}

	@Override
	public int read(ByteBuffer target) throws IOException {
		waits(false);
		try {
			return this.socket.read(target);
		}
		finally {
			goesOn();
		}
	}

	@Override
	public int write(ByteBuffer source) throws IOException {
		waits(true);
		try {
			return this.socket.write(source);
		}
		finally {
			goesOn();
		}
	}

	@Override
	public long write(ByteBuffer[] sources, int offset, int length) throws IOException {
		waits(true);
		try {
			return this.socket.write(sources, offset, length);
		}
		finally {
			goesOn();
		}
	}

	@Override
	public long write(ByteBuffer[] sources) throws IOException {
		return write(sources, 0, sources.length);
	}

	private synchronized void waits(boolean toWrite) {
		if (this.writing != toWrite) {
			this.writing = toWrite;
			this.waited = 0;
		}
		this.since = this.timer.nanoTime();
		if (this.alarm == null && this.socket.isOpen()) {
			// Usually stays set while many waits come and go, which is cheaper.
			schedule(this.patience - this.waited);
		}
	}

	private synchronized void goesOn() {
		this.waited += this.timer.nanoTime() - this.since;
		this.since = NOT;
	}

	private void schedule(long delay) {
		this.alarm = this.timer.schedule(Duration.ofNanos(Math.max(delay, 0)), this::rings);
	}

	private synchronized void rings() {
		this.alarm = null;
		if (this.since == NOT || !this.socket.isOpen()) {
			return;
		}
		long left = this.patience - this.waited - (this.timer.nanoTime() - this.since);
		if (left > 0) {
			schedule(left);
		}
		else {
			close();
		}
	}

	@Override
	public boolean isOpen() {
		return this.socket.isOpen();
	}

	@Override
	public synchronized void close() {
		if (this.alarm != null) {
			this.alarm.cancel();
			this.alarm = null;
		}
		try {
			this.socket.close();
		}
		catch (IOException ex) {
			// Nothing more can be done for it.
		}
	}

}
