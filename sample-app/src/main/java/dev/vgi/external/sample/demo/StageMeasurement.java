package dev.vgi.external.sample.demo;

import java.time.Duration;

/**
 * What one stage of a transfer takes by itself.
 *
 * @param stage name of the stage
 * @param description what it does
 * @param bytes bytes of the Arrow buffers
 * @param elapsed the median of several runs
 * @param ratio the elapsed time as a multiple of a bare download's
 */
record StageMeasurement(String stage, String description, long bytes, Duration elapsed, double ratio) {

	/**
	 * Return the rate.
	 * @return megabytes (1,000,000 bytes) per second
	 */
	double megabytesPerSecond() {
		return this.bytes * 1e3 / Math.max(1, this.elapsed.toNanos());
	}

}
