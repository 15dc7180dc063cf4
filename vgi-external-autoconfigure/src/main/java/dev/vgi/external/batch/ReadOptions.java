package dev.vgi.external.batch;

import java.util.function.LongConsumer;

import org.springframework.util.Assert;

/**
 * Options for reading streams.
 *
 * @param limits limits on the heap objects created from them
 * @param watch receives the progress of reading, about every mebibyte: the bytes that
 * were read, or examined again, since its last call. An exception that it throws ends
 * reading permanently
 */
public record ReadOptions(ReadLimits limits, LongConsumer watch) {

	private static final ReadOptions DEFAULTS = of(ReadLimits.defaults());

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
		return new ReadOptions(limits, (bytes) -> {
		});
	}

}
