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
		List<String> lines = MeasurementTable.calls(List.of(
				new Measurement("all flights", Travelled.EXTERNAL, 4, 3_000_000, 116_000_000, Duration.ofMillis(500)),
				new Measurement("summary", Travelled.INLINE, 0, 1, 0, Duration.ofMillis(4))));
		assertThat(lines).containsExactly("call         travelled  objects       rows        bytes   ms   MB/s",
				"-".repeat(67), "all flights  external         4  3,000,000  116,000,000  500  232.0",
				"summary      inline                      1                 4       ");
	}

	@Test
	void stagesAreComparedWithBareDownload() {
		List<String> lines = MeasurementTable
			.stages(List.of(new StageMeasurement("bare download", "bytes", 116_000_000, Duration.ofMillis(100), 1),
					new StageMeasurement("download", "a batch", 116_000_000, Duration.ofNanos(104_560_000), 1.0456)));
		assertThat(lines).containsExactly("stage          what it does     ms   MB/s  x bare download",
				"-".repeat(lines.get(0).length()), "bare download  bytes         100.0  1,160             1.00",
				"download       a batch       104.6  1,109             1.05");
	}

}
