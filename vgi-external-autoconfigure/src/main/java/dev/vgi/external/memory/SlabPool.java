package dev.vgi.external.memory;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
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
 * Off-heap memory that is used again: the page faults of fresh memory cost a transfer as
 * much as its digest. Idle slabs are kept up to a number of bytes and for a limited time.
 * Thread-safe.
 */
public final class SlabPool implements AutoCloseable {

	/** Small: a request may hold as many slabs as it sends pointers. */
	private static final long SMALLEST = 512;

	/**
	 * From here on a size class is a sixty-fourth of a power of two wide, not a
	 * sixteenth: what is rounded up is memory nobody uses.
	 */
	private static final long FINER_FROM = 1L << 24;

	private final long maxIdleBytes;

	private final long maxIdleNanos;

	private final LongSupplier nanoTime;

	private final Executor later;

	/** Idle memory by size class, the most recently used first. */
	private final TreeMap<Long, Deque<Idle>> idle = new TreeMap<>();

	private long idleBytes;

	private long leasedBytes;

	private int leasedSlabs;

	private boolean trimScheduled;

	private boolean closed;

	/**
	 * Create a pool.
	 * @param maxIdleBytes most bytes kept while nobody uses them; 0 to keep none
	 * @param maxIdleTime how long unused memory is kept, positive
	 */
	public SlabPool(long maxIdleBytes, Duration maxIdleTime) {
		this(maxIdleBytes, maxIdleTime, System::nanoTime,
				CompletableFuture.delayedExecutor(maxIdleTime.toNanos(), TimeUnit.NANOSECONDS));
	}

	/**
	 * Create a pool by another clock.
	 * @param maxIdleBytes most bytes kept while nobody uses them
	 * @param maxIdleTime how long unused memory is kept
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
	 * Take a slab. Its content is arbitrary: hand on only what was overwritten.
	 * @param bytes how many bytes are needed, positive
	 * @return a slab of at least that capacity; the caller closes it or hands it over
	 */
	public Slab acquire(long bytes) {
		Assert.isTrue(bytes > 0, "'bytes' must be positive");
		long capacity = sizeClass(bytes);
		synchronized (this) {
			Assert.state(!this.closed, "the slab pool is closed");
			Map.Entry<Long, Deque<Idle>> found = this.idle.ceilingEntry(capacity);
			// A little larger will do; a small object must not pin a large slab.
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
	 * Return the capacity of all slabs in use, those handed over to Arrow included.
	 * @return bytes
	 */
	public synchronized long leasedBytes() {
		return this.leasedBytes;
	}

	/**
	 * Return how many slabs are in use, those handed over to Arrow included.
	 * @return the number of slabs
	 */
	public synchronized int leasedSlabs() {
		return this.leasedSlabs;
	}

	/**
	 * Return what is kept for the next transfers.
	 * @return bytes
	 */
	public synchronized long idleBytes() {
		return this.idleBytes;
	}

	/**
	 * Free all idle memory. Slabs still in use are freed when they are given back.
	 */
	@Override
	public synchronized void close() {
		this.closed = true;
		this.idle.values().forEach((slabs) -> slabs.forEach((memory) -> MemoryUtil.freeMemory(memory.address)));
		this.idle.clear();
		this.idleBytes = 0;
	}

	static long sizeClass(long bytes) {
		if (bytes <= SMALLEST) {
			return SMALLEST;
		}
		long powerBelow = Long.highestOneBit(bytes - 1);
		long step = powerBelow / ((powerBelow >= FINER_FROM) ? 64 : 16);
		return (bytes + step - 1) / step * step;
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

	// The one that was used longest ago leaves first, whatever its size.
	private void makeRoom(long capacity) {
		while (this.idleBytes + capacity > this.maxIdleBytes) {
			Deque<Idle> oldest = null;
			for (Deque<Idle> slabs : this.idle.values()) {
				if (oldest == null || slabs.getLast().since - oldest.getLast().since < 0) {
					oldest = slabs;
				}
			}
			Assert.state(oldest != null, "idle bytes without slabs");
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
	 * A piece of off-heap memory in use. Not thread-safe: one owner at a time.
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
		 * @return bytes, at least what was asked for
		 */
		public long capacity() {
			return this.capacity;
		}

		/**
		 * View a part of this slab.
		 * @param offset where the view starts
		 * @param length how many bytes it has
		 * @return a direct buffer over exactly these bytes, usable while this slab is
		 * open
		 */
		public ByteBuffer window(long offset, int length) {
			check(offset, length);
			return MemoryUtil.directBuffer(this.address + offset, length);
		}

		/**
		 * Copy the first bytes of another slab into this one.
		 * @param source where to copy from
		 * @param length how many bytes
		 */
		public void copyFrom(Slab source, long length) {
			check(0, length);
			source.check(0, length);
			MemoryUtil.copyMemory(source.address, this.address, length);
		}

		/**
		 * Hand the first bytes over to Arrow. From here on the buffer's reference count
		 * owns this slab; if this throws, the caller still does.
		 * @param allocator is charged for the bytes, and for the rest of the slab as far
		 * as the lease has paid for it
		 * @param length how many bytes, all of which were written; positive
		 * @param lease holds them so far; pays where the allocator is that of a request
		 * @return the buffer; the caller closes it, which gives the slab back
		 */
		public ArrowBuf handOver(BufferAllocator allocator, long length, Lease lease) {
			check(0, length);
			long paid = RequestMemory.prepay(allocator, lease, this.capacity);
			// Set first: if wrapping fails, Arrow may or may not call release0.
			this.handedOver = true;
			HandedOver allocation = new HandedOver(this, Math.max(length, paid));
			try {
				ArrowBuf buffer = allocator.wrapForeignAllocation(allocation);
				allocation.accepted = true;
				return buffer.slice(0, length);
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
		 * Give this slab back. Idempotent, and without effect once it was handed over.
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
