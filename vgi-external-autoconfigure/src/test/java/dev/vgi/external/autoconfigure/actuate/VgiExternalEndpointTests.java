package dev.vgi.external.autoconfigure.actuate;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.TransferCancelledException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link VgiExternalEndpoint} over HTTP, with transfers that stall.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class VgiExternalEndpointTests {

	private final CountDownLatch fetching = new CountDownLatch(1);

	private final FaultServer storage = new FaultServer((request, reply) -> {
		this.fetching.countDown();
		if (request.target().startsWith("/stalled")) {
			reply.stall();
		}
		reply.empty(404);
	});

	private final HttpClient http = HttpClient.newHttpClient();

	private ConfigurableApplicationContext context;

	private String user = "";

	@AfterEach
	void stop() {
		this.context.close();
		this.storage.close();
	}

	private void start(String... arguments) {
		List<String> all = new ArrayList<>(List.of("--server.port=0", "--server.address=127.0.0.1",
				"--spring.main.banner-mode=off", "--vgi.external.storage=none",
				"--management.endpoints.web.exposure.include=*", "--spring.security.user.name=operator",
				"--spring.security.user.password=secret", "--vgi.external.url.allowed-hosts=localhost",
				"--vgi.external.url.allowed-schemes=http", "--vgi.external.url.allow-private-addresses=true"));
		all.addAll(List.of(arguments));
		SpringApplication application = new SpringApplication(Application.class);
		this.context = application.run(all.toArray(String[]::new));
	}

	private HttpResponse<String> send(String method, String path) throws Exception {
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:"
				+ this.context.getEnvironment().getProperty("local.server.port") + "/actuator/vgiexternal" + path))
			.method(method, HttpRequest.BodyPublishers.noBody());
		if (!this.user.isEmpty()) {
			request.header("Authorization",
					"Basic " + Base64.getEncoder().encodeToString(this.user.getBytes(StandardCharsets.UTF_8)));
		}
		return this.http.send(request.build(), HttpResponse.BodyHandlers.ofString());
	}

	private JsonNode get(String path) throws Exception {
		HttpResponse<String> response = send("GET", path);
		assertThat(response.statusCode()).isEqualTo(200);
		return JsonMapper.shared().readTree(response.body());
	}

	private FutureTask<?> fetch(String path) {
		LocationResolver resolver = this.context.getBean("vgiLocationResolver", LocationResolver.class);
		FutureTask<?> task = new FutureTask<>(() -> {
			try (BufferAllocator allocator = new RootAllocator();
					AnnotatedBatch pointer = pointer(allocator, this.storage.url(path))) {
				resolver.resolve(pointer, allocator, (message) -> {
				}).close();
			}
		}, null);
		new Thread(task, "caller").start();
		return task;
	}

	private static AnnotatedBatch pointer(BufferAllocator allocator, URI location) {
		BigIntVector vector = new BigIntVector("n", allocator);
		vector.allocateNew(1);
		try (AnnotatedBatch batch = AnnotatedBatch.of(VectorSchemaRoot.of(vector))) {
			return batch.zeroRows(BatchMetadata.empty().with(MetadataKeys.LOCATION, location.toString()), allocator);
		}
	}

	@Test
	void transferUnderWayIsShownAndEnded() throws Exception {
		start();
		FutureTask<?> task = fetch("/stalled/object?signature=secret");
		this.fetching.await();
		JsonNode overview = get("");
		assertThat(overview.at("/connections/max").asInt()).isEqualTo(64);
		assertThat(overview.at("/connections/leased").asInt()).isEqualTo(1);
		assertThat(overview.at("/budget/max").asLong()).isPositive();
		assertThat(overview.at("/origins/0/origin").asString()).isEqualTo(this.storage.url("").toString());
		assertThat(overview.at("/origins/0/state").asString()).isEqualTo("open");
		assertThat(overview.at("/running")).hasSize(1);
		JsonNode running = overview.at("/running/0");
		assertThat(running.at("/state").asString()).isEqualTo("running");
		assertThat(running.at("/direction").asString()).isEqualTo("fetch");
		assertThat(running.at("/storage").asString()).isEqualTo("foreign");
		assertThat(running.at("/location").asString()).isEqualTo(this.storage.url("/stalled/object").toString());
		assertThat(running.has("requests")).isFalse();
		String id = running.at("/id").asString();
		assertThat(get("/" + id).at("/requests").isArray()).isTrue();
		assertThat(send("DELETE", "/0000000000000000").statusCode()).isEqualTo(404);
		assertThat(send("DELETE", "/" + id).statusCode()).isEqualTo(204);
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(task::get)
			.withCauseInstanceOf(TransferCancelledException.class);
		JsonNode after = get("");
		assertThat(after.at("/running")).isEmpty();
		assertThat(after.at("/failed/0/id").asString()).isEqualTo(id);
		assertThat(after.at("/failed/0/error/kind").asString()).isEqualTo("cancelled");
		assertThat(send("DELETE", "/" + id).statusCode()).isEqualTo(404);
		assertThat(send("GET", "/0000000000000000").statusCode()).isEqualTo(404);
		assertThat(send("GET", "/" + id).body()).doesNotContain("secret");
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	static class Application {

	}

}
