package dev.vgi.external.sample;

import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Redirect;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;

import dev.vgi.external.web.client.ArrowResponses;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link SampleApplication} with results that are far larger than the memory of
 * the service and its client together, which are one process here.
 */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT,
		properties = { "vgi.external.memory.budget=64MB", "flights.memory-limit=256MB" })
class LargeResultTests {

	private static final int COPIES = 5;

	@TempDir
	static Path folder;

	@LocalServerPort
	private int port;

	@Autowired
	private BufferAllocator allocator;

	@Autowired
	private RestClient.Builder restClientBuilder;

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", () -> folder.toString());
	}

	@AfterEach
	void nothingIsHeld() {
		Awaitility.await().untilAsserted(() -> assertThat(this.allocator.getAllocatedMemory()).isZero());
		assertThat(this.allocator.getPeakMemoryAllocation()).isLessThan(120_000_000);
	}

	@Test
	void ourClientReadsSegments() throws Exception {
		try (ArrowReader flights = ArrowResponses.read(this.restClientBuilder.build().get().uri(url()).retrieve())) {
			assertThat(rows(flights)).isEqualTo(COPIES * 3_000_000L);
		}
	}

	@Test
	void plainClientReadsOneObject() throws Exception {
		HttpResponse<InputStream> response = HttpClient.newBuilder()
			.followRedirects(Redirect.NORMAL)
			.build()
			.send(HttpRequest.newBuilder(url()).build(), BodyHandlers.ofInputStream());
		assertThat(response.previousResponse()).isPresent();
		try (ArrowReader flights = new ArrowStreamReader(response.body(), this.allocator)) {
			assertThat(rows(flights)).isEqualTo(COPIES * 3_000_000L);
		}
	}

	private URI url() {
		return URI.create("http://localhost:" + this.port + "/flights?copies=" + COPIES);
	}

	private static long rows(ArrowReader flights) throws Exception {
		long rows = 0;
		while (flights.loadNextBatch()) {
			rows += flights.getVectorSchemaRoot().getRowCount();
		}
		return rows;
	}

}
