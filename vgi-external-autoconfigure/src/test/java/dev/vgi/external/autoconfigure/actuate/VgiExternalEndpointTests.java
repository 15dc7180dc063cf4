package dev.vgi.external.autoconfigure.actuate;

import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

import javax.management.MBeanServer;
import javax.management.ObjectName;

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
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.actuate.endpoint.SanitizingFunction;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.security.autoconfigure.actuate.web.servlet.EndpointRequest;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.HttpMethod;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.security.web.SecurityFilterChain;

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
		reply.head(404, "x-amz-request-id: request-7", "Content-Length: 0");
	});

	private final HttpClient http = HttpClient.newHttpClient();

	private @Nullable ConfigurableApplicationContext context;

	private String user = "";

	@AfterEach
	void stop() {
		context().close();
		this.storage.close();
	}

	private void start(String... arguments) {
		start(new Class<?>[0], arguments);
	}

	private void start(Class<?>[] configurations, String... arguments) {
		SpringApplication application = new SpringApplication(Application.class);
		application.addPrimarySources(List.of(configurations));
		application.setDefaultProperties(Map.of("server.port", "0", "server.address", "127.0.0.1",
				"spring.main.banner-mode", "off", "vgi.external.storage", "none", "vgi.external.max-retries", "0",
				"management.endpoints.web.exposure.include", "*", "spring.security.user.name", "operator",
				"spring.security.user.password", "secret"));
		List<String> all = new ArrayList<>(List.of("--vgi.external.url.allowed-hosts=localhost",
				"--vgi.external.url.allowed-schemes=http", "--vgi.external.url.allow-private-addresses=true"));
		all.addAll(List.of(arguments));
		this.context = application.run(all.toArray(String[]::new));
	}

	private ConfigurableApplicationContext context() {
		return Objects.requireNonNull(this.context);
	}

	private HttpResponse<String> send(String method, String path, String... headers) throws Exception {
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:"
				+ context().getEnvironment().getProperty("local.server.port") + "/actuator/vgiexternal" + path))
			.method(method, HttpRequest.BodyPublishers.noBody());
		if (!this.user.isEmpty()) {
			request.header("Authorization",
					"Basic " + Base64.getEncoder().encodeToString(this.user.getBytes(StandardCharsets.UTF_8)));
		}
		if (headers.length > 0) {
			request.headers(headers);
		}
		return this.http.send(request.build(), HttpResponse.BodyHandlers.ofString());
	}

	private JsonNode get(String path) throws Exception {
		HttpResponse<String> response = send("GET", path);
		assertThat(response.statusCode()).isEqualTo(200);
		return JsonMapper.shared().readTree(response.body());
	}

	private FutureTask<?> fetch(String path) {
		LocationResolver resolver = context().getBean("vgiLocationResolver", LocationResolver.class);
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

	@Test
	void whatAFailedTransferDidIsShown() throws Exception {
		start("--spring.autoconfigure.exclude=");
		this.user = "operator:secret";
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> fetch("/gone?signature=secret").get());
		JsonNode failed = get("/" + get("").at("/failed/0/id").asString());
		assertThat(failed.at("/state").asString()).isEqualTo("failed");
		assertThat(failed.at("/error/message").asString()).contains(this.storage.url("/gone").toString());
		assertThat(failed.at("/requestId").asString()).isEqualTo("request-7");
		// Of its span.
		assertThat(failed.at("/traceId").asString()).matches("[0-9a-f]{32}");
		assertThat(failed.at("/requests")).hasSize(1);
		JsonNode request = failed.at("/requests/0");
		assertThat(request.at("/purpose").asString()).isEqualTo("range");
		assertThat(request.at("/status").asInt()).isEqualTo(404);
		assertThat(request.at("/requestId").asString()).isEqualTo("request-7");
		assertThat(request.at("/queued").isNumber()).isTrue();
		assertThat(failed.at("/phases/0/phase").asString()).isEqualTo("download");
		assertThat(failed.toString()).doesNotContain("secret");
	}

	@Test
	void valuesAreHiddenIfTheApplicationWantsThat() throws Exception {
		start("--management.endpoint.vgiexternal.show-values=never");
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> fetch("/gone").get());
		JsonNode overview = get("");
		JsonNode failed = get("/" + overview.at("/failed/0/id").asString());
		for (String value : List.of("/location", "/error/message", "/requestId", "/requests/0/requestId")) {
			assertThat(failed.at(value).asString()).as(value).isEqualTo("******");
		}
		assertThat(overview.at("/failed/0/location").asString()).isEqualTo("******");
		assertThat(overview.at("/origins/0/origin").asString()).isEqualTo("******");
		assertThat(failed.at("/error/kind").asString()).isNotEqualTo("******");
		assertThat(overview.toString() + failed).doesNotContain("localhost", "gone?", "request-7");
	}

	@Test
	void sanitizingFunctionsOfTheApplicationApply() throws Exception {
		start(new Class<?>[] { HiddenLocations.class });
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> fetch("/gone").get());
		JsonNode failed = get("").at("/failed/0");
		assertThat(failed.at("/location").asString()).isEqualTo("somewhere");
		assertThat(failed.at("/requestId").asString()).isEqualTo("request-7");
	}

	@Test
	void withSpringSecurityEndingNeedsMoreThanAPassword() throws Exception {
		start("--spring.autoconfigure.exclude=");
		assertThat(send("GET", "").statusCode()).isEqualTo(401);
		this.user = "operator:secret";
		FutureTask<?> task = fetch("/stalled/object");
		this.fetching.await();
		String id = get("").at("/running/0/id").asString();
		// Spring Security's defaults protect against forged requests.
		assertThat(send("DELETE", "/" + id).statusCode()).isIn(401, 403);
		assertThat(get("").at("/running")).hasSize(1);
		assertThat(task.isDone()).isFalse();
		context().close();
	}

	@Test
	void withTheRulesOfTheDocsAnOperatorEndsAndOthersLook() throws Exception {
		start(new Class<?>[] { OperatorRules.class }, "--spring.autoconfigure.exclude=",
				"--management.endpoint.vgiexternal.show-values=when-authorized",
				"--management.endpoint.vgiexternal.roles=OPERATOR");
		FutureTask<?> task = fetch("/stalled/object");
		this.fetching.await();
		this.user = "viewer:secret";
		JsonNode running = get("").at("/running/0");
		assertThat(running.at("/location").asString()).isEqualTo("******");
		String id = running.at("/id").asString();
		assertThat(send("DELETE", "/" + id).statusCode()).isEqualTo(403);
		this.user = "operator:secret";
		HttpResponse<String> shown = send("GET", "/" + id);
		assertThat(JsonMapper.shared().readTree(shown.body()).at("/location").asString()).endsWith("/stalled/object");
		assertThat(send("DELETE", "/" + id).statusCode()).isIn(401, 403);
		// As any page does, the caller proves that it can read cookies.
		String cookie = shown.headers()
			.allValues("Set-Cookie")
			.stream()
			.filter((set) -> set.startsWith("XSRF-TOKEN="))
			.map((set) -> set.substring(0, set.indexOf(';')))
			.findFirst()
			.orElseThrow();
		assertThat(send("DELETE", "/" + id, "Cookie", cookie, "X-XSRF-TOKEN", cookie.substring("XSRF-TOKEN=".length()))
			.statusCode()).isEqualTo(204);
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(task::get)
			.withCauseInstanceOf(TransferCancelledException.class);
	}

	@Test
	void theSameOverJmx() throws Exception {
		start("--spring.jmx.enabled=true", "--management.endpoints.jmx.exposure.include=vgiexternal",
				"--management.endpoints.jmx.domain=vgi.test");
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> fetch("/gone").get());
		MBeanServer server = ManagementFactory.getPlatformMBeanServer();
		ObjectName name = new ObjectName("vgi.test:type=Endpoint,name=Vgiexternal");
		Map<?, ?> overview = (Map<?, ?>) server.invoke(name, "transfers", new Object[0], new String[0]);
		Map<?, ?> failed = (Map<?, ?>) ((List<?>) Objects.requireNonNull(overview.get("failed"))).get(0);
		Map<?, ?> whole = (Map<?, ?>) server.invoke(name, "transfer", new Object[] { failed.get("id") },
				new String[] { String.class.getName() });
		assertThat(whole.get("location")).isEqualTo(failed.get("location")).asString().contains("/gone");
		assertThat((List<?>) whole.get("requests")).hasSize(1);
		assertThat(
				server.invoke(name, "end", new Object[] { failed.get("id") }, new String[] { String.class.getName() }))
			.isEqualTo(Map.of("ended", false));
	}

	@Test
	void isNotThereUnlessItIsExposed() throws Exception {
		start("--management.endpoints.web.exposure.include=health");
		assertThat(send("GET", "").statusCode()).isEqualTo(404);
		assertThat(context().getBeanProvider(VgiExternalEndpoint.class).getIfAvailable()).isNull();
	}

	@Test
	void readOnlyAccessEndsNothing() throws Exception {
		start("--management.endpoint.vgiexternal.access=read-only");
		assertThat(get("").at("/running")).isEmpty();
		assertThat(send("DELETE", "/0000000000000000").statusCode()).isEqualTo(405);
	}

	/**
	 * Shows no locations.
	 */
	@Configuration(proxyBeanMethods = false)
	static class HiddenLocations {

		@Bean
		SanitizingFunction hiddenLocations() {
			return (data) -> data.getKey().equals("vgi.external.transfer.location") ? data.withValue("somewhere")
					: data;
		}

	}

	/**
	 * The rules of docs/operations/page.md.
	 */
	@Configuration(proxyBeanMethods = false)
	static class OperatorRules {

		@Bean
		SecurityFilterChain operators(HttpSecurity http) {
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
		UserDetailsService users() {
			return new InMemoryUserDetailsManager(
					User.withUsername("operator").password("{noop}secret").roles("OPERATOR").build(),
					User.withUsername("viewer").password("{noop}secret").roles("VIEWER").build());
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	static class Application {

	}

}
