package dev.vgi.external.sample.demo;

import java.time.Duration;
import java.util.List;

import dev.vgi.external.sample.demo.Measurement.Travelled;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link MeasurementTable}.
 */
class MeasurementTableTests {

	@Test
	void columnsAreAligned() {
		List<String> lines = MeasurementTable.lines(List.of(
				new Measurement("all flights", Travelled.EXTERNAL, 4, 3_000_000, 116_000_000, Duration.ofMillis(500)),
				new Measurement("summary", Travelled.INLINE, 0, 1, 0, Duration.ofMillis(4))));
		assertThat(lines).containsExactly("call         travelled  objects       rows        bytes   ms   MB/s",
				"-".repeat(67), "all flights  external         4  3,000,000  116,000,000  500  232.0",
				"summary      inline                      1                 4       ");
	}

}
