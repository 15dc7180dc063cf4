package dev.vgi.external.rpc;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.observation.RpcObservations;
import dev.vgi.external.observation.RpcServerRequestObservationConvention;
import dev.vgi.external.web.Capabilities;
import io.micrometer.common.KeyValue;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.tck.TestObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistryAssert;
import io.micrometer.observation.transport.ReceiverContext;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.http.server.observation.ServerRequestObservationContext;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for what is observed of calls.
 */
@NullUnmarked
class RpcObservationTests extends AbstractRpcTests {

	private static final String TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

	private final TestObservationRegistry registry = TestObservationRegistry.create();

	private final List<Observation.Context> stopped = new ArrayList<>();

	@BeforeEach
	void observe() {
		this.registry.observationConfig().observationHandler(new ObservationHandler<Observation.Context>() {

			@Override
			public void onStop(Observation.Context context) {
				synchronized (RpcObservationTests.this.stopped) {
					RpcObservationTests.this.stopped.add(context);
				}
			}

			@Override
			public boolean supportsContext(Observation.Context context) {
				return true;
			}

		});
		this.seams.listener.set(new RpcObservations(this.registry, null));
	}

	@Test
	void aCallIsObserved() {
		send("/echo_int", metadata("echo_int"), "value");
		Observation.Context context = only();
		assertThat(context.getName()).isEqualTo("vgi.rpc.server");
		assertThat(context.getContextualName()).isEqualTo("ConformanceService/echo_int");
		assertThat(low(context))
			.isEqualTo(Map.of("rpc.service", "ConformanceService", "rpc.method", "echo_int", "rpc.kind", "unary",
					"rpc.phase", "call", "outcome", "success", "rpc.error.kind", "none", "transport", "http"));
		assertThat(context.getHighCardinalityKeyValue("rpc.request.id").getValue()).isEqualTo("feedfacefeedface");
		assertThat(Long.parseLong(context.getHighCardinalityKeyValue("rpc.bytes.inline").getValue())).isPositive();
		assertThat(context.getHighCardinalityKeyValue("rpc.bytes.external").getValue()).isEqualTo("0");
		assertThat(context.getError()).isNull();
		TestObservationRegistryAssert.assertThat(this.registry).doesNotHaveAnyRemainingCurrentObservation();
	}

	@Test
	void everyTurnIsACallOfItsOwn() {
		StreamReply first = send("/produce_n/init", metadata("produce_n"), "count");
		assertThat(low(only())).containsEntry("rpc.kind", "producer").containsEntry("rpc.phase", "init");
		this.stopped.clear();
		send("/produce_n/exchange", first.tokens());
		assertThat(low(only())).containsEntry("rpc.phase", "exchange").containsEntry("rpc.method", "produce_n");
	}

	@Test
	void aFailureOfTheMethodIsAnError() {
		send("/produce_error_on_init/init", metadata("produce_error_on_init"));
		assertThat(only().getError()).hasMessage("intentional init error");
		assertThat(low(only())).containsEntry("outcome", "error").containsEntry("rpc.error.kind", "application");
	}

	@Test
	void aFailureThatQuotesAQueryIsNotShownAsItIs() {
		VarCharVector message = new VarCharVector(
				new Field("message", FieldType.notNullable(ArrowType.Utf8.INSTANCE), null), this.allocator);
		message.setSafe(0,
				"cannot read https://storage.example/o?X-Amz-Signature=5ec7e7".getBytes(StandardCharsets.UTF_8));
		message.setValueCount(1);
		post("/raise_value_error", metadata("raise_value_error"), new String[0], List.of(message), 1);
		assertThat(only().getError()).hasMessage("cannot read https://storage.example/o").hasNoCause();
		assertThat(low(only())).containsEntry("rpc.error.kind", "application");
	}

