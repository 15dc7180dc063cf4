package dev.vgi.external.history;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import dev.vgi.external.history.TransferTimeline.Request;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transfer.TransferEvent.RequestAnswered;
import dev.vgi.external.transfer.TransferEvent.RequestEnded;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import dev.vgi.external.transfer.TransferEvent.RequestSent;
import dev.vgi.external.transport.RequestWatch.End;
import org.jspecify.annotations.Nullable;

/**
 * The requests of one transfer, as far as they are kept: of very many, those that say
 * something. Guarded by its owner.
 */
final class RecordedRequests {

	static final int MOST = 256;

	private static final int LONGEST_REASON = 200;

	private static final int LONGEST_ID = 100;

	/** By their numbers. */
	private final List<Recorded> kept = new ArrayList<>();

	private int count;

	private int hedges;

	private int dropped;

	private @Nullable String requestId;

	void queued(RequestQueued event, long at) {
		this.count++;
		this.hedges += event.hedge() ? 1 : 0;
		if (this.kept.size() >= MOST) {
			this.dropped++;
			Recorded quickest = quickest();
			if (quickest == null) {
				return;
			}
			this.kept.remove(quickest);
		}
		this.kept.add(new Recorded(event, at));
	}

	// A request that was slow, failed or is one of two says more than one that was
	// quick.
	private @Nullable Recorded quickest() {
		Recorded quickest = null;
		for (Recorded candidate : this.kept) {
			if (candidate.end == End.COMPLETE && candidate.status < 400 && !isHedged(candidate.index)
					&& (quickest == null || candidate.duration() < quickest.duration())) {
				quickest = candidate;
			}
		}
		return quickest;
	}

	void sent(RequestSent event, long at) {
		Recorded request = find(event.request());
		if (request != null) {
			request.sentAt = at;
		}
	}

	void answered(RequestAnswered event, long at) {
		String shown = TransferRecorder.cut(event.requestId(), LONGEST_ID);
		if (shown != null) {
			this.requestId = shown;
		}
		Recorded request = find(event.request());
		if (request != null) {
			request.answeredAt = at;
			request.status = event.status();
			request.requestId = shown;
		}
	}

	void ended(RequestEnded event, long at) {
		Recorded request = find(event.request());
		if (request != null) {
			request.endedAt = at;
			request.end = event.end();
			request.bytes = event.bytes();
			request.reason = TransferRecorder.cut(event.reason(), LONGEST_REASON);
		}
	}

	// The last ones are those that something happens to.
	private @Nullable Recorded find(int number) {
		for (int i = this.kept.size() - 1; i >= 0; i--) {
			if (this.kept.get(i).number == number) {
				return this.kept.get(i);
			}
		}
		return null;
	}

	/**
	 * Record that the transfer has ended, and with it all requests.
	 * @param at when
	 */
	void end(long at) {
		for (Recorded request : this.kept) {
			if (request.end == null) {
				request.end = End.CANCELLED;
				request.endedAt = at;
			}
		}
	}

	/**
	 * Return whether there was a second request for a range or part.
	 * @param index which one
	 * @return whether it was hedged
	 */
	boolean isHedged(int index) {
		return this.hedges > 0 && this.kept.stream().anyMatch((request) -> request.hedge && request.index == index);
	}

	int count() {
		return this.count;
	}

	int hedges() {
		return this.hedges;
	}

	int dropped() {
		return this.dropped;
	}

	/**
	 * Return the storage's own identifier of the last answer that had one.
	 * @return the identifier, or {@code null}
	 */
	@Nullable String requestId() {
		return this.requestId;
	}

	List<Request> shown() {
		return this.kept.stream().map(Recorded::shown).toList();
	}

	/**
	 * A request, with its times in nanoseconds.
	 */
	private static final class Recorded {

		private static final long NOT_YET = -1;

		private final int number;

		private final Purpose purpose;

		private final int index;

		private final long offset;

		private final long length;

		private final boolean hedge;

		private final long queuedAt;

		private long sentAt = NOT_YET;

		private long answeredAt = NOT_YET;

		private long endedAt = NOT_YET;

		private @Nullable End end;

		private int status;

		private long bytes;

		private @Nullable String reason;

		private @Nullable String requestId;

		Recorded(RequestQueued event, long at) {
			this.number = event.request();
			this.purpose = event.purpose();
			this.index = event.index();
			this.offset = event.offset();
			this.length = event.length();
			this.hedge = event.hedge();
			this.queuedAt = at;
		}

		private long duration() {
			return this.endedAt - this.sentAt;
		}

		private Request shown() {
			return new Request(this.number, this.purpose.code(), this.index, this.offset, this.length, this.hedge,
					Explanation.millis(this.queuedAt), time(this.sentAt), time(this.answeredAt), time(this.endedAt),
					this.bytes, (this.status > 0) ? this.status : null,
					(this.end != null) ? this.end.name().toLowerCase(Locale.ROOT) : TransferTimeline.RUNNING,
					this.reason, this.requestId);
		}

		private static @Nullable Double time(long at) {
			return (at != NOT_YET) ? Explanation.millis(at) : null;
		}

	}

}
