package dev.vgi.external.fetch;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.memory.TransferBudget.Lease;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.TransferCancelledException;
import org.jspecify.annotations.Nullable;

/**
 * Fetches the ranges of one object in parallel and passes them to a {@link BodyAssembly}
 * in order. The caller's thread coordinates: it sends what the {@link RangeSchedule}
 * says, settles which of two requests for a range wins, and drains the
 * {@link RangeSlots}. Workers only report to its queue. It waits for a worker only if a
 * second request has won: the late one has to end before its place is filled. When
 * {@link #run} returns, normally or not, every worker has ended.
 */
final class RangedDownload {

	/** Longest wait: no event is reported when the transport or the timer is closed. */
	private static final long LONGEST_WAIT_MILLIS = 200;

	/** Event that says that something may be due. */
	private static final Object TICK = new Object();

	private final OpenedObject object;

	private final List<ByteRange> plan;

	private final RetryPolicy retryPolicy;

	private final TransferTimer timer;

	private final ThreadFactory workers;

	private final FetchShare share;

	private final TransferTrace trace;

	private final RangeSchedule schedule;

	private final RangeSlots slots;

	private final Set<RangeAttempt> running = new HashSet<>();

	private final BlockingQueue<Object> events = new LinkedBlockingQueue<>();

	private TransferTimer.@Nullable Alarm alarm;

	/** When that alarm rings. */
	private long alarmAt;

	/** Whether a range is due for which there is no connection yet. */
	private boolean waiting;

	RangedDownload(FetchContext context, OpenedObject object, List<ByteRange> plan, BodyAssembly assembly,
			Lease lease) {
		this.object = object;
		this.plan = plan;
		this.retryPolicy = context.retryPolicy();
		this.timer = context.transport().timer();
		this.workers = context.workers();
		this.share = context.share();
		this.trace = context.trace();
		int maxRequests = context.config().maxParallelRequests();
		this.schedule = new RangeSchedule(plan.size(), maxRequests, object.requests.hedging, context.retryPolicy(),
				object.requests.deadline);
		this.slots = new RangeSlots(plan, maxRequests, assembly, context.slabs(), lease);
	}

