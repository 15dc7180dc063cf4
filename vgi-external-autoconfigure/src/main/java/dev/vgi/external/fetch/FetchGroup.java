package dev.vgi.external.fetch;

import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.Internal;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.memory.TransferBudget.Lease;
import org.jspecify.annotations.Nullable;

/**
 * Fetches whose results are used in order. They share connections and a number of bytes
 * ahead, and take memory one after the other: the oldest first. Decides which member may
 * start, how many connections it gets and which one gives way. Only the oldest ever waits
 * for memory, and the others hold none then. Has no threads. Thread-safe: its monitor
 * guards the members too, and nothing that waits is called under it.
 */
@Internal
public final class FetchGroup {

	/** Most members that are known, since tiny ones cost more than their bytes. */
	private static final int MOST_MEMBERS = 1000;

	private static final long DEFAULT_WINDOW = 64L << 20;

	private final FetchConfig config;

	private final TransferBudget budget;

	private final Runnable changed;

	/** How many decoded bytes ahead are wanted. */
	private final long window;

	/**
	 * Most decoded bytes ahead, unless the oldest alone is larger: an eighth more, since
	 * objects are a little larger than the values that they were cut by.
	 */
	private final long limit;

	/** The oldest first. */
	private final List<FetchMember> members = new ArrayList<>();

	/** How many members there ever were. */
	private int added;

	private int freeConnections;

	/** Decoded bytes that are being fetched, or are there and not handed out. */
	private long ahead;

	/** Estimated bytes on the heap of all members. */
	private long heap;

	private long peak;

	/** Decoded size of the latest known object, or -1. */
	private long usualSize = -1;

	/** Memory that it took. */
	private long usualMemory;

	/**
	 * Create a group.
	 * @param config the connections and the bytes ahead
	 * @param budget where memory is reserved for members that are not the oldest
	 * @param changed called when a member may be able to start or has to be evicted, by
	 * any thread that fetches; holds no lock of the group
	 */
	FetchGroup(FetchConfig config, TransferBudget budget, Runnable changed) {
		this.config = config;
		this.budget = budget;
		this.changed = changed;
		this.window = (config.prefetchSize() > 0) ? config.prefetchSize()
				: Math.min(DEFAULT_WINDOW, Math.max(1, budget.maxBytes() / 4));
		this.limit = this.window + this.window / 8;
		this.freeConnections = config.maxParallelRequests();
	}

	/**
	 * Add something to fetch, younger than all others.
	 * @param heap what it takes on the heap, fetched or not
	 * @return the member
	 */
	public FetchMember add(long heap) {
		return add(FetchMember.State.WAITING, 0, heap);
	}

	/**
	 * Add something that is in memory already, younger than all others.
	 * @param bytes its size
	 * @param heap what it takes on the heap in addition
	 * @return the member
	 */
	public FetchMember addPresent(long bytes, long heap) {
		return add(FetchMember.State.PRESENT, bytes, heap);
	}

	private synchronized FetchMember add(FetchMember.State state, long bytes, long heap) {
		FetchMember member = new FetchMember(this, state, ++this.added, heap);
		this.members.add(member);
		this.heap += heap;
		count(member, bytes);
		return member;
	}

	synchronized void remove(FetchMember member) {
		if (this.members.remove(member)) {
			this.heap -= member.heap;
		}
	}

	/**
	 * Return whether it is worth knowing another member.
	 * @return {@code false} if the known ones fill the bytes ahead
	 */
	public synchronized boolean hasRoom() {
		long known = this.ahead + this.heap;
		for (FetchMember member : this.members) {
			known += member.isWaiting() ? expected(member) : 0;
		}
		return known < this.window && this.members.size() < MOST_MEMBERS;
	}

	/**
	 * Return the most bytes that were ever ahead.
	 * @return decoded bytes
	 */
	public synchronized long peak() {
		return this.peak;
	}

	// As long as no size is known, one for each connection is expected to fit.
	private long expected(FetchMember member) {
		if (member.size >= 0) {
			return member.size;
		}
		return (this.usualSize >= 0) ? this.usualSize : this.window / this.config.maxParallelRequests();
	}

	synchronized void count(FetchMember member, long bytes) {
		this.ahead += bytes - member.bytes;
		member.bytes = bytes;
		this.peak = Math.max(this.peak, this.ahead);
	}

	synchronized boolean isOldest(FetchMember member) {
		return !this.members.isEmpty() && this.members.get(0) == member;
	}

	synchronized boolean othersHold(FetchMember oldest) {
		return this.members.stream().anyMatch((member) -> member != oldest && member.holds());
	}

