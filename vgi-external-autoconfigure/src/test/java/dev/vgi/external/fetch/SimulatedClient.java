package dev.vgi.external.fetch;

import dev.vgi.external.network.Origin;
import dev.vgi.external.pace.Pace;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transfer.RetryPolicy;

/**
 * What the fetches of one simulated process share, and what they have done. Belongs to
 * one thread.
 */
public final class SimulatedClient {

	final Origin origin;

	final Pace pace;

	final TransferTimer timer;

	final RetryPolicy retryPolicy;

	final FetchConfig config;

	final FirstByteTimes firstByteTimes = new FirstByteTimes();

	/** Bytes of complete ranges, without those of failed fetches. */
	long usefulBytes;

	long requests;

	long refused;

	long hedges;

	long failedFetches;

	/**
	 * Create a process.
	 * @param origin where requests go
	 * @param pace when they go
	 * @param timer the clock of all
	 * @param retryPolicy when failed ones are repeated
	 * @param config the size of ranges, and how many of a fetch are requested at once
	 */
	public SimulatedClient(Origin origin, Pace pace, TransferTimer timer, RetryPolicy retryPolicy, FetchConfig config) {
		this.origin = origin;
		this.pace = pace;
		this.timer = timer;
		this.retryPolicy = retryPolicy;
		this.config = config;
	}

	/**
	 * Return the bytes that are of use.
	 * @return those of complete ranges, without those of fetches that failed
	 */
	public long usefulBytes() {
		return this.usefulBytes;
	}

	/**
	 * Return how many requests were sent.
	 * @return the number, hedges and refused ones included
	 */
	public long requests() {
		return this.requests;
	}

	/**
	 * Return how often storage was busy.
	 * @return the number of requests
	 */
	public long refused() {
		return this.refused;
	}

	/**
	 * Return how many second requests were sent.
	 * @return the number
	 */
	public long hedges() {
		return this.hedges;
	}

	/**
	 * Return how many fetches failed.
	 * @return the number
	 */
	public long failedFetches() {
		return this.failedFetches;
	}

}
