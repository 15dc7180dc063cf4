package dev.vgi.external.fetch;

import java.nio.ByteBuffer;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.time.Uninterruptibles;
import dev.vgi.external.transfer.Sha256;
import org.jspecify.annotations.Nullable;

/**
 * SHA-256 of a body that is still growing. Runs on the thread that fills the body, or
 * behind it on its own thread, which has ended when this is closed. All methods belong to
 * one thread.
 */
final class BodyDigest implements AutoCloseable {

	private final Sha256 sha256;

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
	 * @param size expected size of the body, or -1 if unknown
	 */
	BodyDigest(long size) {
		this.sha256 = new Sha256(size);
	}

	/**
	 * Move the digest to its own thread from here on.
	 * @param workers creates the thread
	 */
	void startBeside(ThreadFactory workers) {
		Thread thread = workers.newThread(this::work);
		thread.start();
		this.worker = thread;
	}

	/**
	 * Announce that more of the body is complete.
	 * @param body the memory; does not change until {@link #await()} returns
	 * @param length number of complete bytes from its start
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

	/** Wait until everything announced was read. */
	void await() {
		if (this.worker == null) {
			return;
		}
		this.lock.lock();
		try {
			while (this.digested < this.available) {
				// The wait is bounded by computation; an interrupt is meant for the I/O
				// of the caller.
				this.changed.awaitUninterruptibly();
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return the digest of everything announced so far.
	 * @return 64 lowercase hexadecimal digits; empty if the security provider cannot copy
	 * the state of a digest
	 */
	String soFar() {
		await();
		return this.sha256.soFar();
	}

	/**
	 * Return the digest of everything announced. Call it once.
	 * @return 64 lowercase hexadecimal digits
	 */
	String finish() {
		await();
		return this.sha256.finish();
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
			// Large windows, since each one is an object.
			ByteBuffer window = source.window(done, (int) Math.min(BodyAssembly.STEP, to - done));
			done += window.remaining();
			this.sha256.update(window, () -> false);
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
