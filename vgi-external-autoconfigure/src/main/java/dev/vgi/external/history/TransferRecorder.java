package dev.vgi.external.history;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;

import dev.vgi.external.history.TransferTimeline.Event;
import dev.vgi.external.history.TransferTimeline.Failure;
import dev.vgi.external.history.TransferTimeline.PhaseSpan;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferEvent;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.PhaseBegan;
import dev.vgi.external.transfer.TransferEvent.PhaseEnded;
import dev.vgi.external.transfer.TransferEvent.RangeCompleted;
import dev.vgi.external.transfer.TransferEvent.RequestAnswered;
import dev.vgi.external.transfer.TransferEvent.RequestEnded;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import dev.vgi.external.transfer.TransferEvent.RequestSent;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferEvent.Sized;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferLog;
import dev.vgi.external.transfer.TransferStatistics;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/**
 * Records one transfer. What it keeps is bounded, and it keeps nothing of the transfer
 * itself once that has ended. Thread-safe; an event holds a lock for a few instructions.
 */
final class TransferRecorder implements TransferListener.Watch {

	static final int MOST_PHASES = 64;

	static final int MOST_EVENTS = 64;

	/** A phase that goes on after so many nanoseconds is the same one. */
	private static final long SHORTEST_GAP = 1_000_000;

	private static final int LONGEST_LOCATION = 2000;

	private static final int LONGEST_MESSAGE = 1000;

	private static final int LONGEST_REASON = 200;

	private final TransferHistory history;

	private final LongSupplier nanoTime;

	private final Instant started;

	private final long began;

	private final String id;

	private final Transfer.Direction direction;

	private final String storage;

	private final int segment;

	/** Of the span of which this thread is in the scope, if there is tracing. */
	private final @Nullable String traceId = MDC.get("traceId");

	private volatile long storedBytes;

	/** Stored bytes in all, or -1. */
	private volatile long size = -1;

	/** Guarded by this object's monitor, as is all that follows; gone after the end. */
	private @Nullable Transfer transfer;

	private long endedAt;

	private @Nullable String location;

	private @Nullable String contentCoding;

	private @Nullable Long decodedBytes;

	private int retries;

	private int renewals;

	private @Nullable Failure error;

	/** Computed when it is first asked for after the end. */
	private @Nullable String explanation;

	private boolean explained;

	private final RecordedRequests requests = new RecordedRequests();

	private final List<Span> phases = new ArrayList<>();

	/** Phases that last. */
	private final Map<Phase, Span> open = new EnumMap<>(Phase.class);

	private final List<Event> events = new ArrayList<>();

	private int dropped;

	TransferRecorder(TransferHistory history, Transfer transfer, LongSupplier nanoTime, Instant started) {
		this.history = history;
		this.transfer = transfer;
		this.nanoTime = nanoTime;
		this.started = started;
		this.began = nanoTime.getAsLong();
		this.id = transfer.id();
		this.direction = transfer.direction();
		this.storage = transfer.storage();
		this.segment = transfer.segment();
	}

	String id() {
		return this.id;
	}

	long began() {
		return this.began;
	}

	@Override
	public void progressed(long bytes, long size) {
		this.storedBytes = bytes;
		if (size >= 0) {
			this.size = size;
		}
	}

	@Override
	public void happened(TransferEvent event) {
		long at = this.nanoTime.getAsLong() - this.began;
		synchronized (this) {
			if (this.transfer == null) {
				return;
			}
			record(event, at);
		}
	}

	private void record(TransferEvent event, long at) {
		if (event instanceof PhaseBegan phase) {
			begins(phase.phase(), at);
		}
		else if (event instanceof PhaseEnded ended) {
			Span span = this.open.remove(ended.phase());
			if (span != null) {
				span.to = at;
			}
		}
		else if (event instanceof Sized sized) {
			progressed(this.storedBytes, sized.storedBytes());
			this.contentCoding = sized.contentCoding();
		}
		else if (event instanceof RequestQueued queued) {
			this.requests.queued(queued, at);
			if (queued.hedge()) {
				note(at, "hedge-started", what(queued.index()) + " is sent again", null);
			}
		}
		else if (event instanceof RequestSent sent) {
			this.requests.sent(sent, at);
		}
		else if (event instanceof RequestAnswered answered) {
			this.requests.answered(answered, at);
		}
		else if (event instanceof RequestEnded ended) {
			this.requests.ended(ended, at);
		}
		else if (event instanceof RangeCompleted completed) {
			completed(completed, at);
		}
		else if (event instanceof Retried retried) {
			retried(retried, at);
		}
	}

	private void begins(Phase phase, long at) {
		if (phase == Phase.RENEWAL) {
			this.renewals++;
			note(at, "renewal", "a new link is asked for", null);
		}
		Span last = null;
		for (Span span : this.phases) {
			last = (span.phase == phase) ? span : last;
		}
		if (last != null && at - last.to < SHORTEST_GAP) {
			// Parts are coded one by one.
			last.to = Span.LASTS;
			this.open.put(phase, last);
			return;
		}
		this.open.put(phase, keep(new Span(phase, at)));
	}

