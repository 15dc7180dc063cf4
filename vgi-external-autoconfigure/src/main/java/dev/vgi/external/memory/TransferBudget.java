package dev.vgi.external.memory;

import java.time.Duration;

import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Limits the memory of all transfers and requests of the process together. A holder of
 * more than a negligible amount never waits for more, so waiters cannot block each other.
 * Fair between callers: among the waiters, the one whose caller holds least is next, then
 * the one who came first. A single caller never gets the whole budget. Thread-safe.
 */
public final class TransferBudget {

	private final long maxBytes;

	private final long maxPerRequest;

	/** Cost of one byte of the heap. */
	private final long heapWeight;

	private final Accounts accounts;

	private final RunningTransfers transfers;

	/**
	 * Create a budget. One request may hold half of it.
	 * @param maxBytes most bytes that all running transfers may hold, positive
	 * @param maxWaiters most transfers that may wait at once; a further one fails at once
	 */
	public TransferBudget(long maxBytes, int maxWaiters) {
		this(maxBytes, maxBytes - maxBytes / 2, maxWaiters, null);
	}

	/**
	 * Create a budget that limits each wait and each request.
	 * @param maxBytes most bytes that all running transfers may hold, positive
	 * @param maxPerRequest most bytes that one request may hold, positive
	 * @param maxWaiters most transfers that may wait at once; a further one fails at once
	 * @param maxWait longest wait of any transfer, or {@code null} for the limit of the
	 * transfer itself
	 */
	public TransferBudget(long maxBytes, long maxPerRequest, int maxWaiters, @Nullable Duration maxWait) {
		Assert.isTrue(maxBytes > 0, "'maxBytes' must be positive");
		Assert.isTrue(maxPerRequest > 0 && maxPerRequest <= maxBytes,
				"'maxPerRequest' must be positive and at most 'maxBytes'");
		Assert.isTrue(maxWaiters >= 0, "'maxWaiters' must not be negative");
		this.maxBytes = maxBytes;
		this.maxPerRequest = maxPerRequest;
		this.heapWeight = heapWeight(maxBytes, Runtime.getRuntime().maxMemory());
		this.accounts = new Accounts(maxBytes, maxPerRequest, maxWaiters, maxWait);
		this.transfers = new RunningTransfers(this.accounts);
	}

	/**
	 * Compute the weight of heap memory in a budget for off-heap memory, which may be
	 * much larger than the heap: with the weight, the whole budget corresponds to at most
	 * half of the heap.
	 * @param maxBytes the budget
	 * @param maxHeap the largest heap
	 * @return the cost of one byte of the heap
	 */
	static long heapWeight(long maxBytes, long maxHeap) {
		long half = maxHeap / 2;
		return Math.max(1, (maxBytes + half - 1) / half);
	}

	long heapWeight() {
		return this.heapWeight;
	}

	Accounts accounts() {
		return this.accounts;
	}

	/**
	 * Return the transfers that this budget is for. Once they are shut down, the budget
	 * lets no one wait.
	 * @return the transfers of the process
	 */
	public RunningTransfers transfers() {
		return this.transfers;
	}

	/**
	 * Open the account of one request.
	 * @param caller name of its sender; all requests of one caller count together
	 * @param allocator parent of the request's own allocator
	 * @return the account; the caller closes it when the request has ended
	 */
	public RequestMemory request(String caller, BufferAllocator allocator) {
		return new RequestMemory(this, caller, allocator);
	}

	/**
	 * Wait for room and take it, on behalf of the thread's request if there is one. Call
	 * it only before a transfer starts: a transfer that already holds memory never waits,
	 * see {@link Lease#grow}, and neither does a request that holds more than a
	 * negligible amount.
	 * @param bytes number of bytes; more than the whole budget, or than one request may
	 * hold, is refused at once
	 * @param maxWait longest wait
	 * @return the lease; the caller closes it
	 * @throws BudgetExhaustedException if there is no room in time, the application shuts
	 * down or the thread is interrupted; names the key to raise
	 */
	public Lease acquire(long bytes, Duration maxWait) {
		this.accounts.checkOpen();
		RequestMemory request = RequestMemory.current(this);
		this.accounts.take(request, bytes, maxWait);
		return new Lease(request, bytes);
	}

