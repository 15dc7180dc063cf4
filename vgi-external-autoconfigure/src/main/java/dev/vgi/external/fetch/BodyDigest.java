package dev.vgi.external.fetch;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.transport.Uninterruptibles;
import org.jspecify.annotations.Nullable;

/**
 * SHA-256 of a body that is still growing: on the thread that fills it, or behind it on a
 * thread of its own, which has ended when this is closed. Apart from that it belongs to
 * one thread.
 */
final class BodyDigest implements AutoCloseable {

	/** The JDK's digest copies a direct buffer piecemeal; handing it arrays is faster. */
	private static final int STEP = 64 << 10;

	private final MessageDigest sha256;

	private final byte[] step;

	private final ReentrantLock lock = new ReentrantLock();

	private final Condition changed = this.lock.newCondition();

	private @Nullable Thread worker;

	/** Guarded by the lock, as are the next three. */
	private @Nullable Slab body;

	private long available;

	private long digested;

	private boolean closed;

	/**
	 * Create a digest.
	 * @param size how large the body will be as far as known, or -1
	 */
	BodyDigest(long size) {
		try {
			this.sha256 = MessageDigest.getInstance("SHA-256");
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException(ex);
		}
		this.step = new byte[(int) Math.min(STEP, (size > 0) ? size : STEP)];
	}

	/**
	 * Digest on a thread of its own from here on.
	 * @param workers makes it
	 */
	void startBeside(ThreadFactory workers) {
		Thread thread = workers.newThread(this::work);
		thread.start();
		this.worker = thread;
	}

	/**
	 * Say that more of the body is complete.
	 * @param body where it is; does not change until {@link #await()} returns
	 * @param length how many bytes there are from its start
	 */
	void advance(Slab body, long length) {
		if (this.worker == null) {
			digest(body, this.digested, length);
			this.digested = length;
			return;
		}
		this.lock.lock();
		try {
			this.body = body;
			this.available = length;
			this.changed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
	}

	/** Wait until nothing of the body is left to read. */
	void await() {
		if (this.worker == null) {
			return;
		}
		this.lock.lock();
		try {
			while (this.digested < this.available) {
				// Bounded by computing; an interrupt is for whoever waits for bytes.
				this.changed.awaitUninterruptibly();
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return the digest of all that was announced so far.
	 * @return 64 lowercase hexadecimal digits; nothing if the security provider cannot
	 * say without ending the digest
	 */
	String soFar() {
		await();
		try {
			return HexFormat.of().formatHex(((MessageDigest) this.sha256.clone()).digest());
		}
		catch (CloneNotSupportedException ex) {
			return "";
		}
	}

	/**
	 * Return the digest of all that was announced. To be called once.
	 * @return 64 lowercase hexadecimal digits
	 */
	String finish() {
		await();
		return HexFormat.of().formatHex(this.sha256.digest());
	}

	private void work() {
		while (true) {
			Slab source;
			long from;
			long to;
			this.lock.lock();
			try {
				while (this.digested == this.available && !this.closed) {
					this.changed.awaitUninterruptibly();
				}
				source = this.body;
				if (this.closed || source == null) {
					this.digested = this.available;
					this.changed.signalAll();
					return;
				}
				from = this.digested;
				to = Math.min(this.available, from + BodyAssembly.STEP);
			}
			finally {
				this.lock.unlock();
			}
			digest(source, from, to);
			this.lock.lock();
			try {
				this.digested = to;
				this.changed.signalAll();
			}
			finally {
				this.lock.unlock();
			}
		}
	}

	private void digest(Slab source, long from, long to) {
		long done = from;
		while (done < to) {
			// Few large windows: each is an object.
			ByteBuffer window = source.window(done, (int) Math.min(BodyAssembly.STEP, to - done));
			done += window.remaining();
			while (window.hasRemaining()) {
				int count = Math.min(this.step.length, window.remaining());
				window.get(this.step, 0, count);
				this.sha256.update(this.step, 0, count);
			}
		}
	}

	@Override
	public void close() {
		Thread thread = this.worker;
		if (thread == null) {
			return;
		}
		this.lock.lock();
		try {
			this.closed = true;
			this.changed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
		Uninterruptibles.join(thread);
	}

}
