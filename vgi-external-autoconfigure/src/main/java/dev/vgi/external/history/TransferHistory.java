package dev.vgi.external.history;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.history.TransferTimeline.Failure;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferLog;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Remembers the transfers of a process: those under way, and the last ones that finished
 * and that failed. One that has given way is forgotten: it is made again, as another one.
 * Writes a line for each one that took long. A transfer takes a few kilobytes, and never
 * more than about 160: what is kept of its requests, events and texts is bounded.
 * Thread-safe.
 */
public final class TransferHistory implements TransferListener {

	private final int size;

	private final long slowNanos;

	private final LongSupplier nanoTime;

	private final InstantSource clock;

	private final Map<String, TransferRecorder> running = new ConcurrentHashMap<>();

	/** Newest first; each guarded by its own monitor. */
	private final Deque<TransferRecorder> finished = new ArrayDeque<>();

	private final Deque<TransferRecorder> failed = new ArrayDeque<>();

	/**
	 * Create a history.
	 * @param size how many transfers that finished, and how many that failed, to keep; 0
	 * for none
	 * @param slow transfers that take at least as long are logged; zero for none
	 */
	public TransferHistory(int size, Duration slow) {
		this(size, slow, System::nanoTime, Instant::now);
	}

	/**
	 * Create a history with other clocks.
	 * @param size as for the other constructor
	 * @param slow as for the other constructor
	 * @param nanoTime measures times within transfers
	 * @param clock says when a transfer began
	 */
	TransferHistory(int size, Duration slow, LongSupplier nanoTime, InstantSource clock) {
		Assert.isTrue(size >= 0, "'size' must not be negative");
		Assert.isTrue(!slow.isNegative(), "'slow' must not be negative");
		this.size = size;
		this.slowNanos = slow.toNanos();
		this.nanoTime = nanoTime;
		this.clock = clock;
	}

	@Override
	public Watch begin(Transfer transfer) {
		TransferRecorder recorder = new TransferRecorder(this, transfer, this.nanoTime, this.clock.instant());
		this.running.put(recorder.id(), recorder);
		return recorder;
	}

	void ended(TransferRecorder recorder, Transfer transfer) {
		if (!transfer.hasGivenWay()) {
			keep(recorder);
		}
		// Afterwards, so that it can always be found.
		this.running.remove(recorder.id());
		if (!transfer.hasGivenWay() && this.slowNanos > 0 && transfer.elapsed().toNanos() >= this.slowNanos) {
			logSlow(recorder.timeline(true), transfer);
		}
	}

	private void keep(TransferRecorder recorder) {
		Deque<TransferRecorder> kept = recorder.hasFailed() ? this.failed : this.finished;
		if (this.size > 0) {
			synchronized (kept) {
				if (kept.size() >= this.size) {
					kept.removeLast();
				}
				kept.addFirst(recorder);
			}
		}
	}

	// Nobody waited for a transfer that was cancelled, and a failure has a line of its
	// own.
	private static void logSlow(TransferTimeline timeline, Transfer transfer) {
		Failure error = timeline.error();
		if (error == null || (timeline.explanation() != null && !Kind.CANCELLED.code().equals(error.kind()))) {
			TransferLog.slow(transfer, timeline.storedBytes(), timeline.requestId(), timeline.explanation());
		}
	}

	/**
	 * Return the transfers under way.
	 * @return their timelines without requests and events, oldest first
	 */
	public List<TransferTimeline> running() {
		long now = this.nanoTime.getAsLong();
		return this.running.values()
			.stream()
			.sorted(Comparator.comparingLong((recorder) -> recorder.began() - now))
			.map((recorder) -> recorder.timeline(false))
			.filter(TransferTimeline::isRunning)
			.toList();
	}

	/**
	 * Return the last transfers that have finished.
	 * @return their timelines without requests and events, newest first
	 */
	public List<TransferTimeline> finished() {
		return summaries(this.finished);
	}

	/**
	 * Return the last transfers that have failed.
	 * @return their timelines without requests and events, newest first
	 */
	public List<TransferTimeline> failed() {
		return summaries(this.failed);
	}

	private static List<TransferTimeline> summaries(Deque<TransferRecorder> kept) {
		return copy(kept).stream().map((recorder) -> recorder.timeline(false)).toList();
	}

	private static List<TransferRecorder> copy(Deque<TransferRecorder> kept) {
		synchronized (kept) {
			return new ArrayList<>(kept);
		}
	}

	/**
	 * Return one transfer with everything that was recorded.
	 * @param id its identifier
	 * @return its timeline; {@code null} if it is neither running nor kept
	 */
	public @Nullable TransferTimeline find(String id) {
		TransferRecorder recorder = this.running.get(id);
		if (recorder != null) {
			return recorder.timeline(true);
		}
		for (Deque<TransferRecorder> kept : List.of(this.failed, this.finished)) {
			for (TransferRecorder candidate : copy(kept)) {
				if (candidate.id().equals(id)) {
					return candidate.timeline(true);
				}
			}
		}
		return null;
	}

	/**
	 * End a transfer that is under way, as soon as possible.
	 * @param id its identifier
	 * @return whether there was one
	 */
	public boolean end(String id) {
		TransferRecorder recorder = this.running.get(id);
		Transfer transfer = (recorder != null) ? recorder.transfer() : null;
		if (transfer == null) {
			return false;
		}
		transfer.end();
		return true;
	}

}
