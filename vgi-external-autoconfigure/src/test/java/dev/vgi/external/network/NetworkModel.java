package dev.vgi.external.network;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * What a network and the storage behind it are like. Rates are bytes a second.
 *
 * @param linkRate what all connections have together
 * @param connectionRate the most that one connection has
 * @param roundTrip how long a packet and its acknowledgement take
 * @param loss share of the packets that are lost
 * @param firstByte median of the time to the first byte, which is distributed lognormally
 * @param sigma standard deviation of its logarithm
 * @param slowShare share of the requests that are slow: their first byte and their body
 * @param slowFactor how many times as long they take
 * @param requestRate requests a second beyond which storage answers 503; 0 for any number
 * @param burst how many of them it takes at once after it was idle
 * @param retryAfter what such an answer asks for, or {@code null}
 */
record NetworkModel(double linkRate, double connectionRate, Duration roundTrip, double loss, Duration firstByte,
		double sigma, double slowShare, double slowFactor, double requestRate, double burst,
		@Nullable Duration retryAfter) {

	/** Bytes of a packet. */
	static final double PACKET = 1448;

	/** Packets that a new connection may send at once. */
	static final double FIRST_WINDOW = 10;

	private static final NetworkModel DEFAULTS = new NetworkModel(1e12, 60e6, Duration.ofMillis(20), 0,
			Duration.ofMillis(20), 0.5, 0, 1, 0, 0, null);

	/**
	 * Return a healthy network without a limit of the link: 60 MB/s a connection, 20 ms a
	 * round trip and to the first byte.
	 * @return the shared instance
	 */
	static NetworkModel defaults() {
		return DEFAULTS;
	}

	NetworkModel withLink(double rate) {
		return new NetworkModel(rate, this.connectionRate, this.roundTrip, this.loss, this.firstByte, this.sigma,
				this.slowShare, this.slowFactor, this.requestRate, this.burst, this.retryAfter);
	}

	NetworkModel withConnection(double rate) {
		return new NetworkModel(this.linkRate, rate, this.roundTrip, this.loss, this.firstByte, this.sigma,
				this.slowShare, this.slowFactor, this.requestRate, this.burst, this.retryAfter);
	}

	NetworkModel withRoundTrip(Duration time) {
		return new NetworkModel(this.linkRate, this.connectionRate, time, this.loss, this.firstByte, this.sigma,
				this.slowShare, this.slowFactor, this.requestRate, this.burst, this.retryAfter);
	}

	NetworkModel withLoss(double share) {
		return new NetworkModel(this.linkRate, this.connectionRate, this.roundTrip, share, this.firstByte, this.sigma,
				this.slowShare, this.slowFactor, this.requestRate, this.burst, this.retryAfter);
	}

	NetworkModel withFirstByte(Duration median, double sigma) {
		return new NetworkModel(this.linkRate, this.connectionRate, this.roundTrip, this.loss, median, sigma,
				this.slowShare, this.slowFactor, this.requestRate, this.burst, this.retryAfter);
	}

	NetworkModel withSlowRequests(double share, double factor) {
		return new NetworkModel(this.linkRate, this.connectionRate, this.roundTrip, this.loss, this.firstByte,
				this.sigma, share, factor, this.requestRate, this.burst, this.retryAfter);
	}

	NetworkModel withRequestRate(double rate, double burst, @Nullable Duration retryAfter) {
		return new NetworkModel(this.linkRate, this.connectionRate, this.roundTrip, this.loss, this.firstByte,
				this.sigma, this.slowShare, this.slowFactor, rate, burst, retryAfter);
	}

}
