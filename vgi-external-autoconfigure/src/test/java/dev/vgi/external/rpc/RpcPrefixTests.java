package dev.vgi.external.rpc;

import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.conformance.ConformanceService;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.rpc.server.http.RpcWebMvc;
import dev.vgi.external.web.client.PlainClient;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * RPC methods below a prefix, and nothing else there.
 */
@SpringBootTest(classes = RpcTestApplication.class, webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		properties = "vgi.rpc.prefix=vgi/")
class RpcPrefixTests {

	private final BufferAllocator allocator = new RootAllocator();

	@LocalServerPort
	private int port;

	@AfterEach
	void everythingIsFreed() {
		this.allocator.close();
	}

	@Test
	void methodsAreBelowThePrefix(@Autowired RpcWebMvc rpc) {
		try (PlainClient plain = new PlainClient(this.allocator)) {
			VgiClient client = plain.builder("http://127.0.0.1:" + this.port).prefix("/vgi").build();
			ConformanceService service = new RpcClients(client, this.allocator).createClient(ConformanceService.class);
			assertThat(service.echoString("prefixed")).isEqualTo("prefixed");
		}
		assertThat(rpc.protocols()).containsExactlyInAnyOrder("ConformanceService", "Other");
	}

	@Test
	void theServiceSaysThatItIsThere() {
		HttpResponse<byte[]> health = new Loopback(this.port, "/vgi", this.allocator).get("/health");
		assertThat(health.statusCode()).isEqualTo(200);
		assertThat(new String(health.body(), StandardCharsets.UTF_8)).contains("\"protocol\":\"ConformanceService\"");
	}

	@Test
	void whatIsNotBelowThePrefixIsTheApplications() {
		Loopback root = new Loopback(this.port, "", this.allocator);
		assertThat(root.get("/plain").statusCode()).isEqualTo(200);
		HttpResponse<byte[]> response = root.post("/echo_string", Loopback.ARROW, new byte[0]);
		assertThat(response.statusCode()).isEqualTo(404);
		assertThat(response.headers().firstValue("Content-Type")).isNotEqualTo(Optional.of(Loopback.ARROW));
		HttpResponse<byte[]> unknown = root.post("/vgi/no_such_method", Loopback.ARROW, new byte[0]);
		try (AnnotatedBatch none = root.read(unknown.body()).data()) {
			assertThat(none).isNull();
		}
		assertThat(unknown.statusCode()).isEqualTo(404);
	}

}
