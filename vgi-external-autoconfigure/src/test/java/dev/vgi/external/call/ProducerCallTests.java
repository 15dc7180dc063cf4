package dev.vgi.external.call;

import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.BudgetExhaustedException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link ProducerCall}.
 */
class ProducerCallTests {

	@RepeatedTest(20)
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void aPointerThatIsRefusedAheadDoesNotReplaceTheBatchBeforeIt() {
		try (BufferAllocator allocator = new RootAllocator()) {
			Turns turns = new Turns(allocator);
			CallContext context = CallContext.of(LogSink.discarding());
			try (ProducerCall call = new ProducerCall(turns, "produce", new AnswerPointers(new Refusing(allocator)),
					context, Thread::new)) {
				for (int turn = 1; turn <= 2; turn++) {
					try (AnnotatedBatch batch = call.next()) {
						assertThat(batch).isNotNull();
						assertThat(batch.metadata().get("turn")).isEqualTo(String.valueOf(turn));
					}
				}
				assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(call::next);
			}
		}
	}

	/**
	 * Two batches, the second of which comes when somebody waits for it, and a pointer.
	 */
	private static final class Turns implements StreamTransport {

		private final Thread consumer = Thread.currentThread();

		private final BufferAllocator allocator;

		private int turn;

		Turns(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@Override
		public AnnotatedBatch turn(@Nullable AnnotatedBatch input, CallContext context) {
			this.turn++;
			while (this.turn == 2 && this.consumer.getState() != Thread.State.WAITING) {
				Thread.onSpinWait();
			}
			BatchMetadata metadata = (this.turn < 3) ? BatchMetadata.of("turn", String.valueOf(this.turn))
					: BatchMetadata.of(MetadataKeys.LOCATION, "https://a.example/b");
			return AnnotatedBatch.empty(new Schema(List.of()), metadata, this.allocator);
		}

		@Override
		public @Nullable AnnotatedBatch takeHeader() {
			return null;
		}

		@Override
		public boolean isLive() {
			return true;
		}

		@Override
		public BatchMetadata accept(BatchMetadata metadata) {
			return metadata;
		}

		@Override
		public void cancel(CallContext context) {
			// Nobody is there.
		}

		@Override
		public void close() {
			// Nothing is kept.
		}

	}

	/**
	 * Has no room for what a pointer refers to.
	 *
	 * @param allocator the owner of the memory
	 */
	private record Refusing(BufferAllocator allocator) implements CallTransport {

		@Override
		public String name() {
			return "none";
		}

		@Override
		public AnnotatedBatch call(AnnotatedBatch request, CallContext context) {
			throw new UnsupportedOperationException();
		}

		@Override
		public StreamTransport openProducer(AnnotatedBatch request, boolean header, CallContext context) {
			throw new UnsupportedOperationException();
		}

		@Override
		public StreamTransport openExchange(AnnotatedBatch request, boolean header, CallContext context) {
			throw new UnsupportedOperationException();
		}

		@Override
		public LocationResolver resolver() {
			throw new BudgetExhaustedException("no room", null);
		}

	}

}
