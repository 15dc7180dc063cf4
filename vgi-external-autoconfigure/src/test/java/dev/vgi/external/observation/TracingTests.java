package dev.vgi.external.observation;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.conformance.ConformanceController;
import dev.vgi.external.conformance.ConformanceService;
import dev.vgi.external.conformance.ConformanceStreamController;
import dev.vgi.external.conformance.ConformanceStreams;
import dev.vgi.external.location.NumbersReader;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.client.VgiClient;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.data.StatusData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.MDC;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.core.env.Environment;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;
import org.springframework.web.service.registry.ImportHttpServices;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * Calls between two applications that are traced with OpenTelemetry: every transfer is a
 * span in the trace of its call, on both sides.
 */
@SpringBootTest(classes = TracingTests.ServerApplication.class,
		webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		properties = { TracingTests.EVERYTHING, "management.tracing.sampling.probability=1", "vgi.rpc.prefix=/vgi",
				"vgi.external.externalize-threshold=4KB", "vgi.external.segment-size=64KB",
				"vgi.rpc.max-request-size=16KB" })
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TracingTests {

	/** Except for what the tests do without: see application.properties. */
	static final String EVERYTHING = "spring.autoconfigure.exclude="
			+ "org.springframework.boot.security.autoconfigure.SecurityAutoConfiguration,"
			+ "org.springframework.boot.security.autoconfigure.UserDetailsServiceAutoConfiguration,"
			+ "org.springframework.boot.security.autoconfigure.actuate.web.servlet.ManagementWebSecurityAutoConfiguration,"
			+ "org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterAutoConfiguration,"
			+ "org.springframework.boot.security.autoconfigure.web.servlet.ServletWebSecurityAutoConfiguration";

	/** How many requests there are depends on the time otherwise. */
	private static final String NO_HEDGES = "vgi.external.fetch.speculative-retry-multiplier=0";

	private static final String LARGE = "x".repeat(50_000);

	@TempDir
	static Path folder;

	@LocalServerPort
	private int port;

	@Autowired
	private Environment environment;

	@Autowired
	private BufferAllocator serverAllocator;

	@Autowired
	private InMemorySpanExporter served;

	private final List<SpanData> called = new CopyOnWriteArrayList<>();

	/** The trace of the test's own span. */
	private String trace = "";

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", () -> folder.toString());
	}

	@BeforeEach
	void forget() {
		this.served.reset();
	}

	@AfterEach
	void nothingIsLeftAllocatedAndNoQueryIsSeen() {
		Awaitility.await().untilAsserted(() -> assertThat(this.serverAllocator.getAllocatedMemory()).isZero());
		// Signatures of the local store are queries too.
		assertThat(this.called).isNotEmpty();
		Stream.concat(this.called.stream(), this.served.getFinishedSpanItems().stream()).forEach((span) -> {
			assertThat(span.getName()).doesNotContain("?");
			assertThat(span.getStatus().getDescription()).doesNotContain("?");
			assertThat(span.getAttributes().toString()).doesNotContain("?");
			assertThat(span.getEvents().toString()).doesNotContain("?");
		});
	}

	@Test
	void aTypedCallThatSendsAndReceivesThroughStorage() throws Exception {
		work((context) -> context.getBean(ConformanceService.class).echoString(LARGE));
		SpanData work = one(caller("work"));
		SpanData call = childOf(work, caller("ConformanceService/echo_string"));
		assertThat(childOf(call, caller("upload vended")).getAttributes().asMap().toString())
			.contains("vgi.bytes.stored=");
		SpanData fetch = childOf(call, caller("fetch foreign"));
		assertThat(attribute(fetch, "outcome")).isEqualTo("success");
		assertThat(attribute(fetch, "vgi.location")).startsWith("http://127.0.0.1:" + this.port + "/_vgi/objects/");
		assertThat(attribute(fetch, "vgi.requests")).isNotEqualTo("0");
		assertThat(Long.parseLong(Objects.requireNonNull(attribute(fetch, "vgi.bytes.decoded"))))
			.isGreaterThan(LARGE.length());
		SpanData server = one(service("ConformanceService/echo_string"));
		SpanData http = parent(server);
		assertThat(http.getKind()).isEqualTo(SpanKind.SERVER);
		assertThat(parent(http).getKind()).isEqualTo(SpanKind.CLIENT);
		assertThat(parent(parent(http))).isEqualTo(call);
		assertThat(parent(one(service("upload local")))).isEqualTo(server);
		// The input is read before the call is known.
		assertThat(parent(one(service("fetch local")))).isIn(server, http);
	}

	@Test
	void aStreamWhoseBatchesAreFetchedAhead() throws Exception {
		work((context) -> {
			try (ProducerStream<Void> stream = context.getBean(ConformanceStreams.class).produceLargeBatches(1000, 3)) {
				while (stream.hasNext()) {
					stream.next().close();
				}
			}
		});
		SpanData call = childOf(one(caller("work")), caller("ConformanceService/produce_large_batches"));
		assertThat(all(3, caller("fetch foreign"))).allSatisfy((fetch) -> assertThat(parent(fetch)).isEqualTo(call));
		assertThat(all(3, service("upload local"))).allSatisfy((upload) -> {
			assertThat(parent(upload).getName()).isEqualTo("ConformanceService/produce_large_batches");
			assertThat(parent(upload).getKind()).isNotEqualTo(SpanKind.CLIENT);
		});
	}

	@Test
	void anOrdinaryHandler() throws Exception {
		work((context) -> {
			List<VectorSchemaRoot> roots = context.getBean(RestClient.Builder.class)
				.baseUrl("http://localhost:" + this.port)
				.build()
				.get()
				.uri("/stream")
				.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
				.retrieve()
				.body(new ParameterizedTypeReference<>() {
				});
			assertThat(roots).hasSize(2);
			roots.forEach(VectorSchemaRoot::close);
		});
		SpanData request = childOf(one(caller("work")), caller("http get"));
		assertThat(all(2, caller("fetch foreign"))).allSatisfy((fetch) -> assertThat(parent(fetch)).isEqualTo(request));
		assertThat(all(2, service("upload local")))
			.allSatisfy((upload) -> assertThat(parent(upload).getName()).isEqualTo("http get /stream"));
		assertThat(parent(one(service("http get /stream")))).isEqualTo(request);
	}

	@Test
	void aResultSetOfSeveralSegments() throws Exception {
		work((context) -> {
			VgiClient client = context.getBean(VgiClient.Builder.class)
				.baseUrl("http://localhost:" + this.port)
				.build();
			int rows = 0;
			try (ArrowReader reader = client.read("/reader", (log) -> {
			})) {
				while (reader.loadNextBatch()) {
					rows += reader.getVectorSchemaRoot().getRowCount();
				}
			}
			assertThat(rows).isEqualTo(50_000);
		});
		SpanData work = one(caller("work"));
		List<SpanData> fetches = all(6, caller("fetch foreign"));
		assertThat(fetches).allSatisfy((fetch) -> assertThat(isBelow(fetch, work)).isTrue());
		assertThat(fetches).extracting((fetch) -> parent(fetch).getName()).containsOnly("work", "http get");
		assertThat(fetches).extracting((fetch) -> attribute(fetch, "vgi.segment"))
			.contains("1", "2", "3", "4", "5", "6");
		assertThat(all(6, service("upload local")))
			.allSatisfy((upload) -> assertThat(parent(upload).getName()).isEqualTo("http get /reader"))
			.extracting((upload) -> attribute(upload, "vgi.segment"))
			.contains("1", "2", "3", "4", "5", "6");
	}

	@Test
	void aCallerWithoutTracesThatIsRedirected() throws Exception {
		HttpResponse<Void> response = HttpClient.newHttpClient()
			.send(HttpRequest.newBuilder(URI.create("http://localhost:" + this.port + "/reader")).build(),
					HttpResponse.BodyHandlers.discarding());
		assertThat(response.statusCode()).isEqualTo(303);
		// There may still be spans of others.
		SpanData request = await(() -> find(this.served.getFinishedSpanItems(),
				(span) -> span.getName().equals("http get /reader") && !span.getParentSpanContext().isValid()));
		this.trace = request.getTraceId();
		assertThat(parent(one(service("upload local")))).isEqualTo(request);
		this.called.add(request);
	}

	@Test
	void requestsToStorageIfAskedFor() throws Exception {
		work((context) -> context.getBean(ConformanceService.class).echoString(LARGE),
				"vgi.external.observation.requests=true", NO_HEDGES, "vgi.external.fetch.parallel-threshold=16KB",
				"vgi.external.fetch.chunk-size=16KB", "vgi.external.fetch.probe=head");
		SpanData fetch = one(caller("fetch foreign"));
		SpanData upload = one(caller("upload vended"));
		List<SpanData> requests = this.called.stream().filter((span) -> span.getName().endsWith(" request")).toList();
		assertThat(requests).allSatisfy((request) -> {
			assertThat(parent(request)).isIn(fetch, upload);
			assertThat(attribute(request, "outcome")).isEqualTo("complete");
			assertThat(attribute(request, "status")).isEqualTo("2xx");
		});
		assertThat(requests.stream().filter((request) -> parent(request).equals(fetch)).count())
			.isEqualTo(Long.parseLong(Objects.requireNonNull(attribute(fetch, "vgi.requests"))));
		assertThat(requests).extracting(SpanData::getName).contains("range request", "object request");
	}

	@Test
	void aFailureIsSeenWithoutASecret() throws Exception {
		Handlers.pointer = "https://127.0.0.1:1/bucket/key?sig=planted";
		work((context) -> assertThat(catchThrowable(() -> get(context, "/pointer", VectorSchemaRoot.class)))
			.isNotNull());
		SpanData fetch = one(caller("fetch foreign"));
		assertThat(fetch.getStatus().getStatusCode()).isEqualTo(StatusData.error().getStatusCode());
		assertThat(attribute(fetch, "outcome")).isEqualTo("url-rejected");
		assertThat(fetch.getEvents()).extracting((event) -> event.getName()).contains("exception");
	}

	@Test
	void aRetryIsAnEventWithItsReason() throws Exception {
		byte[] stored;
		try (AnnotatedBatch batch = AnnotatedBatch.of(Handlers.numbers(this.serverAllocator))) {
			stored = Loopback.bytes(batch);
		}
		try (FaultServer server = new FaultServer((request, reply) -> {
			if (request.index() == 0) {
				reply.empty(503, "x-amz-request-id: R1");
			}
			else {
				reply.object(stored, "x-amz-request-id: R2");
			}
		})) {
			Handlers.pointer = server.url("/bucket/key?sig=planted").toString();
			work((context) -> get(context, "/pointer", VectorSchemaRoot.class).close(),
					"vgi.external.observation.requests=true", NO_HEDGES,
					"vgi.external.client.url.allowed-hosts=127.0.0.1:" + server.port() + ",localhost:" + server.port(),
					"vgi.external.client.url.allowed-schemes=http");
		}
		SpanData fetch = one(caller("fetch foreign"));
		assertThat(fetch.getEvents()).singleElement()
			.satisfies((event) -> assertThat(event.getName()).contains("is tried again after", "503", "R1"));
		assertThat(attribute(fetch, "vgi.requests")).isEqualTo("2");
		assertThat(attribute(fetch, "vgi.request.id")).isEqualTo("R2");
		List<SpanData> requests = this.called.stream().filter((span) -> span.getName().endsWith(" request")).toList();
		assertThat(requests).extracting((request) -> attribute(request, "status")).containsExactly("5xx", "2xx");
		assertThat(requests).allSatisfy((request) -> assertThat(parent(request)).isEqualTo(fetch));
	}

	@Test
	void listenersOfTheApplicationSeeTheTraceOfTheTransfer() throws Exception {
		work((context) -> {
			context.getBean(ConformanceService.class).echoString(LARGE);
			assertThat(context.getBean(Listening.class).traces).hasSize(2)
				.allSatisfy((seen) -> assertThat(seen).isEqualTo(this.trace));
		});
		assertThat(this.trace).hasSize(32);
	}

	private <T> T get(ConfigurableApplicationContext context, String path, Class<T> type) {
		return Objects.requireNonNull(context.getBean(RestClient.Builder.class)
			.baseUrl("http://localhost:" + this.port)
			.build()
			.get()
			.uri(path)
			.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
			.retrieve()
			.body(type));
	}

	private void work(Work work, String... properties) throws Exception {
		try (ConfigurableApplicationContext context = new SpringApplicationBuilder(ClientApplication.class)
			.web(WebApplicationType.NONE)
			.run(Stream.concat(
					Stream.of(EVERYTHING, "management.tracing.sampling.probability=1",
							"spring.http.serviceclient.conformance.base-url=http://localhost:" + this.port + "/vgi",
							"vgi.external.storage=none", "vgi.external.client.upload-threshold=16KB",
							"spring.threads.virtual.enabled="
									+ this.environment.getProperty("spring.threads.virtual.enabled", "false")),
					Stream.of(properties))
				.map("--"::concat)
				.toArray(String[]::new))) {
			Observation.createNotStarted("work", context.getBean(ObservationRegistry.class)).observeChecked(() -> {
				this.trace = Objects.requireNonNull(MDC.get("traceId"));
				work.run(context);
			});
			InMemorySpanExporter exporter = context.getBean(InMemorySpanExporter.class);
			await(() -> find(exporter.getFinishedSpanItems(), (span) -> span.getName().equals("work")));
			assertThat(context.getBean(BufferAllocator.class).getAllocatedMemory()).isZero();
			this.called.addAll(exporter.getFinishedSpanItems());
		}
	}

	private Predicate<SpanData> caller(String name) {
		return (span) -> this.called.contains(span) && span.getName().equals(name);
	}

	private Predicate<SpanData> service(String name) {
		return (span) -> !this.called.contains(span) && span.getName().equals(name);
	}

	private SpanData one(Predicate<SpanData> which) {
		return all(1, which).get(0);
	}

	private SpanData childOf(SpanData parent, Predicate<SpanData> which) {
		SpanData child = one(which);
		assertThat(parent(child)).isEqualTo(parent);
		return child;
	}

	// The service ends its spans after the caller has its answer.
	private List<SpanData> all(int least, Predicate<SpanData> which) {
		Awaitility.await()
			.atMost(10, TimeUnit.SECONDS)
			.untilAsserted(() -> assertThat(spans().filter(which).count())
				.as(() -> spans().map(SpanData::getName).toList().toString())
				.isGreaterThanOrEqualTo(least));
		return spans().filter(which).toList();
	}

	private Stream<SpanData> spans() {
		return Stream.concat(this.called.stream(), this.served.getFinishedSpanItems().stream())
			.filter((span) -> span.getTraceId().equals(this.trace));
	}

	private SpanData parent(SpanData child) {
		return one((span) -> span.getSpanId().equals(child.getParentSpanId()));
	}

	private boolean isBelow(SpanData child, SpanData ancestor) {
		SpanData next = child;
		while (!next.equals(ancestor) && next.getParentSpanContext().isValid()) {
			next = parent(next);
		}
		return next.equals(ancestor);
	}

	private static String attribute(SpanData span, String key) {
		return span.getAttributes()
			.asMap()
			.entrySet()
			.stream()
			.filter((entry) -> entry.getKey().getKey().equals(key))
			.map((entry) -> String.valueOf(entry.getValue()))
			.findFirst()
			.orElse("");
	}

	private static List<SpanData> find(List<SpanData> spans, Predicate<SpanData> which) {
		return spans.stream().filter(which).toList();
	}

	private static SpanData await(Callable<List<SpanData>> found) {
		return Awaitility.await().atMost(Duration.ofSeconds(10)).until(found, (spans) -> !spans.isEmpty()).get(0);
	}

	/**
	 * What a caller does.
	 */
	private interface Work {

		void run(ConfigurableApplicationContext context) throws Exception;

	}

	/**
	 * Keeps the spans of an application.
	 */
	@Configuration(proxyBeanMethods = false)
	static class Exported {

		@Bean
		InMemorySpanExporter exporter() {
			return InMemorySpanExporter.create();
		}

		@Bean
		SpanProcessor processor(InMemorySpanExporter exporter) {
			return SimpleSpanProcessor.create(exporter);
		}

	}

	/**
	 * The service.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import({ Exported.class, ConformanceController.class, ConformanceStreamController.class, Handlers.class })
	static class ServerApplication {

	}

	/**
	 * The caller.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import({ Exported.class, Listening.class })
	@ImportHttpServices(group = "conformance", types = { ConformanceService.class, ConformanceStreams.class })
	static class ClientApplication {

	}

	/**
	 * Ordinary handlers.
	 */
	@RestController
	static class Handlers {

		static volatile String pointer = "";

		private final BufferAllocator allocator;

		Handlers(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@GetMapping("/stream")
		Stream<VectorSchemaRoot> stream() {
			return Stream.of(1, 2).map((i) -> numbers(this.allocator));
		}

		@GetMapping("/reader")
		ArrowReader reader() {
			return new NumbersReader(50, 1000);
		}

		@GetMapping("/pointer")
		AnnotatedBatch pointer() {
			AnnotatedBatch batch = AnnotatedBatch
				.of(new VectorSchemaRoot(List.of(new BigIntVector("n", this.allocator))));
			return batch.withMetadata(batch.metadata().with(MetadataKeys.LOCATION, pointer));
		}

		static VectorSchemaRoot numbers(BufferAllocator allocator) {
			BigIntVector vector = new BigIntVector("n", allocator);
			vector.setValueCount(1000);
			VectorSchemaRoot root = new VectorSchemaRoot(List.of(vector));
			root.setRowCount(1000);
			return root;
		}

	}

	/**
	 * Hears of transfers after they are observed.
	 */
	static final class Listening implements TransferListener {

		final List<String> traces = new CopyOnWriteArrayList<>();

		@Override
		public Watch begin(Transfer transfer) {
			this.traces.add(String.valueOf(MDC.get("traceId")));
			return Watch.NONE;
		}

	}

}
