package dev.vgi.external.fetch;

import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.transport.ByteRange;

import org.springframework.util.Assert;

/**
 * Cuts an object into ranges. Pure.
 */
final class RangePlan {

	/** Below this a request costs more than it brings. */
	private static final long SMALLEST = 256L << 10;

	private RangePlan() {
	}

	/**
	 * Cut what is left of an object into ranges of nearly the same length, so many that
	 * together with the first one they make whole waves: a wave that is half empty leaves
	 * connections idle at the end.
	 * @param first length of the range that is already on its way
	 * @param total length of the object, at least {@code first}
	 * @param chunkSize length of the largest range
	 * @param parallel requests at once
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
		long length = rest / count;
		long longer = rest % count;
		long position = first;
		for (long i = 0; i < count; i++) {
			long next = position + length + ((i < longer) ? 1 : 0);
			ranges.add(new ByteRange(position, next - 1));
			position = next;
		}
		return ranges;
	}

	private static long divideUp(long value, long by) {
		return (value + by - 1) / by;
	}

}
