package dev.vgi.external.web.client;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import com.sun.net.httpserver.HttpExchange;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.batch.StreamTooLongException;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.ExternalLocationHttpMessageConverter;
import dev.vgi.external.web.client.ScriptedService.Reply;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.http.client.ClientHttpRequestFactoryBuilder;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.ResponseEntity;
import org.springframework.http.client.ClientHttpRequestFactory;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.web.client.HttpClientErrorException;
import org.springframework.web.client.RestClient;
import org.springframework.web.client.RestTemplate;
import org.springframework.web.client.UnknownContentTypeException;
import org.springframework.web.client.support.RestClientAdapter;
import org.springframework.web.client.support.RestTemplateAdapter;
import org.springframework.web.service.annotation.GetExchange;
import org.springframework.web.service.invoker.HttpServiceProxyFactory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link ArrowResponses}: a reader over a response that is still arriving, with
 * every engine that Boot knows.
 */
@Timeout(60)
class LazyReaderTests extends AbstractClientTests {

	private static final byte[] TWO = ArrowBodies.stream(ArrowBodies.data(1, 2), ArrowBodies.data(3));

	/** The schema and the first batch of it, without the end of the stream. */
	private static final byte[] ONE = Arrays.copyOf(TWO, ArrowBodies.stream(ArrowBodies.data(1, 2)).length - 8);

	private static final byte[] REST = Arrays.copyOfRange(TWO, ONE.length, TWO.length);

	private final TransferResources resources = TransferResources.create();

	private final CountDownLatch gate = new CountDownLatch(1);

	private ClientHttpRequestFactory requests = new JdkClientHttpRequestFactory();

	static List<ClientHttpRequestFactoryBuilder<?>> engines() {
		return SentOnceTests.engines();
	}

	@AfterEach
	void closeEngine() throws Exception {
		this.gate.countDown();
		this.resources.close();
		assertThat(this.resources.budget().inUse()).isZero();
		if (this.requests instanceof DisposableBean closeable) {
			closeable.destroy();
		}
	}

	@ParameterizedTest
	@MethodSource("engines")
	void firstBatchIsThereBeforeTheSecondIsWritten(ClientHttpRequestFactoryBuilder<?> engine) throws Exception {
		this.requests = engine.build();
		this.service.on("/flights", steps(ONE, this.gate, REST));
		try (ArrowReader reader = open("/flights")) {
			assertThat(reader.loadNextBatch()).isTrue();
			assertThat(loaded(reader)).containsExactly(1L, 2L);
			this.gate.countDown();
			assertThat(reader.loadNextBatch()).isTrue();
			assertThat(loaded(reader)).containsExactly(3L);
			assertThat(reader.loadNextBatch()).isFalse();
		}
	}

	@ParameterizedTest
	@MethodSource("engines")
	void closingAfterTheFirstBatchEndsTheTransfer(ClientHttpRequestFactoryBuilder<?> engine) throws Exception {
		this.requests = engine.build();
		CountDownLatch ended = new CountDownLatch(1);
		this.service.on("/endless", (exchange) -> {
			try (OutputStream body = begin(exchange)) {
				body.write(ONE);
				byte[] batch = Arrays.copyOf(REST, REST.length - 8);
				while (true) {
					body.write(batch);
				}
			}
			catch (IOException ex) {
				ended.countDown();
			}
		});
		ArrowReader reader = open("/endless");
		assertThat(reader.loadNextBatch()).isTrue();
		reader.close();
		assertThat(ended.await(30, TimeUnit.SECONDS)).isTrue();
		assertNextRequestWorks();
	}

