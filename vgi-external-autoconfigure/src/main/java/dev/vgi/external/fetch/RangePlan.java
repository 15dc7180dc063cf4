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
	 * How much the ranges of the last wave differ from the usual length: the earlier ones
	 * are smaller, the later ones larger. They then finish one by one and in order, so
	 * that decoding and digesting do not have most of the wave left to do when the last
	 * byte arrives. A larger value would leave slow connections idle for longer than it
	 * saves.
	 */
	private static final double STAGGER = 0.1;

	private RangePlan() {
	}

	/**
	 * Cut the rest of an object into ranges of nearly the same length. Their number makes
	 * whole waves, counting the first range: a wave that is only partly filled leaves
	 * connections idle at the end. The last wave is staggered a little.
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
		long waves = divideUp(rest + Math.min(first, chunkSize), chunkSize * parallel);
		long count = Math.max(waves * parallel - 1, divideUp(rest, chunkSize));
		count = Math.max(1, Math.min(count, divideUp(rest, Math.min(SMALLEST, chunkSize))));
		double length = (double) rest / count;
		// Stagger the last wave except its last range: that one goes to the connection of
		// the first and largest range, which is late anyway.
		int staggered = parallel - 1;
		long regular = count - parallel;
		// Rounding must not make a range larger than the largest.
		double stagger = (regular >= 0 && staggered > 1) ? Math.max(0, Math.min(STAGGER, (chunkSize - 2) / length - 1))
				: 0;
		long position = first;
		for (long i = 0; i < count; i++) {
			// The deviations add up to zero.
			long inWave = Math.max(0, i + 1 - regular);
			double deviation = (stagger > 0 && inWave < staggered)
					? length * stagger * inWave * (inWave - staggered) / (staggered - 1) : 0;
			long next = (i == count - 1) ? total : first + (long) (length * (i + 1) + deviation);
			ranges.add(new ByteRange(position, next - 1));
			position = next;
		}
		return ranges;
	}

	private static long divideUp(long value, long by) {
		return (value + by - 1) / by;
	}

}