	/**
	 * Fetch the whole object.
	 */
	void run() {
		try {
			sendFirst();
			while (!this.slots.isDrained()) {
				long now = sendWhatIsDue();
				Object event = drain() ? this.events.poll() : await(now);
				while (event != null) {
					if (event instanceof RangeAttempt attempt && attempt.hasEnded()) {
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

	// The response that opened the object answers the first range.
	private void sendFirst() {
		long length = this.plan.get(0).length();
		if (this.object.head.remaining() > length) {
			throw this.object.tooLong(length);
		}
		this.slots.begin(this.object.head);
		if (this.slots.kept(0) < length) {
			send(0, this.object.response);
			return;
		}
		this.object.response.close();
		this.share.disconnect();
		this.slots.complete(0);
		report(0, this.object.hedge);
	}

	private long sendWhatIsDue() {
		long now = this.timer.nanoTime();
		int first = this.slots.first();
		boolean due = this.schedule.isAnyDue(first, now, this.slots.hasRoom());
		while (due && this.share.tryConnect(() -> this.events.add(TICK))) {
			sendNext(first, now);
			due = this.schedule.isAnyDue(first, now, this.slots.hasRoom());
		}
		if (this.waiting && !due) {
			this.share.waive();
		}
		this.waiting = due;
		return now;
	}

	private void sendNext(int first, long now) {
		int late = this.schedule.nextLate(first, now);
		if (late < 0) {
			send(this.schedule.nextDue(first, now, this.slots.hasRoom()), null);
			return;
		}
		// Memory first: it is given back if the hedge is not paid for.
		Slab spare = this.slots.spare(late);
		if (spare != null && this.object.requests.tryHedge()) {
			RangeAttempt hedge = new RangeAttempt(this.object, this.events, late, true, this.plan.get(late), spare, 0,
					null);
			this.schedule.hedged(late, hedge::sentAt);
			start(hedge);
			return;
		}
		if (spare != null) {
			this.slots.release(late, spare);
		}
		this.schedule.notHedged(late, now);
		this.share.disconnect();
	}

	private void send(int range, @Nullable StorageResponse response) {
		ByteRange whole = this.plan.get(range);
		long kept = this.slots.kept(range);
		RangeAttempt attempt = new RangeAttempt(this.object, this.events, range, false,
				new ByteRange(whole.first() + kept, whole.last()), this.slots.memory(range),
				this.slots.offset(range) + kept, response);
		this.schedule.sent(range, attempt::sentAt, attempt::hasFirstByte);
		start(attempt);
	}

	private void start(RangeAttempt attempt) {
		this.running.add(attempt);
		attempt.start(this.workers.newThread(attempt));
	}

	private boolean drain() {
		RangeAttempt first = running(this.slots.first(), false);
		if (first != null) {
			first.reportProgress();
		}
		return this.slots.drain(first);
	}

	private @Nullable Object await(long now) throws InterruptedException {
		setAlarm(now);
		Object event = this.events.poll(LONGEST_WAIT_MILLIS, TimeUnit.MILLISECONDS);
		if (event == null && this.running.isEmpty()) {
			this.retryPolicy.requireOpen();
		}
		return event;
	}

	// An alarm that rings too early is harmless; setting one at every step would be
	// costly.
	private void setAlarm(long now) {
		if (this.alarm != null && now - this.alarmAt >= 0) {
			// Time has passed before it was set, if it has not rung.
			this.alarm.cancel();
			this.alarm = null;
		}
		long left = this.schedule.nextIn(this.slots.first(), now);
		if (left < Long.MAX_VALUE && (this.alarm == null || now + left - this.alarmAt < 0)) {
			if (this.alarm != null) {
				this.alarm.cancel();
			}
			this.alarmAt = now + left;
			this.alarm = this.timer.schedule(Duration.ofNanos(left), () -> this.events.add(TICK));
		}
	}

	private void ended(RangeAttempt attempt) {
		if (!this.running.contains(attempt)) {
			return; // Its rival has won and waited for it.
		}
		join(attempt);
		try {
			if (!this.slots.isComplete(attempt.index)) {
				settle(attempt, attempt.failure());
			}
		}
		finally {
			if (attempt.hedge) {
				this.slots.release(attempt.index, attempt.target);
			}
		}
	}

	private void settle(RangeAttempt attempt, @Nullable RuntimeException failure) {
		int range = attempt.index;
		if (attempt.hedge && failure == null) {
			RangeAttempt late = running(range, false);
			if (late != null) {
				// The late request must have ended before its place is filled.
				late.cancel();
				join(late);
			}
			this.slots.fill(range, attempt.target);
			complete(attempt);
		}
		else if (failure == null || (running(range, false) == null && isWhole(range, failure))) {
			complete(attempt);
		}
		else if (running(range, false) == null) {
			RangeAttempt hedge = running(range, true);
			if (hedge != null) {
				this.schedule.goesOn(range, hedge::hasFirstByte);
			}
			else {
				this.schedule.failed(range, failure, this.timer.nanoTime());
			}
		}
	}

	// The hedges that still run are of no use any more.
	private void complete(RangeAttempt winner) {
		int range = winner.index;
		this.slots.complete(range);
		report(range, winner.isHedge());
		this.schedule.completed(range);
		this.running.stream().filter((other) -> other.index == range).forEach(RangeAttempt::cancel);
	}

	private void report(int range, boolean hedge) {
		this.trace.completed(range, hedge);
		if (this.slots.isComplete()) {
			this.trace.over(Phase.DOWNLOAD);
		}
	}

	// A request may have broken off after its last byte.
	private boolean isWhole(int range, RuntimeException failure) {
		return this.slots.kept(range) == this.plan.get(range).length() && OpenedObject.isWorthARetry(failure);
	}

	private @Nullable RangeAttempt running(int range, boolean hedge) {
		for (RangeAttempt attempt : this.running) {
			if (attempt.index == range && attempt.hedge == hedge) {
				return attempt;
			}
		}
		return null;
	}

	// From here on nothing writes to the memory of the request.
	private void join(RangeAttempt attempt) {
		attempt.join();
		this.share.disconnect();
		this.running.remove(attempt);
		if (attempt.hedge) {
			this.schedule.hedgeEnded();
		}
		else {
			this.schedule.ended(attempt.index);
			this.slots.keep(attempt);
		}
		if (attempt.failure() == null && attempt.range.equals(this.plan.get(attempt.index))
				&& !this.slots.isComplete(attempt.index)) {
			this.object.requests.hedging.completed(this.timer.nanoTime() - attempt.sentAt());
		}
	}

	/** Every worker has ended when this returns, whatever happened. */
	private void stop() {
		if (this.alarm != null) {
			this.alarm.cancel();
		}
		this.running.forEach(RangeAttempt::cancel);
		for (RangeAttempt attempt : this.running) {
			attempt.join();
			this.share.disconnect();
			if (attempt.hedge) {
				this.slots.release(attempt.index, attempt.target);
			}
		}
		this.slots.close();
	}

}
