package dev.vgi.external.sample;

import org.jspecify.annotations.Nullable;

/**
 * The origin and the destination of flights.
 *
 * @param origin the airport of departure, an IATA code
 * @param destination the airport of arrival, an IATA code
 */
record Route(String origin, String destination) {

	/**
	 * Create a route from a caller's input.
	 * @param origin the airport of departure, or {@code null}
	 * @param destination the airport of arrival, or {@code null}
	 * @return the route, or {@code null} if neither is given
	 * @throws IllegalArgumentException if only one is given
	 */
	static @Nullable Route of(@Nullable String origin, @Nullable String destination) {
		if (origin == null && destination == null) {
			return null;
		}
		if (origin == null || destination == null) {
			throw new IllegalArgumentException("A route has an origin and a destination");
		}
		return new Route(origin, destination);
	}

}
