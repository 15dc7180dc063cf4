package dev.vgi.external.sample;

import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.stereotype.Component;

/**
 * Reports in {@code /actuator/health}, as {@code flight}, whether the database works.
 */
@Component
class FlightHealthIndicator implements HealthIndicator {

	private final FlightDatabase database;

	FlightHealthIndicator(FlightDatabase database) {
		this.database = database;
	}

	@Override
	public Health health() {
		return (this.database.isUsable() ? Health.up() : Health.down()).build();
	}

}
