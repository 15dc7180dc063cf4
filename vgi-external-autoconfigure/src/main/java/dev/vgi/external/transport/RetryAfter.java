package dev.vgi.external.transport;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;

import org.jspecify.annotations.Nullable;

/**
 * Reads {@code Retry-After}.
 */
final class RetryAfter {

	private RetryAfter() {
	}

	/**
	 * Return how long to stay away.
	 * @param value the header's value: seconds or a date; or {@code null}
	 * @param date the answer's {@code Date}, from which such a date counts: whose clock
	 * is right does not matter then. {@code null} for this machine's clock
	 * @return the time, not negative; or {@code null} if there is none to be read
	 */
	static @Nullable Duration parse(@Nullable String value, @Nullable String date) {
		if (value == null) {
			return null;
		}
		String text = value.strip();
		if (text.matches("[0-9]{1,9}")) {
			return Duration.ofSeconds(Long.parseLong(text));
		}
		Instant until = instant(text);
		if (until == null) {
			return null;
		}
		Instant now = (date != null) ? instant(date.strip()) : null;
		Duration wait = Duration.between((now != null) ? now : Instant.now(), until);
		return wait.isNegative() ? Duration.ZERO : wait;
	}

	private static @Nullable Instant instant(String text) {
		try {
			return ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
		}
		catch (DateTimeException ex) {
			return null;
		}
	}

}
