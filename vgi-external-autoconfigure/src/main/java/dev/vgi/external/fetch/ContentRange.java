package dev.vgi.external.fetch;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

/**
 * A parsed {@code Content-Range} header. Both ends are inclusive.
 *
 * @param first position of the first byte, or -1 for an unsatisfied range
 * @param last position of the last byte, or -1 for an unsatisfied range
 * @param total size of the whole object, or -1 if unknown
 */
record ContentRange(long first, long last, long total) {

	private static final Pattern FORM = Pattern
		.compile("bytes\\s+(?:([0-9]{1,18})-([0-9]{1,18})|\\*)\\s*/\\s*([0-9]{1,18}|\\*)", Pattern.CASE_INSENSITIVE);

	/**
	 * Parse a header.
	 * @param header the value, or {@code null}
	 * @return the range, or {@code null} if there is none or it contradicts itself
	 */
	static @Nullable ContentRange parse(@Nullable String header) {
		Matcher matcher = (header != null) ? FORM.matcher(header.strip()) : null;
		if (matcher == null || !matcher.matches()) {
			return null;
		}
		long total = "*".equals(matcher.group(3)) ? -1 : Long.parseLong(matcher.group(3));
		if (matcher.group(1) == null) {
			return new ContentRange(-1, -1, total);
		}
		long first = Long.parseLong(matcher.group(1));
		long last = Long.parseLong(matcher.group(2));
		return (last < first || (total >= 0 && last >= total)) ? null : new ContentRange(first, last, total);
	}

	/**
	 * Return how many bytes the range has.
	 * @return 0 for an unsatisfied range
	 */
	long length() {
		return (this.first < 0) ? 0 : this.last - this.first + 1;
	}

}
