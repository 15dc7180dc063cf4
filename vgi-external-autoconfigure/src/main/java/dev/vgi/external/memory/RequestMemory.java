package dev.vgi.external.memory;

import java.time.Duration;
import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.memory.TransferBudget.Lease;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.AllocationOutcome;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.core.NamedThreadLocal;

/**
 * The part of the transfer budget that one request holds, from its first byte to its end:
 * the memory of its body and of what is created from it, the transfers it waits for, and
 * the heap that its content takes. Everything is charged before it is allocated.
 * Thread-safe.
 */
public final class RequestMemory implements AutoCloseable {

	private static final ThreadLocal<@Nullable RequestMemory> CURRENT = new NamedThreadLocal<>("Request memory");

	/** Longest wait for memory: the protocol's deadline of a fetch. */
	private static final Duration DEFAULT_WAIT = Duration.ofSeconds(60);

	final String caller;

	/** Total amount held of the budget. Written by the budget's accounts only. */
	long held;

	private final TransferBudget budget;

	private final BufferAllocator parent;

	/** Guards all fields below. Never held while the budget is called. */
	private final ReentrantLock lock = new ReentrantLock();

	private @Nullable BufferAllocator allocator;

	/** Charged for memory of the allocator. */
	private long allocated;

	/** Charged for memory that the allocator is about to allocate. */
	private long prepaid;

	/** Charged for everything that the allocator does not know about. */
	private long other;

	private boolean closed;

	RequestMemory(TransferBudget budget, String caller, BufferAllocator parent) {
		this.budget = budget;
		this.caller = caller;
		this.parent = parent;
	}

	/**
	 * Return the account of the request that the current thread serves.
	 * @param budget the budget it belongs to
	 * @return the account, or {@code null} if the thread serves none
	 */
	static @Nullable RequestMemory current(TransferBudget budget) {
		RequestMemory current = CURRENT.get();
		return (current != null && current.isChargedTo(budget)) ? current : null;
	}

	/**
	 * Return the allocator of the request that the current thread serves, whose memory is
	 * charged to the request.
	 * @param otherwise the allocator to use outside of a request
	 * @return the request's allocator; not to be closed
	 */
	public static BufferAllocator allocator(BufferAllocator otherwise) {
		RequestMemory current = CURRENT.get();
		return (current != null && current.parent == otherwise) ? current.allocator() : otherwise;
	}

	/**
	 * Charge the request that owns an allocator for objects on the heap, until the
	 * request ends. If the budget is large compared to the heap, they cost more than
	 * their size.
	 * @param allocator the allocator; nothing is charged unless it belongs to a request
	 * @param bytes estimated size on the heap
	 * @throws BudgetExhaustedException if there is no room, or one request may not hold
	 * as much
	 */
	public static void charge(BufferAllocator allocator, long bytes) {
		if (allocator.getListener() instanceof Charging charging) {
			RequestMemory request = charging.request();
			request.chargeOther(request.budget.heapWeight() * bytes);
		}
	}

	/**
	 * Charge the request that the current thread serves for off-heap memory, until it
	 * ends.
	 * @param bytes number of bytes; nothing is charged outside of a request
	 * @throws BudgetExhaustedException if there is no room, or one request may not hold
	 * as much
	 */
	public static void charge(long bytes) {
		RequestMemory current = CURRENT.get();
		if (current != null) {
			current.chargeOther(bytes);
		}
	}

	/**
	 * Undo a {@link #charge(BufferAllocator, long)} before the request ends.
	 * @param allocator the allocator of that charge
	 * @param bytes number of bytes
	 */
	public static void discharge(BufferAllocator allocator, long bytes) {
		if (allocator.getListener() instanceof Charging charging) {
			RequestMemory request = charging.request();
			request.dischargeOther(request.budget.heapWeight() * bytes);
		}
	}

	/**
	 * Let a lease pay for the next allocation, if that is charged to a request.
	 * @param allocator the allocator
	 * @param lease gives up the bytes
	 * @param bytes the most that is going to be allocated
	 * @return how much of that was paid
	 */
	static long prepay(BufferAllocator allocator, Lease lease, long bytes) {
		if (!(allocator.getListener() instanceof Charging charging)) {
			return 0;
		}
		RequestMemory request = charging.request();
		long paid = lease.pay(request, bytes);
		request.lock.lock();
		try {
			request.prepaid += paid;
		}
		finally {
			request.lock.unlock();
		}
		return paid;
	}

