package dev.vgi.external.test;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.resttestclient.autoconfigure.AutoConfigureRestTestClient;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.boot.webmvc.test.autoconfigure.AutoConfigureMockMvc;
import org.springframework.boot.webmvc.test.autoconfigure.WebMvcTest;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;
import org.springframework.http.MediaType;
import org.springframework.test.annotation.DirtiesContext;
import org.springframework.test.context.TestPropertySource;
import org.springframework.test.web.servlet.assertj.MockMvcTester;
import org.springframework.test.web.servlet.client.RestTestClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.HttpServerErrorException;
import org.springframework.web.client.RestClient;

import static dev.vgi.external.test.ArrowAssertions.ARROW_BODY;
import static dev.vgi.external.test.ArrowAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link AutoConfigureVgiExternal}.
 */
class AutoConfigureVgiExternalTests {

	private static final MediaType ARROW = MediaType.parseMediaType("application/vnd.apache.arrow.stream");

	@Test
	void leakOfTheApplicationFailsTheTest() {
		assertThat(ArrowAllocatorExtensionTests.run(Leaking.class)).singleElement()
			.satisfies((result) -> assertThat(result.getThrowable()).get()
				.asString()
				.contains("The application or its test has not freed 64 bytes"));
		assertThat(ArrowAllocatorExtensionTests.run(Unchecked.class)).singleElement()
			.satisfies((result) -> assertThat(result.getThrowable()).isEmpty());
	}

	@Nested
	@SpringBootTest(properties = { "vgi.external.storage=s3", "vgi.external.s3.bucket=bucket" })
	@AutoConfigureMockMvc
	@AutoConfigureRestTestClient
	@AutoConfigureVgiExternal
	@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
	class WithoutAServer {

		@Autowired
		private MockMvcTester mvc;

		@Autowired
		private RestTestClient client;

		@Autowired
		private InMemoryStorage storage;

		@Autowired
		private List<ExternalStorage> storages;

		@Autowired
		private UploadUrlProvider uploadUrls;

		@Test
		void storageIsTheOnlyOne() {
			assertThat(this.storages).containsExactly(this.storage);
			assertThat(this.uploadUrls).isSameAs(this.storage);
		}

		@Test
		@Order(1)
		void resultIsStoredAndRecorded() {
			assertThat(this.mvc.get().uri("/rows").accept(ARROW)).hasStatus(303);
			assertThat(this.storage.uploads()).singleElement()
				.satisfies((upload) -> assertThat(upload).hasRows(3).column("v").containsExactly(0, 1, 2));
		}

		@Test
		@Order(2)
		void storageIsResetTestIsolation() {
			assertThat(this.storage.uploads()).isEmpty();
		}

		@Test
		void redirectLeadsToTheObject() throws Exception {
			String location = this.mvc.get().uri("/rows").accept(ARROW).exchange().getResponse().getHeader("Location");
			assertThat(location).startsWith("http://127.0.0.1:");
			HttpResponse<byte[]> object = HttpClient.newHttpClient()
				.send(HttpRequest.newBuilder(URI.create(location)).build(), HttpResponse.BodyHandlers.ofByteArray());
			assertThat(object.body()).asInstanceOf(ARROW_BODY).hasRows(3);
		}

		@Test
		void callerThatResolvesPointersGetsOne() {
			assertThat(this.mvc.get().uri("/rows").accept(ARROW).header(Capabilities.ACCEPT_POINTERS, "true"))
				.hasStatusOk()
				.body()
				.asInstanceOf(ARROW_BODY)
				.isPointer();
		}

		@Test
		void pointerIsResolvedByTheServer() {
			byte[] pointer = this.mvc.get()
				.uri("/rows")
				.accept(ARROW)
				.header(Capabilities.ACCEPT_POINTERS, "true")
				.exchange()
				.getResponse()
				.getContentAsByteArray();
			assertThat(this.mvc.post().uri("/rows").contentType(ARROW).content(pointer)).hasStatusOk()
				.bodyText()
				.isEqualTo("3");
		}

