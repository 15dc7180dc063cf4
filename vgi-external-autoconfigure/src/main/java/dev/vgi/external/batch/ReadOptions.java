package dev.vgi.external.batch;

import org.springframework.util.Assert;

/**
 * Options for reading streams.
 *
 * @param limits limits on the heap objects created from them
 * @param watch receives the progress of reading
 */
public record ReadOptions(ReadLimits limits, ReadWatch watch) {

	private static final ReadOptions DEFAULTS = new ReadOptions(ReadLimits.defaults(), ReadWatch.none());

	public ReadOptions {
		Assert.notNull(limits, "'limits' must not be null");
		Assert.notNull(watch, "'watch' must not be null");
	}

	/**
	 * Return options with the default limits and no watch.
	 * @return the options
	 */
	public static ReadOptions defaults() {
		return DEFAULTS;
	}

	/**
	 * Return options with other limits and no watch.
	 * @param limits the limits
	 * @return the options
	 */
	public static ReadOptions of(ReadLimits limits) {
		return new ReadOptions(limits, ReadWatch.none());
	}

}
