package dev.vgi.external.sample;

import java.io.IOException;
import java.util.Map;

import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;

import org.springframework.http.HttpStatus;
import org.springframework.http.ProblemDetail;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.method.annotation.MethodArgumentTypeMismatchException;

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
	 * Return all flights: about 116 MB, far above the threshold, of which only a small
	 * part is in memory at a time.
	 * @param copies how often they are returned, one after the other
	 * @return the flights; the library closes the reader once it is written
	 */
	@GetMapping("/flights")
	ArrowReader all(@RequestParam(defaultValue = "1") int copies) {
		return this.store.all(copies);
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
	 * Import flights, sent inline or as pointers, while they arrive.
	 * @param flights the batches; the library closes the reader after the request
	 * @return how many were imported and how many there are now
	 * @throws IOException if the caller disconnects
	 */
	@PostMapping("/flights")
	Map<String, Long> importFlights(@RequestBody ArrowReader flights) throws IOException {
		long imported = this.store.importFlights(flights);
		return Map.of("imported", imported, "flights", this.store.count());
	}

	@ExceptionHandler({ IllegalArgumentException.class, MethodArgumentTypeMismatchException.class })
	ProblemDetail handle(Exception ex) {
		return ProblemDetail.forStatusAndDetail(HttpStatus.BAD_REQUEST, String.valueOf(ex.getMessage()));
	}

}