	// Instead of the shortest one, of which there are many.
	private Span keep(Span span) {
		if (this.phases.size() >= MOST_PHASES) {
			this.dropped++;
			this.phases
				.remove(Collections.min(this.phases, Comparator.comparingLong((other) -> other.to - other.from)));
		}
		this.phases.add(span);
		return span;
	}

	private void completed(RangeCompleted completed, long at) {
		if (completed.hedge()) {
			note(at, "hedge-won", what(completed.index()) + ": the second request was faster", null);
		}
		else if (this.requests.isHedged(completed.index())) {
			note(at, "hedge-lost", what(completed.index()) + ": the first request was faster", null);
		}
	}

	private void retried(Retried retried, long at) {
		this.retries++;
		long pause = retried.pause().toNanos();
		String what = switch (retried.index()) {
			case Retried.WHOLE -> "the transfer";
			case Retried.STEP -> "the request";
			default -> what(retried.index());
		};
		note(at, "retry", what + " is tried again in " + Explanation.time(Explanation.millis(pause)) + " ("
				+ retried.kind().code() + ")", cut(retried.reason(), LONGEST_REASON));
		// Only a pause in which everything waits is reported as a phase.
		if (retried.index() >= 0 && pause > 0) {
			keep(new Span(Phase.PAUSE, at)).to = at + pause;
		}
	}

	private String what(int index) {
		return ((this.direction == Transfer.Direction.FETCH) ? "range " : "part ") + index;
	}

	private void note(long at, String type, String text, @Nullable String message) {
		if (this.events.size() >= MOST_EVENTS) {
			this.dropped++;
			return;
		}
		this.events.add(new Event(Explanation.millis(at), type, text, message));
	}

	@Override
	public void ended() {
		Transfer ended;
		synchronized (this) {
			ended = this.transfer;
			if (ended == null) {
				return;
			}
			this.transfer = null;
			this.endedAt = this.nanoTime.getAsLong() - this.began;
			this.open.values().forEach((span) -> span.to = this.endedAt);
			this.phases.forEach((span) -> span.to = Math.min(span.to, this.endedAt));
			this.open.clear();
			this.requests.end(this.endedAt);
			this.location = cut(ended.location(), LONGEST_LOCATION);
			TransferStatistics statistics = ended.statistics();
			if (statistics != null) {
				this.storedBytes = statistics.storedBytes();
				this.size = statistics.storedBytes();
				this.decodedBytes = statistics.decodedBytes();
				this.contentCoding = statistics.contentCoding();
			}
			Throwable failure = ended.failure();
			if (failure != null) {
				this.error = new Failure(ended.outcome(), cut(TransferLog.reason(failure), LONGEST_MESSAGE));
			}
		}
		this.history.ended(this, ended);
	}

	static @Nullable String cut(@Nullable String text, int longest) {
		return (text == null || text.length() <= longest) ? text : text.substring(0, longest) + "...";
	}

	synchronized boolean hasFailed() {
		return this.error != null;
	}

	/**
	 * Return the transfer, to end it.
	 * @return the transfer; {@code null} if it has ended
	 */
	synchronized @Nullable Transfer transfer() {
		return this.transfer;
	}

	/**
	 * Return what has been recorded so far.
	 * @param whole whether with requests and events
	 * @return a snapshot
	 */
	synchronized TransferTimeline timeline(boolean whole) {
		if (this.transfer == null && this.explained) {
			return snapshot(whole).explained(null, this.explanation);
		}
		TransferTimeline timeline = snapshot(true);
		WhereTimeWent time = WhereTimeWent.in(timeline);
		String sentence = Explanation.of(timeline, time);
		if (this.transfer == null) {
			this.explanation = sentence;
			this.explained = true;
		}
		TransferTimeline shown = timeline.explained(Explanation.waitsFor(timeline, time), sentence);
		return whole ? shown : shown.summary();
	}

	private TransferTimeline snapshot(boolean whole) {
		Transfer running = this.transfer;
		long elapsed = (running != null) ? this.nanoTime.getAsLong() - this.began : this.endedAt;
		String state = (running != null) ? TransferTimeline.RUNNING : ((this.error != null) ? "failed" : "finished");
		long known = this.size;
		return new TransferTimeline(this.id, this.direction.code(), state, this.storage,
				(running != null) ? cut(running.location(), LONGEST_LOCATION) : this.location, this.segment,
				this.started.truncatedTo(ChronoUnit.MILLIS).toString(), Explanation.millis(elapsed), this.contentCoding,
				(known >= 0) ? known : null, this.storedBytes, this.decodedBytes, this.requests.count(),
				this.requests.hedges(), this.retries, this.renewals, this.requests.requestId(), this.traceId,
				this.error, null, null, this.phases.stream().map(Span::shown).toList(),
				whole ? this.requests.shown() : null, whole ? List.copyOf(this.events) : null,
				whole ? this.dropped + this.requests.dropped() : null);
	}

	/**
	 * A phase, with its times in nanoseconds.
	 */
	private static final class Span {

		private static final long LASTS = Long.MAX_VALUE;

		private final Phase phase;

		private final long from;

		private long to = LASTS;

		Span(Phase phase, long from) {
			this.phase = phase;
			this.from = from;
		}

		PhaseSpan shown() {
			return new PhaseSpan(this.phase.code(), Explanation.millis(this.from),
					(this.to != LASTS) ? Explanation.millis(this.to) : null);
		}

	}

}
