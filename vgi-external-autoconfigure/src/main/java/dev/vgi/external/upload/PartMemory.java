package dev.vgi.external.upload;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.TransferCancelledException;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The memory of the parts of one payload. The memory of a closed part is reused for the
 * next one. If the budget has no room for a further part, the next one waits until an
 * earlier one is closed: the upload becomes slower instead of failing. Parts may be
 * closed by any thread; all other methods are called by one thread at a time.
 */
final class PartMemory implements AutoCloseable {

	private final SlabPool slabs;

	private final TransferBudget budget;

	private final Duration maxWait;

	private final TransferTrace trace;

	private final @Nullable String contentCoding;

	private TransferBudget.@Nullable Lease lease;

	/** Guards everything below. */
	private final ReentrantLock lock = new ReentrantLock();

	private final Condition changed = this.lock.newCondition();

	private final Deque<Slab> spare = new ArrayDeque<>();

	private int open;

	private long taken;

	private boolean ended;

	private boolean closed;

	/**
	 * Create a memory that holds nothing yet.
	 * @param slabs memory for the parts
	 * @param budget the budget charged for that memory
	 * @param maxWait longest wait for room in the budget
	 * @param trace is told about waits, about the first part and about the size
	 * @param contentCoding the coding of the bytes, or {@code null}
	 */
	PartMemory(SlabPool slabs, TransferBudget budget, Duration maxWait, TransferTrace trace,
			@Nullable String contentCoding) {
		this.trace = trace;
		this.contentCoding = contentCoding;
		this.slabs = slabs;
		this.budget = budget;
		this.maxWait = maxWait;
	}

	/**
	 * Take the memory of one more part.
	 * @param capacity bytes of the part, at most those of the part before
	 * @return the memory, to be given back, or made a part that is closed
	 * @throws BudgetExhaustedException if there is no room in time
	 * @throws TransferCancelledException if the thread is interrupted, or
	 * {@link #endWait()} is called
	 */
	Slab take(int capacity) {
		if (this.lease == null) {
			this.lease = acquire(capacity);
			return opened(this.slabs.acquire(capacity));
		}
		Deadline deadline = Deadline.in(this.maxWait);
		boolean waits = false;
		this.lock.lock();
		try {
			while (true) {
				Slab slab = this.spare.pollFirst();
				if (slab != null) {
					// No caller asks for larger parts later, but nothing prevents it.
					Assert.state(slab.capacity() >= capacity, "the parts of a payload must not grow");
					return opened(slab);
				}
				BudgetExhaustedException refusal = grow(this.lease, capacity);
				if (refusal == null) {
					return opened(this.slabs.acquire(capacity));
				}
				if (!waits) {
					waits = true;
					this.trace.begins(Phase.MEMORY);
				}
				awaitClosedPart(deadline, refusal);
			}
		}
		finally {
			this.lock.unlock();
			if (waits) {
				this.trace.over(Phase.MEMORY);
			}
		}
	}

	// The only wait for others: nothing is held yet, and no lock.
	private TransferBudget.Lease acquire(int capacity) {
		TransferBudget.Lease free = this.budget.tryAcquire(capacity);
		if (free != null) {
			return free;
		}
		this.trace.begins(Phase.MEMORY);
		try {
			return this.budget.acquire(capacity, this.maxWait);
		}
		finally {
			this.trace.over(Phase.MEMORY);
		}
	}

	private static @Nullable BudgetExhaustedException grow(TransferBudget.Lease lease, int capacity) {
		try {
			lease.grow(capacity);
			return null;
		}
		catch (BudgetExhaustedException ex) {
			return ex;
		}
	}

	private void awaitClosedPart(Deadline deadline, BudgetExhaustedException refusal) {
		if (this.ended) {
			throw new TransferCancelledException("The upload has ended");
		}
		long left = deadline.remaining().toNanos();
		if (left <= 0 || this.open == 0) {
			throw refusal;
		}
		try {
			this.changed.await(left, TimeUnit.NANOSECONDS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new TransferCancelledException("Interrupted during an upload");
		}
	}

	private Slab opened(Slab slab) {
		this.lock.lock();
		try {
			this.open++;
			return slab;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Make memory a part.
	 * @param slab the memory, whose first bytes were written
	 * @param size how many bytes
	 * @param last whether no other part follows
	 * @return the part, which gives the memory back when it is closed
	 */
	Payload.Part part(Slab slab, int size, boolean last) {
		long before = takenLength();
		if (before == 0) {
			this.trace.begins(Phase.UPLOAD);
		}
		if (last) {
			this.trace.sized(before + size, this.contentCoding);
		}
		this.lock.lock();
		try {
			this.taken = before + size;
		}
		finally {
			this.lock.unlock();
		}
		return new SlabPart(slab, size, last);
	}

	/**
	 * Return how many bytes the parts have that were made so far.
	 * @return bytes
	 */
	long takenLength() {
		this.lock.lock();
		try {
			return this.taken;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return the memory of a part.
	 * @param slab the memory
	 */
	void giveBack(Slab slab) {
		this.lock.lock();
		try {
			this.open--;
			if (this.closed) {
				slab.close();
				return;
			}
			this.spare.addFirst(slab);
			this.changed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * End the wait for a closed part. Called by any thread.
	 */
	void endWait() {
		this.lock.lock();
		try {
			this.ended = true;
			this.changed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Free the memory. Idempotent. A part that is still open frees its own when it is
	 * closed.
	 * @throws IllegalStateException if there is one
	 */
	@Override
	public void close() {
		this.lock.lock();
		try {
			if (this.closed) {
				return;
			}
			this.closed = true;
			this.spare.forEach(Slab::close);
			this.spare.clear();
			if (this.lease != null) {
				this.lease.close();
			}
			// The memory is freed with the payload, and a storage must not keep what it
			// borrowed.
			Assert.state(this.open == 0, "a part is still open");
		}
		finally {
			this.lock.unlock();
		}
	}

	private final class SlabPart implements Payload.Part {

		private final Slab slab;

		private final int size;

		private final boolean last;

		private boolean closed;

		SlabPart(Slab slab, int size, boolean last) {
			this.slab = slab;
			this.size = size;
			this.last = last;
		}

		@Override
		public boolean isLast() {
			return this.last;
		}

		@Override
		public long length() {
			return this.size;
		}

		@Override
		public void writeTo(WritableByteChannel channel) throws IOException {
			ByteBuffer bytes = this.slab.window(0, this.size).asReadOnlyBuffer();
			while (bytes.hasRemaining()) {
				channel.write(bytes);
			}
		}

		@Override
		public synchronized void close() {
			if (!this.closed) {
				this.closed = true;
				giveBack(this.slab);
			}
		}

	}

}
