package dev.vgi.external.fetch;

import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.List;

import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.memory.TransferBudget.Lease;
import dev.vgi.external.transport.ByteRange;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The memory that the ranges of an object are written to, and the way of their bytes, in
 * order, into a {@link BodyAssembly}. A plain range is written straight to its place, a
 * coded one to a slot of its own, a second request for either to spare memory. Belongs to
 * one thread; while a request runs, its memory is written by that request alone.
 */
final class RangeSlots implements AutoCloseable {

	/** Coded ranges that may be complete while an earlier one is still missing. */
	private static final int AHEAD = 4;

	private final List<ByteRange> plan;

	private final BodyAssembly assembly;

	private final SlabPool slabs;

	private final Lease lease;

	private final int maxSlots;

	private final @Nullable Slab[] slots;

	/** Bytes of each range, from its start, that are in place and final. */
	private final long[] kept;

	private final BitSet complete = new BitSet();

	private int slotsInUse;

	/** The first range that is not wholly drained. */
	private int first;

	/** How many bytes of that range are drained. */
	private long drained;

	RangeSlots(List<ByteRange> plan, int maxRequests, BodyAssembly assembly, SlabPool slabs, Lease lease) {
		this.plan = plan;
		this.assembly = assembly;
		this.slabs = slabs;
		this.lease = lease;
		this.maxSlots = maxRequests + AHEAD;
		this.slots = new Slab[plan.size()];
		this.kept = new long[plan.size()];
	}

	// How much memory the slots of a coded object need at the same time.
	static long memoryFor(List<ByteRange> plan, int maxRequests) {
		return plan.stream().limit(maxRequests + AHEAD).mapToLong(ByteRange::length).sum();
	}

	// Whether another slot was reserved, or none is needed.
	boolean hasRoom() {
		return this.assembly.isPlain() || this.slotsInUse < this.maxSlots;
	}

	// Where a range is written. The memory is still owned by this object.
	Slab memory(int range) {
		if (this.assembly.isPlain()) {
			return this.assembly.body();
		}
		Slab slot = this.slots[range];
		if (slot == null) {
			slot = this.slabs.acquire(this.plan.get(range).length());
			this.slots[range] = slot;
			this.slotsInUse++;
		}
		return slot;
	}

	// Where a range begins in its memory.
	long offset(int range) {
		return this.assembly.isPlain() ? this.plan.get(range).first() : 0;
	}

	/**
	 * Return memory for a second request of a range.
	 * @param range index of the range
	 * @return the memory, to be given to {@link #release}; or {@code null} if there is no
	 * budget for it
	 */
	@Nullable Slab spare(int range) {
		long length = this.plan.get(range).length();
		try {
			this.lease.grow(length);
		}
		catch (BudgetExhaustedException ex) {
			return null; // A hedge is a luxury.
		}
		return this.slabs.acquire(length);
	}

	void release(int range, Slab spare) {
		spare.close();
		this.lease.shrink(this.plan.get(range).length());
	}

	// Writes the first bytes of the object.
	void begin(ByteBuffer head) {
		this.kept[0] = head.remaining();
		memory(0).window(offset(0), head.remaining()).put(head);
	}

	// How many bytes of a range are in place, so that they are not requested again.
	long kept(int range) {
		return this.kept[range];
	}

	/**
	 * Keep what a request has written to the memory of its range.
	 * @param request the request, which has ended
	 */
	void keep(RangeAttempt request) {
		this.kept[request.index] += request.written();
	}

	/**
	 * Copy what a range still lacks.
	 * @param range index of the range; no request writes to its memory any more
	 * @param spare the memory of a second request, with the whole range
	 */
	void fill(int range, Slab spare) {
		Slab target = memory(range);
		long offset = offset(range);
		long length = this.plan.get(range).length();
		for (long done = this.kept[range]; done < length;) {
			int step = (int) Math.min(BodyAssembly.STEP, length - done);
			target.window(offset + done, step).put(spare.window(done, step));
			done += step;
		}
		this.kept[range] = length;
	}

	// The range will not change any more.
	void complete(int range) {
		Assert.state(this.kept[range] == this.plan.get(range).length(), "the range is not whole");
		this.complete.set(range);
	}

	boolean isComplete(int range) {
		return this.complete.get(range);
	}

	boolean isComplete() {
		return this.complete.cardinality() == this.plan.size();
	}

	// The range that is drained next.
	int first() {
		return this.first;
	}

	boolean isDrained() {
		return this.first == this.plan.size();
	}

	/**
	 * Decode and digest one step of the bytes that have arrived in order.
	 * @param running the request that is writing the {@linkplain #first first} range, or
	 * {@code null}
	 * @return whether there were any
	 */
	boolean drain(@Nullable RangeAttempt running) {
		long arrived = this.kept[this.first] + ((running != null) ? running.written() : 0);
		int step = (int) Math.min(BodyAssembly.STEP, arrived - this.drained);
		if (step > 0) {
			if (this.assembly.isPlain()) {
				this.assembly.received(step);
			}
			else {
				this.assembly.coded(memory(this.first).window(this.drained, step));
			}
			this.drained += step;
		}
		// All bytes may have been drained before the end of their request was reported.
		if (isComplete(this.first) && this.drained == this.plan.get(this.first).length()) {
			closeSlot(this.first);
			this.first++;
			this.drained = 0;
			return true;
		}
		return step > 0;
	}

	private void closeSlot(int range) {
		Slab slot = this.slots[range];
		if (slot != null) {
			slot.close();
			this.slots[range] = null;
			this.slotsInUse--;
		}
	}

	@Override
	public void close() {
		for (int i = 0; i < this.slots.length; i++) {
			closeSlot(i);
		}
	}

}
