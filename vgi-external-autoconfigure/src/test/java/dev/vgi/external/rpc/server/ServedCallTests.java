package dev.vgi.external.rpc.server;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.StreamStart;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.method.Endpoint;
import dev.vgi.external.rpc.method.RpcMethods;
import dev.vgi.external.rpc.method.StreamShape;
import dev.vgi.external.transfer.TransferResources;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.support.StaticListableBeanFactory;
import org.springframework.util.ReflectionUtils;
import org.springframework.web.method.HandlerMethod;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for calls that nothing carries: neither HTTP nor tokens.
 */
@NullUnmarked
class ServedCallTests {

	private static final Schema NUMBERS = new Schema(
			List.of(new Field("n", FieldType.notNullable(new ArrowType.Int(64, true)), null)));

	private final BufferAllocator allocator = new RootAllocator();

	private final TransferResources resources = TransferResources.create();

	private final RequestReader reader;

	private final Externalizer externalizer;

	ServedCallTests() {
		ExternalLocationConfig config = ExternalLocationConfig.defaults();
		this.reader = new RequestReader(new LocationResolver(config, this.resources), ReadLimits.defaults());
		this.externalizer = new Externalizer(config, this.resources, this.allocator);
	}

	@AfterEach
	void nothingIsKept() {
		this.resources.close();
		this.allocator.close();
	}

	@Test
	void aResultComesAfterWhatWasLogged() throws IOException {
		try (RpcCall call = call("sum", Endpoint.CALL)) {
			ServedCall served = read(call, "a", "b");
			served.log(RpcContext.Level.INFO, "adding");
			Object sum = (long) served.argument(0) + (long) served.argument(1);
			try (OutputCycle answer = served.result(sum)) {
				assertThat(answer.logs()).extracting(LogMessage::message).containsExactly("adding");
				assertThat(answer.data().root().getVector(0).getObject(0)).isEqualTo(42L);
			}
		}
	}

	@Test
	void aMessageIsNotLostWithTheResult() throws IOException {
		try (RpcCall call = call("name", Endpoint.CALL)) {
			ServedCall served = read(call);
			served.log(RpcContext.Level.WARN, "no name");
			assertThatExceptionOfType(IllegalArgumentException.class).isThrownBy(() -> served.result(null));
			assertThat(served.takeLogs()).hasSize(1);
		}
	}

	@Test
	void whatCannotBePublishedBelongsToTheCallAllTheSame() throws IOException {
		for (String method : List.of("table", "inlineTable")) {
			try (RpcCall call = call(method, Endpoint.CALL)) {
				ServedCall served = read(call);
				assertThatIllegalStateException().isThrownBy(() -> served.publish(table(this.allocator)));
			}
			assertThat(this.allocator.getAllocatedMemory()).as(method).isZero();
		}
	}

	@Test
	void aRequestThatDoesNotFitIsRefused() throws IOException {
		try (RpcCall call = call("sum", Endpoint.CALL)) {
			assertThatExceptionOfType(RpcBadRequestException.class).isThrownBy(() -> read(call, "a"));
		}
	}

	@Test
	void aStreamRunsFromStateToState() throws Exception {
		try (RpcCall call = call("count", Endpoint.INIT)) {
			ServedCall served = read(call);
			Counter counter = new Counter();
			StreamStart<?> start = served.start(counter.count());
			assertThat(served.header(start)).isNull();
			StreamTurns turns = StreamTurns.of(new HandlerMethod(counter, method("count")),
					new StaticListableBeanFactory());
			List<Object> sent = new ArrayList<>();
			Record state = start.state();
			while (state != null) {
				Turn turn = turns.run(served, state, null,
						(handler, provided) -> handler.getMethod().invoke(handler.getBean(), provided));
				try (AnnotatedBatch shape = StreamShape.empty(start.output(), this.allocator);
						TurnOutput output = served.output(turn, shape, BatchMetadata.empty())) {
					assertThat(output.logs()).hasSize(1);
					sent.add((output.batch() != null) ? output.batch().root().getVector(0).getObject(0) : "end");
				}
				state = turn.nextState();
			}
			assertThat(sent).containsExactly(2L, 1L, "end");
		}
	}

	private RpcCall call(String method, Endpoint endpoint) {
		return new RpcCall("http", new RpcMethods().find(method(method)), endpoint, "feedface", BatchMetadata.empty(),
				this.allocator, ResponseBudget.unlimited(), RpcCallListener.none());
	}

	private static Method method(String name) {
		return ReflectionUtils.findMethod(Counter.class, name, (Class<?>[]) null);
	}

	private ServedCall read(RpcCall call, String... columns) throws IOException {
		List<FieldVector> row = new ArrayList<>();
		for (String column : columns) {
			row.add(number(column, 21, this.allocator));
		}
		VectorSchemaRoot root = new VectorSchemaRoot(row);
		root.setRowCount((columns.length > 0) ? 1 : 0);
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, call.method())
			.with(MetadataKeys.REQUEST_VERSION, "1");
		byte[] body;
		try (AnnotatedBatch batch = AnnotatedBatch.of(root).withMetadata(metadata)) {
			body = Loopback.bytes(batch);
		}
		AnnotatedBatch sent = this.reader.read(new ByteArrayInputStream(body), Long.MAX_VALUE, call.inbound());
		return new ServedCall(call, this.reader.arguments(call, sent), this.externalizer, ResponseBudget.unlimited());
	}

	private static VectorSchemaRoot table(BufferAllocator allocator) {
		VectorSchemaRoot table = new VectorSchemaRoot(List.of(number("n", 1, allocator)));
		table.setRowCount(1);
		return table;
	}

	private static FieldVector number(String name, long value, BufferAllocator allocator) {
		BigIntVector vector = (BigIntVector) new Field(name, FieldType.notNullable(new ArrowType.Int(64, true)), null)
			.createVector(allocator);
		vector.setSafe(0, value);
		vector.setValueCount(1);
		return vector;
	}

	record Left(long turns) {

	}

	/**
	 * The methods that are called.
	 */
	static class Counter {

		@RpcMethod("sum")
		long sum(long a, long b) {
			return a + b;
		}

		@RpcMethod("name")
		String name() {
			return "";
		}

		@RpcMethod("table")
		VectorSchemaRoot table(RpcContext context) {
			return ServedCallTests.table(context.allocator());
		}

		@RpcMethod(value = "inline_table", externalize = false)
		VectorSchemaRoot inlineTable(RpcContext context) {
			return ServedCallTests.table(context.allocator());
		}

		@RpcMethod("count")
		ProducerStream<Void> count() {
			return ProducerStream.of(NUMBERS, new Left(2));
		}

		@RpcTurn
		Turn turn(Left state, RpcContext context) {
			context.log(RpcContext.Level.DEBUG, "counting");
			return (state.turns() > 0)
					? Turn.emit(new VectorSchemaRoot(List.of(number("n", state.turns(), context.allocator()))),
							new Left(state.turns() - 1))
					: Turn.finish();
		}

	}

}
