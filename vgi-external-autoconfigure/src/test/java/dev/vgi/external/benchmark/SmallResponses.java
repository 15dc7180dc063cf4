package dev.vgi.external.benchmark;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.http.converter.autoconfigure.ServerHttpMessageConvertersCustomizer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * What the starter costs a response that stays below the threshold.
 */
final class SmallResponses {

	private static final int SAMPLES = 9;

	private SmallResponses() {
	}

	// Time of a response below the threshold through the whole starter, divided by the
	// same through a bare Arrow converter: same size, same client, kept connections.
	static Figure belowThresholdResponse() throws Exception {
		try (ConfigurableApplicationContext starter = run(StarterApplication.class);
				ConfigurableApplicationContext plain = run(PlainApplication.class, "--vgi.external.enabled=false")) {
			HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
			HttpRequest ours = request(starter);
			HttpRequest reference = request(plain);
			for (int i = 0; i < 1500; i++) {
				time(client, ours);
				time(client, reference);
			}
			double[] ratios = new double[SAMPLES];
			for (int i = 0; i < SAMPLES; i++) {
				double[] oursTimes = new double[300];
				double[] referenceTimes = new double[300];
				for (int j = 0; j < 300; j++) {
					oursTimes[j] = time(client, ours);
					referenceTimes[j] = time(client, reference);
				}
				ratios[i] = Figure.median(oursTimes) / Figure.median(referenceTimes);
			}
			return Figure.atMost("below-threshold-response-to-plain-converter", "times the time", 1.05, ratios);
		}
	}

	private static ConfigurableApplicationContext run(Class<?> application, String... settings) {
		List<String> arguments = new ArrayList<>(List.of(settings));
		arguments.add("--server.port=0");
		arguments.add("--spring.main.banner-mode=off");
		arguments.add("--logging.level.root=warn");
		return SpringApplication.run(application, arguments.toArray(String[]::new));
	}

	private static HttpRequest request(ConfigurableApplicationContext context) {
		return HttpRequest
			.newBuilder(URI
				.create("http://127.0.0.1:" + context.getEnvironment().getProperty("local.server.port") + "/small"))
			.build();
	}

	private static double time(HttpClient client, HttpRequest request) throws Exception {
		long start = System.nanoTime();
		HttpResponse<byte[]> response = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
		if (response.statusCode() != 200 || response.body().length < 100_000) {
			throw new IllegalStateException("Unexpected answer " + response.statusCode());
		}
		return System.nanoTime() - start;
	}

	/**
	 * Uses the starter.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(SmallController.class)
	static class StarterApplication {

	}

	/**
	 * Uses nothing but a converter.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(SmallController.class)
	static class PlainApplication {

		@Bean
		BufferAllocator allocator() {
			return new RootAllocator();
		}

		@Bean
		ServerHttpMessageConvertersCustomizer arrow(BufferAllocator allocator) {
			return (builder) -> builder
				.addCustomConverter(new ArrowStreamHttpMessageConverter(allocator, Long.MAX_VALUE, true));
		}

	}

	/**
	 * Returns 160 KB.
	 */
	@RestController
	static class SmallController {

		private final BufferAllocator allocator;

		SmallController(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@GetMapping("/small")
		VectorSchemaRoot small() {
			return Payloads.synthetic(this.allocator, 5_000);
		}

	}

}
