package dev.vgi.external.fetch;

import java.util.List;

import dev.vgi.external.transport.ByteRange;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class RangePlanTests {

	private static final long MB = 1 << 20;

	@Test
	void rangesCoverTheObjectWithoutGaps() {
		for (long total : new long[] { 1, 7 * MB, 8 * MB, 8 * MB + 1, 64 * MB, 100 * MB + 3, 269 * MB, 5000 * MB }) {
			for (int parallel : new int[] { 1, 2, 8 }) {
				List<ByteRange> plan = RangePlan.of(Math.min(total, 8 * MB), total, 8 * MB, parallel);
				long position = 0;
				for (ByteRange range : plan) {
					assertThat(range.first()).isEqualTo(position);
					assertThat(range.length()).isLessThanOrEqualTo(8 * MB);
					position = range.last() + 1;
				}
				assertThat(position).isEqualTo(total);
			}
		}
	}

	@Test
	void rangesFillWholeWaves() {
		// 12 chunks of 8 MB on 8 connections would leave a half-empty second wave.
		List<ByteRange> plan = RangePlan.of(8 * MB, 96 * MB, 8 * MB, 8);
		assertThat(plan).hasSize(16);
		assertThat(plan.get(1).length() - plan.get(7).length()).isBetween(-1L, 1L);
	}

	@Test
	void lastWaveEndsInOrder() {
		List<ByteRange> plan = RangePlan.of(8 * MB, 96 * MB, 8 * MB, 8);
		long usual = plan.get(1).length();
		List<Long> last = plan.subList(8, 15).stream().map(ByteRange::length).toList();
		assertThat(last).isSorted().doesNotHaveDuplicates();
		assertThat(last.get(0)).isLessThan(usual);
		assertThat(last.get(6)).isBetween(usual + usual / 11, usual + usual / 9);
		assertThat(last.stream().mapToLong(Long::longValue).sum()).isBetween(7 * usual - 8, 7 * usual + 8);
		assertThat(plan.get(15).length() - usual).isBetween(-1L, 1L);
		// Where the usual length is the largest, there is no room for it.
		assertThat(RangePlan.of(8 * MB, 64 * MB, 8 * MB, 8)).allMatch((range) -> range.length() == 8 * MB);
	}

	@Test
	void rangesAreNotCutIntoCrumbs() {
		assertThat(RangePlan.of(8 * MB, 8 * MB + 1, 8 * MB, 8)).hasSize(2);
		assertThat(RangePlan.of(8 * MB, 9 * MB, 8 * MB, 8)).hasSize(5);
		assertThat(RangePlan.of(100, 350, 100, 2)).hasSize(4);
		assertThat(RangePlan.of(100, 300, 100, 1)).hasSize(3);
	}

}
