package dev.vgi.external.benchmark;

import java.util.Arrays;
import java.util.function.Consumer;

import dev.vgi.external.network.NetworkTable;
import dev.vgi.external.network.SocketComparison;

/**
 * What the pace of requests achieves on simulated networks. Virtual time: neither the
 * machine nor the JDK matters.
 */
final class SimulatedNetworks {

	private static final int SEEDS = 10;

	private SimulatedNetworks() {
	}

	/**
	 * Simulate all scenarios.
	 * @param figures takes the rows
	 */
	static void measure(Consumer<Figure> figures) {
		NetworkTable table = NetworkTable.simulate(SEEDS);
		for (String scenario : table.scenarios()) {
			figures.accept(Figure.atLeast("network-" + scenario, "ratio", 0.95, table.toBestFixed(scenario)));
		}
		figures.accept(Figure.atLeast("network-to-fixed-8", "ratio", 1.5, table.toFixedEight()));
		for (String scenario : new String[] { "says-no", "says-no-for-a-second" }) {
			figures.accept(Figure.atLeast("network-" + scenario + "-goodput", "ratio", 0.9, table.goodput(scenario)));
			figures.accept(Figure.atMost("network-" + scenario + "-refused", "%", 5, table.refused(scenario)));
		}
		figures.accept(Figure.atMost("network-tail-p99", "ratio", 1.6, table.tail("tail")));
		figures.accept(Figure.atMost("network-all-slow-hedged", "%", 1, table.hedgedLate("all-slow")));
		for (String scenario : table.withoutHedges()) {
			figures.accept(Figure.atMost("network-" + scenario + "-hedged", "%", 1, table.hedged(scenario)));
		}
	}

	/**
	 * Compare small scenarios with the same over real sockets, which takes their time.
	 * @param figures takes the rows
	 * @throws Exception if something cannot be measured
	 */
	static void compareWithSockets(Consumer<Figure> figures) throws Exception {
		for (SocketComparison comparison : SocketComparison.measure()) {
			String name = "network-sockets-" + comparison.name();
			figures.accept(Figure.atMost(name, "%", 20, Arrays.stream(comparison.deviations()).max().orElseThrow()));
			figures.accept(Figure.atMost(name + "-in-other-order", "pairs", 0, comparison.inOtherOrder()));
		}
	}

}
