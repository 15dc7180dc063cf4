package dev.vgi.external.conformance;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.conformance.ConformanceTypes.ConformanceHeader;
import dev.vgi.external.conformance.ConformanceTypes.RichHeader;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcCancel;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcContext.Level;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

import org.springframework.web.bind.annotation.RestController;

/**
 * What the streams of the conformance service do.
 */
@RestController
public class ConformanceStreamController implements ConformanceStreams {

	private static final ArrowType INT64 = new ArrowType.Int(64, true);

	private static final ArrowType FLOAT64 = new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);

	private static final Schema COUNTER = schema(Field.nullable("index", INT64), Field.nullable("value", INT64));

	private static final Schema VALUE = schema(Field.nullable("value", FLOAT64));

	private static final Schema SESSION = schema(Field.nullable("value", INT64));

	private final CancelProbe cancelProbe;

	ConformanceStreamController(CancelProbe cancelProbe) {
		this.cancelProbe = cancelProbe;
	}

	private static Schema schema(Field... fields) {
		return new Schema(List.of(fields));
	}

	@Override
	public ProducerStream<Void> produceN(long count) {
		return ProducerStream.of(COUNTER, new CounterState(count, 0, false));
	}

	@Override
	public ProducerStream<Void> produceTickMetadata(long count) {
		return ProducerStream.of(
				schema(Field.nullable("index", INT64), Field.nullable("seen", ArrowType.Utf8.INSTANCE)),
				new TickMetadataState(count, 0));
	}

	@Override
	public ProducerStream<Void> produceEmpty() {
		return produceN(0);
	}

	@Override
	public ProducerStream<Void> produceSingle() {
		return produceN(1);
	}

	@Override
	public ProducerStream<Void> produceLargeBatches(long rowsPerBatch, long batchCount) {
		return ProducerStream.of(COUNTER, new LargeState(rowsPerBatch, batchCount, 0));
	}

	@Override
	public ProducerStream<Void> produceWithLogs(long count) {
		return ProducerStream.of(COUNTER, new CounterState(count, 0, true));
	}

	@Override
	public ProducerStream<Void> produceErrorMidStream(long emitBeforeError) {
		return ProducerStream.of(COUNTER, new FailingState(emitBeforeError, 0));
	}

	@Override
	public ProducerStream<Void> produceErrorOnInit() {
		throw new IllegalStateException("intentional init error");
	}

	@Override
	public ProducerStream<Void> produceOversizedBatch(long rowsPerBatch) {
		return ProducerStream.of(COUNTER, new LargeState(rowsPerBatch, 1, 0));
	}

	@Override
	public ProducerStream<ConformanceHeader> produceWithHeader(long count) {
		return ProducerStream.of(COUNTER, new CounterState(count, 0, false),
				new ConformanceHeader(count, "producing " + count + " batches"));
	}

	@Override
	public ProducerStream<ConformanceHeader> produceWithHeaderAndLogs(long count) {
		RpcContext.current().log(Level.INFO, "stream init log");
		return ProducerStream.of(COUNTER, new CounterState(count, 0, false),
				new ConformanceHeader(count, "producing " + count + " with logs"));
	}

	@Override
	public ExchangeStream<Void> exchangeScale(double factor) {
		return ExchangeStream.of(VALUE, VALUE, new ScaleState(factor));
	}

	@Override
	public ExchangeStream<Void> exchangeAccumulate() {
		return ExchangeStream.of(VALUE,
				schema(Field.nullable("running_sum", FLOAT64), Field.nullable("exchange_count", INT64)),
				new SumState(0, 0));
	}

	@Override
	public ExchangeStream<Void> exchangeWithLogs() {
		return ExchangeStream.of(VALUE, VALUE, new LoggingState());
	}

	@Override
	public ExchangeStream<Void> exchangeZeroColumns() {
		return ExchangeStream.of(schema(), schema(), new ZeroColumnState(0));
	}

	@Override
	public ExchangeStream<Void> exchangeErrorOnNth(long failOn) {
		return ExchangeStream.of(VALUE, VALUE, new FailOnState(failOn, 0));
	}

	@Override
	public ExchangeStream<Void> exchangeCastCompatible() {
		return exchangeScale(1);
	}

	@Override
	public ExchangeStream<Void> exchangeErrorOnInit() {
		throw new IllegalStateException("intentional exchange init error");
	}

	@Override
	public ExchangeStream<Void> exchangeOversized(long rowsPerBatch) {
		return ExchangeStream.of(VALUE, COUNTER, new OversizedState(rowsPerBatch));
	}

	@Override
	public ExchangeStream<ConformanceHeader> exchangeWithHeader(double factor) {
		return ExchangeStream.of(VALUE, VALUE, new ScaleState(factor), new ConformanceHeader(0, "scale by " + factor));
	}

	@Override
	public ProducerStream<Void> cancellableProducer() {
		return ProducerStream.of(COUNTER, new EndlessState(0));
	}

	@Override
	public ExchangeStream<Void> cancellableExchange() {
		return ExchangeStream.of(VALUE, VALUE, new EchoState());
	}

	@Override
	public ProducerStream<RichHeader> produceWithRichHeader(long seed, long count) {
		return ProducerStream.of(COUNTER, new CounterState(count, 0, false), RichHeader.of(seed));
	}

	@Override
	public ProducerStream<RichHeader> produceDynamicSchema(long seed, long count, boolean includeStrings,
			boolean includeFloats) {
		List<Field> fields = new ArrayList<>(List.of(Field.nullable("index", INT64)));
		if (includeStrings) {
			fields.add(Field.nullable("label", ArrowType.Utf8.INSTANCE));
		}
		if (includeFloats) {
			fields.add(Field.nullable("score", FLOAT64));
		}
		return ProducerStream.of(new Schema(fields), new DynamicState(count, includeStrings, includeFloats, 0),
				RichHeader.of(seed));
	}

	@Override
	public ExchangeStream<RichHeader> exchangeWithRichHeader(long seed, double factor) {
		return ExchangeStream.of(VALUE, VALUE, new ScaleState(factor), RichHeader.of(seed));
	}

	@Override
	public ProducerStream<Void> streamSessionCounter(long count) {
		return ProducerStream.of(SESSION, new SessionState());
	}

	@Override
	public ExchangeStream<Void> exchangeSessionCounter() {
		return ExchangeStream.of(schema(Field.nullable("by", INT64)), SESSION, new SessionState());
	}

	@RpcTurn
	Turn count(CounterState state, RpcContext context) {
		if (state.current() >= state.count()) {
			return Turn.finish();
		}
		if (state.logging()) {
			context.log(Level.INFO, "producing batch " + state.current());
		}
		return Turn.emit(numbers(state.current(), 1, context),
				new CounterState(state.count(), state.current() + 1, state.logging()));
	}

	@RpcTurn
	Turn tick(TickMetadataState state, RpcContext context) {
		String seen = context.metadata().get("vgi.conformance.tick");
		VectorSchemaRoot root = VectorSchemaRoot.of(
				column("index", INT64, context, BigIntVector.class, (vector) -> vector.setSafe(0, state.current())),
				column("seen", ArrowType.Utf8.INSTANCE, context, VarCharVector.class,
						(vector) -> vector.setSafe(0, bytes((seen != null) ? seen : ""))));
		root.setRowCount(1);
		long next = state.current() + 1;
		return (next >= state.count()) ? Turn.emitLast(root)
				: Turn.emit(root, new TickMetadataState(state.count(), next));
	}

	@RpcTurn
	Turn large(LargeState state, RpcContext context) {
		if (state.current() >= state.batchCount()) {
			return Turn.finish();
		}
		return Turn.emit(numbers(state.current() * state.rowsPerBatch(), state.rowsPerBatch(), context),
				new LargeState(state.rowsPerBatch(), state.batchCount(), state.current() + 1));
	}

	@RpcTurn
	Turn fail(FailingState state, RpcContext context) {
		if (state.current() >= state.emitBeforeError()) {
			throw new IllegalStateException("intentional error after " + state.emitBeforeError() + " batches");
		}
		return Turn.emit(numbers(state.current(), 1, context),
				new FailingState(state.emitBeforeError(), state.current() + 1));
	}

	@RpcTurn
	Turn endless(EndlessState state, RpcContext context) {
		this.cancelProbe.producing();
		return Turn.emit(numbers(state.current(), 1, context), new EndlessState(state.current() + 1));
	}

	@RpcCancel
	void cancel(EndlessState state) {
		this.cancelProbe.cancelled();
	}

	@RpcTurn
	Turn dynamic(DynamicState state, RpcContext context) {
		if (state.current() >= state.count()) {
			return Turn.finish();
		}
		List<FieldVector> columns = new ArrayList<>();
		columns
			.add(column("index", INT64, context, BigIntVector.class, (vector) -> vector.setSafe(0, state.current())));
		if (state.includeStrings()) {
			columns.add(column("label", ArrowType.Utf8.INSTANCE, context, VarCharVector.class,
					(vector) -> vector.setSafe(0, bytes("row-" + state.current()))));
		}
		if (state.includeFloats()) {
			columns.add(column("score", FLOAT64, context, Float8Vector.class,
					(vector) -> vector.setSafe(0, state.current() * 1.5)));
		}
		VectorSchemaRoot root = new VectorSchemaRoot(columns);
		root.setRowCount(1);
		return Turn.emit(root,
				new DynamicState(state.count(), state.includeStrings(), state.includeFloats(), state.current() + 1));
	}

	@RpcTurn
	Turn scale(ScaleState state, VectorSchemaRoot input, RpcContext context) {
		Float8Vector values = (Float8Vector) input.getVector("value");
		VectorSchemaRoot root = VectorSchemaRoot.create(VALUE, context.allocator());
		Float8Vector scaled = (Float8Vector) root.getVector("value");
		for (int i = 0; i < input.getRowCount(); i++) {
			if (values.isNull(i)) {
				scaled.setNull(i);
			}
			else {
				scaled.setSafe(i, values.get(i) * state.factor());
			}
		}
		root.setRowCount(input.getRowCount());
		return Turn.emit(root, state);
	}

	@RpcTurn
	Turn accumulate(SumState state, VectorSchemaRoot input, RpcContext context) {
		Float8Vector values = (Float8Vector) input.getVector("value");
		double sum = state.sum();
		for (int i = 0; i < input.getRowCount(); i++) {
			sum += values.get(i);
		}
		SumState next = new SumState(sum, state.count() + 1);
		VectorSchemaRoot root = VectorSchemaRoot.of(
				column("running_sum", FLOAT64, context, Float8Vector.class, (vector) -> vector.setSafe(0, next.sum())),
				column("exchange_count", INT64, context, BigIntVector.class,
						(vector) -> vector.setSafe(0, next.count())));
		root.setRowCount(1);
		return Turn.emit(root, next);
	}

	@RpcTurn
	Turn echoWithLogs(LoggingState state, AnnotatedBatch input, RpcContext context) {
		context.log(Level.INFO, "exchange processing");
		context.log(Level.DEBUG, "exchange debug");
		return Turn.emit(input, state);
	}

	@RpcTurn
	Turn zeroColumns(ZeroColumnState state, VectorSchemaRoot input) {
		return Turn.emit(new VectorSchemaRoot(List.of()), new ZeroColumnState(state.calls() + 1));
	}

	@RpcTurn
	Turn failOnNth(FailOnState state, AnnotatedBatch input) {
		long exchange = state.count() + 1;
		if (exchange >= state.failOn()) {
			throw new IllegalStateException("intentional error on exchange " + exchange);
		}
		return Turn.emit(input, new FailOnState(state.failOn(), exchange));
	}

	@RpcTurn
	Turn oversized(OversizedState state, RpcContext context) {
		return Turn.emit(numbers(0, state.rowsPerBatch(), context), state);
	}

	@RpcTurn
	Turn echo(EchoState state, AnnotatedBatch input) {
		this.cancelProbe.exchanging();
		return Turn.emit(input, state);
	}

	@RpcCancel
	void cancel(EchoState state) {
		this.cancelProbe.cancelled();
	}

	@RpcTurn
	Turn session(SessionState state) {
		throw new UnsupportedOperationException("There are no sticky sessions here");
	}

	private static VectorSchemaRoot numbers(long from, long count, RpcContext context) {
		BufferAllocator allocator = context.allocator();
		VectorSchemaRoot root = VectorSchemaRoot.create(COUNTER, allocator);
		BigIntVector index = (BigIntVector) root.getVector(0);
		BigIntVector value = (BigIntVector) root.getVector(1);
		int rows = Math.toIntExact(count);
		index.allocateNew(rows);
		value.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			index.set(i, from + i);
			value.set(i, (from + i) * 10);
		}
		root.setRowCount(rows);
		return root;
	}

	private static <V extends FieldVector> V column(String name, ArrowType type, RpcContext context,
			Class<V> vectorType, Consumer<V> first) {
		V vector = vectorType.cast(Field.nullable(name, type).createVector(context.allocator()));
		first.accept(vector);
		vector.setValueCount(1);
		return vector;
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	record CounterState(long count, long current, boolean logging) {

	}

	record TickMetadataState(long count, long current) {

	}

	record LargeState(long rowsPerBatch, long batchCount, long current) {

	}

	record FailingState(long emitBeforeError, long current) {

	}

	record EndlessState(long current) {

	}

	record DynamicState(long count, boolean includeStrings, boolean includeFloats, long current) {

	}

	record ScaleState(double factor) {

	}

	record SumState(double sum, long count) {

	}

	record LoggingState() {

	}

	record ZeroColumnState(long calls) {

	}

	record FailOnState(long failOn, long count) {

	}

	record OversizedState(long rowsPerBatch) {

	}

	record EchoState() {

	}

	record SessionState() {

	}

}