	/**
	 * Return a task that serves the same request as the current thread.
	 * @param task the task, for another thread
	 * @return the task, bound to the request if there is one
	 */
	public static Runnable inherited(Runnable task) {
		RequestMemory current = CURRENT.get();
		if (current == null) {
			return task;
		}
		return () -> {
			try (Bound bound = current.bind()) {
				task.run();
			}
		};
	}

	/**
	 * Let the current thread serve this request.
	 * @return the binding, to be closed by the same thread when it no longer serves the
	 * request
	 */
	public Bound bind() {
		RequestMemory before = CURRENT.get();
		CURRENT.set(this);
		return () -> {
			if (before != null) {
				CURRENT.set(before);
			}
			else {
				CURRENT.remove();
			}
		};
	}

	boolean isChargedTo(TransferBudget candidate) {
		return this.budget == candidate;
	}

	private BufferAllocator allocator() {
		this.lock.lock();
		try {
			if (this.allocator == null) {
				this.allocator = this.parent.newChildAllocator("request", new Charging(this), 0, Long.MAX_VALUE);
			}
			return this.allocator;
		}
		finally {
			this.lock.unlock();
		}
	}

	private void take(long bytes) {
		// Nothing to take, nothing to wait for.
		if (bytes != 0) {
			this.budget.accounts().take(this, bytes, DEFAULT_WAIT);
		}
	}

	private void chargeOther(long bytes) {
		take(bytes);
		boolean late;
		this.lock.lock();
		try {
			// A charge that comes too late would never be discharged.
			late = this.closed;
			this.other += late ? 0 : bytes;
		}
		finally {
			this.lock.unlock();
		}
		if (late) {
			this.budget.accounts().giveBack(this, bytes);
		}
	}

	private void dischargeOther(long bytes) {
		long discharged;
		this.lock.lock();
		try {
			// After the end of the request everything has already been discharged.
			discharged = Math.min(bytes, this.other);
			this.other -= discharged;
		}
		finally {
			this.lock.unlock();
		}
		this.budget.accounts().giveBack(this, discharged);
	}

	private void allocating(long bytes) {
		long paid = takePrepaid(bytes);
		try {
			take(bytes - paid);
		}
		catch (RuntimeException ex) {
			this.budget.accounts().giveBack(this, paid);
			throw ex;
		}
		this.lock.lock();
		try {
			this.allocated += bytes;
		}
		finally {
			this.lock.unlock();
		}
	}

	private long takePrepaid(long bytes) {
		this.lock.lock();
		try {
			long paid = Math.min(bytes, this.prepaid);
			this.prepaid -= paid;
			return paid;
		}
		finally {
			this.lock.unlock();
		}
	}

	private void released(long bytes) {
		long discharged;
		boolean last;
		this.lock.lock();
		try {
			// Memory transferred here from another allocator was never charged.
			discharged = Math.min(bytes, this.allocated);
			this.allocated -= discharged;
			last = this.closed;
		}
		finally {
			this.lock.unlock();
		}
		this.budget.accounts().giveBack(this, discharged);
		if (last) {
			closeAllocator();
		}
	}

	/**
	 * End the request. After that, only memory that is still in use remains charged,
	 * until it is freed. Idempotent.
	 */
	@Override
	public void close() {
		long discharged;
		this.lock.lock();
		try {
			this.closed = true;
			long inUse = (this.allocator != null) ? Math.min(this.allocator.getAllocatedMemory(), this.allocated) : 0;
			discharged = this.other + this.prepaid + this.allocated - inUse;
			this.other = 0;
			this.prepaid = 0;
			this.allocated = inUse;
		}
		finally {
			this.lock.unlock();
		}
		this.budget.accounts().giveBack(this, discharged);
		closeAllocator();
	}

	// An allocator must not be closed before its memory is freed.
	private void closeAllocator() {
		this.lock.lock();
		try {
			if (this.allocator != null && this.allocator.getAllocatedMemory() == 0) {
				this.allocator.close();
				this.allocator = null;
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * A thread that serves a request.
	 */
	@FunctionalInterface
	public interface Bound extends AutoCloseable {

		/**
		 * Let the thread serve again what it served before.
		 */
		@Override
		void close();

	}

	/**
	 * Charges the request for each allocation before it happens.
	 *
	 * @param request the request
	 */
	private record Charging(RequestMemory request) implements AllocationListener {

		@Override
		public void onPreAllocation(long size) {
			this.request.allocating(size);
		}

		@Override
		public boolean onFailedAllocation(long size, AllocationOutcome outcome) {
			this.request.released(size);
			return false;
		}

		@Override
		public void onRelease(long size) {
			this.request.released(size);
		}

	}

}
