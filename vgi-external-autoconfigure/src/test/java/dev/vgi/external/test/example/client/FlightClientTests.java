package dev.vgi.external.test.example.client;

import java.util.List;

import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.test.ArrowAllocatorExtension;
import dev.vgi.external.test.ArrowBodies;
import dev.vgi.external.test.AutoConfigureVgiExternal;
import dev.vgi.external.test.InMemoryStorage;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.restclient.test.autoconfigure.RestClientTest;
import org.springframework.test.web.client.MockRestServiceServer;

import static dev.vgi.external.test.ArrowAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.springframework.test.web.client.match.MockRestRequestMatchers.requestTo;
import static org.springframework.test.web.client.response.MockRestResponseCreators.withSuccess;

@RestClientTest(properties = { "spring.http.serviceclient.flights.base-url=https://flights.example",
		"vgi.external.client.dialect=namespaced" })
@AutoConfigureVgiExternal
@ExtendWith(ArrowAllocatorExtension.class)
class FlightClientTests {

	@Autowired
	private FlightClient client;

	@Autowired
	private FlightService service;

	@Autowired
	private MockRestServiceServer server;

	@Autowired
	private InMemoryStorage storage;

	@Test
	void readsABatch(BufferAllocator allocator) {
		try (VectorSchemaRoot delays = delays(allocator, 5, 12)) {
			this.server.expect(requestTo("https://flights.example/flights?origin=JFK"))
				.andRespond(withSuccess(ArrowBodies.stream(delays), ArrowStreamHttpMessageConverter.ARROW_STREAM));
		}
		try (VectorSchemaRoot flights = this.client.flights("JFK")) {
			assertThat(flights).hasRows(2).column("delay").containsExactly(5, 12);
		}
	}

	@Test
	void resolvesAPointer(BufferAllocator allocator) throws Exception {
		try (VectorSchemaRoot delays = delays(allocator, 5, 12)) {
			this.server.expect(requestTo("https://flights.example/flights?origin=JFK"))
				.andRespond(withSuccess(ArrowBodies.pointer(this.storage, delays),
						ArrowStreamHttpMessageConverter.ARROW_STREAM));
		}
		try (ArrowReader flights = this.client.flightsOneByOne("JFK")) {
			assertThat(flights).nextBatch().column("delay").containsExactly(5, 12);
			assertThat(flights).hasNoMoreBatches();
		}
	}

	@Test
	void callsARpcMethod() {
		this.server.expect(requestTo("https://flights.example/FlightService/delays"))
			.andRespond(withSuccess(ArrowBodies.result(FlightService.class, "delays", List.of(5L, 12L)),
					ArrowStreamHttpMessageConverter.ARROW_STREAM));
		assertThat(this.service.delays("JFK")).containsExactly(5L, 12L);
	}

	@Test
	void rpcMethodFails() {
		this.server.expect(requestTo("https://flights.example/FlightService/delays"))
			.andRespond(withSuccess(ArrowBodies.error("ValueError", "no such airport"),
					ArrowStreamHttpMessageConverter.ARROW_STREAM));
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> this.service.delays("XXX"))
			.satisfies((ex) -> assertThat(ex.errorType()).isEqualTo("ValueError"));
	}

	private static VectorSchemaRoot delays(BufferAllocator allocator, long... delays) {
		BigIntVector vector = new BigIntVector("delay", allocator);
		for (int i = 0; i < delays.length; i++) {
			vector.setSafe(i, delays[i]);
		}
		vector.setValueCount(delays.length);
		return new VectorSchemaRoot(List.of(vector));
	}

}