	/**
	 * Return whether a waiting member may start: with memory reserved, unless it is the
	 * oldest. It never overtakes one that waits, or that does not have its memory yet.
	 * @param waiting the member
	 * @return whether it may start now
	 */
	synchronized boolean mayStart(FetchMember waiting) {
		if (this.freeConnections <= 0) {
			return false;
		}
		if (isOldest(waiting)) {
			if (waiting.exclusive && othersHold(waiting)) {
				evict(waiting, Long.MAX_VALUE);
				return false;
			}
			return true;
		}
		long size = (waiting.size >= 0) ? waiting.size : this.usualSize;
		if (waiting.exclusive || size < 0 || this.ahead + size > this.limit) {
			return false;
		}
		for (FetchMember older : this.members) {
			if (older == waiting) {
				break;
			}
			if (older.blocksYounger()) {
				return false;
			}
		}
		Lease lease = tryReserve(Math.max(size, this.usualMemory));
		if (lease == null) {
			return false;
		}
		waiting.lease = lease;
		count(waiting, size);
		return true;
	}

	private @Nullable Lease tryReserve(long memory) {
		try {
			return this.budget.tryAcquire(memory);
		}
		catch (BudgetExhaustedException ex) {
			return null; // Fetching ahead is a luxury.
		}
	}

	/**
	 * Learn the size of a member that is being fetched. If there is no room for it, the
	 * youngest ones have to give way to the oldest; any other gives way itself.
	 * @param member the member
	 * @param decoded its size
	 * @return whether it has room
	 */
	synchronized boolean size(FetchMember member, long decoded) {
		member.size = decoded;
		this.usualSize = decoded;
		long missing = this.ahead + decoded - member.bytes - this.limit;
		if (missing > 0 && decoded > member.bytes) {
			if (!isOldest(member)) {
				return false;
			}
			evict(member, missing);
			if (othersGiveWay(member)) {
				return false;
			}
		}
		count(member, decoded);
		return true;
	}

	/**
	 * Let the oldest wait until those that give way to it have ended.
	 * @param oldest the oldest member
	 * @throws InterruptedException if the thread is interrupted
	 */
	synchronized void awaitRoom(FetchMember oldest) throws InterruptedException {
		while (othersGiveWay(oldest)) {
			wait();
		}
		count(oldest, oldest.size);
	}

	private boolean othersGiveWay(FetchMember oldest) {
		return this.members.stream().anyMatch((member) -> member != oldest && member.evicted);
	}

	synchronized void memory(long memory) {
		this.usualMemory = memory;
	}

	// The youngest first, until enough bytes will be free.
	private void evict(FetchMember oldest, long bytes) {
		long missing = bytes;
		for (int i = this.members.size() - 1; i >= 0 && missing > 0; i--) {
			FetchMember member = this.members.get(i);
			if (member != oldest && member.holds()) {
				member.evicted = true;
				missing -= member.bytes;
			}
		}
	}

	/**
	 * Return how many requests a member should be fetched with. What is ahead together
	 * has to reach the threshold, and the connections that remain if every one of the
	 * members that can be fetched at the same time has one are divided among them.
	 * @param member the member
	 * @param total its bytes as stored
	 * @return the number, or 0 if the object is not cut into ranges
	 */
	synchronized int connectionsFor(FetchMember member, long total) {
		long together = 0;
		int fetches = 0;
		for (FetchMember other : this.members) {
			together += other.isWaiting() ? expected(other) : other.bytes;
			fetches += other.isToBeFetched() ? 1 : 0;
		}
		if (Math.max(total, together) < this.config.parallelThreshold()) {
			return 0;
		}
		long fitting = Math.max(1, this.limit / Math.max(1, expected(member)));
		int most = this.config.maxParallelRequests();
		int atOnce = (int) Math.min(Math.max(1, fetches), fitting);
		return (atOnce < most || most == 1) ? (most + atOnce - 1) / atOnce : 0;
	}

	/**
	 * Take a connection for a further request, unless an older member needs it.
	 * @param member the member
	 * @return whether it was taken
	 */
	synchronized boolean tryConnect(FetchMember member) {
		if (this.freeConnections <= 0) {
			return false;
		}
		for (FetchMember older : this.members) {
			if (older == member) {
				break;
			}
			if (older.whenFree != null || (older.isWaiting() && isOldest(older))) {
				return false;
			}
		}
		this.freeConnections--;
		return true;
	}

	synchronized void connect() {
		this.freeConnections--;
	}

	synchronized void disconnect(int connections) {
		this.freeConnections += connections;
		notifyAll();
	}

	/**
	 * Tell everybody that connections or room may be free. Must not be called under the
	 * monitor.
	 */
	void tellChanged() {
		tellWaiting();
		this.changed.run();
	}

	void tellWaiting() {
		List<Runnable> waiting = new ArrayList<>();
		synchronized (this) {
			for (FetchMember member : this.members) {
				if (member.whenFree != null) {
					waiting.add(member.whenFree);
				}
			}
		}
		waiting.forEach(Runnable::run);
	}

}
