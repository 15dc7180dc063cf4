package dev.vgi.external.network;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * Fixed numbers of requests in flight and the adaptive pace, in every scenario, with
 * several seeds.
 */
public final class NetworkTable {

	private static final List<Setting> FIXED = List.of(Setting.fixed(1), Setting.fixed(8), Setting.fixed(32));

	private static final List<Scenario> SCENARIOS = List.of(Scenario.FAT, Scenario.THIN, Scenario.CROWD,
			Scenario.SAYS_NO, Scenario.SAYS_NO_FOR_A_SECOND, Scenario.TAIL, Scenario.ALL_SLOW);

	/** Judged by nothing but their hedges. */
	private static final List<Scenario> WITHOUT_HEDGES = List.of(Scenario.SLOWER, Scenario.FIFTY, Scenario.DROP);

	/** For each scenario and setting, what each seed gave. */
	private final Map<Scenario, Map<Setting, List<Outcome>>> outcomes = new LinkedHashMap<>();

	private NetworkTable() {
	}

	/**
	 * Run everything and print it.
	 * @param seeds how often, each time with another seed: 1, 2, 3...
	 * @return what it has shown
	 */
	public static NetworkTable simulate(int seeds) {
		NetworkTable table = new NetworkTable();
		SCENARIOS.forEach((scenario) -> table.simulate(scenario, settings(), seeds));
		WITHOUT_HEDGES.forEach((scenario) -> table.simulate(scenario, List.of(Setting.ADAPTIVE), seeds));
		table.print();
		return table;
	}

	private void simulate(Scenario scenario, List<Setting> settings, int seeds) {
		Map<Setting, List<Outcome>> row = new LinkedHashMap<>();
		this.outcomes.put(scenario, row);
		for (Setting setting : settings) {
			List<Outcome> column = new ArrayList<>();
			row.put(setting, column);
			for (int seed = 1; seed <= seeds; seed++) {
				Outcome outcome = NetworkSimulation.run(scenario, setting, LoadPlan.FULL, seed);
				column.add(outcome);
				System.out.printf(Locale.ROOT, "%s, %s, seed %d: %s%n", scenario.name(), setting.name(), seed, outcome);
			}
		}
	}

	private static List<Setting> settings() {
		List<Setting> settings = new ArrayList<>(FIXED);
		settings.add(Setting.ADAPTIVE);
		return settings;
	}

	private void print() {
		this.outcomes.forEach((scenario, row) -> {
			System.out.printf(Locale.ROOT, "| %s |", scenario.name());
			row.values()
				.forEach((column) -> System.out.printf(Locale.ROOT, " %.0f MB/s, %.1f %% refused, %.1f %% hedged |",
						median(column, Outcome::throughput) / 1e6, 100 * median(column, Outcome::refusedShare),
						100 * median(column, Outcome::hedgedShare)));
			System.out.println();
		});
	}

	/**
	 * Return the names of the scenarios that were run with all settings.
	 * @return the names
	 */
	public List<String> scenarios() {
		return SCENARIOS.stream().map(Scenario::name).toList();
	}

	/**
	 * Return the names of the scenarios in which hedges are of no use.
	 * @return the names
	 */
	public List<String> withoutHedges() {
		return WITHOUT_HEDGES.stream().map(Scenario::name).toList();
	}

	/**
	 * Return the adaptive pace's throughput in relation to the best fixed setting's.
	 * @param scenario name of a scenario
	 * @return for each seed
	 */
	public double[] toBestFixed(String scenario) {
		Setting best = FIXED.stream()
			.max(Comparator.comparingDouble((setting) -> median(row(scenario, setting), Outcome::throughput)))
			.orElseThrow();
		return ratios(scenario, best);
	}

	/**
	 * Return the adaptive pace's throughput in relation to that of eight requests in
	 * flight, in the scenario where it is largest.
	 * @return for each seed
	 */
	public double[] toFixedEight() {
		return scenarios().stream()
			.map((scenario) -> ratios(scenario, FIXED.get(1)))
			.max(Comparator.comparingDouble((ratios) -> Arrays.stream(ratios).min().orElseThrow()))
			.orElseThrow();
	}

	private double[] ratios(String scenario, Setting to) {
		List<Outcome> adaptive = row(scenario, Setting.ADAPTIVE);
		List<Outcome> fixed = row(scenario, to);
		double[] ratios = new double[adaptive.size()];
		Arrays.setAll(ratios, (i) -> adaptive.get(i).throughput() / fixed.get(i).throughput());
		return ratios;
	}

	/**
	 * Return what a busy storage has delivered in relation to what it could.
	 * @param scenario name of a scenario with a limit of requests
	 * @return for each seed, of the adaptive pace
	 */
	public double[] goodput(String scenario) {
		return adaptive(scenario, (outcome) -> outcome.throughput() / Scenario.ACCEPTED / (8 << 20));
	}

	/**
	 * Return how many requests were refused.
	 * @param scenario name of a scenario with a limit of requests
	 * @return for each seed, of the adaptive pace, in percent
	 */
	public double[] refused(String scenario) {
		return adaptive(scenario, (outcome) -> 100 * outcome.refusedShare());
	}

	/**
	 * Return how much longer slow fetches take than usual ones.
	 * @param scenario name of a scenario
	 * @return p99 ÷ p50 for each seed, of the adaptive pace
	 */
	public double[] tail(String scenario) {
		return adaptive(scenario, (outcome) -> outcome.quantile(0.99) / outcome.quantile(0.5));
	}

	/**
	 * Return how many requests were hedges.
	 * @param scenario name of a scenario
	 * @return for each seed, of the adaptive pace, in percent
	 */
	public double[] hedged(String scenario) {
		return adaptive(scenario, (outcome) -> 100 * outcome.hedgedShare());
	}

	/**
	 * Return how many requests were hedges from the 35th second on.
	 * @param scenario name of a scenario
	 * @return for each seed, of the adaptive pace, in percent
	 */
	public double[] hedgedLate(String scenario) {
		return adaptive(scenario, (outcome) -> 100 * outcome.hedgesLate());
	}

	private double[] adaptive(String scenario, ToDoubleFunction<Outcome> figure) {
		return row(scenario, Setting.ADAPTIVE).stream().mapToDouble(figure).toArray();
	}

	private List<Outcome> row(String scenario, Setting setting) {
		return this.outcomes.entrySet()
			.stream()
			.filter((row) -> row.getKey().name().equals(scenario))
			.map((row) -> row.getValue().get(setting))
			.findFirst()
			.orElseThrow();
	}

	private static double median(List<Outcome> outcomes, ToDoubleFunction<Outcome> figure) {
		double[] sorted = outcomes.stream().mapToDouble(figure).sorted().toArray();
		return sorted[sorted.length / 2];
	}

}
