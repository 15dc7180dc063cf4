package dev.vgi.external.fetch;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.memory.TransferBudget.Lease;
import dev.vgi.external.transfer.Retries;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.Deadline;
import dev.vgi.external.transport.StorageBusyException;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * Fetches the ranges of one object in parallel and passes them to a {@link BodyAssembly}
 * in order. The caller's thread coordinates and is the only one that touches the state;
 * workers only report to its queue. When {@link #run} returns, normally or not, every
 * worker has ended.
 */
final class RangedDownload {

	/** Coded ranges that may be complete while an earlier one is still missing. */
	static final int SLOTS_AHEAD = 4;

	/** Longest wait: no event is reported when the transport or the timer is closed. */
	private static final long LONGEST_WAIT_MILLIS = 200;

	/** Worth a retry, since only ranges inside the object are requested. */
	private static final int NOT_SATISFIABLE = 416;

	/** Event that says that something may be due. */
	private static final Object TICK = new Object();

	private final FetchConfig config;

	private final BodyAssembly assembly;

	private final SlabPool slabs;

	private final Lease lease;

	private final Requests requests;

	private final HedgePolicy hedging;

	private final RetryPolicy retryPolicy;

	private final TransferTimer timer;

	private final ThreadFactory workers;

	private final LinkedBlockingQueue<Object> events = new LinkedBlockingQueue<>();

	private final Chunk[] chunks;

	private final Set<RangeAttempt> running = new HashSet<>();

	private final List<TransferTimer.Alarm> alarms = new ArrayList<>();

	private TransferTimer.@Nullable Alarm hedgeAlarm;

	/** When that timer fires. */
	private long hedgeAlarmAt;

	/** The first range that is not completely processed. */
	private volatile int head;

	/** How many bytes of that range are processed. */
	private long taken;

	private int next;

	private int slotsInUse;

	RangedDownload(FetchContext context, List<ByteRange> plan, BodyAssembly assembly, Lease lease, Requests requests,
			HedgePolicy hedging, Deadline deadline) {
		this.config = context.config();
		this.assembly = assembly;
		this.slabs = context.slabs();
		this.lease = lease;
		this.requests = requests;
		this.hedging = hedging;
		this.retryPolicy = context.retryPolicy();
		this.timer = context.transport().timer();
		this.workers = context.workers();
		this.chunks = new Chunk[plan.size()];
		for (int i = 0; i < this.chunks.length; i++) {
			this.chunks[i] = new Chunk(i, plan.get(i), this.retryPolicy.begin(deadline));
		}
	}

	/**
	 * Return how much slot memory coded ranges need at the same time.
	 * @param plan the ranges
	 * @param parallel number of requests at once
	 * @return bytes to reserve
	 */
	static long slotMemory(List<ByteRange> plan, int parallel) {
		long memory = 0;
		for (int i = 0; i < Math.min(plan.size(), parallel + SLOTS_AHEAD); i++) {
			memory += plan.get(i).length();
		}
		return memory;
	}

	/**
	 * Fetch the whole object.
	 * @param first the response to the plan's first range; taken over
	 * @param before bytes that were already read from it
	 * @param sentAt when its request was sent
	 */
	void run(StorageResponse first, ByteBuffer before, long sentAt) {
		try {
			startFirst(first, before, sentAt);
			while (this.head < this.chunks.length) {
				startWhatIsDue();
				boolean progress = drain();
				Object event = progress ? this.events.poll()
						: this.events.poll(LONGEST_WAIT_MILLIS, TimeUnit.MILLISECONDS);
				if (event == null && this.running.isEmpty()) {
					this.retryPolicy.requireOpen();
				}
				while (event != null) {
					if (event instanceof RangeAttempt attempt) {
						ended(attempt);
					}
					event = this.events.poll();
				}
				if (Thread.currentThread().isInterrupted()) {
					throw new InterruptedException();
				}
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new TransferCancelledException("Interrupted during a fetch");
		}
		finally {
			stop();
		}
	}

	private void startFirst(StorageResponse first, ByteBuffer before, long sentAt) {
		Chunk chunk = this.chunks[this.next++];
		int already = before.remaining();
		Slab target = targetFor(chunk);
		target.window(0, already).put(before);
		chunk.kept = already;
		if (already == chunk.range.length()) {
			// The range is no longer than the bytes read before, so nothing is left to
			// read.
			first.close();
			chunk.complete(target);
			return;
		}
		start(chunk, false, target, already, sentAt, first);
	}

	// A plain range is written straight to its place, a coded one to its own slot.
	private Slab targetFor(Chunk chunk) {
		if (this.assembly.isPlain()) {
			return this.assembly.body();
		}
		Slab slot = this.slabs.acquire(chunk.range.length());
		this.slotsInUse++;
		chunk.slot = slot;
		return slot;
	}

	private void start(Chunk chunk, boolean hedge, Slab target, long already, long sentAt,
			@Nullable StorageResponse response) {
		ByteRange range = new ByteRange(chunk.range.first() + already, chunk.range.last());
		long base = (this.assembly.isPlain() && !hedge) ? chunk.range.first() : 0;
		RangeAttempt attempt = new RangeAttempt(this.requests, this::progressed, this.events::add, chunk.index, hedge,
				range, target, base + already, sentAt, response);
		if (hedge) {
			chunk.hedge = attempt;
		}
		else {
			chunk.primary = attempt;
		}
		this.running.add(attempt);
		attempt.start(this.workers.newThread(attempt));
	}

	// Called by workers. Only bytes of the first missing range can be processed.
	private void progressed(RangeAttempt attempt) {
		if (attempt.chunk == this.head) {
			this.events.add(TICK);
		}
	}

	private void startWhatIsDue() {
		startHedges();
		for (int i = this.head; i < this.next; i++) {
			Chunk chunk = this.chunks[i];
			if (chunk.retryDue && this.running.size() < this.config.maxParallelRequests()) {
				chunk.retryDue = false;
				start(chunk, false, this.assembly.isPlain() ? this.assembly.body() : chunk.slot(), chunk.kept,
						this.timer.nanoTime(), null);
			}
		}
		while (this.next < this.chunks.length && this.running.size() < this.config.maxParallelRequests()
				&& (this.assembly.isPlain() || this.slotsInUse < this.config.maxParallelRequests() + SLOTS_AHEAD)) {
			Chunk chunk = this.chunks[this.next++];
			start(chunk, false, targetFor(chunk), 0, this.timer.nanoTime(), null);
		}
	}

	/**
	 * Late ranges come before ranges not yet started, since they may hold up everything.
	 */
	private void startHedges() {
		long now = this.timer.nanoTime();
		if (this.hedgeAlarm != null && now - this.hedgeAlarmAt >= 0) {
			this.hedgeAlarm = null;
		}
		long soonest = Long.MAX_VALUE;
		for (int i = this.head; i < this.next; i++) {
			Chunk chunk = this.chunks[i];
			RangeAttempt primary = chunk.primary;
			if (primary == null || chunk.hedged || chunk.isComplete()) {
				continue;
			}
			long lateAfter = this.hedging.lateAfter(primary.hasFirstByte());
			if (lateAfter == Long.MAX_VALUE) {
				continue;
			}
			long left = lateAfter - (now - primary.sentAt);
			if (left > 0) {
				soonest = Math.min(soonest, left);
			}
			else if (this.running.size() < this.config.maxParallelRequests()) {
				hedge(chunk);
			}
		}
		// A timer that fires too early is harmless; setting one at every step would be
		// costly.
		if (soonest < Long.MAX_VALUE && (this.hedgeAlarm == null || now + soonest - this.hedgeAlarmAt < 0)) {
			if (this.hedgeAlarm != null) {
				this.hedgeAlarm.cancel();
			}
			this.hedgeAlarmAt = now + soonest;
			this.hedgeAlarm = this.timer.schedule(Duration.ofNanos(soonest), () -> this.events.add(TICK));
		}
	}

	private void hedge(Chunk chunk) {
		chunk.hedged = true;
		try {
			this.lease.grow(chunk.range.length());
		}
		catch (BudgetExhaustedException ex) {
			return; // A hedge is a luxury.
		}
		this.hedging.hedged();
		start(chunk, true, this.slabs.acquire(chunk.range.length()), 0, this.timer.nanoTime(), null);
	}

	private void ended(RangeAttempt attempt) {
		this.running.remove(attempt);
		attempt.join();
		Chunk chunk = this.chunks[attempt.chunk];
		if (attempt.hedge) {
			chunk.hedge = null;
		}
		else {
			chunk.primary = null;
			chunk.kept = Math.max(chunk.kept, attempt.range.first() - chunk.range.first() + attempt.written());
		}
		RuntimeException failure = attempt.failure();
		if (failure == null) {
			succeeded(chunk, attempt);
		}
		else if (attempt.hedge) {
			release(attempt);
		}
		if (chunk.isComplete() || chunk.primary != null) {
			return;
		}
		RangeAttempt winner = chunk.winner;
		if (winner != null) {
			adopt(chunk, winner);
		}
		else if (failure != null && chunk.hedge == null) {
			retry(chunk, failure);
		}
	}

	private void succeeded(Chunk chunk, RangeAttempt attempt) {
		if (chunk.isComplete()) {
			release(attempt);
			return;
		}
		if (attempt.range.equals(chunk.range)) {
			this.hedging.completed(this.timer.nanoTime() - attempt.sentAt);
		}
		if (attempt.hedge) {
			// The late request is cancelled and must have ended before its place is
			// filled.
			chunk.winner = attempt;
			if (chunk.primary != null) {
				chunk.primary.cancel();
			}
			return;
		}
		chunk.complete(attempt.target);
		if (chunk.hedge != null) {
			chunk.hedge.cancel();
		}
		if (chunk.winner != null) {
			release(chunk.winner);
			chunk.winner = null;
		}
	}

	// Fills the gap that the late request left with the bytes of its hedge.
	private void adopt(Chunk chunk, RangeAttempt winner) {
		Slab target = this.assembly.isPlain() ? this.assembly.body() : chunk.slot();
		long base = this.assembly.isPlain() ? chunk.range.first() : 0;
		for (long done = chunk.kept; done < chunk.range.length();) {
			int step = (int) Math.min(BodyAssembly.STEP, chunk.range.length() - done);
			target.window(base + done, step).put(winner.target.window(done, step));
			done += step;
		}
		chunk.kept = chunk.range.length();
		chunk.winner = null;
		release(winner);
		chunk.complete(target);
	}

	private void release(RangeAttempt hedge) {
		if (hedge.hedge) {
			hedge.target.close();
			this.lease.shrink(this.chunks[hedge.chunk].range.length());
		}
	}

	private void retry(Chunk chunk, RuntimeException failure) {
		if (chunk.kept == chunk.range.length() && isWorthARetry(failure)) {
			chunk.complete(this.assembly.isPlain() ? this.assembly.body() : chunk.slot());
			return; // It broke off after its last byte.
		}
		if (!(failure instanceof StorageUnavailableException unavailable) || !isWorthARetry(failure)) {
			throw failure;
		}
		Duration delay = chunk.retries.next(unavailable);
		chunk.retryAt = this.timer.nanoTime() + delay.toNanos();
		chunk.retryWaits = true;
		this.alarms.add(this.timer.schedule(delay, () -> this.events.add(TICK)));
	}

	/**
	 * Return whether the range may be requested again while the other ranges are kept.
	 * @param failure why the request failed
	 * @return {@code true} unless the range is refused or the object has changed
	 */
	static boolean isWorthARetry(RuntimeException failure) {
		return RetryPolicy.mayPass(failure) && !(failure instanceof OpenedObject.ChangedException)
				&& failure instanceof StorageUnavailableException unavailable
				&& (failure instanceof StorageBusyException || unavailable.status() == 0
						|| unavailable.status() == NOT_SATISFIABLE || unavailable.status() / 100 == 5);
	}

	/**
	 * Decode and digest one step of the bytes that have arrived in order.
	 * @return whether there were any
	 */
	private boolean drain() {
		long now = this.timer.nanoTime();
		for (int i = this.head; i < this.next; i++) {
			Chunk waiting = this.chunks[i];
			if (waiting.retryWaits && now - waiting.retryAt >= 0) {
				waiting.retryWaits = false;
				waiting.retryDue = true;
				return true;
			}
		}
		Chunk chunk = this.chunks[this.head];
		long there = chunk.kept;
		RangeAttempt primary = chunk.primary;
		if (primary != null) {
			there = Math.max(there, primary.range.first() - chunk.range.first() + primary.written());
		}
		if (chunk.isComplete()) {
			there = chunk.range.length();
		}
		int step = (int) Math.min(BodyAssembly.STEP, there - this.taken);
		if (step > 0) {
			if (this.assembly.isPlain()) {
				this.assembly.received(step);
			}
			else {
				this.assembly.coded(chunk.slot().window(this.taken, step));
			}
			this.taken += step;
		}
		// All bytes may have been processed before the end of their request was reported.
		if (this.taken == chunk.range.length() && chunk.isComplete()) {
			closeSlot(chunk);
			this.taken = 0;
			this.head = this.head + 1;
			return true;
		}
		return step > 0;
	}

	private void closeSlot(Chunk chunk) {
		if (chunk.slot != null) {
			chunk.slot.close();
			chunk.slot = null;
			this.slotsInUse--;
		}
	}

	/** Every worker has ended when this returns, whatever happened. */
	private void stop() {
		this.alarms.forEach(TransferTimer.Alarm::cancel);
		if (this.hedgeAlarm != null) {
			this.hedgeAlarm.cancel();
		}
		this.running.forEach(RangeAttempt::cancel);
		boolean interrupted = false;
		while (!this.running.isEmpty()) {
			try {
				if (this.events.take() instanceof RangeAttempt attempt) {
					this.running.remove(attempt);
					attempt.join();
					if (attempt.hedge) {
						attempt.target.close();
					}
				}
			}
			catch (InterruptedException ex) {
				interrupted = true;
			}
		}
		for (Chunk chunk : this.chunks) {
			closeSlot(chunk);
			if (chunk.winner != null) {
				chunk.winner.target.close();
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
	}

	/**
	 * Sends requests for ranges of the object.
	 */
	interface Requests {

		/**
		 * Request a range and check that the response matches it.
		 * @param range the range
		 * @return the response, which the caller closes; its body has at least the
		 * range's length
		 */
		StorageResponse get(ByteRange range);

		/**
		 * Return the error for a body that broke off.
		 * @param range what was requested
		 * @param count how many bytes arrived
		 * @return the error
		 */
		RuntimeException shorter(ByteRange range, long count);

		/**
		 * Return the error for a body that is too long.
		 * @param range what was requested
		 * @return the error
		 */
		RuntimeException longer(ByteRange range);

	}

	private static final class Chunk {

		private final int index;

		private final ByteRange range;

		/** Bytes from the start that are in place and final. */
		private long kept;

		private @Nullable Slab slot;

		private @Nullable Slab result;

		private @Nullable RangeAttempt primary;

		private @Nullable RangeAttempt hedge;

		/** A complete hedge that waits for the late request to end. */
		private @Nullable RangeAttempt winner;

		private boolean hedged;

		private final Retries retries;

		private long retryAt;

		private boolean retryWaits;

		private boolean retryDue;

		Chunk(int index, ByteRange range, Retries retries) {
			this.index = index;
			this.range = range;
			this.retries = retries;
		}

		Slab slot() {
			if (this.slot == null) {
				throw new IllegalStateException("no slot");
			}
			return this.slot;
		}

		void complete(Slab where) {
			this.result = where;
			this.kept = this.range.length();
		}

		boolean isComplete() {
			return this.result != null;
		}

	}

}
