package dev.vgi.external.fetch;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Recent times to first byte, per origin. Thread-safe, bounded.
 */
final class FirstByteTimes {

	private static final int ORIGINS = 64;

	private static final int RECENT = 31;

	private final Map<String, long[]> times = new LinkedHashMap<>(16, 0.75f, true) {

		private static final long serialVersionUID = 1L;

		@Override
		protected boolean removeEldestEntry(Map.Entry<String, long[]> eldest) {
			return size() > ORIGINS;
		}

	};

	/**
	 * Record a time.
	 * @param origin host and port
	 * @param nanos from sending the request to receiving the response's head
	 */
	synchronized void add(String origin, long nanos) {
		long[] recent = this.times.computeIfAbsent(origin, (key) -> new long[RECENT + 1]);
		// The first element counts all times ever recorded.
		recent[1 + (int) (recent[0]++ % RECENT)] = nanos;
	}

	/**
	 * Return the usual time to first byte.
	 * @param origin host and port
	 * @return the median in nanoseconds, or -1 if nothing is known
	 */
	synchronized long median(String origin) {
		long[] recent = this.times.get(origin);
		if (recent == null) {
			return -1;
		}
		long[] sorted = Arrays.copyOfRange(recent, 1, 1 + (int) Math.min(recent[0], RECENT));
		Arrays.sort(sorted);
		return sorted[sorted.length / 2];
	}

}
