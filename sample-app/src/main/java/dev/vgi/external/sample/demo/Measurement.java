package dev.vgi.external.sample.demo;

import java.time.Duration;

/**
 * What one call transferred, and how.
 *
 * @param call name of the call
 * @param travelled how its batches travelled
 * @param objects number of objects in storage that they travelled as
 * @param rows rows of the batches
 * @param bytes bytes of their Arrow buffers, or 0 if the call has no batches
 * @param elapsed from the call to its last batch
 */
record Measurement(String call, Travelled travelled, int objects, long rows, long bytes, Duration elapsed) {

	/**
	 * Return the rate.
	 * @return megabytes (1,000,000 bytes) per second
	 */
	double megabytesPerSecond() {
		return this.bytes * 1e3 / Math.max(1, this.elapsed.toNanos());
	}

	/**
	 * How batches travel.
	 */
	enum Travelled {

		/** In the body of the call. */
		INLINE,
		/** Through storage. */
		EXTERNAL

	}

}
