package dev.vgi.external.rpc.pipe.server;

import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcCancel;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;

import org.springframework.web.bind.annotation.RestController;

/**
 * Serves {@link CalcService}.
 */
@NullUnmarked
@RestController
class CalcController implements CalcService {

	static final Schema NUMBERS = new Schema(
			List.of(new Field("n", FieldType.notNullable(new ArrowType.Int(64, true)), null)));

	final List<String> cancelled = new CopyOnWriteArrayList<>();

	final List<BatchMetadata> ticks = new CopyOnWriteArrayList<>();

	final List<Closing> closings = new CopyOnWriteArrayList<>();

	@Override
	public long add(long a, long b) {
		return a + b;
	}

	@Override
	public long noisy(long messages, boolean fails, RpcContext context) {
		log(context, messages);
		if (fails) {
			throw new IllegalArgumentException("noise");
		}
		return messages;
	}

	private static void log(RpcContext context, long messages) {
		for (long i = 0; i < messages; i++) {
			context.log(RpcContext.Level.INFO, "message " + i, Map.of("i", i));
		}
	}

	@Override
	public void fail(String how) {
		switch (how) {
			case "denied" -> throw new org.springframework.security.access.AccessDeniedException("not for you: secret");
			case "unknown" -> throw new org.springframework.security.authentication.BadCredentialsException("secret");
			case "error" -> throw new StackOverflowError("too deep");
			case "cut off" -> throw new IllegalStateException("half of it: \ud83d");
			case "logs itself" -> {
				Map<String, Object> extra = new HashMap<>();
				extra.put("itself", extra);
				RpcContext.current().log(RpcContext.Level.INFO, "circle", extra);
				throw new IllegalStateException("afterwards");
			}
			default -> throw new IllegalStateException(how);
		}
	}

	@Override
	public byte[] blob(long size) {
		return new byte[(int) size];
	}

	@Override
	public long length(byte[] value) {
		return value.length;
	}

	@Override
	public long rows(AnnotatedBatch table) {
		return table.rowCount();
	}

	@Override
	public ProducerStream<Void> count(long n) {
		return ProducerStream.of(NUMBERS, new Counter(0, n));
	}

	@Override
	public ProducerStream<Header> described(long n, String how, RpcContext context) {
		context.log(RpcContext.Level.INFO, "opening");
		if (how.equals("fail")) {
			throw new IllegalStateException("no stream");
		}
		return ProducerStream.of(NUMBERS, new Counter(0, n),
				new Header("numbers", how.equals("bad header") ? null : List.of(n)));
	}

	@RpcTurn
	Turn next(Counter state, RpcContext context) {
		this.ticks.add(context.metadata());
		if (state.next() == state.end()) {
			return Turn.finish();
		}
		if (state.next() == 1000) {
			throw new IllegalStateException("one thousand");
		}
		return Turn.emit(numbers(context.allocator(), state.next()), new Counter(state.next() + 1, state.end()));
	}

	@RpcCancel
	void stopped(Counter state) {
		this.cancelled.add("counter at " + state.next());
	}

	@Override
	public ExchangeStream<Void> scale(long factor, String how, RpcContext context) {
		if (how.startsWith("log ")) {
			log(context, Long.parseLong(how.substring(4)));
		}
		if (how.startsWith("fail ")) {
			log(context, Long.parseLong(how.substring(5)));
			throw new IllegalStateException("no scale");
		}
		return ExchangeStream.of(NUMBERS, NUMBERS, new Factor(factor, how));
	}

	@RpcTurn
	Turn scaled(Factor state, AnnotatedBatch batch, VectorSchemaRoot input, RpcContext context) {
		if (state.how().equals("echo")) {
			return Turn.emit(batch, state);
		}
		if (state.how().startsWith("turns ")) {
			log(context, Long.parseLong(state.how().substring(6)));
		}
		BigIntVector in = (BigIntVector) input.getVector(0);
		long[] values = new long[in.getValueCount()];
		for (int i = 0; i < values.length; i++) {
			values[i] = in.get(i) * state.factor();
			if (values[i] < 0) {
				throw new IllegalArgumentException("negative");
			}
		}
		return Turn.emit(numbers(context.allocator(), values), state);
	}

	@RpcCancel
	void stopped(Factor state) {
		this.cancelled.add("factor " + state.factor());
		if (state.factor() == 13) {
			throw new IllegalStateException("unlucky");
		}
	}

	@Override
	public ExchangeStream<Void> keep(AnnotatedBatch first) {
		Closing closing = new Closing();
		this.closings.add(closing);
		return ExchangeStream.of(NUMBERS, NUMBERS, new Holder(first, null, closing));
	}

	/** Emits what it kept, and keeps the input, every other time as bare vectors. */
	@RpcTurn
	Turn kept(Holder state, AnnotatedBatch input, RpcContext context) {
		VectorSchemaRoot kept = (state.batch() != null) ? state.batch().root() : state.root();
		BigIntVector vector = (BigIntVector) kept.getVector(0);
		long[] values = new long[vector.getValueCount()];
		for (int i = 0; i < values.length; i++) {
			values[i] = vector.get(i);
		}
		BigIntVector wanted = (BigIntVector) input.root().getVector(0);
		if (wanted.getValueCount() > 0 && wanted.get(0) < 0) {
			Closing another = new Closing();
			this.closings.add(another);
			Holder next = new Holder(input, null, another);
			return (wanted.get(0) == -1) ? Turn.emit(ExternalRef.of(URI.create("https://storage.example/x")), next)
					: Turn.emit(VectorSchemaRoot.create(new Schema(List.of()), context.allocator()), next);
		}
		boolean bare = state.batch() != null;
		return Turn.emit(numbers(context.allocator(), values),
				new Holder(bare ? null : input, bare ? input.root() : null, state.closing()));
	}

	@Override
	public ExchangeStream<Void> wide(long columns) {
		List<Field> fields = new ArrayList<>();
		for (int i = 0; i < columns; i++) {
			fields.add(new Field("column " + i, FieldType.nullable(new ArrowType.Int(64, true)), null));
		}
		return ExchangeStream.of(NUMBERS, new Schema(fields), new Wide(columns));
	}

	@RpcTurn
	Turn widened(Wide state, RpcContext context) {
		List<Field> fields = new ArrayList<>();
		for (int i = 0; i < state.columns(); i++) {
			fields.add(new Field("column " + i, FieldType.nullable(new ArrowType.Int(64, true)), null));
		}
		return Turn.emit(VectorSchemaRoot.create(new Schema(fields), context.allocator()), state);
	}

	static VectorSchemaRoot numbers(BufferAllocator allocator, long... values) {
		VectorSchemaRoot root = VectorSchemaRoot.create(NUMBERS, allocator);
		BigIntVector vector = (BigIntVector) root.getVector(0);
		vector.allocateNew(values.length);
		for (int i = 0; i < values.length; i++) {
			vector.set(i, values[i]);
		}
		root.setRowCount(values.length);
		return root;
	}

	record Counter(long next, long end) {

	}

	record Factor(long factor, String how) {

	}

	record Wide(long columns) {

	}

}
