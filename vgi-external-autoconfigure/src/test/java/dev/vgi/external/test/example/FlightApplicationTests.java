package dev.vgi.external.test.example;

import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.test.AutoConfigureVgiExternal;
import dev.vgi.external.test.InMemoryStorage;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.resttestclient.autoconfigure.AutoConfigureRestTestClient;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.web.servlet.client.RestTestClient;

import static dev.vgi.external.test.ArrowAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT)
@AutoConfigureRestTestClient
@AutoConfigureVgiExternal
class FlightApplicationTests {

	@Autowired
	private RestTestClient client;

	@Autowired
	private VgiClient.Builder vgiClientBuilder;

	@Autowired
	private BufferAllocator allocator;

	@Autowired
	private InMemoryStorage storage;

	@LocalServerPort
	private int port;

	@Test
	void clientSeesTheRows() {
		this.client.get()
			.uri("/flights")
			.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
			.exchangeSuccessfully()
			.expectBody(VectorSchemaRoot.class)
			.value((flights) -> {
				try (flights) {
					assertThat(flights).column("delay").containsExactly(5, 12, null);
				}
			});
		assertThat(this.storage.uploads()).hasSize(1);
	}

	@Test
	void downloadIsTriedAgain() {
		this.storage.failNextDownload();
		clientSeesTheRows();
	}

	@Test
	void typedClientGetsTheResult() {
		VgiClient vgi = this.vgiClientBuilder.baseUrl("http://localhost:" + this.port).build();
		FlightService service = new RpcClients(vgi, this.allocator).createClient(FlightService.class);
		assertThat(service.delays("JFK")).containsExactly(5L, 12L);
		assertThat(this.storage.uploads()).hasSize(1);
	}

}
