package dev.vgi.external.fetch;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.network.Origin;
import dev.vgi.external.pace.Permit;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.TransferTimer.Alarm;
import dev.vgi.external.transfer.Retries;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.StorageBusyException;
import dev.vgi.external.transport.StorageUnavailableException;
import org.jspecify.annotations.Nullable;

/**
 * One fetch in simulated time: the steps of {@link ObjectOpener}, {@link FirstRequest}
 * and {@link RangedDownload} without threads and bytes, decided by the same policies.
 * Nothing is decoded or digested. Belongs to one thread.
 */
public final class SimulatedFetch {

	private final SimulatedClient client;

	private final long size;

	private final Runnable done;

	private final HedgePolicy hedging;

	private final Deadline deadline;

	private final Retries opening;

	/** The two copies of the first request, until one of them was answered. */
	private final @Nullable Attempt[] opens = new Attempt[2];

	private List<ByteRange> plan = List.of();

	private @Nullable RangeSchedule schedule;

	/** For each range its request. */
	private @Nullable Attempt[] running = {};

	/** The hedges of all ranges. */
	private final List<Attempt> hedges = new ArrayList<>();

	private boolean[] complete = {};

	private int first;

	private boolean ended;

	private long usefulBytes;

	private @Nullable Alarm alarm;

	/**
	 * Prepare a fetch.
	 * @param client the process
	 * @param size bytes of the object
	 * @param done runs when it has ended, successfully or not
	 */
	public SimulatedFetch(SimulatedClient client, long size, Runnable done) {
		this.client = client;
		this.size = size;
		this.done = done;
		FetchConfig config = client.config;
		this.hedging = new HedgePolicy(config.speculativeRetryMultiplier(), config.maxSpeculativeHedges(),
				client.firstByteTimes.median("origin"));
		this.deadline = client.retryPolicy.newDeadline(config.timeout());
		this.opening = client.retryPolicy.begin(this.deadline);
	}

	/**
	 * Begin. Returns before it has ended.
	 */
	public void start() {
		open(0);
	}

	/**
	 * Return how much of the ranges has arrived that are not complete.
	 * @return bytes
	 */
	public long bytesInFlight() {
		long bytes = 0;
		for (Attempt open : this.opens) {
			bytes += received(open);
		}
		for (int i = 0; i < this.plan.size(); i++) {
			long most = received(this.running[i]);
			for (Attempt hedge : hedgesOf(i)) {
				most = Math.max(most, received(hedge));
			}
			bytes += most;
		}
		return bytes;
	}

	private List<Attempt> hedgesOf(int range) {
		return this.hedges.stream().filter((hedge) -> hedge.range == range).toList();
	}

	private static long received(@Nullable Attempt attempt) {
		return (attempt != null && attempt.sent != null) ? attempt.sent.received() : 0;
	}

	private void open(int copy) {
		if (copy == 1) {
			this.hedging.hedged();
		}
		Attempt attempt = new Attempt(0, copy == 1, Math.min(this.client.config.chunkSize(), this.size));
		this.opens[copy] = attempt;
		attempt.start();
	}

	private boolean isOpening() {
		return this.schedule == null;
	}

	private void granted(Attempt attempt) {
		if (!isOpening()) {
			later(0, this::sendWhatIsDue);
		}
		else if (!attempt.hedge) {
			long lateAfter = this.hedging.lateAfter(false);
			if (lateAfter < Long.MAX_VALUE) {
				later(lateAfter, () -> openLate(attempt));
			}
		}
	}

	private void openLate(Attempt late) {
		if (isOpening() && this.opens[0] == late && this.opens[1] == null && this.client.pace.tryHedge()) {
			open(1);
		}
	}

	private void opened(Attempt winner) {
		for (int i = 0; i < 2; i++) {
			Attempt other = this.opens[i];
			if (other != null && other != winner) {
				other.cancel();
			}
			this.opens[i] = null;
		}
		FetchConfig config = this.client.config;
		int parallel = config.maxParallelRequests();
		this.plan = RangePlan.of(winner.bytes, this.size, config.chunkSize(), parallel);
		this.running = new Attempt[this.plan.size()];
		this.complete = new boolean[this.plan.size()];
		this.schedule = new RangeSchedule(this.plan.size(), parallel, this.hedging, this.client.retryPolicy,
				this.deadline);
		winner.isSecond = false;
		this.running[0] = winner;
		this.schedule.sent(0, winner::sentAt, winner::hasFirstByte);
		sendWhatIsDue();
	}

	private void sendWhatIsDue() {
		RangeSchedule schedule = this.schedule;
		if (this.ended || schedule == null) {
			return;
		}
		long now = this.client.timer.nanoTime();
		while (!this.ended && schedule.isAnyDue(this.first, now, true)) {
			int late = schedule.nextLate(this.first, now);
			if (late < 0) {
				send(schedule, schedule.nextDue(this.first, now, true));
			}
			else if (this.client.pace.tryHedge()) {
				Attempt attempt = new Attempt(late, true, this.plan.get(late).length());
				this.hedges.add(attempt);
				schedule.hedged(late, attempt::sentAt);
				attempt.start();
			}
			else {
				schedule.notHedged(late, now);
			}
		}
		if (this.alarm != null) {
			this.alarm.cancel();
		}
		long left = schedule.nextIn(this.first, now);
		this.alarm = (left < Long.MAX_VALUE) ? later(left, this::sendWhatIsDue) : null;
	}