		@Test
		void testClientResolvesPointers() {
			this.client.get()
				.uri("/rows")
				.accept(ARROW)
				.exchange()
				.expectStatus()
				.isOk()
				.expectBody(AnnotatedBatch.class)
				.value((batch) -> {
					try (batch) {
						assertThat(batch).hasRows(3).isNotPointer();
					}
				});
			assertThat(this.storage.uploads()).hasSize(1);
		}

		@Test
		void uploadFailsOnRequest() {
			this.storage.failNextUpload();
			assertThat(this.mvc.get().uri("/rows").accept(ARROW)).hasStatus(502);
			assertThat(this.storage.uploads()).isEmpty();
			assertThat(this.mvc.get().uri("/rows").accept(ARROW)).hasStatus(303);
		}

	}

	@Nested
	@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
	@AutoConfigureRestTestClient
	@AutoConfigureVgiExternal
	class WithAServer {

		@Autowired
		private RestTestClient client;

		@Autowired
		private InMemoryStorage storage;

		@Test
		void testClientResolvesPointers() {
			this.client.get().uri("/rows").accept(ARROW).exchange().expectBody(AnnotatedBatch.class).value((batch) -> {
				try (batch) {
					assertThat(batch).column("v").containsExactly(0, 1, 2);
				}
			});
			assertThat(this.storage.uploads()).hasSize(1);
		}

		@Test
		void resultWithoutRowsStaysInline() {
			this.client.get()
				.uri("/rows?count=0")
				.accept(ARROW)
				.exchange()
				.expectBody(byte[].class)
				.value((body) -> assertThat(body).asInstanceOf(ARROW_BODY).hasRows(0).isNotPointer());
			assertThat(this.storage.uploads()).isEmpty();
		}

	}

	@Nested
	@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
	@AutoConfigureVgiExternal
	class Clients {

		@Autowired
		private RestClient.Builder builder;

		@Autowired
		private VgiClient.Builder vgi;

		@Autowired
		private BufferAllocator allocator;

		@Autowired
		private InMemoryStorage storage;

		@LocalServerPort
		private int port;

		private @Nullable VectorSchemaRoot rows() {
			return this.builder.baseUrl("http://localhost:" + this.port)
				.build()
				.get()
				.uri("/rows")
				.accept(ARROW)
				.retrieve()
				.body(VectorSchemaRoot.class);
		}

		@Test
		void failedDownloadIsTriedAgain() {
			this.storage.failNextDownload();
			try (VectorSchemaRoot rows = rows()) {
				assertThat(rows).hasRows(3);
			}
		}

		@Test
		void downloadsFailOnRequest() {
			this.storage.failDownloads(404);
			assertThatExceptionOfType(VgiExternalException.class).isThrownBy(this::rows)
				.satisfies((ex) -> assertThat(ex.getMessage()).contains("404"));
			assertThat(this.storage.uploads()).hasSize(1);
		}

		@Test
		void linksExpireOnRequest() {
			this.storage.expireUrls();
			assertThatExceptionOfType(VgiExternalException.class).isThrownBy(this::rows)
				.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(VgiExternalException.Kind.LINK_EXPIRED));
		}

		@Test
		void uploadsFailAsTheTestSays() {
			this.storage.failUploads(() -> new UploadRefusedException("planted", null));
			for (int i = 0; i < 2; i++) {
				assertThatExceptionOfType(HttpServerErrorException.class).isThrownBy(this::rows)
					.withMessageContaining("planted");
			}
		}

		@Test
		void uploadOfACallerIsReceived() {
			VgiClient client = this.vgi.baseUrl("http://localhost:" + this.port).uploadThreshold(0).build();
			// The service announces upload URLs with its first answer.
			send(client);
			assertThat(this.storage.received()).isEmpty();
			send(client);
			assertThat(this.storage.received()).singleElement()
				.satisfies((upload) -> assertThat(upload).hasRows(2).column("v").containsExactly(7, 8));
			assertThat(this.storage.uploads()).hasSize(2);
		}

