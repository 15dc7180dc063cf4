package dev.vgi.external.history;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

import dev.vgi.external.history.TransferTimeline.Request;
import org.jspecify.annotations.Nullable;

/**
 * A range or part that took far longer than its siblings.
 *
 * @param index which one
 * @param requests its requests
 * @param span how long it took, in milliseconds
 * @param usual how long half of all took at most
 * @param excess for how long it held the transfer up
 */
record Stall(int index, List<Request> requests, double span, double usual, double excess) {

	private static final int FEWEST = 3;

	private static final int FACTOR = 3;

	/**
	 * Find the one that took longest.
	 * @param timeline with its requests
	 * @return the stall; {@code null} if none stands out
	 */
	static @Nullable Stall worst(TransferTimeline timeline) {
		Map<Integer, List<Request>> pieces = new TreeMap<>();
		timeline.keptRequests()
			.stream()
			.filter((request) -> isPiece(request) && request.sent() != null)
			.forEach((request) -> pieces.computeIfAbsent(request.index(), (index) -> new ArrayList<>()).add(request));
		if (pieces.size() < FEWEST) {
			return null;
		}
		List<Double> spans = new ArrayList<>(
				pieces.values().stream().map((requests) -> end(requests, timeline) - sent(requests)).toList());
		Collections.sort(spans);
		double usual = spans.get((spans.size() - 1) / 2);
		List<List<Request>> others = new ArrayList<>();
		List<Stall> stalls = new ArrayList<>();
		pieces.forEach((index, requests) -> {
			double span = end(requests, timeline) - sent(requests);
			if (span > FACTOR * usual) {
				stalls.add(new Stall(index, requests, span, usual, span - usual));
			}
			else {
				others.add(requests);
			}
		});
		others.sort(Comparator.comparingDouble(Stall::sent));
		return stalls.stream()
			.max(Comparator.comparingDouble(Stall::span))
			.map((stall) -> stall.beside(others, timeline))
			.orElse(null);
	}

	// While others were under way, nothing waited for this one.
	private Stall beside(List<List<Request>> others, TransferTimeline timeline) {
		double at = sent(this.requests);
		double end = end(this.requests, timeline);
		double alone = 0;
		for (List<Request> other : others) {
			alone += Math.max(0, Math.min(sent(other), end) - at);
			at = Math.max(at, end(other, timeline));
		}
		alone += Math.max(0, end - at);
		return new Stall(this.index, this.requests, this.span, this.usual, Math.min(this.excess, alone));
	}

	static boolean isPiece(Request request) {
		return "range".equals(request.purpose()) || "part".equals(request.purpose());
	}

	static String name(TransferTimeline timeline) {
		return timeline.isFetch() ? "range" : "part";
	}

	private static double sent(List<Request> requests) {
		return requests.stream().map(Request::sent).filter(Objects::nonNull).min(Double::compare).orElse(0.0);
	}

	private static double end(List<Request> requests, TransferTimeline timeline) {
		return requests.stream()
			.mapToDouble((request) -> (request.end() != null) ? request.end() : timeline.elapsed())
			.max()
			.orElse(0);
	}

	String describe(TransferTimeline timeline) {
		String piece = (timeline.isFetch() ? "Range " : "Part ") + this.index;
		String took = Explanation.time(this.span);
		boolean hedged = this.requests.stream().anyMatch(Request::hedge);
		if (this.requests.stream().anyMatch((request) -> request.end() == null)) {
			return piece + " has stalled for " + took + (hedged ? ", and so has its hedge" : "");
		}
		long failures = this.requests.stream()
			.filter((request) -> WhereTimeWent.hasFailed(request) && !"timed_out".equals(request.outcome()))
			.count();
		if (failures > 0) {
			return piece + " failed " + ((failures == 1) ? "once" : failures + " times") + " and took " + took
					+ others();
		}
		boolean complete = this.requests.stream().anyMatch((request) -> isComplete(request));
		if (hedged || !complete) {
			boolean won = this.requests.stream().anyMatch((request) -> request.hedge() && isComplete(request));
			return piece + " stalled " + took
					+ (!hedged ? "" : (won ? "; its hedge won" : "; its hedge was not faster"));
		}
		return piece + " took " + took + others();
	}

	private static boolean isComplete(Request request) {
		return "complete".equals(request.outcome());
	}

	private String others() {
		return ", most others " + Explanation.time(this.usual) + " or less";
	}

}