	@Test
	void aRequestThatIsRefusedIsObservedToo() {
		send("/echo_int", metadata("another"), "value");
		assertThat(low(only())).containsEntry("outcome", "refused").containsEntry("rpc.error.kind", "bad-request");
		this.stopped.clear();
		this.loopback.post("/echo_int", Loopback.ARROW, new byte[] { 1, 2, 3 });
		assertThat(low(only())).containsEntry("outcome", "refused").containsEntry("rpc.method", "echo_int");
	}

	@Test
	void theTraceOfTheBatchGoesOn() {
		BatchMetadata metadata = metadata("echo_int").with("traceparent", TRACE).with("tracestate", "a=b");
		send("/echo_int", metadata, "value");
		assertThat(only()).isInstanceOfSatisfying(ReceiverContext.class, (context) -> {
			assertThat(context.getCarrier())
				.isEqualTo(BatchMetadata.of(Map.of("traceparent", TRACE, "tracestate", "a=b")));
			assertThat(context.getGetter().get(context.getCarrier(), "traceparent")).isEqualTo(TRACE);
		});
	}

	@Test
	void theTraceOfTheHttpRequestComesFirst() {
		BatchMetadata metadata = metadata("echo_int").with("traceparent", TRACE);
		send("/echo_int", metadata, new String[] { "traceparent", TRACE }, "value");
		assertThat(only()).isNotInstanceOf(ReceiverContext.class);
	}

	@Test
	void aFlaggedReplyIsAServerErrorOfTheHttpServer() {
		RpcServerRequestObservationConvention convention = new RpcServerRequestObservationConvention("http.requests");
		MockHttpServletResponse response = new MockHttpServletResponse();
		ServerRequestObservationContext context = new ServerRequestObservationContext(new MockHttpServletRequest(),
				response);
		assertThat(convention.getName()).isEqualTo("http.requests");
		assertThat(convention.getLowCardinalityKeyValues(context)).contains(KeyValue.of("outcome", "SUCCESS"));
		response.setHeader(Capabilities.RPC_ERROR, "true");
		assertThat(convention.getLowCardinalityKeyValues(context)).contains(KeyValue.of("outcome", "SERVER_ERROR"),
				KeyValue.of("status", "200"));
	}

	private Observation.Context only() {
		// The last byte of an answer leaves before the call is over.
		Awaitility.await().until(() -> {
			synchronized (this.stopped) {
				return !this.stopped.isEmpty();
			}
		});
		assertThat(this.stopped).hasSize(1);
		return this.stopped.get(0);
	}

	private static Map<String, String> low(Observation.Context context) {
		Map<String, String> values = new HashMap<>();
		context.getLowCardinalityKeyValues().forEach((each) -> values.put(each.getKey(), each.getValue()));
		return values;
	}

	private StreamReply send(String path, BatchMetadata metadata, String... columns) {
		return send(path, metadata, new String[0], columns);
	}

	private StreamReply send(String path, BatchMetadata metadata, String[] headers, String... columns) {
		List<FieldVector> row = new ArrayList<>();
		for (String column : columns) {
			BigIntVector vector = (BigIntVector) new Field(column, FieldType.notNullable(new ArrowType.Int(64, true)),
					null)
				.createVector(this.allocator);
			vector.setSafe(0, 1);
			vector.setValueCount(1);
			row.add(vector);
		}
		return post(path, metadata, headers, row, columns.length);
	}

	private StreamReply post(String path, BatchMetadata metadata, String[] headers, List<FieldVector> row, int rows) {
		VectorSchemaRoot root = new VectorSchemaRoot(row);
		root.setRowCount(rows);
		try (AnnotatedBatch batch = AnnotatedBatch.of(root).withMetadata(metadata)) {
			return StreamReply.of(this.loopback.post(path, Loopback.ARROW, Loopback.bytes(batch), headers),
					this.allocator);
		}
	}

	private static BatchMetadata metadata(String method) {
		return BatchMetadata.of(MetadataKeys.METHOD, method)
			.with(MetadataKeys.REQUEST_VERSION, "1")
			.with(MetadataKeys.PROTOCOL_VERSION, "2.0.0");
	}

}
