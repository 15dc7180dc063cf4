package dev.vgi.external.network;

import java.util.Arrays;

/**
 * What a run has shown, from the fifth second on.
 *
 * @param throughput useful bytes a second
 * @param requests requests that were sent
 * @param refused those that were answered 503
 * @param hedges second requests for the same range
 * @param hedgesLate share of second requests from the 35th second on
 * @param fetchSeconds how long each fetch took that ended, sorted
 * @param failed fetches that failed
 */
record Outcome(double throughput, long requests, long refused, long hedges, double hedgesLate, double[] fetchSeconds,
		long failed) {

	double refusedShare() {
		return (double) this.refused / this.requests;
	}

	double hedgedShare() {
		return (double) this.hedges / this.requests;
	}

	/**
	 * Return how long a share of the fetches took at most.
	 * @param share 0 to 1
	 * @return seconds
	 */
	double quantile(double share) {
		int length = this.fetchSeconds.length;
		return (length > 0) ? this.fetchSeconds[Math.min(length - 1, (int) (length * share))] : Double.NaN;
	}

	@Override
	public String toString() {
		return String.format(
				"%.1f MB/s, %d requests, %.2f %% refused, %.2f %% hedged (%.2f %% from 35 s), "
						+ "%d fetches (%d failed), p50 %.2f s, p99 %.2f s",
				this.throughput / 1e6, this.requests, 100 * refusedShare(), 100 * hedgedShare(), 100 * this.hedgesLate,
				this.fetchSeconds.length, this.failed, quantile(0.5), quantile(0.99));
	}

	static double[] sorted(double[] values) {
		double[] sorted = values.clone();
		Arrays.sort(sorted);
		return sorted;
	}

}
