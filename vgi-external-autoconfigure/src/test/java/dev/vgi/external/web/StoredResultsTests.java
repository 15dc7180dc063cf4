package dev.vgi.external.web;

import java.io.ByteArrayInputStream;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.OutputCycle;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.http.client.ClientHttpRequestFactoryBuilder;
import org.springframework.boot.restclient.RestTemplateBuilder;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.http.client.ClientHttpRequestFactory;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.test.util.TestSocketUtils;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.HttpClientErrorException;
import org.springframework.web.client.RestClient;
import org.springframework.web.client.RestTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Large results of ordinary handlers in the application's own HTTP clients, whatever
 * these accept and whichever engine they have. The clients authenticate, and service and
 * storage have different origins, as with any bucket.
 */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.DEFINED_PORT,
		properties = "vgi.external.externalize-threshold=64KB")
@SuppressWarnings("NullAway.Init")
class StoredResultsTests {

	private static final int LARGE = 100_000;

	private static final int PORT = TestSocketUtils.findAvailableTcpPort();

	private static final String SERVICE = "http://127.0.0.1:" + PORT;

	private static final String TOKEN = "Bearer s3cr3t";

	@TempDir
	static Path folder;

	@Autowired
	private RestClient.Builder restClientBuilder;

	@Autowired
	private RestTemplateBuilder restTemplateBuilder;

	/** Of the application, client and server alike. */
	@Autowired
	private BufferAllocator allocator;

	@Autowired
	private Seen seen;

	private @Nullable ClientHttpRequestFactory engine;

