package dev.vgi.external.rpc;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.ProtocolVersionException;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.conformance.ConformanceService;
import dev.vgi.external.conformance.ConformanceStreamController;
import dev.vgi.external.conformance.ConformanceStreams;
import dev.vgi.external.conformance.ConformanceTypes.ConformanceHeader;
import dev.vgi.external.conformance.ConformanceTypes.RichHeader;
import dev.vgi.external.observation.RpcClientObservations;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.web.client.Dialect;
import dev.vgi.external.web.client.PlainClient;
import dev.vgi.external.web.client.VgiClient;
import io.micrometer.common.KeyValue;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.tck.TestObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistryAssert;
import io.micrometer.observation.transport.SenderContext;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.context.annotation.Import;
import org.springframework.http.client.ClientHttpRequestInterceptor;
import org.springframework.http.client.InterceptingClientHttpRequestFactory;
import org.springframework.http.client.SimpleClientHttpRequestFactory;
import org.springframework.http.client.observation.ClientRequestObservationContext;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for the streams of {@link RpcClients} against a running server, and for what is
 * observed of calls.
 */
@Import(ConformanceStreamController.class)
@SuppressWarnings("NullAway.Init")
class RpcClientStreamsTests extends AbstractRpcTests {

	private final List<LogMessage> logs = new ArrayList<>();

	private final TestObservationRegistry observations = TestObservationRegistry.create();

	private PlainClient plain;

	private ConformanceStreams streams;

	private ConformanceService service;

	@BeforeEach
	void createClients() {
		this.plain = new PlainClient(this.allocator);
		RpcClients clients = clients(this.plain.builder(this.loopback.base()));
		this.streams = clients.createClient(ConformanceStreams.class);
		this.service = clients.createClient(ConformanceService.class);
		this.service.resetCancelProbe();
		this.observations.clear();
	}

	private RpcClients clients(VgiClient.Builder builder) {
		return new RpcClients(builder.build(), this.allocator, this.logs::add)
			.watchedBy(new RpcClientObservations(this.observations, null));
	}

	@AfterEach
	void closeConnections() {
		this.plain.close();
	}

	@Test
	void producersAreIteratedToTheirEnd() {
		try (ProducerStream<Void> stream = this.streams.produceN(5)) {
			assertThat(drain(stream)).containsExactly(0L, 10L, 20L, 30L, 40L);
			assertThat(stream.hasNext()).isFalse();
			assertThatExceptionOfType(NoSuchElementException.class).isThrownBy(stream::next);
			assertThatIllegalStateException().isThrownBy(stream::header);
		}
		try (ProducerStream<Void> stream = this.streams.produceEmpty()) {
			assertThat(stream.hasNext()).isFalse();
		}
	}

	@Test
	void bothDialectsWork() {
		for (Dialect dialect : Dialect.values()) {
			for (boolean prefetch : new boolean[] { true, false }) {
				ConformanceStreams client = clients(
						this.plain.builder(this.loopback.base()).dialect(dialect).prefetch(prefetch))
					.createClient(ConformanceStreams.class);
				try (ProducerStream<Void> stream = client.produceN(3)) {
					assertThat(drain(stream)).containsExactly(0L, 10L, 20L);
				}
				try (ExchangeStream<Void> stream = client.exchangeScale(2)) {
					assertThat(say(stream, 1.5)).containsExactly(3.0);
				}
			}
		}
	}

	@Test
	void headersAreRecords() {
		try (ProducerStream<ConformanceHeader> stream = this.streams.produceWithHeaderAndLogs(2)) {
			assertThat(stream.header().totalExpected()).isEqualTo(2);
			assertThat(stream.header().description()).isEqualTo("producing 2 with logs");
			assertThat(drain(stream)).hasSize(2);
		}
		assertThat(this.logs).extracting(LogMessage::message).contains("stream init log");
		try (ProducerStream<RichHeader> stream = this.streams.produceWithRichHeader(4, 1)) {
			assertThat(stream.header().strField()).isEqualTo("seed-4");
			assertThat(drain(stream)).hasSize(1);
		}
		try (ExchangeStream<ConformanceHeader> stream = this.streams.exchangeWithHeader(3)) {
			assertThat(stream.header().description()).startsWith("scale by 3");
			assertThat(say(stream, 1, 2)).containsExactly(3.0, 6.0);
		}
	}

