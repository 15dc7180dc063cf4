package dev.vgi.external.network;

import java.util.Random;

import dev.vgi.external.time.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * A connection, whose window doubles each round trip until a packet is lost (slow start)
 * and then grows by a packet a round trip; a lost packet halves it. It keeps its window
 * while it is idle. The window grows only while it is what limits the rate.
 */
final class SimulatedConnection {

	private static final double SMALLEST_WINDOW = 2;

	private final SharedLink link;

	private final double roundTrip;

	private double window = NetworkModel.FIRST_WINDOW;

	private boolean slowStart = true;

	/** Bytes until the next packet is lost. */
	private double untilLoss;

	/** How many times slower the current body is than others. */
	private double slowness = 1;

	private double rate;

	/** Bytes of the body that had not arrived when the rate was set. */
	private double left;

	private long rateSetAt;

	private @Nullable Runnable arrived;

	private TransferTimer.@Nullable Alarm progress;

	private TransferTimer.@Nullable Alarm growth;

	SimulatedConnection(SharedLink link) {
		this.link = link;
		this.roundTrip = link.model.roundTrip().toNanos() / 1e9;
		this.untilLoss = nextLoss();
	}

	private double nextLoss() {
		double loss = this.link.model.loss();
		Random random = this.link.random;
		return (loss > 0) ? -Math.log(1 - random.nextDouble()) / loss * NetworkModel.PACKET : Double.POSITIVE_INFINITY;
	}

	/**
	 * Receive a body.
	 * @param bytes its length
	 * @param slowness how many times slower than others
	 * @param arrived runs when all of it is here
	 */
	void receive(long bytes, double slowness, Runnable arrived) {
		this.slowness = slowness;
		this.left = bytes;
		this.arrived = arrived;
		this.rate = 0;
		this.rateSetAt = this.link.time.nanoTime();
		this.link.add(this);
	}

	/**
	 * Give the body up. The connection is of no use any more.
	 */
	void abort() {
		settle();
		end();
	}

	private void end() {
		if (this.arrived != null) {
			this.arrived = null;
			cancel(this.progress);
			cancel(this.growth);
			this.growth = null;
			this.link.remove(this);
		}
	}

	private static void cancel(TransferTimer.@Nullable Alarm alarm) {
		if (alarm != null) {
			alarm.cancel();
		}
	}

	/**
	 * Return how much of the body has not arrived.
	 * @return bytes
	 */
	double left() {
		settle();
		return this.left;
	}

	/**
	 * Return what this could use if the link had no limit.
	 * @return bytes a second
	 */
	double demand() {
		return Math.min(this.window * NetworkModel.PACKET / this.roundTrip, this.link.connectionRate() / this.slowness);
	}

	/**
	 * Return what this has.
	 * @return bytes a second
	 */
	double rate() {
		return this.rate;
	}

	private void settle() {
		long now = this.link.time.nanoTime();
		double bytes = this.rate * (now - this.rateSetAt) / 1e9;
		this.left = Math.max(0, this.left - bytes);
		this.untilLoss -= bytes;
		this.rateSetAt = now;
	}

	void setRate(double rate) {
		if (this.rate != rate) {
			settle();
			this.rate = rate;
			setProgress();
		}
		if (this.growth == null && canGrow()) {
			this.growth = this.link.time.in((long) (this.roundTrip * 1e9), this::grow);
		}
	}

	private void setProgress() {
		cancel(this.progress);
		double nanos = Math.ceil(Math.min(this.left, Math.max(0, this.untilLoss)) / this.rate * 1e9);
		this.progress = this.link.time.in((long) Math.min(nanos, 1e17), this::progressed);
	}

	private void progressed() {
		settle();
		Runnable whenArrived = this.arrived;
		// Less than a byte is the rounding of the time.
		if (this.left < 1 && whenArrived != null) {
			end();
			whenArrived.run();
			return;
		}
		if (this.untilLoss < 1) {
			this.untilLoss = nextLoss();
			this.slowStart = false;
			this.window = Math.max(SMALLEST_WINDOW, this.rate * this.roundTrip / NetworkModel.PACKET / 2);
			this.link.changed(this);
		}
		setProgress();
	}

	private boolean canGrow() {
		return this.rate > 0 && this.rate >= this.window * NetworkModel.PACKET / this.roundTrip * 0.999;
	}

	private void grow() {
		this.growth = null;
		if (canGrow()) {
			this.window += this.slowStart ? this.window : 1;
			this.link.changed(this);
		}
	}

}
