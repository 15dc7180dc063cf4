package dev.vgi.external.history;

import java.util.List;
import java.util.function.UnaryOperator;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonInclude.Include;
import org.jspecify.annotations.Nullable;

/**
 * A transfer as it is shown. Times are milliseconds since its beginning.
 *
 * @param id its identifier, as in log lines
 * @param direction {@code fetch} or {@code upload}
 * @param state {@code running}, {@code finished} or {@code failed}
 * @param storage name of the backend
 * @param location where the object is, without a query; {@code null} if unknown
 * @param segment place in its stream or list from 1; 0 for a batch of its own
 * @param started when it began, in ISO 8601
 * @param elapsed how long it has been running, or ran
 * @param contentCoding coding of the stored bytes, or {@code null}
 * @param size stored bytes in all; {@code null} as long as that is unknown
 * @param storedBytes bytes so far, as they are stored
 * @param decodedBytes bytes of the Arrow stream; {@code null} until it has succeeded
 * @param requestCount requests, redirects and hedges included
 * @param hedges hedges among them
 * @param retries attempts that failed and were made again, at the whole or a part
 * @param renewals how often a new link was asked for
 * @param requestId the storage's own identifier of the last answer, or {@code null}
 * @param traceId of its span, or {@code null}
 * @param error why it failed, or {@code null}
 * @param waitsFor what it waits for now, or {@code null}
 * @param explanation what held it up, or {@code null} if nothing did
 * @param phases its phases by their beginnings
 * @param requests its requests by their numbers; {@code null} in an overview
 * @param events what else happened; {@code null} in an overview
 * @param dropped how many requests, phases and events were not kept; {@code null} in an
 * overview
 */
public record TransferTimeline(String id, String direction, String state, String storage, @Nullable String location,
		int segment, String started, double elapsed, @Nullable String contentCoding, @Nullable Long size,
		long storedBytes, @Nullable Long decodedBytes, int requestCount, int hedges, int retries, int renewals,
		@Nullable String requestId, @Nullable String traceId, @Nullable Failure error, @Nullable String waitsFor,
		@Nullable String explanation, List<PhaseSpan> phases,
		@JsonInclude(Include.NON_NULL) @Nullable List<Request> requests,
		@JsonInclude(Include.NON_NULL) @Nullable List<Event> events,
		@JsonInclude(Include.NON_NULL) @Nullable Integer dropped) {

	/** The state of a transfer that has not ended. */
	static final String RUNNING = "running";

	boolean isRunning() {
		return RUNNING.equals(this.state);
	}

	boolean isFetch() {
		return "fetch".equals(this.direction);
	}

	/**
	 * Return all requests that were kept.
	 * @return the requests; none in an overview
	 */
	List<Request> keptRequests() {
		return (this.requests != null) ? this.requests : List.of();
	}

	TransferTimeline explained(@Nullable String waitsFor, @Nullable String explanation) {
		return new TransferTimeline(this.id, this.direction, this.state, this.storage, this.location, this.segment,
				this.started, this.elapsed, this.contentCoding, this.size, this.storedBytes, this.decodedBytes,
				this.requestCount, this.hedges, this.retries, this.renewals, this.requestId, this.traceId, this.error,
				waitsFor, explanation, this.phases, this.requests, this.events, this.dropped);
	}

	/**
	 * Return a copy for an overview.
	 * @return the copy, without requests and events
	 */
	TransferTimeline summary() {
		return new TransferTimeline(this.id, this.direction, this.state, this.storage, this.location, this.segment,
				this.started, this.elapsed, this.contentCoding, this.size, this.storedBytes, this.decodedBytes,
				this.requestCount, this.hedges, this.retries, this.renewals, this.requestId, this.traceId, this.error,
				this.waitsFor, this.explanation, this.phases, null, null, null);
	}

	/**
	 * Return a copy that shows other values.
	 * @param values decides what to show of each text that names an object, a request or
	 * quotes a message
	 * @return the copy
	 */
	public TransferTimeline withValues(Values values) {
		Failure shownError = (this.error != null) ? new Failure(this.error.kind, values.message(this.error.message))
				: null;
		List<Request> shownRequests = (this.requests != null)
				? this.requests.stream().map((request) -> request.withValues(values)).toList() : null;
		List<Event> shownEvents = (this.events != null)
				? this.events.stream().map((event) -> event.withMessage(values::message)).toList() : null;
		return new TransferTimeline(this.id, this.direction, this.state, this.storage, values.location(this.location),
				this.segment, this.started, this.elapsed, this.contentCoding, this.size, this.storedBytes,
				this.decodedBytes, this.requestCount, this.hedges, this.retries, this.renewals,
				values.requestId(this.requestId), this.traceId, shownError, this.waitsFor, this.explanation,
				this.phases, shownRequests, shownEvents, this.dropped);
	}

	/**
	 * Decides what is shown.
	 */
	public interface Values {

		/**
		 * Return what to show of a location.
		 * @param location a URL without a query, or {@code null}
		 * @return the text to show
		 */
		@Nullable String location(@Nullable String location);

		/**
		 * Return what to show of a message, which may name objects.
		 * @param message the message, or {@code null}
		 * @return the text to show
		 */
		@Nullable String message(@Nullable String message);

		/**
		 * Return what to show of the storage's own identifier of a request.
		 * @param requestId the identifier, or {@code null}
		 * @return the text to show
		 */
		@Nullable String requestId(@Nullable String requestId);

	}

	/**
	 * Why a transfer failed.
	 *
	 * @param kind what went wrong, from a closed set
	 * @param message the same in words
	 */
	public record Failure(String kind, @Nullable String message) {

	}

	/**
	 * A time in which a transfer did or waited for something.
	 *
	 * @param phase what
	 * @param from its beginning
	 * @param to its end; {@code null} while it lasts
	 */
	public record PhaseSpan(String phase, double from, @Nullable Double to) {

	}

	/**
	 * A request of a transfer.
	 *
	 * @param number its number, from 1
	 * @param purpose what it is for
	 * @param index which range or part, from 0
	 * @param offset where its bytes begin
	 * @param length how many bytes it is for, or -1 if unknown
	 * @param hedge whether it is the second copy of a late one
	 * @param queued when it began to wait for its turn
	 * @param sent when it was its turn; {@code null} if not yet
	 * @param firstByte when its answer began; {@code null} if not yet
	 * @param end when it ended; {@code null} if not yet
	 * @param bytes bytes received or sent
	 * @param status the status, or {@code null}
	 * @param outcome {@code running} or how it ended
	 * @param reason why it failed, or {@code null}
	 * @param requestId the storage's own identifier, or {@code null}
	 */
	public record Request(int number, String purpose, int index, long offset, long length, boolean hedge, double queued,
			@Nullable Double sent, @Nullable Double firstByte, @Nullable Double end, long bytes,
			@Nullable Integer status, String outcome, @Nullable String reason, @Nullable String requestId) {

		private Request withValues(Values values) {
			return new Request(this.number, this.purpose, this.index, this.offset, this.length, this.hedge, this.queued,
					this.sent, this.firstByte, this.end, this.bytes, this.status, this.outcome,
					values.message(this.reason), values.requestId(this.requestId));
		}

	}

	/**
	 * Something that happened.
	 *
	 * @param at when
	 * @param type what, from a closed set
	 * @param text the same in words
	 * @param message what the storage or an exception said, or {@code null}
	 */
	public record Event(double at, String type, String text, @Nullable String message) {

		private Event withMessage(UnaryOperator<@Nullable String> shown) {
			return new Event(this.at, this.type, this.text, shown.apply(this.message));
		}

	}

}
