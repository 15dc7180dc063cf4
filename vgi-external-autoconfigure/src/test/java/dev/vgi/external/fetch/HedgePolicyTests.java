package dev.vgi.external.fetch;

import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class HedgePolicyTests {

	private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

	@Test
	void lateIsAMultipleOfTheMedian() {
		HedgePolicy policy = new HedgePolicy(2, 4, -1);
		assertThat(policy.lateAfter(true)).isEqualTo(Long.MAX_VALUE);
		policy.completed(3 * SECOND);
		assertThat(policy.lateAfter(true)).isEqualTo(6 * SECOND);
		policy.completed(SECOND);
		policy.completed(2 * SECOND);
		assertThat(policy.lateAfter(false)).isEqualTo(4 * SECOND);
	}

	@Test
	void beforeAnythingCompletedTheFirstByteCanBeLate() {
		HedgePolicy policy = new HedgePolicy(3, 4, SECOND);
		assertThat(policy.lateAfter(false)).isEqualTo(3 * SECOND);
		assertThat(policy.lateAfter(true)).isEqualTo(Long.MAX_VALUE);
		policy.completed(5 * SECOND);
		assertThat(policy.lateAfter(false)).isEqualTo(15 * SECOND);
	}

	@Test
	void noiseIsNotLate() {
		HedgePolicy policy = new HedgePolicy(2, 4, 10);
		assertThat(policy.lateAfter(false)).isEqualTo(HedgePolicy.SHORTEST_NANOS);
	}

	@Test
	void hedgesAreLimited() {
		HedgePolicy two = new HedgePolicy(2, 2, SECOND);
		HedgePolicy unlimited = new HedgePolicy(2, 0, SECOND);
		for (int i = 0; i < 2; i++) {
			assertThat(two.lateAfter(false)).isEqualTo(2 * SECOND);
			two.hedged();
			unlimited.hedged();
		}
		assertThat(two.lateAfter(false)).isEqualTo(Long.MAX_VALUE);
		assertThat(two.hedges()).isEqualTo(2);
		assertThat(unlimited.lateAfter(false)).isEqualTo(2 * SECOND);
	}

	@Test
	void multiplierZeroTurnsItOff() {
		HedgePolicy off = new HedgePolicy(0, 0, SECOND);
		off.completed(SECOND);
		assertThat(off.lateAfter(false)).isEqualTo(Long.MAX_VALUE);
	}

	@Test
	void originsHaveAMedianOfRecentTimes() {
		FirstByteTimes times = new FirstByteTimes();
		assertThat(times.median("a:1")).isEqualTo(-1);
		times.add("a:1", 5);
		times.add("a:1", 1);
		times.add("a:1", 3);
		times.add("b:1", 9);
		assertThat(times.median("a:1")).isEqualTo(3);
		for (int i = 0; i < 40; i++) {
			times.add("a:1", 7);
		}
		assertThat(times.median("a:1")).isEqualTo(7);
	}

}
