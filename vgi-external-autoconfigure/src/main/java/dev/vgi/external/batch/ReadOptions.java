package dev.vgi.external.batch;

import org.springframework.util.Assert;

/**
 * How streams are read.
 *
 * @param limits what they may make of the heap
 * @param watch is told how far reading has come
 */
public record ReadOptions(ReadLimits limits, ReadWatch watch) {

	private static final ReadOptions DEFAULTS = new ReadOptions(ReadLimits.defaults(), ReadWatch.none());

	public ReadOptions {
		Assert.notNull(limits, "'limits' must not be null");
		Assert.notNull(watch, "'watch' must not be null");
	}

	/**
	 * Read within the default limits, unwatched.
	 * @return the options
	 */
	public static ReadOptions defaults() {
		return DEFAULTS;
	}

	/**
	 * Read within other limits, unwatched.
	 * @param limits the limits
	 * @return the options
	 */
	public static ReadOptions of(ReadLimits limits) {
		return new ReadOptions(limits, ReadWatch.none());
	}

}
