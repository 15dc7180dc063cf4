package dev.vgi.external.transport;

import java.time.Duration;
import java.time.Instant;

import org.jspecify.annotations.Nullable;

/**
 * Reads {@code Retry-After}.
 */
final class RetryAfter {

	private RetryAfter() {
	}

	/**
	 * Return the pause that the header asks for.
	 * @param value the header's value: seconds or a date; or {@code null}
	 * @param date the response's {@code Date}, from which a date in the value is counted,
	 * so that wrong clocks do not matter. {@code null} for this machine's clock
	 * @return the pause, not negative; or {@code null} if it is missing or malformed
	 */
	static @Nullable Duration parse(@Nullable String value, @Nullable String date) {
		if (value == null) {
			return null;
		}
		String text = value.strip();
		if (text.matches("[0-9]{1,9}")) {
			return Duration.ofSeconds(Long.parseLong(text));
		}
		Instant until = ClockSkew.time(text);
		if (until == null) {
			return null;
		}
		Instant now = (date != null) ? ClockSkew.time(date.strip()) : null;
		Duration wait = Duration.between((now != null) ? now : Instant.now(), until);
		return wait.isNegative() ? Duration.ZERO : wait;
	}

}
