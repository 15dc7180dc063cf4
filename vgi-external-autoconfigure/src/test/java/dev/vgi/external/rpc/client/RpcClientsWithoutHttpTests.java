package dev.vgi.external.rpc.client;

import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.CallTransport;
import dev.vgi.external.call.ServiceClient;
import dev.vgi.external.call.StreamTransport;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.location.SchemaMismatchException;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link RpcClients} over a transport in memory: typed clients need no HTTP.
 */
class RpcClientsWithoutHttpTests {

	private final BufferAllocator allocator = new RootAllocator();

	private final Memory transport = new Memory(this.allocator);

	private final Numbers numbers = new RpcClients(new ServiceClient(this.transport, null) {
	}, this.allocator).createClient(Numbers.class);

	@AfterEach
	void nothingIsLeft() {
		this.allocator.close();
	}

	@Test
	void resultIsRead() {
		assertThat(this.numbers.twice(21)).isEqualTo(42);
		assertThat(this.transport.methods).containsExactly("twice");
	}

	@Test
	void producerIsIteratedToItsEnd() {
		List<Long> values = new ArrayList<>();
		try (ProducerStream<Void> stream = this.numbers.upTo(3)) {
			while (stream.hasNext()) {
				try (AnnotatedBatch batch = stream.next()) {
					values.add(value(batch));
				}
			}
		}
		assertThat(values).containsExactly(1L, 2L, 3L);
		assertThat(this.transport.ended).isEqualTo("closed");
	}

	@Test
	void exchangeIsCancelledWhenItIsClosed() {
		try (ExchangeStream<Void> stream = this.numbers.increments();
				AnnotatedBatch input = batch(this.allocator, 7);
				AnnotatedBatch answer = stream.exchange(input)) {
			assertThat(value(answer)).isEqualTo(8);
		}
		assertThat(this.transport.ended).isEqualTo("cancelled, closed");
	}

	@Test
	void headerThatDoesNotFitIsReportedEvenIfTheStreamCannotBeCancelled() {
		this.transport.cancelFailure = new IllegalStateException("no connection");
		assertThatExceptionOfType(SchemaMismatchException.class).isThrownBy(() -> this.numbers.titled(3))
			.satisfies((ex) -> assertThat(ex.getSuppressed()).containsExactly(this.transport.cancelFailure));
		assertThat(this.transport.ended).isEqualTo("cancelled, closed");
	}

	private static AnnotatedBatch batch(BufferAllocator allocator, long value) {
		BigIntVector vector = new BigIntVector("result", allocator);
		vector.setSafe(0, value);
		vector.setValueCount(1);
		return AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
	}

	private static long value(AnnotatedBatch batch) {
		return ((BigIntVector) batch.root().getVector(0)).get(0);
	}

	@RpcService(name = "Numbers")
	interface Numbers {

		@RpcMethod("twice")
		long twice(long value);

		@RpcMethod("up_to")
		ProducerStream<Void> upTo(long last);

		@RpcMethod("increments")
		ExchangeStream<Void> increments();

		@RpcMethod("titled")
		ProducerStream<Title> titled(long last);

	}

	record Title(String title) {

	}

	/**
	 * The service itself.
	 */
	private static final class Memory implements CallTransport {

		private final BufferAllocator allocator;

		private final List<@Nullable String> methods = new ArrayList<>();

		private String ended = "";

		private @Nullable RuntimeException cancelFailure;

		Memory(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@Override
		public String name() {
			return "memory";
		}

		@Override
		public AnnotatedBatch call(AnnotatedBatch request, CallContext context) {
			this.methods.add(request.metadata().get(MetadataKeys.METHOD));
			return batch(this.allocator, 2 * value(request));
		}

		@Override
		public StreamTransport openProducer(AnnotatedBatch request, boolean header, CallContext context) {
			return new Turns(value(request), header);
		}

		@Override
		public StreamTransport openExchange(AnnotatedBatch request, boolean header, CallContext context) {
			return new Turns(Long.MAX_VALUE, header);
		}

		@Override
		public LocationResolver resolver() {
			throw new IllegalStateException("no pointer is answered");
		}

		@Override
		public BufferAllocator allocator() {
			return this.allocator;
		}

		/**
		 * A stream of numbers.
		 */
		private final class Turns implements StreamTransport {

			private final long last;

			private final boolean header;

			private long turn;

			Turns(long last, boolean header) {
				this.last = last;
				this.header = header;
			}

			@Override
			public @Nullable AnnotatedBatch takeHeader() {
				return this.header ? batch(Memory.this.allocator, this.last) : null;
			}

			@Override
			public boolean isLive() {
				return this.turn <= this.last;
			}

			@Override
			public @Nullable AnnotatedBatch turn(@Nullable AnnotatedBatch input, CallContext context) {
				this.turn = (input != null) ? value(input) + 1 : this.turn + 1;
				return isLive() ? batch(Memory.this.allocator, this.turn) : null;
			}

			@Override
			public BatchMetadata accept(BatchMetadata metadata) {
				return metadata;
			}

			@Override
			public void cancel(CallContext context) {
				Memory.this.ended += isLive() ? "cancelled, " : "";
				if (Memory.this.cancelFailure != null) {
					throw Memory.this.cancelFailure;
				}
			}

			@Override
			public void close() {
				Memory.this.ended += "closed";
			}

		}

	}

}
