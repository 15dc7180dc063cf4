package dev.vgi.external.autoconfigure;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.conformance.ConformanceController;
import dev.vgi.external.conformance.ConformanceService;
import dev.vgi.external.conformance.ConformanceStreamController;
import dev.vgi.external.conformance.ConformanceStreams;
import dev.vgi.external.conformance.ConformanceTypes.ConformanceHeader;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistryAssert;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.service.annotation.GetExchange;
import org.springframework.web.service.registry.ImportHttpServices;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link RpcHttpServiceGroups}: an application that imports the interfaces of
 * another one that runs.
 */
@SpringBootTest(classes = RpcHttpServiceGroupsTests.ServerApplication.class,
		webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT, properties = { "vgi.rpc.prefix=/vgi",
				"vgi.external.externalize-threshold=4KB", "vgi.rpc.max-request-size=16KB" })
class RpcHttpServiceGroupsTests {

	@TempDir
	static Path folder;

	@LocalServerPort
	private int port;

	@Autowired
	private BufferAllocator serverAllocator;

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", () -> folder.toString());
	}

	@AfterEach
	void nothingIsLeftAllocated() {
		Awaitility.await().untilAsserted(() -> assertThat(this.serverAllocator.getAllocatedMemory()).isZero());
	}

	@Test
	void interfacesOfAGroupAreClients() {
		withClient((context) -> {
			ConformanceService service = context.getBean(ConformanceService.class);
			assertThat(service.addFloats(1, 2)).isEqualTo(3);
			service.voidNoop();
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> service.raiseValueError("boom"));
			assertThat(service.echoWithInfoLog("x")).isEqualTo("x");
			assertThat(context.getBean(RecordingSink.class).messages).containsExactly("info: x");
			assertThat(context.getBean(PlainService.class).plain()).isEqualTo("plain");
		});
	}

	@Test
	void ordinaryMethodsMayReturnReaders() {
		withClient((context) -> {
			try (ArrowReader reader = context.getBean(PlainService.class).numbers()) {
				// Both batches are above the threshold.
				for (int i = 0; i < 2; i++) {
					assertThat(reader.loadNextBatch()).isTrue();
					assertThat(reader.getVectorSchemaRoot().getRowCount()).isEqualTo(1000);
				}
				assertThat(reader.loadNextBatch()).isFalse();
			}
			catch (IOException ex) {
				throw new UncheckedIOException(ex);
			}
		});
	}

	@Test
	void theirStreamsAreStreams() {
		withClient((context) -> {
			ConformanceStreams streams = context.getBean(ConformanceStreams.class);
			List<Integer> rows = new ArrayList<>();
			// Every batch is above the threshold and comes out of the service's own
			// store.
			try (ProducerStream<Void> stream = streams.produceLargeBatches(1000, 3)) {
				while (stream.hasNext()) {
					try (AnnotatedBatch batch = stream.next()) {
						rows.add(batch.rowCount());
					}
				}
			}
			assertThat(rows).containsExactly(1000, 1000, 1000);
			try (ProducerStream<ConformanceHeader> stream = streams.produceWithHeader(1)) {
				assertThat(stream.header().totalExpected()).isEqualTo(1);
			}
		});
	}

	@Test
	void largeInputsGoThroughUploadUrls() {
		withClient((context) -> {
			String large = "x".repeat(50_000);
			assertThat(context.getBean(ConformanceService.class).echoString(large)).isEqualTo(large);
			BufferAllocator allocator = context.getBean(BufferAllocator.class);
			Float8Vector vector = new Float8Vector("value", allocator);
			for (int i = 0; i < 10_000; i++) {
				vector.setSafe(i, i);
			}
			vector.setValueCount(10_000);
			try (ExchangeStream<Void> stream = context.getBean(ConformanceStreams.class).exchangeScale(2);
					AnnotatedBatch input = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)))) {
				for (int turn = 0; turn < 2; turn++) {
					try (AnnotatedBatch answer = stream.exchange(input)) {
						assertThat(((Float8Vector) answer.root().getVector(0)).get(9_999)).isEqualTo(19_998);
					}
				}
			}
		});
	}

	@Test
	void callsAreObserved() {
		withClient((context) -> {
			context.getBean(ConformanceService.class).voidNoop();
			TestObservationRegistryAssert.assertThat(context.getBean(TestObservationRegistry.class))
				.hasObservationWithNameEqualTo("vgi.rpc.client")
				.that()
				.hasBeenStopped()
				.hasLowCardinalityKeyValue("rpc.method", "void_noop");
		});
	}

	@Test
	void settingsReachTheClient() {
		for (String[] expected : new String[][] { { "flat", "/vgi/void_noop" },
				{ "namespaced", "/vgi/ConformanceService/void_noop" } }) {
			withClient((context) -> {
				context.getBean(ConformanceService.class).voidNoop();
				TestObservationRegistryAssert.assertThat(context.getBean(TestObservationRegistry.class))
					.hasNumberOfObservationsWithNameEqualTo("http.client.requests", 1)
					.hasObservationWithNameEqualTo("http.client.requests")
					.that()
					.hasLowCardinalityKeyValue("uri", expected[1]);
			}, "vgi.external.client.dialect=" + expected[0]);
		}
	}

	private void withClient(Consumer<ConfigurableApplicationContext> test, String... properties) {
		try (ConfigurableApplicationContext context = new SpringApplicationBuilder(ClientApplication.class)
			.web(WebApplicationType.NONE)
			.properties("spring.http.serviceclient.conformance.base-url=http://localhost:" + this.port + "/vgi",
					"spring.http.serviceclient.plain.base-url=http://localhost:" + this.port,
					"vgi.external.storage=none")
			.properties(properties)
			.run()) {
			test.accept(context);
			assertThat(context.getBean(BufferAllocator.class).getAllocatedMemory()).isZero();
		}
	}

	/**
	 * The service.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import({ ConformanceController.class, ConformanceStreamController.class, PlainController.class })
	static class ServerApplication {

	}

	/**
	 * An ordinary handler.
	 */
	@RestController
	static class PlainController {

		private final BufferAllocator allocator;

		PlainController(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@GetMapping("/plain")
		String plain() {
			return "plain";
		}

		@GetMapping("/numbers")
		Stream<VectorSchemaRoot> numbers() {
			return Stream.of(1, 2).map((i) -> {
				Float8Vector vector = new Float8Vector("value", this.allocator);
				vector.setValueCount(1000);
				return new VectorSchemaRoot(List.of(vector));
			});
		}

	}

	/**
	 * An ordinary HTTP interface.
	 */
	interface PlainService {

		@GetExchange("/plain")
		String plain();

		@GetExchange("/numbers")
		ArrowReader numbers();

	}

	/**
	 * The caller.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@ImportHttpServices(group = "conformance", types = { ConformanceService.class, ConformanceStreams.class })
	@ImportHttpServices(group = "plain", types = PlainService.class)
	static class ClientApplication {

		@Bean
		RecordingSink recordingSink() {
			return new RecordingSink();
		}

		@Bean
		ObservationRegistry observationRegistry() {
			return TestObservationRegistry.create();
		}

	}

	/**
	 * Keeps what the service logs.
	 */
	static final class RecordingSink implements LogSink {

		final List<String> messages = new ArrayList<>();

		@Override
		public void log(LogMessage message) {
			this.messages.add(message.message());
		}

	}

}
