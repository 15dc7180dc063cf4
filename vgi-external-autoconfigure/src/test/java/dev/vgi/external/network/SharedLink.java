package dev.vgi.external.network;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;

/**
 * A link whose capacity is shared fairly (max-min) among the connections that carry a
 * body: none can have more without taking it from one that has no more. Bytes flow like a
 * fluid; rates are computed when something changes.
 */
final class SharedLink {

	final VirtualTime time;

	final NetworkModel model;

	final Random random;

	private final List<SimulatedConnection> active = new ArrayList<>();

	/** How many times slower every connection is than the model says. */
	private double slowdown = 1;

	/** Whether some connections have less than they could use. */
	private boolean full;

	SharedLink(VirtualTime time, NetworkModel model, Random random) {
		this.time = time;
		this.model = model;
		this.random = random;
	}

	/**
	 * Make every connection slower from now on.
	 * @param factor how many times
	 */
	void slowDown(double factor) {
		this.slowdown = factor;
		share();
	}

	/**
	 * Return the most that a connection may have now.
	 * @return bytes a second
	 */
	double connectionRate() {
		return this.model.connectionRate() / this.slowdown;
	}

	void add(SimulatedConnection connection) {
		this.active.add(connection);
		share();
	}

	void remove(SimulatedConnection connection) {
		this.active.remove(connection);
		if (this.full) {
			share();
		}
	}

	/**
	 * Return how many connections carry a body.
	 * @return the number
	 */
	int active() {
		return this.active.size();
	}

	/**
	 * Compute all rates anew: what a connection could use changed.
	 * @param connection the one that changed
	 */
	void changed(SimulatedConnection connection) {
		double sum = 0;
		for (SimulatedConnection other : this.active) {
			sum += other.demand();
		}
		if (!this.full && sum <= this.model.linkRate()) {
			connection.setRate(connection.demand());
			return;
		}
		share();
	}

	private void share() {
		double sum = 0;
		for (SimulatedConnection connection : this.active) {
			sum += connection.demand();
		}
		this.full = sum > this.model.linkRate();
		if (!this.full) {
			this.active.forEach((connection) -> connection.setRate(connection.demand()));
			return;
		}
		List<SimulatedConnection> modestFirst = new ArrayList<>(this.active);
		modestFirst.sort(Comparator.comparingDouble(SimulatedConnection::demand));
		double left = this.model.linkRate();
		int others = modestFirst.size();
		for (SimulatedConnection connection : modestFirst) {
			double rate = Math.min(connection.demand(), left / others);
			connection.setRate(rate);
			left -= rate;
			others--;
		}
	}

}