	@Test
	void exchangesAnswerEveryBatch() {
		try (ExchangeStream<Void> stream = this.streams.exchangeScale(2.5)) {
			assertThat(say(stream, 1, 2)).containsExactly(2.5, 5.0);
			assertThat(say(stream)).isEmpty();
			assertThat(say(stream, 4)).containsExactly(10.0);
			assertThatIllegalStateException().isThrownBy(stream::header);
		}
	}

	@Test
	void errorsEndTheStream() {
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(this.streams::produceErrorOnInit)
			.withMessageContaining("intentional init error");
		try (ProducerStream<Void> stream = this.streams.produceErrorMidStream(2)) {
			next(stream);
			next(stream);
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(stream::hasNext)
				.withMessageContaining("intentional error after 2 batches");
			assertThat(stream.hasNext()).isFalse();
		}
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(this.streams::exchangeErrorOnInit)
			.withMessageContaining("intentional exchange init error");
		try (ExchangeStream<Void> stream = this.streams.exchangeErrorOnNth(2)) {
			say(stream, 1);
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> say(stream, 2))
				.withMessageContaining("intentional error on exchange 2");
			assertThatIllegalStateException().isThrownBy(() -> say(stream, 3));
		}
	}

	@Test
	void closingTellsTheServiceOnce() {
		try (ProducerStream<Void> stream = this.streams.cancellableProducer()) {
			next(stream);
			next(stream);
			// Asked for and never taken.
			assertThat(stream.hasNext()).isTrue();
		}
		assertThat(this.service.cancelProbeCounters().get(2)).isOne();
		try (ExchangeStream<Void> stream = this.streams.cancellableExchange()) {
			say(stream, 1);
		}
		assertThat(this.service.cancelProbeCounters().get(2)).isEqualTo(2);
	}

	@Test
	void versionsThatDifferAreTold() {
		assertThatExceptionOfType(ProtocolVersionException.class)
			.isThrownBy(
					() -> clients(this.plain.builder(this.loopback.base())).createClient(OldService.class).echo("x"))
			.withMessageContaining("0.9.0");
	}

	@Test
	void everyCallIsOneObservation() {
		this.service.addFloats(1, 2);
		assertObserved("unary", "success", "none", "add_floats");
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> this.service.raiseValueError("x"));
		assertObserved("unary", "error", "remote-error", "raise_value_error");
		try (ProducerStream<Void> stream = this.streams.produceN(3)) {
			drain(stream);
		}
		assertObserved("producer", "success", "none", "produce_n");
		try (ProducerStream<Void> stream = this.streams.cancellableProducer()) {
			next(stream);
		}
		assertObserved("producer", "cancelled", "none", "cancellable_producer");
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(this.streams::produceErrorOnInit);
		assertObserved("producer", "error", "remote-error", "produce_error_on_init");
		try (ExchangeStream<Void> stream = this.streams.exchangeScale(1)) {
			say(stream, 1);
			say(stream, 2);
		}
		assertObserved("exchange", "success", "none", "exchange_scale");
	}

	@Test
	void everyRequestOfAStreamIsAPartOfItsCall() {
		Queue<Observation.Context> requests = observedRequests();
		for (boolean prefetch : new boolean[] { true, false }) {
			ConformanceStreams client = clients(this.plain
				.builder(this.loopback.base(), RestClient.builder().observationRegistry(this.observations))
				.dialect(Dialect.FLAT)
				.prefetch(prefetch)).createClient(ConformanceStreams.class);
			try (ProducerStream<Void> stream = client.cancellableProducer()) {
				next(stream);
				next(stream);
				next(stream);
			}
			// The opening, at least two turns, the cancellation.
			assertThat(requests).hasSizeGreaterThanOrEqualTo(4);
			assertBelongTo("cancellable_producer", requests);
			try (ProducerStream<Void> stream = client.produceN(3)) {
				drain(stream);
			}
			assertBelongTo("produce_n", requests);
			try (ExchangeStream<Void> stream = client.cancellableExchange()) {
				say(stream, 1);
			}
			assertThat(requests).hasSize(3);
			assertBelongTo("cancellable_exchange", requests);
		}
		assertThat(this.observations.getCurrentObservation()).isNull();
	}

	@Test
	void aStreamThatFailsIsCancelledAsAPartOfItsCall() {
		Queue<Observation.Context> requests = observedRequests();
		AtomicBoolean lost = new AtomicBoolean();
		RestClient.Builder restClient = RestClient.builder()
			.observationRegistry(this.observations)
			.requestInterceptor((request, body, execution) -> {
				if (request.getURI().getPath().endsWith("/exchange") && lost.compareAndSet(false, true)) {
					throw new IOException("lost");
				}
				return execution.execute(request, body);
			});
		ConformanceStreams client = clients(
				this.plain.builder(this.loopback.base(), restClient).dialect(Dialect.FLAT).prefetch(false))
			.createClient(ConformanceStreams.class);
		try (ProducerStream<Void> stream = client.cancellableProducer()) {
			next(stream);
			assertThatExceptionOfType(ServiceUnavailableException.class).isThrownBy(stream::hasNext);
			assertThat(requests).hasSize(3);
			assertBelongTo("cancellable_producer", requests);
			assertThat(stream.hasNext()).isFalse();
		}
		assertThat(requests).isEmpty();
		assertThat(this.service.cancelProbeCounters().get(2)).isOne();
	}

	@Test
	void aStreamThatIsClosedByWhoHearsItsLogsLeavesNoScopeBehind() {
		AtomicReference<ProducerStream<Void>> open = new AtomicReference<>();
		LogSink closing = (log) -> {
			if (open.get() != null) {
				open.get().close();
			}
		};
		ConformanceStreams client = new RpcClients(this.plain.builder(this.loopback.base()).prefetch(false).build(),
				this.allocator, closing)
			.watchedBy(new RpcClientObservations(this.observations, null))
			.createClient(ConformanceStreams.class);
		try (ProducerStream<Void> stream = client.produceWithLogs(3)) {
			next(stream);
			open.set(stream);
			assertThat(stream.hasNext()).isTrue();
			assertThat(this.observations.getCurrentObservation()).isNull();
		}
	}

	private Queue<Observation.Context> observedRequests() {
		Queue<Observation.Context> requests = new ConcurrentLinkedQueue<>();
		this.observations.observationConfig().observationHandler(new ObservationHandler<>() {

			@Override
			public void onStop(Observation.Context context) {
				requests.add(context);
			}

			@Override
			public boolean supportsContext(Observation.Context context) {
				return context instanceof ClientRequestObservationContext;
			}

		});
		return requests;
	}

	private static void assertBelongTo(String method, Queue<Observation.Context> requests) {
		assertThat(requests).isNotEmpty().allSatisfy((request) -> {
			assertThat(request.getParentObservation()).isNotNull();
			assertThat(request.getParentObservation().getContextView().getName()).isEqualTo("vgi.rpc.client");
			assertThat(request.getParentObservation().getContextView().getLowCardinalityKeyValue("rpc.method"))
				.isEqualTo(KeyValue.of("rpc.method", method));
		});
		requests.clear();
	}

	private void assertObserved(String kind, String outcome, String errorKind, String method) {
		TestObservationRegistryAssert.assertThat(this.observations)
			.hasNumberOfObservationsEqualTo(1)
			.hasObservationWithNameEqualTo("vgi.rpc.client")
			.that()
			.hasBeenStarted()
			.hasBeenStopped()
			.hasLowCardinalityKeyValue("rpc.kind", kind)
			.hasLowCardinalityKeyValue("outcome", outcome)
			.hasLowCardinalityKeyValue("rpc.error.kind", errorKind)
			.hasLowCardinalityKeyValue("rpc.method", method)
			.hasLowCardinalityKeyValue("rpc.service", "ConformanceService")
			.hasLowCardinalityKeyValue("transport", "http")
			.hasHighCardinalityKeyValue("rpc.bytes.external.received", "0")
			.hasHighCardinalityKeyValueWithKey("rpc.bytes.inline.sent");
		this.observations.clear();
	}

	@Test
	void theTraceTravelsWithTheRequest() {
		this.observations.observationConfig().observationHandler(new ObservationHandler<>() {

			@Override
			public void onStart(Observation.Context context) {
				propagate((SenderContext<?>) context);
			}

			private <C> void propagate(SenderContext<C> context) {
				context.getSetter().set(context.getCarrier(), "traceparent", "00-trace-span-01");
				context.getSetter().set(context.getCarrier(), "baggage", "secret=1");
			}

			@Override
			public boolean supportsContext(Observation.Context context) {
				return context instanceof SenderContext<?>;
			}

		});
		try (AnnotatedBatch sent = sent((service) -> service.voidNoop())) {
			assertThat(sent.metadata().get("traceparent")).isEqualTo("00-trace-span-01");
			// Nothing else that a tracer hands out leaves the process this way.
			assertThat(sent.metadata().contains("baggage")).isFalse();
		}
	}

	@Test
	void requestsSayWhatTheyAsk() {
		try (AnnotatedBatch sent = sent((service) -> service.voidNoop())) {
			assertThat(sent.metadata().get(MetadataKeys.METHOD)).isEqualTo("void_noop");
			assertThat(sent.metadata().get(MetadataKeys.REQUEST_VERSION)).isEqualTo("1");
			assertThat(sent.metadata().get(MetadataKeys.PROTOCOL)).isEqualTo("ConformanceService");
			assertThat(sent.metadata().get(MetadataKeys.PROTOCOL_VERSION)).isEqualTo("2.0.0");
			assertThat(sent.metadata().get(MetadataKeys.REQUEST_ID)).matches("[0-9a-f]{16}");
			assertThat(sent.metadata().contains("traceparent")).isFalse();
		}
	}

	/**
	 * Make a call and look at its request.
	 * @param call the call
	 * @return the request; the caller closes it
	 */
	private AnnotatedBatch sent(Consumer<ConformanceService> call) {
		List<byte[]> bodies = new ArrayList<>();
		ClientHttpRequestInterceptor recorder = (request, body, execution) -> {
			bodies.add(body);
			return execution.execute(request, body);
		};
		VgiClient.Builder builder = this.plain
			.builder(this.loopback.base(),
					new InterceptingClientHttpRequestFactory(new SimpleClientHttpRequestFactory(), List.of(recorder)))
			.dialect(Dialect.FLAT);
		call.accept(clients(builder).createClient(ConformanceService.class));
		AnnotatedBatch sent = this.loopback.read(bodies.get(0)).data();
		assertThat(sent).isNotNull();
		return sent;
	}

	private static void next(ProducerStream<?> stream) {
		stream.next().close();
	}

	private static List<Long> drain(ProducerStream<?> stream) {
		List<Long> values = new ArrayList<>();
		stream.forEachRemaining((batch) -> {
			try (batch) {
				BigIntVector vector = (BigIntVector) batch.root().getVector(batch.root().getFieldVectors().size() - 1);
				for (int i = 0; i < batch.rowCount(); i++) {
					values.add(vector.get(i));
				}
			}
		});
		return values;
	}

	private List<Double> say(ExchangeStream<?> stream, double... values) {
		Float8Vector vector = new Float8Vector("value", this.allocator);
		vector.allocateNew(Math.max(1, values.length));
		for (int i = 0; i < values.length; i++) {
			vector.set(i, values[i]);
		}
		vector.setValueCount(values.length);
		try (AnnotatedBatch input = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
				AnnotatedBatch answer = stream.exchange(input)) {
			List<Double> answers = new ArrayList<>();
			for (int i = 0; i < answer.rowCount(); i++) {
				answers.add(((Float8Vector) answer.root().getVector(0)).get(i));
			}
			return answers;
		}
	}

	/**
	 * The same protocol as it was long ago.
	 */
	@RpcService(name = "ConformanceService", version = "0.9.0")
	interface OldService {

		@RpcMethod("echo_string")
		String echo(String value);

	}

}