	/**
	 * Take room without waiting.
	 * @param bytes number of bytes; more than the whole budget, or than one request may
	 * hold, is refused
	 * @return the lease, which the caller closes; or {@code null} if there is no room
	 * now, or others already wait for it
	 * @throws BudgetExhaustedException if it will never fit
	 */
	public @Nullable Lease tryAcquire(long bytes) {
		RequestMemory request = RequestMemory.current(this);
		return this.accounts.tryTake(request, bytes) ? new Lease(request, bytes) : null;
	}

	/**
	 * Return how much running transfers and requests hold.
	 * @return bytes
	 */
	public long inUse() {
		return this.accounts.usage().inUse();
	}

	/**
	 * Return the most that running transfers and requests ever held.
	 * @return bytes
	 */
	public long peak() {
		return this.accounts.usage().peak();
	}

	/**
	 * Return the whole budget.
	 * @return bytes
	 */
	public long maxBytes() {
		return this.maxBytes;
	}

	/**
	 * Return how much one request may hold.
	 * @return bytes, at most the whole budget
	 */
	public long maxPerRequest() {
		return this.maxPerRequest;
	}

	/**
	 * Return how many transfers are waiting.
	 * @return the number of callers inside {@link #acquire}
	 */
	public int waiting() {
		return this.accounts.usage().waiting();
	}

	/**
	 * Return how often room was refused.
	 * @return refusals so far, of transfers and of requests
	 */
	public long refusals() {
		return this.accounts.usage().refusals();
	}

	/**
	 * A share of the budget. Thread-safe.
	 */
	public final class Lease implements AutoCloseable {

		private final @Nullable RequestMemory request;

		private long bytes;

		private boolean closed;

		private Lease(@Nullable RequestMemory request, long bytes) {
			this.request = request;
			this.bytes = bytes;
		}

		/**
		 * Take more without waiting.
		 * @param more number of additional bytes
		 * @throws BudgetExhaustedException if there is no room now
		 */
		public synchronized void grow(long more) {
			Assert.state(!this.closed, "the lease is closed");
			TransferBudget.this.accounts.grow(this.request, this.bytes, more);
			this.bytes += more;
		}

		/**
		 * Return how much is held.
		 * @return bytes
		 */
		public synchronized long bytes() {
			return this.bytes;
		}

		/**
		 * Take more without waiting, or return a part.
		 * @param bytes number of bytes to hold
		 * @throws BudgetExhaustedException if there is no room now
		 */
		public synchronized void resize(long bytes) {
			if (bytes > this.bytes) {
				grow(bytes - this.bytes);
			}
			else {
				shrink(this.bytes - bytes);
			}
		}

		/**
		 * Return a part.
		 * @param less number of bytes, at most what is held
		 */
		public synchronized void shrink(long less) {
			Assert.isTrue(less >= 0 && less <= this.bytes, "'less' must not be more than what is held");
			this.bytes -= less;
			TransferBudget.this.accounts.giveBack(this.request, less);
		}

		/**
		 * Pay for an allocation of a request: the memory of a transfer becomes the
		 * request's, and no one else can take the room in between.
		 * @param receiver receives the bytes
		 * @param most number of bytes
		 * @return how much this lease could pay
		 */
		synchronized long pay(RequestMemory receiver, long most) {
			if (!receiver.isChargedTo(TransferBudget.this)) {
				return 0;
			}
			long paid = Math.min(most, this.bytes);
			this.bytes -= paid;
			TransferBudget.this.accounts.move(this.request, receiver, paid);
			return paid;
		}

		/**
		 * Return everything. Idempotent.
		 */
		@Override
		public synchronized void close() {
			this.closed = true;
			shrink(this.bytes);
		}

	}

}
