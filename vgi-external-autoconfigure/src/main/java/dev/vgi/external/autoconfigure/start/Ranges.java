package dev.vgi.external.autoconfigure.start;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.convert.ApplicationConversionService;
import org.springframework.util.Assert;

/**
 * Refuses numbers, sizes and times that are out of range while they are bound. The
 * message starts with the key and tells the range, both as they are written in a
 * configuration.
 */
public final class Ranges {

	/** Far more than this cannot be counted in nanoseconds. */
	public static final String LONGEST = "36500d";

	private Ranges() {
	}

	/**
	 * Check a value.
	 * @param <T> type of the value
	 * @param key the key, in full
	 * @param value its value, or {@code null} if it is not set
	 * @param least the smallest value
	 * @param most the largest value
	 */
	public static <T extends Comparable<T>> void check(String key, @Nullable T value, String least, String most) {
		Assert.isTrue(isAtLeast(value, least) && (value == null || value.compareTo(convert(most, value)) <= 0),
				() -> key + " must be from " + least + " to " + most);
	}

	/**
	 * Check a value that has no upper limit.
	 * @param <T> type of the value
	 * @param key the key, in full
	 * @param value its value, or {@code null} if it is not set
	 * @param least the smallest value
	 */
	public static <T extends Comparable<T>> void check(String key, @Nullable T value, String least) {
		Assert.isTrue(isAtLeast(value, least), () -> key + " must be at least " + least);
	}

	private static <T extends Comparable<T>> boolean isAtLeast(@Nullable T value, String least) {
		return value == null || value.compareTo(convert(least, value)) >= 0;
	}

	@SuppressWarnings("unchecked")
	private static <T> T convert(String bound, T value) {
		T converted = (T) ApplicationConversionService.getSharedInstance().convert(bound, value.getClass());
		Assert.state(converted != null, "a bound is a value");
		return converted;
	}

}
