package dev.vgi.external.history;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

import dev.vgi.external.history.TransferTimeline.Request;
import dev.vgi.external.history.WhereTimeWent.Share;
import org.jspecify.annotations.Nullable;

/**
 * Says in one sentence what held a transfer up, and what helps.
 */
final class Explanation {

	/** Nobody wants to hear about less. */
	private static final double LEAST_MILLIS = 200;

	private static final double LEAST_SHARE = 0.15;

	/** Less than this is a slow connection. */
	private static final double SLOW_BYTES_PER_MILLI = 20_000;

	private static final long MANY_BYTES = 8L << 20;

	private static final double LEAST_OF_ONE = 0.8;

	private Explanation() {
	}

	/**
	 * Say what held a transfer up most.
	 * @param timeline with its requests
	 * @param time where its time went
	 * @return the sentence without a full stop; {@code null} if there is nothing to say
	 */
	static @Nullable String of(TransferTimeline timeline, WhereTimeWent time) {
		double least = Math.max(LEAST_MILLIS, LEAST_SHARE * timeline.elapsed());
		return causes(timeline, time).stream()
			.filter((cause) -> cause.cost >= least)
			.max(Comparator.comparingDouble(Cause::cost))
			.map(Cause::sentence)
			.orElse(null);
	}

	private static List<Cause> causes(TransferTimeline timeline, WhereTimeWent time) {
		boolean fetch = timeline.isFetch();
		List<Cause> causes = new ArrayList<>();
		boolean all = timeline.requestCount() == timeline.keptRequests().size();
		if (fetch || all) {
			add(causes, time.of(Share.MEMORY), "Waited %s for memory: raise vgi.external.memory.budget");
		}
		// It may have failed.
		add(causes, time.of(Share.RENEWAL), "Waited %s for a new link");
		if (!all) {
			// While something else seems to have taken time, bytes may have been on their
			// way.
			return causes;
		}
		Stall stall = Stall.worst(timeline);
		double stalled = (stall != null) ? stall.excess() : 0;
		if (stall != null) {
			causes.add(new Cause(stalled, stall.describe(timeline)));
		}
		double turn = time.of(Share.TURN);
		double trouble = time.of(Share.TROUBLE) + time.of(Share.PAUSE);
		if (Failures.areLimited(timeline)) {
			// That is also why it has to wait for its turn.
			add(causes, trouble + turn, Failures.describe(timeline));
		}
		else {
			add(causes, trouble - stalled, Failures.describe(timeline));
			add(causes, turn, "Its turn came after %s: the origin is limited, see docs/network.md, or"
					+ " vgi.external.http.max-connections is too low");
		}
		// A folder takes the coded bytes as they come; others wait for the first part.
		if (!fetch && timeline.requestCount() == 0 && time.of(Share.SENDING) > 0) {
			add(causes, time.of(Share.CODING) + time.of(Share.SENDING), "Storing took %s");
		}
		else {
			add(causes, time.of(Share.CODING), fetch ? "Decompression took %s longer than the download"
					: "Compression took %s longer than the upload: lower vgi.external.compression.level");
			add(causes, time.of(Share.SENDING), "The upload waited %s for the reader");
		}
		add(causes, time.of(Share.DIGEST),
				"The digest took %s longer than the " + (fetch ? "download" : "upload") + ": the processor is busy");
		add(causes, time.of(Share.PARSING), "Reading the Arrow stream took %s");
		add(causes, time.of(Share.ANSWER) - stalled, "Storage took %s to answer");
		double bytes = time.of(Share.BYTES);
		String rate = rate(timeline, bytes);
		if (rate != null) {
			causes.add(new Cause(bytes - stalled, rate));
		}
		return causes;
	}

	private static void add(List<Cause> causes, double cost, String sentence) {
		causes.add(new Cause(cost, sentence.replace("%s", time(cost))));
	}

	private static @Nullable String rate(TransferTimeline timeline, double millis) {
		double rate = timeline.storedBytes() / Math.max(millis, 0.001);
		if (rate >= SLOW_BYTES_PER_MILLI) {
			return null;
		}
		String speed = String.format(Locale.ROOT, "%.1f MB/s", rate / 1000);
		Request largest = timeline.keptRequests()
			.stream()
			.max(Comparator.comparingLong(Request::bytes))
			.filter((request) -> timeline.isFetch() && request.bytes() >= MANY_BYTES
					&& request.bytes() >= LEAST_OF_ONE * timeline.storedBytes())
			.orElse(null);
		if (largest == null) {
			return "The bytes " + (timeline.isFetch() ? "came" : "went") + " at " + speed;
		}
		String carried = "One connection carried "
				+ Math.min(100, Math.round(100.0 * largest.bytes() / timeline.storedBytes())) + " % of the bytes at "
				+ speed;
		return "range".equals(largest.purpose()) ? carried + ": the storage ignores ranges"
				: carried + ": lower vgi.external.fetch.parallel-threshold";
	}

	/**
	 * Say what a transfer waits for at the moment.
	 * @param timeline with its requests
	 * @param time where its time went
	 * @return a few words; {@code null} if it has ended or that is unknown
	 */
	static @Nullable String waitsFor(TransferTimeline timeline, WhereTimeWent time) {
		Share now = time.now();
		if (!timeline.isRunning()) {
			return null;
		}
		if (now == null) {
			// Nothing was handed to the storage yet; a vended URL has to be asked for
			// first.
			return (timeline.isFetch() || "vended".equals(timeline.storage())) ? null : "the reader";
		}
		return switch (now) {
			case MEMORY -> "memory";
			case RENEWAL -> "a new link";
			case BYTES -> onlyOne(timeline, timeline.isFetch() ? "bytes" : "storage");
			case ANSWER, TROUBLE -> onlyOne(timeline, timeline.isFetch() ? "first byte" : "an answer");
			case TURN -> "its turn";
			case PAUSE -> "the next attempt";
			case CODING -> timeline.isFetch() ? "decoding" : "encoding";
			case DIGEST -> "digest";
			case PARSING -> "parsing";
			case SENDING -> (timeline.requestCount() > 0) ? "the reader" : "storage";
		};
	}

	private static String onlyOne(TransferTimeline timeline, String otherwise) {
		List<Request> requests = timeline.keptRequests().stream().filter(Stall::isPiece).toList();
		List<Integer> running = requests.stream()
			.filter((request) -> request.end() == null)
			.map(Request::index)
			.distinct()
			.toList();
		boolean others = requests.stream().map(Request::index).distinct().count() > 1;
		return (running.size() == 1 && others) ? Stall.name(timeline) + " " + running.get(0) : otherwise;
	}

	/**
	 * Write a time as in messages.
	 * @param millis milliseconds
	 * @return the time with its unit
	 */
	static String time(double millis) {
		return (millis < 1000) ? Math.round(millis) + " ms" : String.format(Locale.ROOT, "%.1f s", millis / 1000);
	}

	/**
	 * Convert a time for a timeline.
	 * @param nanos nanoseconds
	 * @return milliseconds, as exact as a microsecond
	 */
	static double millis(long nanos) {
		return Math.round(nanos / 1000.0) / 1000.0;
	}

	/**
	 * What may have held a transfer up.
	 *
	 * @param cost for how many milliseconds
	 * @param sentence the same in words
	 */
	private record Cause(double cost, String sentence) {

	}

}
