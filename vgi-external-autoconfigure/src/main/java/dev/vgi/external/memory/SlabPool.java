package dev.vgi.external.memory;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

import dev.vgi.external.memory.TransferBudget.Lease;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.ForeignAllocation;
import org.apache.arrow.memory.util.MemoryUtil;

import org.springframework.util.Assert;

/**
 * Reusable off-heap memory: the page faults of fresh memory cost a transfer as much as
 * its digest. Idle slabs are kept up to a number of bytes and for a limited time.
 * Thread-safe.
 */
public final class SlabPool implements AutoCloseable {

	/** Small, since a request may hold as many slabs as it sends pointers. */
	private static final long SMALLEST = 512;

	/**
	 * From here on, size classes are a sixty-fourth of a power of two apart instead of a
	 * sixteenth: memory lost to rounding is wasted.
	 */
	private static final long FINER_FROM = 1L << 24;

	private final long maxIdleBytes;

	private final long maxIdleNanos;

	private final LongSupplier nanoTime;

	private final Executor later;

	/** Idle memory by size class, most recently used first. */
	private final TreeMap<Long, Deque<Idle>> idle = new TreeMap<>();

	private long idleBytes;

	private long leasedBytes;

	private int leasedSlabs;

	private boolean trimScheduled;

	private boolean closed;

	/**
	 * Create a pool.
	 * @param maxIdleBytes most bytes of idle memory to keep; 0 to keep none
	 * @param maxIdleTime how long idle memory is kept, positive
	 */
	public SlabPool(long maxIdleBytes, Duration maxIdleTime) {
		this(maxIdleBytes, maxIdleTime, System::nanoTime,
				CompletableFuture.delayedExecutor(maxIdleTime.toNanos(), TimeUnit.NANOSECONDS));
	}

	/**
	 * Create a pool with another clock.
	 * @param maxIdleBytes most bytes of idle memory to keep
	 * @param maxIdleTime how long idle memory is kept
	 * @param nanoTime the clock
	 * @param later runs a task after {@code maxIdleTime}
	 */
	SlabPool(long maxIdleBytes, Duration maxIdleTime, LongSupplier nanoTime, Executor later) {
		Assert.isTrue(maxIdleBytes >= 0, "'maxIdleBytes' must not be negative");
		Assert.isTrue(!maxIdleTime.isNegative() && !maxIdleTime.isZero(), "'maxIdleTime' must be positive");
		this.maxIdleBytes = maxIdleBytes;
		this.maxIdleNanos = maxIdleTime.toNanos();
		this.nanoTime = nanoTime;
		this.later = later;
	}

	/**
	 * Take a slab. Its content is arbitrary: pass on only bytes that were overwritten.
	 * @param bytes required size, positive
	 * @return a slab of at least that capacity; the caller closes it or hands it over
	 */
	public Slab acquire(long bytes) {
		Assert.isTrue(bytes > 0, "'bytes' must be positive");
		long capacity = sizeClass(bytes);
		synchronized (this) {
			Assert.state(!this.closed, "the slab pool is closed");
			Map.Entry<Long, Deque<Idle>> found = this.idle.ceilingEntry(capacity);
			// A slightly larger slab is fine, but a small object must not occupy a large
			// slab.
			if (found != null && found.getKey() - capacity <= capacity / 4) {
				Idle memory = found.getValue().removeFirst();
				if (found.getValue().isEmpty()) {
					this.idle.remove(found.getKey());
				}
				this.idleBytes -= memory.capacity;
				this.leasedBytes += memory.capacity;
				this.leasedSlabs++;
				return new Slab(memory.address, memory.capacity);
			}
		}
		long address = MemoryUtil.allocateMemory(capacity);
		synchronized (this) {
			this.leasedBytes += capacity;
			this.leasedSlabs++;
		}
		return new Slab(address, capacity);
	}

	/**
	 * Return the capacity of all slabs in use, including those handed over to Arrow.
	 * @return bytes
	 */
	public synchronized long leasedBytes() {
		return this.leasedBytes;
	}

	/**
	 * Return how many slabs are in use, including those handed over to Arrow.
	 * @return the number of slabs
	 */
	public synchronized int leasedSlabs() {
		return this.leasedSlabs;
	}

	/**
	 * Return how much memory is kept for the next transfers.
	 * @return bytes
	 */
	public synchronized long idleBytes() {
		return this.idleBytes;
	}

	/**
	 * Free all idle memory. Slabs in use are freed when they are returned.
	 */
	@Override
	public synchronized void close() {
		this.closed = true;
		while (!this.idle.isEmpty()) {
			this.idle.pollFirstEntry().getValue().forEach(this::free);
		}
	}

	static long sizeClass(long bytes) {
		long least = Math.max(bytes, SMALLEST);
		long power = Long.highestOneBit(least);
		long step = power / ((power >= FINER_FROM) ? 64 : 16);
		return (least + step - 1) / step * step;
	}

	private synchronized void giveBack(long address, long capacity) {
		this.leasedBytes -= capacity;
		this.leasedSlabs--;
		if (this.closed || capacity > this.maxIdleBytes) {
			MemoryUtil.freeMemory(address);
			return;
		}
		long now = this.nanoTime.getAsLong();
		makeRoom(capacity);
		this.idle.computeIfAbsent(capacity, (key) -> new ArrayDeque<>()).addFirst(new Idle(address, capacity, now));
		this.idleBytes += capacity;
		scheduleTrim();
	}

