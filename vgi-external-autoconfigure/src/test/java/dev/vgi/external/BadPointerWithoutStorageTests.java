package dev.vgi.external;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.Loopback;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.awaitility.Awaitility;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A service that only resolves fetches from every public host, so pointers to private
 * ones are the danger: plain http is allowed here to leave the rest to the addresses.
 */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		properties = { "vgi.external.storage=none", "vgi.external.url.allowed-schemes=http,https",
				"vgi.external.retry-delay=1ms" })
@SuppressWarnings("NullAway.Init")
class BadPointerWithoutStorageTests {

	@LocalServerPort
	private int port;

	@Autowired
	private BufferAllocator serverAllocator;

	@Autowired
	private AtomicInteger actuatorRequests;

	@ParameterizedTest
	@CsvSource({ "http://127.0.0.1:{port}/actuator/env?k=5ec7e7", "http://localhost:{port}/actuator/env?k=5ec7e7",
			"http://[::1]:{port}/actuator/env?k=5ec7e7", "http://[::ffff:127.0.0.1]:{port}/actuator/env?k=5ec7e7",
			"http://0x7f000001:{port}/actuator/env?k=5ec7e7", "http://127.1:{port}/actuator/env?k=5ec7e7",
			"https://10.0.0.8/x?k=5ec7e7", "https://169.254.169.254/latest/meta-data/?k=5ec7e7",
			"ftp://storage.example/x?k=5ec7e7", "https://user:5ec7e7@storage.example/x", "file:///etc/passwd" })
	void pointerToSomethingPrivateIsRefused(String location) {
		Schema schema = new Schema(List.of(Field.nullable("n", new ArrowType.Int(64, true))));
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.LOCATION,
				location.replace("{port}", String.valueOf(this.port)));
		try (BufferAllocator allocator = new RootAllocator();
				AnnotatedBatch pointer = AnnotatedBatch.empty(schema, metadata, allocator)) {
			Loopback loopback = new Loopback(this.port, "", allocator);
			var response = loopback.post("/rows", Loopback.ARROW, Loopback.bytes(pointer));
			assertThat(response.statusCode()).isEqualTo(400);
			assertThat(new String(response.body(), StandardCharsets.UTF_8)).contains("\"kind\":\"url-rejected\"")
				.doesNotContain("5ec7e7");
		}
		assertThat(this.actuatorRequests).hasValue(0);
		Awaitility.await().untilAsserted(() -> assertThat(this.serverAllocator.getAllocatedMemory()).isZero());
	}

	/**
	 * The application.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(RowsController.class)
	static class Application {

		@Bean
		AtomicInteger actuatorRequests() {
			return new AtomicInteger();
		}

		@Bean
		FilterRegistrationBean<Filter> actuatorCounter(AtomicInteger actuatorRequests) {
			return new FilterRegistrationBean<>((request, response, chain) -> {
				if (((HttpServletRequest) request).getRequestURI().startsWith("/actuator")) {
					actuatorRequests.incrementAndGet();
				}
				chain.doFilter(request, response);
			});
		}

	}

	/**
	 * An ordinary handler.
	 */
	@RestController
	static class RowsController {

		@PostMapping("/rows")
		String rows(@RequestBody VectorSchemaRoot root) {
			return String.valueOf(root.getRowCount());
		}

	}

}
