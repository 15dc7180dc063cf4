package dev.vgi.external.sample;

import java.util.Map;

import org.apache.arrow.vector.VectorSchemaRoot;

import org.springframework.http.HttpStatus;
import org.springframework.http.ProblemDetail;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

/**
 * Flights over ordinary Spring MVC. Nothing here depends on whether a batch travels
 * through storage.
 */
@RestController
class FlightController {

	private final FlightStore store;

	FlightController(FlightStore store) {
		this.store = store;
	}

	/**
	 * Describe the data.
	 * @return the number of flights, and where they can be fetched
	 */
	@GetMapping("/")
	Map<String, Object> info() {
		return Map.of("flights", this.store.count(), "all", "/flights", "route", "/flights/{origin}/{destination}");
	}

	/**
	 * Return all flights: about 116 MB, far above the threshold.
	 * @return the batch; the library closes it once it is written
	 */
	@GetMapping("/flights")
	VectorSchemaRoot all() {
		return this.store.all();
	}

	/**
	 * Return the flights of one route: small enough to stay inline.
	 * @param origin the airport of departure, an IATA code
	 * @param destination the airport of arrival, an IATA code
	 * @return the batch; the library closes it once it is written
	 */
	@GetMapping("/flights/{origin}/{destination}")
	VectorSchemaRoot route(@PathVariable String origin, @PathVariable String destination) {
		return this.store.route(origin, destination);
	}

	/**
	 * Import flights, sent inline or as a pointer.
	 * @param flights the batch; the library closes it after the request
	 * @return how many were imported and how many there are now
	 */
	@PostMapping("/flights")
	Map<String, Long> importFlights(@RequestBody VectorSchemaRoot flights) {
		long imported = this.store.importFlights(flights);
		return Map.of("imported", imported, "flights", this.store.count());
	}

	@ExceptionHandler
	ProblemDetail handle(IllegalArgumentException ex) {
		return ProblemDetail.forStatusAndDetail(HttpStatus.BAD_REQUEST, String.valueOf(ex.getMessage()));
	}

}
