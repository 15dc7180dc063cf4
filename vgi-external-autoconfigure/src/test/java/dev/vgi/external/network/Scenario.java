package dev.vgi.external.network;

import java.time.Duration;

/**
 * A network and the load on it.
 *
 * @param name kebab-case
 * @param network the network
 * @param processes how many processes fetch, each with a pace of its own
 * @param transfers how many fetches each has at once
 * @param size bytes of each object
 * @param slowFrom second from which on every connection is slower; 0 for never
 * @param slowFactor how many times slower
 * @param outageFrom second from which on storage answers everything with 503; 0 for never
 * @param outageTo when that ends
 */
record Scenario(String name, NetworkModel network, int processes, int transfers, long size, int slowFrom,
		double slowFactor, int outageFrom, int outageTo) {

	private static final Duration FAT_ROUND_TRIP = Duration.ofMillis(1);

	private static final double SLOWER_BY = 5;

	static final int OUTAGE_FROM = 20;

	static final int OUTAGE_TO = 30;

	private static final long LARGE = 256L << 20;

	private static final long SMALL = 64L << 20;

	private static final NetworkModel HEALTHY = NetworkModel.defaults();

	/** Requests a second that storage accepts. */
	static final double ACCEPTED = 200;

	/** How many at once after a pause: those of a tenth of a second. */
	private static final double BURST = ACCEPTED / 10;

	static final Scenario FAT = new Scenario("fat", HEALTHY.withLink(10e9).withRoundTrip(FAT_ROUND_TRIP), 1, 16, LARGE);

	static final Scenario THIN = new Scenario("thin", HEALTHY.withLink(50e6).withLoss(0.001), 1, 16, LARGE);

	static final Scenario CROWD = new Scenario("crowd", HEALTHY.withLink(125e6), 1, 64, LARGE);

	static final Scenario SAYS_NO = new Scenario("says-no", HEALTHY.withRequestRate(ACCEPTED, BURST, null), 200, 1,
			SMALL);

	static final Scenario SAYS_NO_FOR_A_SECOND = new Scenario("says-no-for-a-second",
			HEALTHY.withRequestRate(ACCEPTED, BURST, Duration.ofSeconds(1)), 200, 1, SMALL);

	static final Scenario TAIL = new Scenario("tail", HEALTHY.withSlowRequests(0.02, 20), 1, 16, LARGE);

	static final Scenario ALL_SLOW = new Scenario("all-slow", HEALTHY, 1, 16, LARGE).slowerFrom(30);

	/** Every connection as slow as it never was before. */
	static final Scenario SLOWER = new Scenario("slower", HEALTHY.withConnection(12e6), 1, 16, LARGE);

	static final Scenario FIFTY = new Scenario("fifty", HEALTHY.withLink(125e6), 1, 50, LARGE);

	/** One transfer at a time, whose connections become slower in the middle. */
	static final Scenario DROP = new Scenario("drop", HEALTHY, 1, 1, LARGE).slowerFrom(30);

	/** What a socket server on one machine can do as well: a link that is the limit. */
	static final Scenario SCALED_LINK = new Scenario("link",
			HEALTHY.withLink(48e6).withConnection(4e6).withRoundTrip(FAT_ROUND_TRIP), 1, 16, 8 << 20);

	/** And a storage that limits requests. */
	static final Scenario SCALED_LIMIT = new Scenario("limit",
			HEALTHY.withConnection(20e6).withRoundTrip(FAT_ROUND_TRIP).withRequestRate(40, 8, null), 20, 1, 8 << 20);

	/** Out of order for ten seconds. */
	static final Scenario OUTAGE = FAT.withOutage("outage");

	static final Scenario OUTAGE_OF_LIMITED = SAYS_NO.withOutage("outage-of-limited");

	Scenario(String name, NetworkModel network, int processes, int transfers, long size) {
		this(name, network, processes, transfers, size, 0, 1, 0, 0);
	}

	private Scenario slowerFrom(int second) {
		return new Scenario(this.name, this.network, this.processes, this.transfers, this.size, second, SLOWER_BY, 0,
				0);
	}

	private Scenario withOutage(String name) {
		return new Scenario(name, this.network, this.processes, this.transfers, this.size, 0, 1, OUTAGE_FROM,
				OUTAGE_TO);
	}

}
