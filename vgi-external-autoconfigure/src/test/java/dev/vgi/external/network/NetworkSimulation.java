package dev.vgi.external.network;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.LongUnaryOperator;

import dev.vgi.external.fetch.SimulatedClient;
import dev.vgi.external.fetch.SimulatedFetch;
import dev.vgi.external.pace.Pace;
import dev.vgi.external.transfer.SimulatedRetries;

/**
 * Runs a scenario in virtual time: load without a pause, of which the first seconds do
 * not count. The same seed gives the same run.
 */
final class NetworkSimulation {

	private static final long SECOND = 1_000_000_000L;

	private final LoadPlan plan;

	private final VirtualTime time = new VirtualTime();

	private final Scenario scenario;

	private final SharedLink link;

	private final SimulatedStorage storage;

	private final List<SimulatedClient> clients = new ArrayList<>();

	private final Set<SimulatedFetch> running = new LinkedHashSet<>();

	private final List<Double> fetchSeconds = new ArrayList<>();

	private NetworkSimulation(Scenario scenario, Setting setting, LoadPlan plan, long seed) {
		this.plan = plan;
		this.scenario = scenario;
		// The network's luck does not depend on how often a policy asks for a number.
		this.link = new SharedLink(this.time, scenario.network(), new Random(seed));
		this.storage = new SimulatedStorage(this.time, scenario.network(), this.link);
		Random random = new Random(~seed);
		LongUnaryOperator upTo = (most) -> (long) (random.nextDouble() * (most + 1));
		for (int i = 0; i < scenario.processes(); i++) {
			this.clients.add(new SimulatedClient(new SimulatedProcess(this.storage, this.time),
					new Pace(setting.pace(), this.time, upTo), this.time, SimulatedRetries.policy(this.time, upTo),
					plan.config()));
		}
	}

	/**
	 * Run a scenario.
	 * @param scenario network and load
	 * @param setting how requests are limited
	 * @param plan for how long
	 * @param seed of all that is random
	 * @return what it has shown
	 */
	static Outcome run(Scenario scenario, Setting setting, LoadPlan plan, long seed) {
		return new NetworkSimulation(scenario, setting, plan, seed).run();
	}

	private Outcome run() {
		if (this.scenario.slowFrom() > 0) {
			this.time.in(this.scenario.slowFrom() * SECOND, () -> this.link.slowDown(this.scenario.slowFactor()));
		}
		if (this.scenario.outageFrom() > 0) {
			this.time.in(this.scenario.outageFrom() * SECOND, () -> this.storage.setOutage(true));
			this.time.in(this.scenario.outageTo() * SECOND, () -> this.storage.setOutage(false));
		}
		for (SimulatedClient client : this.clients) {
			for (int i = 0; i < this.scenario.transfers(); i++) {
				fetch(client);
			}
		}
		this.time.runUntil(this.plan.warmUp() * SECOND);
		Count from = count();
		this.time.runUntil(Math.min(LoadPlan.SETTLED, this.plan.seconds()) * SECOND);
		Count settled = count();
		this.time.runUntil(this.plan.seconds() * SECOND);
		Count to = count();
		return new Outcome((to.bytes - from.bytes) / (double) (this.plan.seconds() - this.plan.warmUp()),
				to.requests - from.requests, to.refused - from.refused, to.hedges - from.hedges,
				(to.hedges - settled.hedges) / (double) Math.max(1, to.requests - settled.requests),
				Outcome.sorted(this.fetchSeconds.stream().mapToDouble(Double::doubleValue).toArray()), to.failed);
	}

	private void fetch(SimulatedClient client) {
		new Load(client).start();
	}

	private Count count() {
		return new Count(
				this.clients.stream().mapToLong(SimulatedClient::usefulBytes).sum()
						+ this.running.stream().mapToLong(SimulatedFetch::bytesInFlight).sum(),
				this.clients.stream().mapToLong(SimulatedClient::requests).sum(),
				this.clients.stream().mapToLong(SimulatedClient::refused).sum(),
				this.clients.stream().mapToLong(SimulatedClient::hedges).sum(),
				this.clients.stream().mapToLong(SimulatedClient::failedFetches).sum());
	}

	/**
	 * One fetch after the other.
	 */
	private final class Load {

		private final SimulatedClient client;

		private SimulatedFetch current;

		private long startedAt;

		Load(SimulatedClient client) {
			this.client = client;
			this.current = next();
		}

		private SimulatedFetch next() {
			return new SimulatedFetch(this.client, NetworkSimulation.this.scenario.size(), this::done);
		}

		void start() {
			this.startedAt = NetworkSimulation.this.time.nanoTime();
			NetworkSimulation.this.running.add(this.current);
			this.current.start();
		}

		private void done() {
			NetworkSimulation.this.running.remove(this.current);
			long now = NetworkSimulation.this.time.nanoTime();
			if (this.startedAt >= NetworkSimulation.this.plan.warmUp() * SECOND) {
				NetworkSimulation.this.fetchSeconds.add((now - this.startedAt) / 1e9);
			}
			this.current = next();
			// Not within the end of the other.
			NetworkSimulation.this.time.in(0, this::start);
		}

	}

	/**
	 * What was counted until some moment.
	 */
	private record Count(long bytes, long requests, long refused, long hedges, long failed) {

	}

}
