package dev.vgi.external.transport;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;

import dev.vgi.external.Internal;
import org.jspecify.annotations.Nullable;

/**
 * Compares a storage's clock with that of this machine. Storage refuses signatures if the
 * clocks differ, with errors that may look like wrong credentials.
 */
@Internal
public final class ClockSkew {

	/** A larger difference is reported. */
	private static final Duration NOTABLE = Duration.ofMinutes(1);

	private ClockSkew() {
	}

	/**
	 * Parse the time of a response.
	 * @param date its {@code Date} header, or {@code null}
	 * @return the time, or {@code null} if it is missing or malformed
	 */
	public static @Nullable Instant time(@Nullable String date) {
		if (date == null) {
			return null;
		}
		try {
			return ZonedDateTime.parse(date, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
		}
		catch (DateTimeException ex) {
			return null;
		}
	}

	/**
	 * Describe how far the clocks are apart.
	 * @param date {@code Date} header of a response, or {@code null}
	 * @param now the time by the clock of this machine
	 * @return half a sentence, or {@code null} if they agree or this is unknown
	 */
	public static @Nullable String note(@Nullable String date, Instant now) {
		Instant theirs = time(date);
		if (theirs == null || Duration.between(now, theirs).abs().compareTo(NOTABLE) < 0) {
			return null;
		}
		return "its clock says " + theirs + ", this one's " + now;
	}

}