	@Test
	void noReaderKeepsAConnectionOnceItIsClosed() throws Exception {
		// A connection that is kept would block the next request.
		this.requests = ClientHttpRequestFactoryBuilder.httpComponents()
			.withConnectionManagerCustomizer((connections) -> connections.setMaxConnPerRoute(1))
			.build();
		VgiClient client = client(this.requests).build();
		for (int i = 0; i < 2; i++) {
			this.service.on("/silent", steps(ONE, this.gate, REST), steps(ONE, this.gate, REST));
			try (ArrowReader reader = open("/silent")) {
				assertThat(reader.loadNextBatch()).isTrue();
			}
			try (ArrowReader reader = client.read("/silent", this.logs::add)) {
				assertThat(reader.loadNextBatch()).isTrue();
			}
			this.service.on("/bad", steps("no Arrow at all".getBytes(), this.gate, REST),
					steps("no Arrow at all".getBytes(), this.gate, REST));
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> open("/bad"));
			assertThatExceptionOfType(CorruptStreamException.class)
				.isThrownBy(() -> client.read("/bad", this.logs::add));
			this.service.on("/flights", Reply.arrow(TWO), Reply.arrow(TWO));
			try (ArrowReader reader = open("/flights")) {
				assertThat(drain(reader)).containsExactly(1L, 2L, 3L);
			}
			try (ArrowReader reader = client.read("/flights", this.logs::add)) {
				assertThat(drain(reader)).containsExactly(1L, 2L, 3L);
			}
		}
	}

	@Test
	void errorsOfAServiceAreRaisedByItsClient() throws Exception {
		VgiClient client = client().build();
		byte[] failed = ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.error("Broken", "no room", "too-large"));
		this.service.on("/failing", Reply.flagged(failed), Reply.arrow(400, failed), Reply.arrow(failed),
				Reply.flagged(TWO), Reply.text(200, "text"), cutOff(ONE));
		for (int i = 0; i < 2; i++) {
			assertThatExceptionOfType(ErrorBatchException.class)
				.isThrownBy(() -> client.read("/failing", this.logs::add));
		}
		try (ArrowReader reader = client.read("/failing", this.logs::add)) {
			assertThat(reader.loadNextBatch()).isTrue();
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(reader::loadNextBatch);
		}
		for (int i = 0; i < 2; i++) {
			assertThatExceptionOfType(UnexpectedResponseException.class)
				.isThrownBy(() -> client.read("/failing", this.logs::add));
		}
		try (ArrowReader reader = client.read("/failing", this.logs::add)) {
			assertThat(reader.loadNextBatch()).isTrue();
			assertThatExceptionOfType(IOException.class).isThrownBy(reader::loadNextBatch);
		}
	}

	@ParameterizedTest
	@MethodSource("engines")
	void closingDoesNotWaitForASilentService(ClientHttpRequestFactoryBuilder<?> engine) throws Exception {
		if (isSimple(engine)) {
			// Cannot be ended while a thread waits for it.
			return;
		}
		this.requests = engine.build();
		this.service.on("/silent", steps(ONE, this.gate, REST));
		ArrowReader reader = open("/silent");
		assertThat(reader.loadNextBatch()).isTrue();
		AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
		Thread waiting = new Thread(() -> {
			try {
				reader.loadNextBatch();
			}
			catch (Exception ex) {
				failure.set(ex);
			}
		});
		waiting.start();
		reader.close();
		waiting.join();
		assertThat(failure.get()).isNotNull();
		assertNextRequestWorks();
	}

	@ParameterizedTest
	@MethodSource("engines")
	void whenTheConnectionBreaksItIsNeverTakenForTheEnd(ClientHttpRequestFactoryBuilder<?> engine) throws Exception {
		this.requests = engine.build();
		this.service.on("/broken", cutOff(ONE), cutOff(Arrays.copyOf(TWO, ONE.length + 20)));
		for (int i = 0; i < 2; i++) {
			try (ArrowReader reader = open("/broken")) {
				assertThat(reader.loadNextBatch()).isTrue();
				assertThatExceptionOfType(Exception.class).isThrownBy(reader::loadNextBatch)
					.isInstanceOfAny(IOException.class, CorruptStreamException.class);
				assertThatExceptionOfType(Exception.class).isThrownBy(reader::loadNextBatch);
			}
		}
	}

	@ParameterizedTest
	@MethodSource("engines")
	void errorOfAServiceThatBreaksOffIsRaised(ClientHttpRequestFactoryBuilder<?> engine) throws Exception {
		this.requests = engine.build();
		byte[] failed = ArrowBodies.stream(ArrowBodies.data(1, 2), ArrowBodies.log("late"),
				ArrowBodies.error("Broken", "no room", "too-large"), ArrowBodies.data(3));
		this.service.on("/failing", cutOff(Arrays.copyOf(failed, failed.length - 40)));
		try (ArrowReader reader = open("/failing")) {
			assertThat(reader.loadNextBatch()).isTrue();
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(reader::loadNextBatch)
				.withMessageContaining("no room")
				.satisfies((ex) -> assertThat(ex.errorKind()).isEqualTo("too-large"));
		}
		assertThat(messages()).containsExactly("late");
	}

	@Test
	void errorOfAServiceThatBreaksOffIsRaisedByAListToo() {
		byte[] failed = ArrowBodies.stream(ArrowBodies.data(1, 2), ArrowBodies.error("Broken", "no room", "too-large"),
				ArrowBodies.data(3));
		this.service.on("/failing", cutOff(Arrays.copyOf(failed, failed.length - 40)));
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> restClient().get()
			.uri("/failing")
			.retrieve()
			.body(new ParameterizedTypeReference<List<AnnotatedBatch>>() {
			}));
	}

	@Test
	void errorOfAServiceThatBreaksOffIsRaisedByACallToo() {
		byte[] failed = ArrowBodies.stream(ArrowBodies.error("Broken", "no room", "too-large"), ArrowBodies.data(3));
		this.service.on("/m", cutOff(Arrays.copyOf(failed, failed.length - 40)));
		try (AnnotatedBatch request = request("m")) {
			assertThatExceptionOfType(ErrorBatchException.class)
				.isThrownBy(() -> client().build().call(request, this.context));
		}
	}

	@Test
	void pointersAreResolvedInOrder() throws Exception {
		String first = this.service.store("1", ArrowBodies.stream(ArrowBodies.data(1, 2)));
		String second = this.service.store("2",
				ArrowBodies.stream(ArrowBodies.log("stored"), ArrowBodies.data(3, 4, 5)));
		this.service.on("/flights", Reply.arrow(ArrowBodies.stream(ArrowBodies.pointer(first),
				ArrowBodies.pointer(second), ArrowBodies.data(6), ArrowBodies.log("inline"))));
		try (ArrowReader reader = open("/flights")) {
			assertThat(drain(reader)).containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
		}
		assertThat(messages()).containsExactlyInAnyOrder("stored", "inline");
	}

	@Test
	void whenAnObjectWasDeletedTheBatchesBeforeItAreHandedOut() throws Exception {
		String first = this.service.store("1", ArrowBodies.stream(ArrowBodies.data(1, 2)));
		this.service.on("/flights", Reply.arrow(ArrowBodies.stream(ArrowBodies.pointer(first),
				ArrowBodies.pointer(this.service.url() + "/objects/deleted"), ArrowBodies.data(6))));
		try (ArrowReader reader = open("/flights")) {
			assertThat(reader.loadNextBatch()).isTrue();
			assertThat(loaded(reader)).containsExactly(1L, 2L);
			assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(reader::loadNextBatch);
		}
	}

	@Test
	void streamWithoutBatchesHasASchema() throws Exception {
		this.service.on("/none", Reply.arrow(ArrowBodies.stream()));
		try (ArrowReader reader = open("/none")) {
			assertThat(reader.getVectorSchemaRoot().getSchema()).isEqualTo(ArrowBodies.VALUES);
			assertThat(reader.loadNextBatch()).isFalse();
		}
	}

	@Test
	void streamWithoutBatchesHasEmptyDictionaries() throws Exception {
		byte[] stream;
		try (AnnotatedBatch batch = SampleBatches.dictionaries(this.allocator, 3);
				AnnotatedBatch shape = batch.zeroRows(BatchMetadata.empty(), this.allocator);
				GatheredStream none = IpcStreamWriter.gather(shape, List.of(), null, List.of())) {
			stream = SampleBatches.bytes(none);
		}
		this.service.on("/none", Reply.arrow(stream));
		try (ArrowReader reader = open("/none")) {
			assertThat(reader.getDictionaryVectors()).isNotEmpty()
				.allSatisfy((id, dictionary) -> assertThat(dictionary.getVector().getValueCount()).isZero());
			assertThat(reader.loadNextBatch()).isFalse();
			assertThat(reader.getDictionaryIds()).isNotEmpty();
		}
	}

	@Test
	void secondStreamIsRefused() throws Exception {
		this.service.on("/two", Reply.arrow(TWO, TWO));
		try (ArrowReader reader = open("/two")) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> drain(reader))
				.withMessageContaining("second Arrow stream");
		}
	}

	@Test
	void whatIsNoStreamIsRefusedAtOnce() {
		this.service.on("/bad", Reply.of(200, ScriptedService.ARROW, Map.of(), "no Arrow at all".getBytes()),
				Reply.of(200, ScriptedService.ARROW, Map.of(), new byte[0]), Reply.text(200, "text"),
				Reply.text(404, "nothing"));
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> open("/bad"));
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> open("/bad"))
			.withMessageContaining("empty");
		assertThatExceptionOfType(UnknownContentTypeException.class).isThrownBy(() -> open("/bad"));
		assertThatExceptionOfType(HttpClientErrorException.NotFound.class).isThrownBy(() -> open("/bad"));
	}

	@Test
	void inlineBytesAreCapped() throws Exception {
		this.service.on("/flights", Reply.arrow(TWO));
		RestClient capped = restClient(converter(TWO.length - 20));
		try (ArrowReader reader = ArrowResponses.read(capped.get().uri("/flights").retrieve())) {
			assertThat(reader.loadNextBatch()).isTrue();
			assertThatExceptionOfType(StreamTooLongException.class).isThrownBy(reader::loadNextBatch);
		}
	}

	@Test
	void whereTheResponseIsClosedWithTheCallTheWorkingFormIsNamed() {
		this.service.on("/flights", Reply.arrow(TWO), Reply.arrow(TWO), Reply.arrow(TWO));
		assertThatIllegalStateException()
			.isThrownBy(() -> restClient().get().uri("/flights").retrieve().body(ArrowReader.class))
			.withMessageContaining("ArrowResponses.read(");
		assertThatIllegalStateException()
			.isThrownBy(() -> restClient().get().uri("/flights").retrieve().toEntity(ArrowReader.class))
			.withMessageContaining("ArrowResponses.read(");
		RestTemplate template = new RestTemplate(List.of(converter(Long.MAX_VALUE)));
		assertThatIllegalStateException()
			.isThrownBy(() -> template.getForObject(this.service.url() + "/flights", ArrowReader.class))
			.withMessageContaining("ArrowResponses.read(");
		HttpServiceProxyFactory.Builder factory = HttpServiceProxyFactory
			.builderFor(RestTemplateAdapter.create(template));
		ArrowResponses.configure(factory);
		Flights flights = factory.build().createClient(Flights.class);
		assertThatIllegalStateException().isThrownBy(flights::all).withMessageContaining("RestTemplate closes");
		assertThatIllegalStateException().isThrownBy(flights::entity).withMessageContaining("RestTemplate closes");
	}

	@Test
	void interfacesReturnReaders() throws Exception {
		HttpServiceProxyFactory.Builder factory = HttpServiceProxyFactory
			.builderFor(RestClientAdapter.create(restClient()));
		ArrowResponses.configure(factory);
		Flights flights = factory.build().createClient(Flights.class);
		this.service.on("/flights", steps(ONE, this.gate, REST), Reply.arrow(TWO), Reply.arrow(TWO),
				Reply.text(404, ""));
		try (ArrowReader reader = flights.all()) {
			assertThat(reader.loadNextBatch()).isTrue();
			this.gate.countDown();
			assertThat(drain(reader)).containsExactly(3L);
		}
		ResponseEntity<ArrowReader> entity = flights.entity();
		assertThat(entity.getHeaders().getContentType()).isEqualTo(ArrowStreamHttpMessageConverter.ARROW_STREAM);
		try (ArrowReader reader = entity.getBody()) {
			assertThat(reader).isNotNull();
			assertThat(drain(reader)).containsExactly(1L, 2L, 3L);
		}
		flights.list().forEach((batch) -> batch.close());
		assertThatExceptionOfType(HttpClientErrorException.NotFound.class).isThrownBy(flights::all);
	}

	private void assertNextRequestWorks() throws IOException {
		this.service.on("/next", Reply.arrow(TWO));
		try (ArrowReader reader = open("/next")) {
			assertThat(drain(reader)).containsExactly(1L, 2L, 3L);
		}
	}

	private static boolean isSimple(ClientHttpRequestFactoryBuilder<?> engine) {
		return engine.getClass().getSimpleName().startsWith("Simple");
	}

	private ArrowReader open(String path) {
		return ArrowResponses.read(restClient().get().uri(path).retrieve());
	}

	private RestClient restClient() {
		return restClient(converter(Long.MAX_VALUE));
	}

	private RestClient restClient(ExternalLocationHttpMessageConverter converter) {
		return RestClient.builder()
			.requestFactory(this.requests)
			.baseUrl(this.service.url())
			.configureMessageConverters((converters) -> converters.registerDefaults().addCustomConverter(converter))
			.build();
	}

	private ExternalLocationHttpMessageConverter converter(long maxBodySize) {
		LocationResolver resolver = new LocationResolver(ExternalLocationConfig.defaults()
			.withUrlValidator(UrlValidator.acceptAll())
			.withRetryDelay(Duration.ZERO), this.resources);
		return new ExternalLocationHttpMessageConverter(
				new ArrowStreamHttpMessageConverter(this.allocator, maxBodySize, false), () -> resolver, null,
				(LogMessage log) -> this.logs.add(log));
	}

	private static List<Long> drain(ArrowReader reader) throws IOException {
		List<Long> values = new ArrayList<>();
		while (reader.loadNextBatch()) {
			values.addAll(loaded(reader));
		}
		return values;
	}

	private static List<Long> loaded(ArrowReader reader) throws IOException {
		BigIntVector vector = (BigIntVector) reader.getVectorSchemaRoot().getVector(0);
		List<Long> values = new ArrayList<>();
		for (int i = 0; i < reader.getVectorSchemaRoot().getRowCount(); i++) {
			values.add(vector.get(i));
		}
		return values;
	}

	private static OutputStream begin(HttpExchange exchange) throws IOException {
		exchange.getResponseHeaders().set("Content-Type", ScriptedService.ARROW);
		exchange.sendResponseHeaders(200, 0);
		return exchange.getResponseBody();
	}

	private static Reply steps(byte[] first, CountDownLatch gate, byte[] rest) {
		return (exchange) -> {
			try (OutputStream body = begin(exchange)) {
				body.write(first);
				body.flush();
				gate.await();
				body.write(rest);
			}
			catch (InterruptedException | IOException ex) {
				exchange.close();
			}
		};
	}

	/**
	 * Break a chunked answer off, as a server does whose handler fails.
	 * @param bytes what arrives
	 * @return the reply
	 */
	private static Reply cutOff(byte[] bytes) {
		return (exchange) -> {
			OutputStream body = begin(exchange);
			body.write(bytes);
			body.flush();
			// Without a last chunk.
			throw new IOException("the handler fails");
		};
	}

	/**
	 * A client interface.
	 */
	interface Flights {

		@GetExchange("/flights")
		ArrowReader all();

		@GetExchange("/flights")
		ResponseEntity<ArrowReader> entity();

		@GetExchange("/flights")
		List<AnnotatedBatch> list();

	}

}
