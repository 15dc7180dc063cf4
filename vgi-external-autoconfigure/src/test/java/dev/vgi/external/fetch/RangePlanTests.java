package dev.vgi.external.fetch;

import java.util.List;

import dev.vgi.external.transport.ByteRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

class RangePlanTests {

	private static final long MB = 1 << 20;

	@ParameterizedTest
	@ValueSource(longs = { 1, 2, 3, 1000, 8 * MB })
	void rangesCoverTheObjectWithoutGaps(long chunk) {
		for (long factor = 1; factor < 130; factor++) {
			for (long rest : new long[] { -1, 0, 1, chunk / 3 }) {
				for (int parallel : new int[] { 1, 2, 3, 8 }) {
					long total = Math.max(1, chunk * factor + rest);
					assertCovers(Math.min(total, chunk), total, chunk, parallel);
					assertCovers(Math.min(total, Math.max(1, chunk / 2)), total, chunk, parallel);
				}
			}
		}
	}

	private static void assertCovers(long first, long total, long chunk, int parallel) {
		List<ByteRange> plan = RangePlan.of(first, total, chunk, parallel);
		assertThat(plan.get(0)).isEqualTo(new ByteRange(0, first - 1));
		long position = 0;
		for (ByteRange range : plan) {
			assertThat(range.first()).isEqualTo(position);
			assertThat(range.length()).isBetween(1L, chunk);
			position = range.last() + 1;
		}
		assertThat(position).isEqualTo(total);
	}

	@Test
	void rangesFillWholeWaves() {
		// 12 chunks of 8 MB on 8 connections would leave a half-empty second wave.
		List<ByteRange> plan = RangePlan.of(8 * MB, 96 * MB, 8 * MB, 8);
		assertThat(plan).hasSize(16);
	}

	@Test
	void noConnectionIsLateBecauseOfTheFirstRange() {
		assertThat(RangePlan.of(8 * MB, 96 * MB, 8 * MB, 8).subList(0, 8))
			.allMatch((range) -> range.length() == 8 * MB);
		assertThat(RangePlan.of(8 * MB, 260 * MB, 8 * MB, 8).subList(0, 32))
			.allMatch((range) -> range.length() > 7 * MB);
		// Otherwise the first connection would have 12 MB, and the others 8.
		List<ByteRange> plan = RangePlan.of(8 * MB, 65 * MB, 8 * MB, 8);
		assertThat(plan).hasSize(16);
		assertThat(plan.subList(1, 8)).allMatch((range) -> range.length() > 6 * MB);
	}

	@Test
	void lastWaveEndsInOrder() {
		List<ByteRange> plan = RangePlan.of(8 * MB, 96 * MB, 8 * MB, 8);
		List<Long> last = plan.subList(8, 15).stream().map(ByteRange::length).toList();
		assertThat(last).isSorted().doesNotHaveDuplicates();
		assertThat(last.stream().mapToLong(Long::longValue).sum()).isEqualTo(28 * MB);
		assertThat((double) last.get(0) / (4 * MB)).isBetween(0.89, 0.91);
		assertThat((double) last.get(6) / (4 * MB)).isBetween(1.09, 1.11);
		// Whichever connection is the latest.
		assertThat(plan.get(15).length()).isEqualTo(4 * MB);
		// Where the usual length is the largest, there is no room for it.
		assertThat(RangePlan.of(8 * MB, 64 * MB, 8 * MB, 8)).allMatch((range) -> range.length() == 8 * MB);
	}

	@Test
	void lastWaveIsNotMuchSmallerThanTheOthers() {
		for (long total = 65 * MB; total < 400 * MB; total += MB) {
			List<ByteRange> plan = RangePlan.of(8 * MB, total, 8 * MB, 8);
			double mean = (double) (total - 8 * MB) / (plan.size() - 1);
			assertThat(plan.get(plan.size() - 8).length()).isGreaterThan((long) (0.26 * mean));
		}
	}

	// The slots of coded ranges are reserved for as many as there may be.
	@Test
	void noRangesTogetherAreLargerThanTheFirst() {
		for (long total = 8 * MB; total < 400 * MB; total += MB) {
			List<ByteRange> plan = RangePlan.of(8 * MB, total, 8 * MB, 8);
			long reserved = RangeSlots.memoryFor(plan, 8);
			for (int i = 0; i < plan.size(); i++) {
				assertThat(RangeSlots.memoryFor(plan.subList(i, plan.size()), 8)).isLessThanOrEqualTo(reserved);
			}
		}
	}

	@Test
	void rangesAreNotCutIntoCrumbs() {
		assertThat(RangePlan.of(8 * MB, 8 * MB + 1, 8 * MB, 8)).hasSize(2);
		assertThat(RangePlan.of(8 * MB, 9 * MB, 8 * MB, 8)).hasSize(5);
		assertThat(RangePlan.of(100, 350, 100, 2)).hasSize(4);
		assertThat(RangePlan.of(100, 300, 100, 1)).hasSize(3);
	}

}
