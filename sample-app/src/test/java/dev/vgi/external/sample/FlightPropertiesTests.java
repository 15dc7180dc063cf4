package dev.vgi.external.sample;

import java.time.Duration;

import org.junit.jupiter.api.Test;

import org.springframework.util.unit.DataSize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link FlightProperties}.
 */
class FlightPropertiesTests {

	private static final Duration PATIENCE = Duration.ofSeconds(10);

	@Test
	void defaultLimitIsAnEighthOfTheProcess() {
		assertThat(FlightProperties.defaultLimit(DataSize.ofGigabytes(8))).isEqualTo(DataSize.ofGigabytes(1));
		assertThat(FlightProperties.defaultLimit(DataSize.ofMegabytes(1200))).isEqualTo(DataSize.ofMegabytes(256));
		assertThat(new FlightProperties(null, PATIENCE).memoryLimitInBytes())
			.isGreaterThanOrEqualTo(DataSize.ofMegabytes(256).toBytes());
	}

	@Test
	void limitBelowWhatTheFlightsTakeIsRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> new FlightProperties(DataSize.ofMegabytes(63), PATIENCE))
			.withMessage("'flights.memory-limit' must be at least 64MB");
	}

}
