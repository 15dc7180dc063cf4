package dev.vgi.external.fetch;

import dev.vgi.external.Internal;
import dev.vgi.external.memory.TransferBudget.Lease;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.TransferCancelledException;
import org.jspecify.annotations.Nullable;

/**
 * One fetch of a group, or something among them that needs none. All fields are guarded
 * by the monitor of the group. Thread-safe.
 */
@Internal
public final class FetchMember implements FetchShare {

	private final FetchGroup group;

	private State state;

	private final int segment;

	/** Estimated bytes on the heap. */
	final long heap;

	/** Decoded bytes as far as known, or -1. */
	long size = -1;

	/** How many of the bytes ahead this is. */
	long bytes;

	/** Reserved before the fetch starts, or left over from it until the hand-out. */
	@Nullable Lease lease;

	/** Called when a connection may be free; {@code null} if none is needed. */
	@Nullable Runnable whenFree;

	/** Whether it was refused memory, so that the others must not hold any. */
	boolean exclusive;

	/** Whether its room is needed by the oldest member. */
	boolean evicted;

	private boolean gaveWay;

	/** Whether its memory is reserved, so that the next one may follow. */
	private boolean reserved;

	/** Connections it has, one of them even while it sends no request. */
	private int connections;

	private int requests;

	FetchMember(FetchGroup group, State state, int segment, long heap) {
		this.group = group;
		this.state = state;
		this.segment = segment;
		this.heap = heap;
	}

	@Override
	public int segment() {
		return this.segment;
	}

	boolean isWaiting() {
		return this.state == State.WAITING;
	}

	boolean isToBeFetched() {
		return this.state == State.WAITING || this.state == State.RUNNING;
	}

	boolean holds() {
		return this.state == State.RUNNING || this.state == State.FETCHED;
	}

	boolean blocksYounger() {
		return this.state == State.WAITING || this.exclusive || (this.state == State.RUNNING && !this.reserved);
	}

	/**
	 * Start the fetch, if it may start now.
	 * @return whether it has started: the caller fetches it and then calls
	 * {@link #complete}, {@link #restart} or {@link #remove}
	 */
	public boolean start() {
		synchronized (this.group) {
			if (this.state != State.WAITING || !this.group.mayStart(this)) {
				return false;
			}
			this.state = State.RUNNING;
			this.reserved = this.lease != null;
			this.gaveWay = false;
			connect();
		}
		this.group.tellWaiting();
		return true;
	}

	private void connect() {
		if (this.connections == 0) {
			this.connections = 1;
			this.group.connect();
		}
	}

	/**
	 * Report that the fetch has succeeded. Its result can be handed out.
	 * @param decoded its bytes: more than were fetched if its buffers are compressed
	 */
	public void complete(long decoded) {
		synchronized (this.group) {
			this.state = State.FETCHED;
			this.exclusive = false;
			this.group.count(this, Math.max(this.bytes, decoded));
		}
	}

	/**
	 * Return whether the result has to be dropped, because an older one needs the room.
	 * @return whether to end the fetch and call {@link #restart}
	 */
	public boolean isEvicted() {
		synchronized (this.group) {
			return this.evicted;
		}
	}

	/**
	 * Return whether the fetch, if it fails, has only given way to an older one.
	 * @return whether it is going to be fetched again, whatever it fails with
	 */
	public boolean givesWay() {
		synchronized (this.group) {
			return this.evicted || this.gaveWay;
		}
	}

	/**
	 * Give way for lack of memory. This fetch is repeated while no other one holds
	 * memory.
	 * @return {@code false} if none does now, so that the lack is final
	 */
	public boolean giveWay() {
		synchronized (this.group) {
			this.gaveWay = !this.group.isOldest(this) || this.group.othersHold(this);
			this.exclusive |= this.gaveWay;
			return this.gaveWay;
		}
	}

	/**
	 * Fetch it again when it may start. The fetch has ended and its result was freed.
	 */
	public void restart() {
		end(State.WAITING);
	}

	/**
	 * Remove it from the group: its result is handed out or no longer wanted, and its
	 * fetch has ended.
	 */
	public void remove() {
		end(State.PRESENT);
		this.group.remove(this);
	}

	private void end(State next) {
		Lease held;
		synchronized (this.group) {
			held = this.lease;
			this.lease = null;
			this.state = next;
			this.reserved = false;
			this.evicted = false;
			this.group.count(this, 0);
			disconnectAll();
		}
		if (held != null) {
			held.close();
		}
		this.group.tellWaiting();
	}

	private void disconnectAll() {
		this.group.disconnect(this.connections);
		this.connections = 0;
		this.requests = 0;
		this.whenFree = null;
	}

	@Override
	public void open() {
		synchronized (this.group) {
			connect();
			this.requests = 1;
		}
	}

	@Override
	public boolean tryConnect(Runnable whenFree) {
		synchronized (this.group) {
			boolean spare = this.requests < this.connections;
			if (!spare && !this.group.tryConnect(this)) {
				this.whenFree = whenFree;
				return false;
			}
			this.connections += spare ? 0 : 1;
			this.requests++;
			this.whenFree = null;
			return true;
		}
	}

	@Override
	public void disconnect() {
		synchronized (this.group) {
			this.requests--;
			if (this.connections <= Math.max(1, this.requests)) {
				return;
			}
			this.connections--;
			this.group.disconnect(1);
		}
		this.group.tellChanged();
	}

	@Override
	public void waive() {
		synchronized (this.group) {
			if (this.whenFree == null) {
				return;
			}
			this.whenFree = null;
		}
		this.group.tellWaiting();
	}

	@Override
	public int connectionsFor(long total, FetchConfig config) {
		return this.group.connectionsFor(this, total);
	}

	@Override
	public void sized(long decoded, TransferTrace trace) {
		boolean before;
		synchronized (this.group) {
			if (this.group.size(this, decoded)) {
				return;
			}
			this.gaveWay = !this.group.isOldest(this);
			if (this.gaveWay) {
				throw new TransferCancelledException("A fetch ahead had no room and gave way to an earlier one");
			}
			// Nobody may take the room that becomes free.
			before = this.reserved;
			this.reserved = false;
		}
		trace.begins(Phase.MEMORY);
		try {
			this.group.tellChanged();
			this.group.awaitRoom(this);
			synchronized (this.group) {
				this.reserved = before;
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new TransferCancelledException("Interrupted during a fetch");
		}
		finally {
			trace.over(Phase.MEMORY);
		}
	}

	@Override
	public @Nullable Lease takeReserved() {
		synchronized (this.group) {
			Lease taken = this.lease;
			this.lease = null;
			return taken;
		}
	}

	@Override
	public void requireMayWait() {
		if (giveWay()) {
			throw new TransferCancelledException("A fetch ahead had no memory and gave way to an earlier one");
		}
	}

	@Override
	public void reserved(long memory) {
		synchronized (this.group) {
			this.reserved = true;
			this.group.memory(memory);
		}
		this.group.tellChanged();
	}

	@Override
	public void fetched(Lease held) {
		synchronized (this.group) {
			this.lease = held;
			disconnectAll();
		}
		this.group.tellChanged();
	}

	/**
	 * What has become of a member.
	 */
	enum State {

		/** It is to be fetched. */
		WAITING,

		/** It is being fetched. */
		RUNNING,

		/** It was fetched, and can be fetched again. */
		FETCHED,

		/** It is in memory without having been fetched. */
		PRESENT

	}

}
