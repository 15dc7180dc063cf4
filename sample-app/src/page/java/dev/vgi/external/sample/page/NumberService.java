package dev.vgi.external.sample.page;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;

import dev.vgi.external.web.client.ArrowResponses;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;

import org.springframework.boot.Banner;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.security.autoconfigure.actuate.web.servlet.EndpointRequest;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.core.annotation.Order;
import org.springframework.core.env.Environment;
import org.springframework.http.HttpMethod;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configurers.CsrfConfigurer;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/**
 * A service whose results go through storage, and which calls itself: so it uploads and
 * fetches.
 */
final class NumberService implements AutoCloseable {

	private final FaultyStorage storage;

	private final ConfigurableApplicationContext context;

	NumberService(Path folder, String... properties) throws IOException {
		this.storage = new FaultyStorage();
		this.context = new SpringApplicationBuilder(Application.class).bannerMode(Banner.Mode.OFF)
			.properties("server.port=0", "spring.config.location=optional:classpath:/none/", "logging.level.root=error",
					"spring.application.name=numbers", "vgi.external.local.directory=" + folder,
					"vgi.external.local.base-url=http://localhost:" + this.storage.port(),
					"vgi.external.client.url.allowed-hosts=localhost", "vgi.external.client.url.allowed-schemes=http",
					"vgi.external.client.url.allow-private-addresses=true", "vgi.external.fetch.chunk-size=1MB",
					"vgi.external.fetch.parallel-threshold=2MB",
					"management.endpoints.web.exposure.include=vgiexternal,vgiexternalpage")
			.run(properties);
		this.storage.of(URI.create("http://localhost:" + port("local.server.port")));
	}

	FaultyStorage storage() {
		return this.storage;
	}

	/**
	 * Return the address of the page.
	 * @param path its path below the management port
	 * @return the address
	 */
	URI page(String path) {
		return URI.create("http://localhost:" + port("local.management.port") + path);
	}

	private String port(String property) {
		Environment environment = this.context.getEnvironment();
		return environment.getProperty(property, environment.getRequiredProperty("local.server.port"));
	}

	/**
	 * Read numbers from the service.
	 * @param count how many
	 * @return how many came
	 * @throws IOException if they cannot be read
	 */
	long read(int count) throws IOException {
		RestClient client = this.context.getBean(RestClient.Builder.class)
			.baseUrl("http://localhost:" + port("local.server.port")
					+ this.context.getEnvironment().getProperty("server.servlet.context-path", ""))
			.build();
		long rows = 0;
		try (ArrowReader reader = ArrowResponses.read(client.get().uri("/numbers?count=" + count).retrieve())) {
			while (reader.loadNextBatch()) {
				rows += reader.getVectorSchemaRoot().getRowCount();
			}
		}
		return rows;
	}

	/**
	 * Read numbers on a thread of its own.
	 * @param count how many
	 * @return completed when they have come
	 */
	CompletableFuture<Void> readInBackground(int count) {
		return CompletableFuture.runAsync(() -> {
			try {
				read(count);
			}
			catch (IOException ex) {
				throw new UncheckedIOException(ex);
			}
		});
	}

	@Override
	public void close() {
		this.storage.close();
		this.context.close();
	}

	/**
	 * The service.
	 */
	@RestController
	static class Numbers {

		private final BufferAllocator allocator;

		Numbers(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@GetMapping("/numbers")
		VectorSchemaRoot numbers(@RequestParam int count) {
			BigIntVector numbers = new BigIntVector("number", this.allocator);
			numbers.allocateNew(count);
			Random random = new Random(count);
			for (int row = 0; row < count; row++) {
				numbers.set(row, random.nextLong());
			}
			numbers.setValueCount(count);
			return new VectorSchemaRoot(List.of(numbers));
		}

	}

	@EnableAutoConfiguration
	static class Application {

		// As in docs/operations/page.md
		@Bean
		@Order(1)
		@ConditionalOnBooleanProperty("test.secured")
		SecurityFilterChain operations(HttpSecurity http) {
			return http.securityMatcher(EndpointRequest.to("vgiexternal", "vgiexternalpage"))
				.authorizeHttpRequests((requests) -> requests.requestMatchers(HttpMethod.DELETE)
					.hasRole("OPERATOR")
					.anyRequest()
					.hasAnyRole("OPERATOR", "VIEWER"))
				.csrf((csrf) -> csrf.spa())
				.httpBasic(Customizer.withDefaults())
				.build();
		}

		@Bean
		SecurityFilterChain open(HttpSecurity http) {
			return http.csrf(CsrfConfigurer::disable).build();
		}

		@Bean
		UserDetailsService users() {
			return new InMemoryUserDetailsManager(
					User.withUsername("operator").password("{noop}secret").roles("OPERATOR").build(),
					User.withUsername("viewer").password("{noop}secret").roles("VIEWER").build());
		}

		@Bean
		Numbers numbers(BufferAllocator allocator) {
			return new Numbers(allocator);
		}

	}

}
