package dev.vgi.external.history;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;

import dev.vgi.external.history.TransferTimeline.Request;

/**
 * The requests of a transfer that were of no use.
 */
final class Failures {

	private Failures() {
	}

	// One that ran out of time before its turn says nothing about the storage.
	private static List<Request> of(TransferTimeline timeline) {
		return timeline.keptRequests()
			.stream()
			.filter((request) -> request.sent() != null && WhereTimeWent.hasFailed(request))
			.toList();
	}

	/**
	 * Describe what storage answered.
	 * @param timeline with its requests
	 * @return a sentence with {@code %s} for how long
	 */
	static String describe(TransferTimeline timeline) {
		List<Request> failures = of(timeline);
		int status = status(timeline);
		String count = (failures.size() == 1) ? "" : " (" + failures.size() + " requests)";
		if (status != 0) {
			return "Storage answered " + status + " for %s" + count + (isBusy(status) ? ": see docs/network.md" : "");
		}
		boolean late = failures.stream().anyMatch((request) -> "timed_out".equals(request.outcome()));
		boolean reached = failures.stream().allMatch((request) -> request.firstByte() != null);
		String what = reached ? "broke off or fell silent" : "could not be reached or broke off";
		return failures.isEmpty() ? "Further attempts took %s"
				: "Storage " + (late ? "did not answer" : what) + " for %s" + count;
	}

	/**
	 * Return whether storage has said that it gets too many requests.
	 * @param timeline with its requests
	 * @return whether that is what it answered most often, if not with success
	 */
	static boolean areLimited(TransferTimeline timeline) {
		return isBusy(status(timeline));
	}

	private static boolean isBusy(int status) {
		return status >= 500 || status == 429 || status == 408;
	}

	// The error that storage answered most often, or 0.
	private static int status(TransferTimeline timeline) {
		return of(timeline).stream()
			.map(Request::status)
			.filter(Objects::nonNull)
			.filter((status) -> status >= 400)
			.collect(Collectors.groupingBy(Function.identity(), Collectors.counting()))
			.entrySet()
			.stream()
			.max(Map.Entry.comparingByValue(Comparator.naturalOrder()))
			.map(Map.Entry::getKey)
			.orElse(0);
	}

}
