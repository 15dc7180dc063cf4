package dev.vgi.external.network;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Small scenarios, both simulated and over real sockets.
 */
public final class SocketComparison {

	private static final List<Setting> SETTINGS = List.of(Setting.fixed(1), Setting.fixed(8), Setting.fixed(32),
			Setting.ADAPTIVE);

	/** Smaller differences between settings are no order. */
	private static final double EQUAL = 0.1;

	private final String name;

	private final List<Outcome> simulated = new ArrayList<>();

	private final List<Outcome> measured = new ArrayList<>();

	private SocketComparison(String name) {
		this.name = name;
	}

	/**
	 * Run and print everything.
	 * @return one comparison for each scenario
	 * @throws Exception if something cannot be measured
	 */
	public static List<SocketComparison> measure() throws Exception {
		List<SocketComparison> comparisons = new ArrayList<>();
		for (Scenario scenario : List.of(Scenario.SCALED_LINK, Scenario.SCALED_LIMIT)) {
			SocketComparison comparison = new SocketComparison(scenario.name());
			comparisons.add(comparison);
			for (Setting setting : SETTINGS) {
				Outcome simulated = NetworkSimulation.run(scenario, setting, LoadPlan.SCALED, 1);
				Outcome measured = SocketLoad.run(scenario, setting, LoadPlan.SCALED);
				comparison.simulated.add(simulated);
				comparison.measured.add(measured);
				System.out.printf(Locale.ROOT,
						"| %s, %s | simulated %.1f MB/s, %.0f %% refused | sockets %.1f MB/s, %.0f %% refused |%n",
						scenario.name(), setting.name(), simulated.throughput() / 1e6, 100 * simulated.refusedShare(),
						measured.throughput() / 1e6, 100 * measured.refusedShare());
			}
		}
		return comparisons;
	}

	/**
	 * Return the scenario.
	 * @return its name
	 */
	public String name() {
		return this.name;
	}

	/**
	 * Return how far the throughput over sockets is from the simulated one.
	 * @return for each setting, in percent, without sign
	 */
	public double[] deviations() {
		double[] deviations = new double[SETTINGS.size()];
		for (int i = 0; i < deviations.length; i++) {
			deviations[i] = 100 * Math.abs(this.measured.get(i).throughput() / this.simulated.get(i).throughput() - 1);
		}
		return deviations;
	}

	/**
	 * Return how many pairs of settings are in another order than in the simulation.
	 * @return the number, without pairs that are about equal
	 */
	public int inOtherOrder() {
		int count = 0;
		for (int i = 0; i < SETTINGS.size(); i++) {
			for (int j = 0; j < i; j++) {
				double simulated = Math.log(this.simulated.get(i).throughput() / this.simulated.get(j).throughput());
				double measured = Math.log(this.measured.get(i).throughput() / this.measured.get(j).throughput());
				if (Math.abs(simulated) > EQUAL && simulated * measured <= 0) {
					count++;
				}
			}
		}
		return count;
	}

}
