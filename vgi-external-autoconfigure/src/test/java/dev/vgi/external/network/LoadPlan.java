package dev.vgi.external.network;

import java.time.Duration;

import dev.vgi.external.fetch.FetchConfig;

/**
 * For how long to put load on a network, and how objects are fetched.
 *
 * @param seconds how long, without a pause
 * @param warmUp how many of the first seconds do not count
 * @param config how objects are fetched
 */
record LoadPlan(int seconds, int warmUp, FetchConfig config) {

	/** From then on nothing changes any more in any scenario. */
	static final int SETTLED = 35;

	/**
	 * A minute with the configuration as shipped, except that no fetch fails because many
	 * share the link.
	 */
	static final LoadPlan FULL = new LoadPlan(60, 5, FetchConfig.defaults().withTimeout(Duration.ofMinutes(10)));

	/** A few seconds with ranges of an eighth of the size. */
	static final LoadPlan SCALED = new LoadPlan(12, 2,
			FULL.config.withChunkSize(1 << 20).withParallelThreshold(8 << 20));

}
