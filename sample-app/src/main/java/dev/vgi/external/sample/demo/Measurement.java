package dev.vgi.external.sample.demo;

import java.time.Duration;

/**
 * What one call transferred, and how.
 *
 * @param call name of the call
 * @param external whether its batch travelled through storage
 * @param rows rows of the batch
 * @param bytes bytes on the wire: those in storage if it was external, otherwise those of
 * the HTTP bodies
 * @param elapsed from the call to the usable result
 */
record Measurement(String call, boolean external, long rows, long bytes, Duration elapsed) {

	/**
	 * Return the rate.
	 * @return megabytes (1,000,000 bytes) per second
	 */
	double megabytesPerSecond() {
		return this.bytes * 1e3 / Math.max(1, this.elapsed.toNanos());
	}

}
