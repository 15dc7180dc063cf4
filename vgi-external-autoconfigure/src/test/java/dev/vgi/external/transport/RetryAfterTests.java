package dev.vgi.external.transport;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

class RetryAfterTests {

	private static final String DATE = "Sun, 29 Nov 2026 08:00:00 GMT";

	@ParameterizedTest
	@CsvSource({ "0, 0", "3, 3", "' 120 ', 120", "999999999, 999999999", "'Sun, 29 Nov 2026 08:00:07 GMT', 7",
			"'Sun, 29 Nov 2026 07:59:00 GMT', 0" })
	void secondsAndDatesAreRead(String value, long seconds) {
		assertThat(RetryAfter.parse(value, DATE)).isEqualTo(Duration.ofSeconds(seconds));
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "soon", "-1", "1.5", "1234567890", "2026-11-29T08:00:07Z" })
	void anythingElseIsNoTime(String value) {
		assertThat(RetryAfter.parse(value, DATE)).isNull();
		assertThat(RetryAfter.parse(null, DATE)).isNull();
	}

	@Test
	void withoutADateTheClockHereCounts() {
		String later = DateTimeFormatter.RFC_1123_DATE_TIME
			.format(Instant.now().plusSeconds(3600).atOffset(ZoneOffset.UTC));
		for (String date : new @Nullable String[] { null, "yesterday" }) {
			assertThat(RetryAfter.parse(later, date)).isBetween(Duration.ofSeconds(3500), Duration.ofSeconds(3600));
		}
	}

}
