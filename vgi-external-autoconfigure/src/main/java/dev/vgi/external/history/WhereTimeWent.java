package dev.vgi.external.history;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import dev.vgi.external.history.TransferTimeline.PhaseSpan;
import dev.vgi.external.history.TransferTimeline.Request;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import org.jspecify.annotations.Nullable;

/**
 * How the time of a transfer divides into what it did and waited for. Each moment counts
 * once: for the first thing that applies, so work that goes on beside another counts only
 * as far as it takes longer.
 *
 * @param shares milliseconds of each
 * @param now what applies at the end of the timeline
 */
record WhereTimeWent(Map<Share, Double> shares, @Nullable Share now) {

	private static final Set<String> CARRIES_BYTES = Set.of(Purpose.RANGE.code(), Purpose.OBJECT.code(),
			Purpose.PART.code());

	private static final List<Share> OF_FETCHES = List.of(Share.values());

	/** An upload that waits for memory of its own parts waits for their requests. */
	private static final List<Share> OF_UPLOADS = List.of(Share.RENEWAL, Share.BYTES, Share.ANSWER, Share.TROUBLE,
			Share.TURN, Share.PAUSE, Share.MEMORY, Share.CODING, Share.DIGEST, Share.PARSING, Share.SENDING);

	/** Where no request is sent, the digest is what goes on beside storing. */
	private static final List<Share> OF_STORING = List.of(Share.RENEWAL, Share.BYTES, Share.ANSWER, Share.TROUBLE,
			Share.TURN, Share.PAUSE, Share.MEMORY, Share.CODING, Share.SENDING, Share.DIGEST, Share.PARSING);

	/**
	 * Divide the time of a transfer.
	 * @param timeline with its requests
	 * @return the result
	 */
	static WhereTimeWent in(TransferTimeline timeline) {
		List<Step> steps = new ArrayList<>();
		double end = timeline.elapsed();
		for (PhaseSpan phase : timeline.phases()) {
			Share share = Share.of(phase.phase());
			if (share == null && timeline.isFetch() && timeline.requestCount() == 0) {
				// A file is read without requests.
				share = Share.BYTES;
			}
			if (share != null) {
				add(steps, share, phase.from(), phase.to(), end);
			}
		}
		for (Request request : timeline.keptRequests()) {
			Double sent = request.sent();
			add(steps, Share.TURN, request.queued(), (sent != null) ? sent : request.end(), end);
			if (sent == null) {
				continue;
			}
			Double answered = request.firstByte();
			if (hasFailed(request)) {
				add(steps, Share.TROUBLE, sent, request.end(), end);
			}
			else if (!CARRIES_BYTES.contains(request.purpose())) {
				add(steps, Share.ANSWER, sent, request.end(), end);
			}
			else if (timeline.isFetch()) {
				add(steps, Share.ANSWER, sent, (answered != null) ? answered : request.end(), end);
				if (answered != null) {
					add(steps, Share.BYTES, answered, request.end(), end);
				}
			}
			else {
				add(steps, Share.BYTES, sent, request.end(), end);
			}
		}
		steps.sort(Comparator.comparingDouble(Step::at));
		return sum(steps, end,
				timeline.isFetch() ? OF_FETCHES : (timeline.requestCount() > 0) ? OF_UPLOADS : OF_STORING);
	}

	/**
	 * Return whether a request was of no use.
	 * @param request the request
	 * @return whether it failed, was not answered in time or got an error
	 */
	static boolean hasFailed(Request request) {
		Integer status = request.status();
		return "failed".equals(request.outcome()) || "timed_out".equals(request.outcome())
				|| (status != null && status >= 400);
	}

	private static void add(List<Step> steps, Share share, double from, @Nullable Double to, double end) {
		if (from <= end) {
			steps.add(new Step(Math.max(0, from), share, 1));
			// What lasts is not closed, so that it applies at the end.
			if (to != null && to <= end) {
				steps.add(new Step(Math.max(from, to), share, -1));
			}
		}
	}

	private static WhereTimeWent sum(List<Step> steps, double end, List<Share> order) {
		int[] open = new int[Share.values().length];
		Map<Share, Double> shares = new EnumMap<>(Share.class);
		double at = 0;
		for (Step step : steps) {
			count(shares, first(open, order), step.at - at);
			at = step.at;
			open[step.share.ordinal()] += step.change;
		}
		Share now = first(open, order);
		count(shares, now, end - at);
		return new WhereTimeWent(shares, now);
	}

	private static void count(Map<Share, Double> shares, @Nullable Share share, double time) {
		if (share != null && time > 0) {
			shares.merge(share, time, Double::sum);
		}
	}

	private static @Nullable Share first(int[] open, List<Share> order) {
		return order.stream().filter((share) -> open[share.ordinal()] > 0).findFirst().orElse(null);
	}

	/**
	 * Return how much time went into one thing.
	 * @param share the thing
	 * @return milliseconds
	 */
	double of(Share share) {
		return this.shares.getOrDefault(share, 0.0);
	}

	/**
	 * What a transfer does or waits for, in the order of fetches.
	 */
	enum Share {

		/** Room in the budget. */
		MEMORY,

		/** A new link. */
		RENEWAL,

		/** Bytes of the object are on their way. */
		BYTES,

		/** The beginning of an answer. */
		ANSWER,

		/** Requests that were of no use. */
		TROUBLE,

		/** Requests that wait for their turn or a connection. */
		TURN,

		/** Pauses before further attempts. */
		PAUSE,

		/** The content coding. */
		CODING,

		/** The digest. */
		DIGEST,

		/** The Arrow stream. */
		PARSING,

		/** An upload that has begun, while no request is under way. */
		SENDING;

		private static @Nullable Share of(String phase) {
			for (Phase known : Phase.values()) {
				if (known.code().equals(phase)) {
					return switch (known) {
						case MEMORY -> MEMORY;
						case PAUSE -> PAUSE;
						case RENEWAL -> RENEWAL;
						case CODING -> CODING;
						case DIGEST -> DIGEST;
						case PARSING -> PARSING;
						case UPLOAD -> SENDING;
						case DOWNLOAD -> null;
					};
				}
			}
			return null;
		}

	}

	/**
	 * Something begins or ends.
	 *
	 * @param at when
	 * @param share what
	 * @param change 1 if it begins, -1 if it ends
	 */
	private record Step(double at, Share share, int change) {

	}

}
