package dev.vgi.external.history;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
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
 */
record Stall(int index, List<Request> requests, double span, double usual) {

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
				pieces.values().stream().map((requests) -> span(requests, timeline.elapsed())).toList());
		Collections.sort(spans);
		double usual = spans.get((spans.size() - 1) / 2);
		return pieces.entrySet()
			.stream()
			.map((piece) -> new Stall(piece.getKey(), piece.getValue(), span(piece.getValue(), timeline.elapsed()),
					usual))
			.filter((stall) -> stall.span > FACTOR * usual)
			.max(Comparator.comparingDouble(Stall::span))
			.orElse(null);
	}

	static boolean isPiece(Request request) {
		return "range".equals(request.purpose()) || "part".equals(request.purpose());
	}

	static String name(TransferTimeline timeline) {
		return timeline.isFetch() ? "range" : "part";
	}

	private static double span(List<Request> requests, double elapsed) {
		double sent = Double.MAX_VALUE;
		double end = 0;
		for (Request request : requests) {
			sent = Math.min(sent, (request.sent() != null) ? request.sent() : sent);
			end = Math.max(end, (request.end() != null) ? request.end() : elapsed);
		}
		return end - sent;
	}

	/**
	 * Return how much longer it took than usual.
	 * @return milliseconds
	 */
	double excess() {
		return this.span - this.usual;
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