	private void send(RangeSchedule schedule, int range) {
		Attempt attempt = new Attempt(range, false, this.plan.get(range).length());
		this.running[range] = attempt;
		schedule.sent(range, attempt::sentAt, attempt::hasFirstByte);
		attempt.start();
	}

	private void arrived(Attempt attempt, RangeSchedule schedule) {
		int range = attempt.range;
		this.hedging.completed(this.client.timer.nanoTime() - attempt.sentAt);
		forget(attempt, schedule);
		Attempt late = this.running[range];
		if (late != null) {
			late.cancel();
			forget(late, schedule);
		}
		for (Attempt hedge : hedgesOf(range)) {
			hedge.cancel();
			forget(hedge, schedule);
		}
		this.complete[range] = true;
		this.usefulBytes += attempt.bytes;
		this.client.usefulBytes += attempt.bytes;
		while (this.first < this.plan.size() && this.complete[this.first]) {
			this.first++;
		}
		if (this.first == this.plan.size()) {
			end();
		}
		else {
			sendWhatIsDue();
		}
	}

	private void forget(Attempt attempt, RangeSchedule schedule) {
		if (attempt.isSecond) {
			this.hedges.remove(attempt);
			schedule.hedgeEnded();
		}
		else {
			this.running[attempt.range] = null;
			schedule.ended(attempt.range);
		}
	}

	private void failed(Attempt attempt, StorageUnavailableException failure) {
		RangeSchedule schedule = this.schedule;
		try {
			if (schedule != null) {
				forget(attempt, schedule);
				if (this.running[attempt.range] == null && hedgesOf(attempt.range).isEmpty()) {
					schedule.failed(attempt.range, failure, this.client.timer.nanoTime());
				}
				sendWhatIsDue();
				return;
			}
			this.opens[attempt.isSecond ? 1 : 0] = null;
			if (this.opens[0] == null && this.opens[1] == null) {
				later(this.opening.next(failure).toNanos(), () -> open(0));
			}
		}
		catch (VgiExternalException ex) {
			this.client.failedFetches++;
			this.client.usefulBytes -= this.usefulBytes;
			end();
		}
	}

	private void end() {
		this.ended = true;
		if (this.alarm != null) {
			this.alarm.cancel();
		}
		cancel(Arrays.asList(this.opens));
		cancel(Arrays.asList(this.running));
		cancel(this.hedges);
		this.done.run();
	}

	private static void cancel(List<? extends @Nullable Attempt> attempts) {
		for (Attempt attempt : attempts) {
			if (attempt != null) {
				attempt.cancel();
			}
		}
	}

	private Alarm later(long nanos, Runnable action) {
		return this.client.timer.schedule(Duration.ofNanos(nanos), action);
	}

	/**
	 * One request, from its place in the queue to its end.
	 */
	private final class Attempt implements Origin.Answer {

		private final int range;

		/** Whether it was sent because another one was late. */
		private final boolean hedge;

		/** Whether it stands beside another one for the same range. */
		private boolean isSecond;

		private final long bytes;

		private @Nullable Permit permit;

		private Origin.@Nullable Sent sent;

		private long sentAt = Long.MAX_VALUE;

		private boolean firstByte;

		Attempt(int range, boolean hedge, long bytes) {
			this.range = range;
			this.hedge = hedge;
			this.isSecond = hedge;
			this.bytes = bytes;
		}

		void start() {
			this.permit = SimulatedFetch.this.client.pace.request(SimulatedFetch.this, this.hedge, this::decide);
		}

		private void decide(Permit permit) {
			this.permit = permit;
			SimulatedClient client = SimulatedFetch.this.client;
			String refusal = permit.refusal();
			if (refusal != null) {
				later(0, () -> failed(this, new StorageUnavailableException(refusal, 0, null)));
				return;
			}
			client.requests++;
			client.hedges += this.hedge ? 1 : 0;
			this.sentAt = client.timer.nanoTime();
			this.sent = client.origin.send(this.bytes, this);
			granted(this);
		}

		long sentAt() {
			return this.sentAt;
		}

		boolean hasFirstByte() {
			return this.firstByte;
		}

		@Override
		public void firstByte() {
			answered();
			this.firstByte = true;
			if (isOpening()) {
				opened(this);
			}
		}

		@Override
		public void arrived() {
			permit().succeeded();
			RangeSchedule schedule = SimulatedFetch.this.schedule;
			if (schedule != null && !SimulatedFetch.this.ended) {
				SimulatedFetch.this.arrived(this, schedule);
			}
		}

		@Override
		public void busy(@Nullable Duration retryAfter) {
			answered();
			SimulatedFetch.this.client.refused++;
			permit().busy(retryAfter);
			if (!SimulatedFetch.this.ended) {
				failed(this, new StorageBusyException("busy", 503, retryAfter));
			}
		}

		private void answered() {
			SimulatedClient client = SimulatedFetch.this.client;
			client.firstByteTimes.add("origin", client.timer.nanoTime() - this.sentAt);
		}

		void cancel() {
			if (this.sent != null) {
				this.sent.cancel();
			}
			permit().cancelled();
		}

		private Permit permit() {
			Permit permit = this.permit;
			if (permit == null) {
				throw new IllegalStateException();
			}
			return permit;
		}

	}

}
