package dev.vgi.external.sample;

import java.time.LocalDateTime;

import org.jspecify.annotations.Nullable;

/**
 * Summary of the flights of one route. Without flights, every value except the number of
 * flights is {@code null}.
 *
 * @param origin the airport of departure, an IATA code
 * @param destination the airport of arrival, an IATA code
 * @param flights number of flights
 * @param meanDelay mean delay in minutes
 * @param maxDelay longest delay in minutes
 * @param maxDistance longest distance in miles
 * @param firstDeparture when the first flight departed, local time
 * @param lastDeparture when the last flight departed, local time
 */
public record RouteSummary(String origin, String destination, long flights, @Nullable Double meanDelay,
		@Nullable Long maxDelay, @Nullable Long maxDistance, @Nullable LocalDateTime firstDeparture,
		@Nullable LocalDateTime lastDeparture) {

}