	static List<ClientHttpRequestFactoryBuilder<?>> engines() {
		return List.of(ClientHttpRequestFactoryBuilder.httpComponents(), ClientHttpRequestFactoryBuilder.jetty(),
				ClientHttpRequestFactoryBuilder.reactor(), ClientHttpRequestFactoryBuilder.jdk(),
				ClientHttpRequestFactoryBuilder.simple());
	}

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("server.port", () -> PORT);
		registry.add("vgi.external.local.directory", () -> folder.toString());
		registry.add("vgi.external.local.base-url", () -> "http://localhost:" + PORT);
	}

	@BeforeEach
	void forget() {
		this.seen.accepted().clear();
		this.seen.credentials().clear();
	}

	@AfterEach
	void nothingIsLeft() throws Exception {
		if (this.engine instanceof DisposableBean closeable) {
			closeable.destroy();
		}
		Awaitility.await().untilAsserted(() -> assertThat(this.allocator.getAllocatedMemory()).isZero());
	}

	@ParameterizedTest
	@MethodSource("engines")
	void whoeverReadsBatchesGetsThemWhateverItAccepts(ClientHttpRequestFactoryBuilder<?> builder) {
		RestClient client = client(builder);
		for (String accept : new @Nullable String[] { null, "application/vnd.apache.arrow.stream",
				"application/json, application/vnd.apache.arrow.stream", "*/*", "application/*" }) {
			try (VectorSchemaRoot root = retrieve(client, "/one", accept).body(VectorSchemaRoot.class)) {
				assertThat(root).as("Accept: " + accept).isNotNull();
				assertThat(root.getRowCount()).isEqualTo(LARGE);
			}
			List<AnnotatedBatch> batches = retrieve(client, "/two", accept).body(new ParameterizedTypeReference<>() {
			});
			assertRows(batches, 2);
			if (accept == null || !accept.contains("*")) {
				assertNobodyBroughtCredentials();
			}
		}
		assertThat(this.seen.credentials()).isEmpty();
	}

	@ParameterizedTest
	@MethodSource("engines")
	void whoeverReadsBytesAcceptsAllAndGetsAllOfThem(ClientHttpRequestFactoryBuilder<?> builder) {
		RestClient client = client(builder);
		assertStream(retrieve(client, "/one", "*/*").body(byte[].class), 1);
		assertStream(retrieve(client, "/two", "*/*").body(byte[].class), 2);
		RestTemplate template = template(builder);
		assertStream(template.getForObject("/one", byte[].class), 1);
		assertStream(template.getForObject("/two", byte[].class), 2);
		assertThat(this.seen.credentials()).isEmpty();
	}

	@ParameterizedTest
	@MethodSource("engines")
	void aTemplateReadsEveryArrowType(ClientHttpRequestFactoryBuilder<?> builder) {
		RestTemplate template = template(builder);
		try (VectorSchemaRoot root = template.getForObject("/one", VectorSchemaRoot.class)) {
			assertThat(root).isNotNull();
			assertThat(root.getRowCount()).isEqualTo(LARGE);
		}
		try (AnnotatedBatch batch = template.getForObject("/one", AnnotatedBatch.class)) {
			assertThat(batch).isNotNull();
			assertThat(batch.rowCount()).isEqualTo(LARGE);
		}
		try (OutputCycle cycle = template.getForObject("/one", OutputCycle.class)) {
			assertThat(cycle).isNotNull();
			assertThat(cycle.data().rowCount()).isEqualTo(LARGE);
		}
		assertNobodyBroughtCredentials();
		for (String path : List.of("/one", "/two")) {
			int count = path.equals("/one") ? 1 : 2;
			List<VectorSchemaRoot> roots = read(template, path, new ParameterizedTypeReference<>() {
			});
			assertThat(roots).hasSize(count).allSatisfy((root) -> assertThat(root.getRowCount()).isEqualTo(LARGE));
			roots.forEach(VectorSchemaRoot::close);
			assertRows(read(template, path, new ParameterizedTypeReference<List<AnnotatedBatch>>() {
			}), count);
			assertRows(read(template, path, new ParameterizedTypeReference<Collection<AnnotatedBatch>>() {
			}), count);
			assertRows(read(template, path, new ParameterizedTypeReference<Iterable<AnnotatedBatch>>() {
			}), count);
			List<OutputCycle> cycles = read(template, path, new ParameterizedTypeReference<>() {
			});
			assertRows(cycles.stream().map(OutputCycle::data).toList(), count);
		}
		assertThat(this.seen.accepted())
			.allSatisfy((accept) -> assertThat(accept).startsWith("application/vnd.apache.arrow.stream"));
		assertNobodyBroughtCredentials();
	}

	@Test
	void whatIsNoArrowTypeIsAskedForAsBefore() {
		RestTemplate template = template(ClientHttpRequestFactoryBuilder.jdk());
		assertThat(template.getForObject("/words", List.class)).isEqualTo(List.of("a", "b"));
		assertThat(read(template, "/words", new ParameterizedTypeReference<List<String>>() {
		})).containsExactly("a", "b");
		// A list of anything is no list of batches.
		assertThatExceptionOfType(HttpClientErrorException.NotAcceptable.class)
			.isThrownBy(() -> template.getForObject("/two", List.class));
		assertThat(this.seen.accepted()).allSatisfy((accept) -> assertThat(accept).doesNotContain("arrow"));
		RestClient client = client(ClientHttpRequestFactoryBuilder.jdk());
		List<String> words = retrieve(client, "/words", null).body(new ParameterizedTypeReference<>() {
		});
		assertThat(words).containsExactly("a", "b");
	}

	private ClientHttpRequestFactory engine(ClientHttpRequestFactoryBuilder<?> builder) {
		if (this.engine == null) {
			this.engine = builder.build();
		}
		return this.engine;
	}

	private RestClient client(ClientHttpRequestFactoryBuilder<?> builder) {
		return this.restClientBuilder.requestFactory(engine(builder))
			.baseUrl(SERVICE)
			.defaultHeader(HttpHeaders.AUTHORIZATION, TOKEN)
			.build();
	}

	private RestTemplate template(ClientHttpRequestFactoryBuilder<?> builder) {
		return this.restTemplateBuilder.requestFactory(() -> engine(builder))
			.rootUri(SERVICE)
			.defaultHeader(HttpHeaders.AUTHORIZATION, TOKEN)
			.build();
	}

	private static RestClient.ResponseSpec retrieve(RestClient client, String path, @Nullable String accept) {
		return client.get().uri(path).headers((headers) -> {
			if (accept != null) {
				headers.setAccept(MediaType.parseMediaTypes(accept));
			}
		}).retrieve();
	}

	private static <T> T read(RestTemplate template, String path, ParameterizedTypeReference<T> type) {
		T body = template.exchange(path, HttpMethod.GET, null, type).getBody();
		assertThat(body).isNotNull();
		return body;
	}

	private static void assertRows(@Nullable Iterable<AnnotatedBatch> batches, int count) {
		assertThat(batches).hasSize(count).allSatisfy((batch) -> assertThat(batch.rowCount()).isEqualTo(LARGE));
		batches.forEach(AnnotatedBatch::close);
	}

	private void assertStream(byte @Nullable [] body, int count) {
		assertThat(body).isNotNull();
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(body), body.length, this.allocator)) {
			assertThat(reader.nextStream()).isTrue();
			for (int i = 0; i < count; i++) {
				try (AnnotatedBatch batch = reader.next()) {
					assertThat(batch).isNotNull();
					assertThat(batch.rowCount()).isEqualTo(LARGE);
				}
			}
			assertThat(reader.next()).isNull();
		}
	}

	private void assertNobodyBroughtCredentials() {
		// Storage was asked, and was shown no credential of the service.
		assertThat(this.seen.credentials()).isNotEmpty().containsOnly("");
		this.seen.credentials().clear();
	}

	/**
	 * What was seen of requests.
	 *
	 * @param accepted what they accept, storage left out
	 * @param credentials what storage is shown, empty for nothing
	 */
	record Seen(Queue<String> accepted, Queue<String> credentials) {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(Routes.class)
	static class Application {

		@Bean
		Seen seen() {
			return new Seen(new ConcurrentLinkedQueue<>(), new ConcurrentLinkedQueue<>());
		}

		@Bean
		Filter spy(Seen seen) {
			return (request, response, chain) -> {
				HttpServletRequest http = (HttpServletRequest) request;
				boolean storage = http.getRequestURI().startsWith("/_vgi/objects");
				String value = http.getHeader(storage ? HttpHeaders.AUTHORIZATION : HttpHeaders.ACCEPT);
				(storage ? seen.credentials() : seen.accepted()).add((value != null) ? value : "");
				chain.doFilter(request, response);
			};
		}

	}

	@RestController
	static class Routes {

		private final BufferAllocator allocator;

		Routes(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@GetMapping("/one")
		VectorSchemaRoot one() {
			return ArrowOverHttpTests.numbers(this.allocator, LARGE);
		}

		@GetMapping("/two")
		List<VectorSchemaRoot> two() {
			return List.of(one(), one());
		}

		@GetMapping("/words")
		List<String> words() {
			return List.of("a", "b");
		}

	}

}
