package dev.vgi.external.network;

import java.util.Arrays;
import java.util.function.Consumer;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Holds what the adaptive pace promises on simulated networks, with one seed. The
 * benchmark runs ten.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NetworkTableTests {

	private static NetworkTable table;

	@BeforeAll
	static void simulate() {
		table = NetworkTable.simulate(1);
	}

	@Test
	void adaptivePaceIsAsFastAsTheBestFixedNumberOfRequests() {
		for (String scenario : table.scenarios()) {
			assertThat(table.toBestFixed(scenario)).as(scenario).satisfies(atLeast(0.95));
		}
		assertThat(table.toFixedEight()).satisfies(atLeast(2));
	}

	@Test
	void storageThatLimitsRequestsIsUsedAndRefusesFew() {
		for (String scenario : new String[] { "says-no", "says-no-for-a-second" }) {
			assertThat(table.goodput(scenario)).as(scenario).satisfies(atLeast(0.93));
			assertThat(table.refused(scenario)).as(scenario).satisfies(atMost(4.8));
		}
	}

	@Test
	void slowRequestsDoNotMakeFetchesSlow() {
		assertThat(table.tail("tail")).satisfies(atMost(1.55));
	}

	@Test
	void nobodyHedgesWhereEverythingIsSlow() {
		assertThat(table.hedgedLate("all-slow")).satisfies(atMost(0.5));
		for (String scenario : table.withoutHedges()) {
			assertThat(table.hedged(scenario)).as(scenario).satisfies(atMost(0.9));
		}
	}

	@Test
	void outageIsAskedAboutSeldomAndIsForgottenSoon() {
		for (Scenario scenario : new Scenario[] { Scenario.OUTAGE, Scenario.OUTAGE_OF_LIMITED }) {
			double before = between(scenario, 10, Scenario.OUTAGE_FROM).throughput();
			Outcome during = between(scenario, Scenario.OUTAGE_FROM, Scenario.OUTAGE_TO);
			// The first ones were in flight.
			assertThat(during.requests()).isLessThan(64 + 5 * scenario.processes());
			Outcome after = between(scenario, Scenario.OUTAGE_TO + 15, Scenario.OUTAGE_TO + 25);
			assertThat(after.throughput()).as(scenario.name()).isGreaterThan(0.85 * before);
			assertThat(after.failed()).isZero();
		}
	}

	private static Outcome between(Scenario scenario, int from, int to) {
		return NetworkSimulation.run(scenario, Setting.ADAPTIVE, new LoadPlan(to, from, LoadPlan.FULL.config()), 1);
	}

	@Test
	void sameSeedGivesTheSameRun() {
		Outcome once = NetworkSimulation.run(Scenario.TAIL, Setting.ADAPTIVE, LoadPlan.FULL, 7);
		Outcome again = NetworkSimulation.run(Scenario.TAIL, Setting.ADAPTIVE, LoadPlan.FULL, 7);
		assertThat(again).hasToString(once.toString());
		assertThat(NetworkSimulation.run(Scenario.TAIL, Setting.ADAPTIVE, LoadPlan.FULL, 8))
			.doesNotHaveToString(once.toString());
	}

	private static Consumer<double[]> atLeast(double least) {
		return (figures) -> assertThat(Arrays.stream(figures).min().orElseThrow()).isGreaterThanOrEqualTo(least);
	}

	private static Consumer<double[]> atMost(double most) {
		return (figures) -> assertThat(Arrays.stream(figures).max().orElseThrow()).isLessThanOrEqualTo(most);
	}

}
