package dev.vgi.external.memory;

import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.memory.TransferBudget.Lease;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.AllocationOutcome;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.core.NamedThreadLocal;

/**
 * What one request holds of the transfer budget, from its first byte to its end: the
 * memory of what it sent and of what is made of that, the transfers it waits for, and the
 * heap that its content costs. Everything is charged before it is taken. Thread-safe.
 */
public final class RequestMemory implements AutoCloseable {

	private static final ThreadLocal<@Nullable RequestMemory> CURRENT = new NamedThreadLocal<>("Request memory");

	final String caller;

	/** Of the budget, all in all. Guarded by the budget. */
	long held;

	private final TransferBudget budget;

	private final BufferAllocator parent;

	/** Guards everything below. Never held while the budget is asked. */
	private final ReentrantLock lock = new ReentrantLock();

	private @Nullable BufferAllocator allocator;

	/** Charged for memory of the allocator. */
	private long allocated;

	/** Charged for memory that the allocator is about to hand out. */
	private long prepaid;

	/** Charged for what the allocator knows nothing of. */
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
		return (current != null && current.budget == budget) ? current : null;
	}

	/**
	 * Return the allocator of the request that the current thread serves, whose memory is
	 * charged to it.
	 * @param otherwise the allocator to use outside of a request
	 * @return the request's allocator; not to be closed
	 */
	public static BufferAllocator allocator(BufferAllocator otherwise) {
		RequestMemory current = CURRENT.get();
		return (current != null && current.parent == otherwise) ? current.allocator() : otherwise;
	}

	/**
	 * Charge whoever pays for an allocator's memory for objects on the heap, until the
	 * request ends. Where the budget is large beside the heap, they cost more than their
	 * size.
	 * @param allocator the allocator; nobody is charged unless it is a request's
	 * @param bytes how much heap, an estimate
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
	 * Charge the request that the current thread serves for memory outside of the heap,
	 * until it ends.
	 * @param bytes how much; nobody is charged outside of a request
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
	 * @param allocator the allocator that was given then
	 * @param bytes how much
	 */
	public static void discharge(BufferAllocator allocator, long bytes) {
		if (allocator.getListener() instanceof Charging charging) {
			RequestMemory request = charging.request();
			request.dischargeOther(request.budget.heapWeight() * bytes);
		}
	}

	/**
	 * Let a lease pay for what is allocated next, if that is charged to a request.
	 * @param allocator the allocator
	 * @param lease gives the bytes up
	 * @param bytes how much is going to be allocated at most
	 * @return how much of that is paid
	 */
	static long prepay(BufferAllocator allocator, Lease lease, long bytes) {
		if (!(allocator.getListener() instanceof Charging charging)) {
			return 0;
		}
		RequestMemory request = charging.request();
		long paid = request.budget.pay(lease, request, bytes);
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
	 * @return to be closed by the same thread when it no longer does
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

	private void chargeOther(long bytes) {
		this.budget.charge(this, bytes);
		boolean late;
		this.lock.lock();
		try {
			// Nobody would discharge it any more.
			late = this.closed;
			this.other += late ? 0 : bytes;
		}
		finally {
			this.lock.unlock();
		}
		if (late) {
			this.budget.discharge(this, bytes);
		}
	}

	private void dischargeOther(long bytes) {
		long discharged;
		this.lock.lock();
		try {
			// Nothing is left of it once the request has ended.
			discharged = Math.min(bytes, this.other);
			this.other -= discharged;
		}
		finally {
			this.lock.unlock();
		}
		this.budget.discharge(this, discharged);
	}

	private void allocating(long bytes) {
		long paid = takePrepaid(bytes);
		try {
			this.budget.charge(this, bytes - paid);
		}
		catch (RuntimeException ex) {
			this.budget.discharge(this, paid);
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
			// What was transferred here from another allocator was never charged.
			discharged = Math.min(bytes, this.allocated);
			this.allocated -= discharged;
			last = this.closed;
		}
		finally {
			this.lock.unlock();
		}
		this.budget.discharge(this, discharged);
		if (last) {
			closeAllocator();
		}
	}

	/**
	 * End the request: nothing is charged to it any more but memory that is still in use,
	 * which is until it is freed. Idempotent.
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
		this.budget.discharge(this, discharged);
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
		 * Let the thread serve what it served before.
		 */
		@Override
		void close();

	}

	/**
	 * Tells the request of each allocation before it happens.
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
