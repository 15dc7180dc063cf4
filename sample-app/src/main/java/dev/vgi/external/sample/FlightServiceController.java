package dev.vgi.external.sample;

import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;

import org.springframework.web.bind.annotation.RestController;

/**
 * Serves {@link FlightService}.
 */
@RestController
class FlightServiceController implements FlightService {

	private final FlightStore store;

	FlightServiceController(FlightStore store) {
		this.store = store;
	}

	@Override
	public RouteSummary summarize(String origin, String destination) {
		return this.store.summarize(origin, destination);
	}

	@Override
	public VectorSchemaRoot fetchFlights(@Nullable String origin, @Nullable String destination) {
		if (origin == null && destination == null) {
			return this.store.all();
		}
		if (origin == null || destination == null) {
			throw new IllegalArgumentException("A route has an origin and a destination");
		}
		return this.store.route(origin, destination);
	}

	@Override
	public long importFlights(VectorSchemaRoot flights) {
		return this.store.importFlights(flights);
	}

}