		private void send(VgiClient client) {
			BigIntVector vector = new BigIntVector("v", this.allocator);
			vector.setSafe(0, 7);
			vector.setSafe(1, 8);
			vector.setValueCount(2);
			try (AnnotatedBatch request = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
					AnnotatedBatch answer = client.call("/echo", request, LogSink.discarding())) {
				assertThat(answer).column("v").containsExactly(7, 8);
			}
		}

	}

	@SpringBootTest(classes = OnlyMemory.class, webEnvironment = SpringBootTest.WebEnvironment.NONE)
	@AutoConfigureVgiExternal
	@DirtiesContext
	static class Leaking {

		@Test
		void leaks(@Autowired BufferAllocator allocator) {
			allocator.buffer(64);
		}

	}

	@SpringBootTest(classes = OnlyMemory.class, webEnvironment = SpringBootTest.WebEnvironment.NONE)
	@AutoConfigureVgiExternal(checkLeaks = false)
	@DirtiesContext
	static class Unchecked {

		@Test
		void leaks(@Autowired BufferAllocator allocator) {
			allocator.buffer(64);
		}

	}

	@Nested
	@WebMvcTest(controllers = Rows.class)
	@AutoConfigureRestTestClient
	@AutoConfigureVgiExternal(threshold = "1KB")
	@TestPropertySource(properties = "test.own=true")
	class Slice {

		@Autowired
		private MockMvcTester mvc;

		@Autowired
		private InMemoryStorage storage;

		@Test
		void testClientResolvesPointers(@Autowired RestTestClient client) {
			client.get()
				.uri("/rows?count=128")
				.accept(ARROW)
				.exchange()
				.expectBody(AnnotatedBatch.class)
				.value((batch) -> {
					try (batch) {
						assertThat(batch).hasRows(128).isNotPointer();
					}
				});
			assertThat(this.storage.uploads()).hasSize(1);
		}

		@Test
		void propertiesOfTheTestAreKept(@Autowired Environment environment) {
			assertThat(environment.getProperty("test.own")).isEqualTo("true");
			assertThat(environment.getProperty("vgi.external.storage")).isEqualTo("none");
		}

		@Test
		void thresholdDecides() {
			assertThat(this.mvc.get().uri("/rows").accept(ARROW)).hasStatusOk()
				.body()
				.asInstanceOf(ARROW_BODY)
				.hasRows(3);
			assertThat(this.mvc.get().uri("/rows?count=128").accept(ARROW)).hasStatus(303);
			assertThat(this.storage.uploads()).singleElement().extracting(RecordedUpload::rowCount).isEqualTo(128L);
		}

	}

	static class OnlyMemory {

		@Bean
		BufferAllocator allocator() {
			return new RootAllocator() {

				@Override
				public void close() {
					// It is left with what was leaked.
				}

			};
		}

	}

	@SpringBootConfiguration
	@EnableAutoConfiguration
	@Import(Rows.class)
	static class Application {

	}

	@RestController
	record Rows(BufferAllocator allocator) {

		@GetMapping("/rows")
		VectorSchemaRoot rows(@RequestParam(defaultValue = "3") int count) {
			BigIntVector vector = new BigIntVector("v", this.allocator);
			vector.allocateNew(count);
			for (int i = 0; i < count; i++) {
				vector.set(i, i);
			}
			vector.setValueCount(count);
			return new VectorSchemaRoot(List.of(vector));
		}

		@PostMapping("/echo")
		AnnotatedBatch echo(@RequestBody AnnotatedBatch rows) {
			BigIntVector copy = new BigIntVector("v", this.allocator);
			for (int i = 0; i < rows.rowCount(); i++) {
				copy.copyFromSafe(i, i, rows.root().getVector("v"));
			}
			copy.setValueCount(rows.rowCount());
			return AnnotatedBatch.of(new VectorSchemaRoot(List.of(copy)));
		}

		@PostMapping("/rows")
		String count(@RequestBody VectorSchemaRoot rows) {
			return String.valueOf(rows.getRowCount());
		}

	}

}
