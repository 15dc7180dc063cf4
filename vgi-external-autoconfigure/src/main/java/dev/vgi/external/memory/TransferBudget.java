package dev.vgi.external.memory;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

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

	private static final String KEY = "vgi.external.memory.budget";

	/** Account of transfers that belong to no request. */
	private static final String NOBODY = "";

	/**
	 * A request that holds no more than this may still wait, as one that is a pointer
	 * does.
	 */
	private static final long SMALL = 64L << 10;

	/** The protocol's deadline of a fetch. */
	private static final Duration DEFAULT_WAIT = Duration.ofSeconds(60);

	private final long maxBytes;

	private final long maxPerRequest;

	private final long maxPerCaller;

	private final long small;

	/** Cost of one byte of the heap. */
	private final long heapWeight;

	private final int maxWaiters;

	private final @Nullable Duration maxWait;

	private final ReentrantLock lock = new ReentrantLock();

	private final Condition ended = this.lock.newCondition();

	/** Accounts of callers that hold or wait for something, by name. */
	private final Map<String, Account> accounts = new HashMap<>();

	private long arrivals;

	private int waiting;

	private long inUse;

	private long peak;

	private long refusals;

	private int running;

	private boolean shutDown;

	/**
	 * Create a budget.
	 * @param maxBytes most bytes that all running transfers may hold, positive
	 * @param maxWaiters most transfers that may wait at once; a further one fails at once
	 */
	public TransferBudget(long maxBytes, int maxWaiters) {
		this(maxBytes, maxWaiters, null);
	}

	/**
	 * Create a budget that limits each wait. One request may hold half of it.
	 * @param maxBytes most bytes that all running transfers may hold, positive
	 * @param maxWaiters most transfers that may wait at once; a further one fails at once
	 * @param maxWait longest wait of any transfer, or {@code null} for the limit of the
	 * transfer itself
	 */
	public TransferBudget(long maxBytes, int maxWaiters, @Nullable Duration maxWait) {
		this(maxBytes, maxBytes - maxBytes / 2, maxWaiters, maxWait);
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
		// A quarter always remains for other callers.
		this.maxPerCaller = Math.max(maxPerRequest, maxBytes - maxBytes / 4);
		// All waiters together hold at most a quarter, so that they cannot block each
		// other.
		this.small = Math.min(SMALL, maxBytes / 4 / Math.max(1, maxWaiters));
		this.heapWeight = heapWeight(maxBytes, Runtime.getRuntime().maxMemory());
		this.maxWaiters = maxWaiters;
		this.maxWait = maxWait;
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
	 * Register a running transfer, whatever memory it will need.
	 * @return the registration, to be closed when the transfer has ended, normally or not
	 * @throws BudgetExhaustedException after {@link #shutDown}
	 */
	public Running begin() {
		this.lock.lock();
		try {
			checkOpen();
			this.running++;
			return new Transfer();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return how many transfers are running.
	 * @return the number of transfers that have begun and not ended
	 */
	public int running() {
		this.lock.lock();
		try {
			return this.running;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Refuse further transfers, fail those that wait for memory and wait until the
	 * running ones have ended.
	 * @param maxWait longest wait
	 * @return whether all have ended
	 */
	public boolean shutDown(Duration maxWait) {
		this.lock.lock();
		try {
			this.shutDown = true;
			for (Account account : this.accounts.values()) {
				account.waiters.forEach((waiter) -> waiter.changed.signal());
			}
			long remaining = maxWait.toNanos();
			while (this.running > 0 && remaining > 0) {
				remaining = this.ended.awaitNanos(remaining);
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		finally {
			this.lock.unlock();
		}
		return running() == 0;
	}

	private void checkOpen() {
		if (this.shutDown) {
			throw new BudgetExhaustedException("The application is shutting down and begins no further transfer", null);
		}
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
	 * @throws BudgetExhaustedException if there is no room in time or the thread is
	 * interrupted; names the key to raise
	 */
	public Lease acquire(long bytes, Duration maxWait) {
		this.lock.lock();
		try {
			checkOpen();
			RequestMemory request = RequestMemory.current(this);
			take(request, bytes, maxWait);
			return new Share(request, bytes);
		}
		finally {
			this.lock.unlock();
		}
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
		this.lock.lock();
		try {
			RequestMemory request = RequestMemory.current(this);
			checkFits(request, bytes);
			Waiter waiter = enqueue(account(request), bytes);
			if (!waiter.admitted) {
				leave(waiter);
				return null;
			}
			hold(request, bytes);
			return new Share(request, bytes);
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return how much running transfers and requests hold.
	 * @return bytes
	 */
	public long inUse() {
		this.lock.lock();
		try {
			return this.inUse;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return the most that running transfers and requests ever held.
	 * @return bytes
	 */
	public long peak() {
		this.lock.lock();
		try {
			return this.peak;
		}
		finally {
			this.lock.unlock();
		}
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
		this.lock.lock();
		try {
			return this.waiting;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return how often room was refused.
	 * @return refusals so far, of transfers and of requests
	 */
	public long refusals() {
		this.lock.lock();
		try {
			return this.refusals;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Charge a request for memory that it is about to use.
	 * @param request the request
	 * @param bytes number of bytes
	 * @throws BudgetExhaustedException if there is no room
	 */
	void charge(RequestMemory request, long bytes) {
		if (bytes == 0) {
			// The memory is already paid for, so do not wait.
			return;
		}
		this.lock.lock();
		try {
			take(request, bytes, DEFAULT_WAIT);
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return what a request was charged.
	 * @param request the request
	 * @param bytes number of bytes, at most what it holds
	 */
	void discharge(RequestMemory request, long bytes) {
		this.lock.lock();
		try {
			request.held -= bytes;
			giveBack(account(request), bytes);
		}
		finally {
			this.lock.unlock();
		}
	}

	private void take(@Nullable RequestMemory request, long bytes, Duration maxWait) {
		checkFits(request, bytes);
		Account account = account(request);
		if (this.waiting == 0 && isFree(account, bytes)) {
			grant(account, bytes);
		}
		else if (request == null || request.held <= this.small) {
			await(account, bytes,
					(this.maxWait != null && this.maxWait.compareTo(maxWait) < 0) ? this.maxWait : maxWait);
		}
		else if (!isFree(account, bytes)) {
			forget(account);
			throw refused(new BudgetExhaustedException("A request that holds " + request.held + " bytes needs " + bytes
					+ " more than the transfer budget has left for it; raise " + KEY + " (now " + this.maxBytes
					+ " bytes)", null));
		}
		else {
			grant(account, bytes);
		}
		hold(request, bytes);
	}

	private static void hold(@Nullable RequestMemory request, long bytes) {
		if (request != null) {
			request.held += bytes;
		}
	}

	private void checkFits(@Nullable RequestMemory request, long bytes) {
		Assert.isTrue(bytes >= 0, "'bytes' must not be negative");
		if (request != null && bytes > this.maxPerRequest - request.held) {
			throw refused(BudgetExhaustedException.never("The request holds " + request.held + " bytes and needs "
					+ bytes + " more, but one request may hold " + this.maxPerRequest
					+ "; raise vgi.external.memory.max-per-request, by default half of " + KEY));
		}
		if (bytes > this.maxBytes) {
			throw refused(BudgetExhaustedException.never("A transfer of " + bytes
					+ " bytes exceeds the whole transfer budget of " + this.maxBytes + " bytes; raise " + KEY));
		}
	}

	private Account account(@Nullable RequestMemory request) {
		return this.accounts.computeIfAbsent((request != null) ? request.caller : NOBODY, Account::new);
	}

	private boolean isFree(Account account, long bytes) {
		return bytes <= this.maxBytes - this.inUse && isAllowed(account, bytes);
	}

	private boolean isAllowed(Account account, long bytes) {
		return account.name.equals(NOBODY) || bytes <= this.maxPerCaller - account.inUse;
	}

	private void grant(Account account, long bytes) {
		account.inUse += bytes;
		this.inUse += bytes;
		this.peak = Math.max(this.peak, this.inUse);
	}

	private void giveBack(Account account, long bytes) {
		account.inUse -= bytes;
		this.inUse -= bytes;
		forget(account);
		admitWaiters();
	}

	private void forget(Account account) {
		if (account.inUse == 0 && account.waiters.isEmpty()) {
			this.accounts.remove(account.name, account);
		}
	}

	private void await(Account account, long bytes, Duration maxWait) {
		Waiter waiter = enqueue(account, bytes);
		if (waiter.admitted) {
			return;
		}
		try {
			makePlace(waiter);
			long remaining = maxWait.toNanos();
			while (!waiter.admitted && !waiter.displaced && remaining > 0 && !this.shutDown) {
				remaining = waiter.changed.awaitNanos(remaining);
			}
			if (!waiter.admitted) {
				checkOpen();
				throw refused(waiter.displaced ? tooManyWait() : tooLate(bytes, maxWait));
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			if (waiter.admitted) {
				giveBack(account, bytes);
			}
			throw BudgetExhaustedException.interrupted();
		}
		finally {
			if (!waiter.admitted) {
				leave(waiter);
			}
		}
	}

	private Waiter enqueue(Account account, long bytes) {
		Waiter waiter = new Waiter(account, bytes, this.arrivals++, this.lock.newCondition());
		account.waiters.addLast(waiter);
		this.waiting++;
		admitWaiters();
		return waiter;
	}

	private void leave(Waiter waiter) {
		if (waiter.account.waiters.remove(waiter)) {
			this.waiting--;
		}
		forget(waiter.account);
		admitWaiters();
	}

	/**
	 * Limit the queue: if it is full, the last waiter of the caller with the most waiters
	 * gives way to a caller with fewer.
	 * @param newcomer the last waiter of its account
	 */
	private void makePlace(Waiter newcomer) {
		if (this.waiting <= this.maxWaiters) {
			return;
		}
		Account longest = newcomer.account;
		for (Account account : this.accounts.values()) {
			if (account.waiters.size() > longest.waiters.size()) {
				longest = account;
			}
		}
		if (longest == newcomer.account) {
			throw refused(tooManyWait());
		}
		Waiter last = longest.waiters.removeLast();
		this.waiting--;
		last.displaced = true;
		last.changed.signal();
	}

	private BudgetExhaustedException refused(BudgetExhaustedException refusal) {
		this.refusals++;
		return refusal;
	}

	private BudgetExhaustedException tooManyWait() {
		return new BudgetExhaustedException(
				"The transfer budget of " + this.maxBytes + " bytes is in use and " + this.maxWaiters
						+ " transfers already wait for it; raise " + KEY + " or vgi.external.memory.max-waiters",
				null);
	}

	private BudgetExhaustedException tooLate(long bytes, Duration maxWait) {
		return new BudgetExhaustedException("No room for " + bytes + " bytes in the transfer budget of " + this.maxBytes
				+ " bytes within " + TimeUnit.NANOSECONDS.toMillis(maxWait.toNanos()) + " ms; raise " + KEY
				+ " or vgi.external.memory.max-wait", null);
	}

	/** Strictly in order: a small transfer behind a large one does not overtake it. */
	private void admitWaiters() {
		Waiter next = next();
		while (next != null && next.bytes <= this.maxBytes - this.inUse) {
			next.account.waiters.removeFirst();
			this.waiting--;
			grant(next.account, next.bytes);
			next.admitted = true;
			next.changed.signal();
			next = next();
		}
	}

	// A caller at its limit does not block the others.
	private @Nullable Waiter next() {
		if (this.waiting == 0) {
			return null;
		}
		return this.accounts.values()
			.stream()
			.map((account) -> account.waiters.peekFirst())
			.filter((waiter) -> waiter != null && isAllowed(waiter.account, waiter.bytes))
			.min(Comparator.<Waiter>comparingLong((waiter) -> waiter.account.inUse)
				.thenComparingLong((waiter) -> waiter.arrival))
			.orElse(null);
	}

	/**
	 * Let a lease pay for an allocation of a request: the memory of a transfer becomes
	 * the request's, and no one else can take the room in between.
	 * @param lease gives up the bytes
	 * @param request receives them
	 * @param bytes number of bytes
	 * @return how much the lease could pay
	 */
	long pay(Lease lease, RequestMemory request, long bytes) {
		this.lock.lock();
		try {
			if (!(lease instanceof Share share) || share.budget() != this) {
				return 0;
			}
			long paid = Math.min(bytes, share.bytes);
			share.bytes -= paid;
			if (share.request != request) {
				hold(share.request, -paid);
				account(share.request).inUse -= paid;
				account(request).inUse += paid;
				hold(request, paid);
				forget(account(share.request));
			}
			return paid;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * A running transfer.
	 */
	public interface Running extends AutoCloseable {

		/**
		 * Report that the transfer has ended. Idempotent.
		 */
		@Override
		void close();

	}

	private final class Transfer implements Running {

		private boolean closed;

		@Override
		public void close() {
			TransferBudget.this.lock.lock();
			try {
				if (!this.closed) {
					this.closed = true;
					TransferBudget.this.running--;
					TransferBudget.this.ended.signalAll();
				}
			}
			finally {
				TransferBudget.this.lock.unlock();
			}
		}

	}

	/**
	 * A share of the budget. Thread-safe.
	 */
	public interface Lease extends AutoCloseable {

		/**
		 * Take more without waiting.
		 * @param bytes number of additional bytes
		 * @throws BudgetExhaustedException if there is no room now
		 */
		void grow(long bytes);

		/**
		 * Return a part.
		 * @param bytes number of bytes, at most what is held
		 */
		void shrink(long bytes);

		/**
		 * Return everything. Idempotent.
		 */
		@Override
		void close();

	}

	/**
	 * The holdings and the waiters of one caller.
	 */
	private static final class Account {

		private final String name;

		private final Deque<Waiter> waiters = new ArrayDeque<>();

		private long inUse;

		Account(String name) {
			this.name = name;
		}

	}

	private static final class Waiter {

		private final Account account;

		private final long bytes;

		private final long arrival;

		private final Condition changed;

		private boolean admitted;

		private boolean displaced;

		Waiter(Account account, long bytes, long arrival, Condition changed) {
			this.account = account;
			this.bytes = bytes;
			this.arrival = arrival;
			this.changed = changed;
		}

	}

	private final class Share implements Lease {

		private final @Nullable RequestMemory request;

		private long bytes;

		private boolean closed;

		Share(@Nullable RequestMemory request, long bytes) {
			this.request = request;
			this.bytes = bytes;
		}

		private TransferBudget budget() {
			return TransferBudget.this;
		}

		@Override
		public void grow(long more) {
			TransferBudget.this.lock.lock();
			try {
				Assert.state(!this.closed, "the lease is closed");
				checkFits(this.request, more);
				Account account = account(this.request);
				if (!isFree(account, more)) {
					forget(account);
					throw refused(new BudgetExhaustedException("A transfer of " + this.bytes + " bytes needs " + more
							+ " more than the transfer budget has left; raise " + KEY + " (now "
							+ TransferBudget.this.maxBytes + " bytes)", null));
				}
				grant(account, more);
				hold(this.request, more);
				this.bytes += more;
			}
			finally {
				TransferBudget.this.lock.unlock();
			}
		}

		@Override
		public void shrink(long less) {
			TransferBudget.this.lock.lock();
			try {
				Assert.isTrue(less >= 0 && less <= this.bytes, "'bytes' must not be more than what is held");
				give(less);
			}
			finally {
				TransferBudget.this.lock.unlock();
			}
		}

		@Override
		public void close() {
			TransferBudget.this.lock.lock();
			try {
				this.closed = true;
				give(this.bytes);
			}
			finally {
				TransferBudget.this.lock.unlock();
			}
		}

		private void give(long less) {
			this.bytes -= less;
			hold(this.request, -less);
			giveBack(account(this.request), less);
		}

	}

}
