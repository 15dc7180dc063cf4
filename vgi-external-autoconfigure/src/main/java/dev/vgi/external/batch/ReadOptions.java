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
 * @param maxSize most bytes of the streams together, where compressed buffers count with
 * the size that they decode to; one more leads to a {@link StreamTooLongException}
 */
public record ReadOptions(ReadLimits limits, LongConsumer watch, long maxSize) {

	private static final ReadOptions DEFAULTS = of(ReadLimits.defaults());

	public ReadOptions {
		Assert.notNull(limits, "'limits' must not be null");
		Assert.notNull(watch, "'watch' must not be null");
		Assert.isTrue(maxSize >= 0, "'maxSize' must not be negative");
	}

	/**
	 * Return options with the default limits, no watch and no maximum size.
	 * @return the options
	 */
	public static ReadOptions defaults() {
		return DEFAULTS;
	}

	/**
	 * Return options with other limits, no watch and no maximum size.
	 * @param limits the limits
	 * @return the options
	 */
	public static ReadOptions of(ReadLimits limits) {
		return new ReadOptions(limits, (bytes) -> {
		}, Long.MAX_VALUE);
	}

	/**
	 * Return a copy with another {@code watch}.
	 * @param watch receives the progress of reading
	 * @return the copy
	 */
	public ReadOptions withWatch(LongConsumer watch) {
		return new ReadOptions(this.limits, watch, this.maxSize);
	}

	/**
	 * Return a copy with another {@code maxSize}.
	 * @param maxSize most bytes of the streams together, with their compressed buffers
	 * decoded
	 * @return the copy
	 */
	public ReadOptions withMaxSize(long maxSize) {
		return new ReadOptions(this.limits, this.watch, maxSize);
	}

}