	// The least recently used slab is dropped first, whatever its size.
	private void makeRoom(long capacity) {
		while (this.idleBytes + capacity > this.maxIdleBytes) {
			// The clock may run over.
			Deque<Idle> oldest = Collections.min(this.idle.values(),
					(one, other) -> Long.signum(one.getLast().since - other.getLast().since));
			free(oldest.removeLast());
			this.idle.values().removeIf(Deque::isEmpty);
		}
	}

	private synchronized void trim() {
		this.trimScheduled = false;
		long now = this.nanoTime.getAsLong();
		this.idle.values().forEach((slabs) -> {
			while (!slabs.isEmpty() && now - slabs.getLast().since >= this.maxIdleNanos) {
				free(slabs.removeLast());
			}
		});
		this.idle.values().removeIf(Deque::isEmpty);
		scheduleTrim();
	}

	private void scheduleTrim() {
		if (!this.trimScheduled && this.idleBytes > 0) {
			this.trimScheduled = true;
			this.later.execute(this::trim);
		}
	}

	private void free(Idle memory) {
		this.idleBytes -= memory.capacity;
		MemoryUtil.freeMemory(memory.address);
	}

	private static final class Idle {

		private final long address;

		private final long capacity;

		private final long since;

		Idle(long address, long capacity, long since) {
			this.address = address;
			this.capacity = capacity;
			this.since = since;
		}

	}

	/**
	 * A piece of off-heap memory in use. Not thread-safe: it has one owner at a time.
	 */
	public final class Slab implements AutoCloseable {

		private final long address;

		private final long capacity;

		private boolean open = true;

		private boolean handedOver;

		private Slab(long address, long capacity) {
			this.address = address;
			this.capacity = capacity;
		}

		/**
		 * Return the size of this slab.
		 * @return bytes, at least the requested size
		 */
		public long capacity() {
			return this.capacity;
		}

		/**
		 * View a part of this slab.
		 * @param offset where the view starts
		 * @param length length of the view in bytes
		 * @return a direct buffer over exactly these bytes, usable while this slab is
		 * open
		 */
		public ByteBuffer window(long offset, int length) {
			check(offset, length);
			return MemoryUtil.directBuffer(this.address + offset, length);
		}

		/**
		 * Copy the first bytes of another slab into this one.
		 * @param source the slab to copy from
		 * @param length number of bytes
		 */
		public void copyFrom(Slab source, long length) {
			check(0, length);
			source.check(0, length);
			MemoryUtil.copyMemory(source.address, this.address, length);
		}

		/**
		 * Hand the first bytes over to Arrow. From then on the buffer's reference count
		 * owns this slab; if this method throws, the caller still does.
		 * @param allocator charged for the bytes, and for the rest of the slab as far as
		 * the lease has paid for it
		 * @param length number of bytes, all of which were written; positive
		 * @param lease holds the bytes so far; pays if the allocator belongs to a request
		 * @return the buffer; the caller closes it, which returns the slab
		 */
		public ArrowBuf handOver(BufferAllocator allocator, long length, Lease lease) {
			check(0, length);
			long paid = RequestMemory.prepay(allocator, lease, this.capacity);
			return wrap(allocator, Math.max(length, paid)).slice(0, length);
		}

		/**
		 * Hand this slab over to Arrow before anything is written. From then on the
		 * buffer's reference count owns it; if this method throws, the caller still does.
		 * @param allocator charged for all bytes
		 * @return the buffer, of which only bytes that were overwritten may be passed on;
		 * the caller closes it, which returns the slab
		 */
		public ArrowBuf handOver(BufferAllocator allocator) {
			check(0, this.capacity);
			return wrap(allocator, this.capacity);
		}

		private ArrowBuf wrap(BufferAllocator allocator, long charged) {
			// Set first: if wrapping fails, Arrow may or may not call release0.
			this.handedOver = true;
			HandedOver allocation = new HandedOver(this, charged);
			try {
				ArrowBuf buffer = allocator.wrapForeignAllocation(allocation);
				allocation.accepted = true;
				return buffer;
			}
			catch (RuntimeException ex) {
				this.handedOver = false;
				throw ex;
			}
		}

		private void check(long offset, long length) {
			Assert.state(this.open && !this.handedOver, "the slab was given back");
			Assert.isTrue(offset >= 0 && length >= 0 && length <= this.capacity - offset, "outside the slab");
		}

		/**
		 * Return this slab to the pool. Idempotent; does nothing after a hand-over.
		 */
		@Override
		public void close() {
			if (!this.handedOver) {
				release();
			}
		}

		private void release() {
			if (this.open) {
				this.open = false;
				giveBack(this.address, this.capacity);
			}
		}

	}

	private static final class HandedOver extends ForeignAllocation {

		private final Slab slab;

		private boolean accepted;

		HandedOver(Slab slab, long size) {
			super(size, slab.address);
			this.slab = slab;
		}

		@Override
		protected void release0() {
			if (this.accepted) {
				this.slab.release();
			}
		}

	}

}
