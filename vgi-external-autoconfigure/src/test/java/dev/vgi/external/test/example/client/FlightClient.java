package dev.vgi.external.test.example.client;

import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;

import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.service.annotation.GetExchange;

public interface FlightClient {

	@GetExchange(url = "/flights", accept = "application/vnd.apache.arrow.stream")
	VectorSchemaRoot flights(@RequestParam String origin);

	@GetExchange(url = "/flights", accept = "application/vnd.apache.arrow.stream")
	ArrowReader flightsOneByOne(@RequestParam String origin);

}
