package dev.vgi.external.fetch;

import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.transport.ByteRange;

import org.springframework.util.Assert;

/**
 * Cuts an object into ranges. Has no state.
 */
final class RangePlan {

	/** A smaller request costs more than it saves. */
	private static final long SMALLEST = 256L << 10;

	/**
	 * How much the ranges of the last wave differ from their mean: the earlier ones are
	 * smaller, the later ones larger. They then finish one by one and in order, so that
	 * decoding and digesting do not have most of the wave left to do when the last byte
	 * arrives. A larger value would leave connections idle for longer than it saves.
	 */
	private static final double STAGGER = 0.1;

	/**
	 * The least mean of the last wave, as a share of the mean of all ranges. A wave that
	 * is much shorter than what is left of the one before it to decode and digest saves
	 * nothing more.
	 */
	private static final double LAST_WAVE = 0.3;

	private RangePlan() {
	}

	/**
	 * Cut the rest of an object into ranges. Their number makes whole waves, counting the
	 * first range: a wave that is only partly filled leaves connections idle at the end.
	 * The ranges of all waves but the last are as large as the first range or nearly so,
	 * for two reasons: no connection is late because it had a larger one, and little is
	 * left to decode and digest after the last wave.
	 * @param first length of the range that is already being fetched
	 * @param total length of the object, at least {@code first}
	 * @param chunkSize length of the largest range
	 * @param parallel number of requests at once
	 * @return the first range and all others, in order and without gaps
	 */
	static List<ByteRange> of(long first, long total, long chunkSize, int parallel) {
		Assert.isTrue(first > 0 && total >= first, "'first' must be a part of 'total'");
		List<ByteRange> ranges = new ArrayList<>();
		ranges.add(new ByteRange(0, first - 1));
		long rest = total - first;
		if (rest == 0) {
			return ranges;
		}
		long smallest = Math.min(SMALLEST, chunkSize);
		long waves = divideUp(rest + Math.min(first, chunkSize), chunkSize * parallel);
		long count = Math.max(waves * parallel - 1, divideUp(rest, chunkSize));
		count = Math.max(1, Math.min(count, divideUp(rest, smallest)));
		double mean = (double) rest / count;
		int inLast = (int) Math.min(count, parallel);
		long before = count - inLast;
		double least = Math.min(mean, Math.max(LAST_WAVE * mean, smallest));
		double length = (before > 0) ? Math.min(chunkSize, (rest - inLast * least) / before) : 0;
		double last = (rest - before * length) / inLast;
		// Stagger the last wave except its last range: that one goes to the connection
		// that is the latest.
		int staggered = inLast - 1;
		// Rounding must not make a range larger than the largest.
		double stagger = (before > 0 && staggered > 1) ? Math.max(0, Math.min(STAGGER, (chunkSize - 2) / last - 1)) : 0;
		long position = first;
		for (long i = 0; i < count; i++) {
			long inWave = Math.max(0, i + 1 - before);
			// The deviations add up to zero.
			double deviation = (stagger > 0 && inWave < staggered)
					? last * stagger * inWave * (inWave - staggered) / (staggered - 1) : 0;
			long next = (i == count - 1) ? total
					: first + (long) (length * Math.min(before, i + 1) + last * inWave + deviation);
			ranges.add(new ByteRange(position, next - 1));
			position = next;
		}
		return ranges;
	}

	private static long divideUp(long value, long by) {
		return (value + by - 1) / by;
	}

}
