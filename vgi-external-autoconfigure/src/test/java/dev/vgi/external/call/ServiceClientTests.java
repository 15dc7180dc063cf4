package dev.vgi.external.call;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.location.LocationResolver;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link ServiceClient} over a transport without HTTP.
 */
class ServiceClientTests {

	private final BufferAllocator allocator = new RootAllocator();

	private final CallContext context = CallContext.of(LogSink.discarding());

	private final Memory transport = new Memory();

	private final ServiceClient client = new ServiceClient(this.transport, Thread::new) {
	};

	@AfterEach
	void nothingIsLeft() {
		this.allocator.close();
	}

	@Test
	void unaryCallIsCarried() {
		this.transport.answer("1");
		try (AnnotatedBatch request = batch("request");
				AnnotatedBatch answer = this.client.call(request, this.context)) {
			assertThat(named(answer)).isEqualTo("1");
		}
		assertThat(this.transport.events).containsExactly("call request");
	}

	@Test
	void producerIsCarriedToItsEnd() {
		this.transport.answer("header", "1", "2", "3", null);
		List<String> names = new ArrayList<>();
		try (AnnotatedBatch request = batch("request");
				ProducerCall stream = this.client.openProducer(request, true, this.context);
				AnnotatedBatch header = stream.takeHeader()) {
			assertThat(named(header)).isEqualTo("header");
			for (AnnotatedBatch batch = stream.next(); batch != null; batch = stream.next()) {
				names.add(named(batch));
				batch.close();
			}
		}
		assertThat(names).containsExactly("1", "2", "3");
		assertThat(this.transport.events).containsExactly("open request", "turn null", "turn null", "turn null",
				"turn null", "cancel", "close");
	}

	@Test
	void whatWasNotTakenIsFreed() {
		this.transport.answer("header");
		try (AnnotatedBatch request = batch("request")) {
			this.client.openProducer(request, true, this.context).close();
		}
		assertThat(this.transport.events).containsExactly("open request", "cancel", "close");
	}

	@Test
	void exchangeIsCarriedWithoutProtocolKeys() {
		this.transport.answer("1");
		try (AnnotatedBatch request = batch("request");
				AnnotatedBatch batch = batch("input");
				AnnotatedBatch input = batch.withMetadata(batch.metadata().with(MetadataKeys.LOCATION, "stale"));
				ExchangeCall stream = this.client.openExchange(request, false, this.context);
				AnnotatedBatch answer = stream.exchange(input)) {
			assertThat(named(answer)).isEqualTo("1");
		}
		assertThat(this.transport.events).containsExactly("open request", "turn input", "cancel", "close");
	}

	@Test
	void whenAnExchangeEndsInsteadOfAnsweringItIsAnError() {
		this.transport.answer((String) null);
		try (AnnotatedBatch request = batch("request");
				ExchangeCall stream = this.client.openExchange(request, false, this.context)) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> stream.exchange(request));
			assertThatIllegalStateException().isThrownBy(() -> stream.exchange(request))
				.withMessage("The stream is over");
		}
	}

	@Test
	void afterAnErrorOfTheServiceThereIsNothingToCancel() {
		this.transport.answer("error");
		try (AnnotatedBatch request = batch("request");
				ProducerCall stream = this.client.openProducer(request, false, this.context)) {
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(stream::next);
			assertThat(stream.next()).isNull();
		}
		assertThat(this.transport.events).containsExactly("open request", "turn null", "close");
	}

	@Test
	void whatHidBehindAFailedOpeningIsSuppressed() {
		this.transport.answer("corrupt");
		this.transport.cancelFailure = new IllegalStateException("no connection");
		try (AnnotatedBatch request = batch("request")) {
			assertThatExceptionOfType(CorruptStreamException.class)
				.isThrownBy(() -> this.client.openProducer(request, true, this.context))
				.satisfies((ex) -> assertThat(ex.getSuppressed()).containsExactly(this.transport.cancelFailure));
		}
		assertThat(this.transport.events).containsExactly("open request", "cancel", "close");
	}

	private AnnotatedBatch batch(String name) {
		return AnnotatedBatch.empty(new Schema(List.of()), BatchMetadata.of("name", name), this.allocator);
	}

	private static @Nullable String named(@Nullable AnnotatedBatch batch) {
		return (batch != null) ? batch.metadata().get("name") : null;
	}

	/**
	 * Answers from a script, in memory.
	 */
	private final class Memory implements CallTransport, StreamTransport {

		private final Deque<String> answers = new ArrayDeque<>();

		private final List<String> events = new ArrayList<>();

		private boolean header;

		private @Nullable RuntimeException cancelFailure;

		void answer(@Nullable String... names) {
			Arrays.stream(names).map(String::valueOf).forEach(this.answers::add);
		}

		private @Nullable AnnotatedBatch take() {
			String name = this.answers.remove();
			if (name.equals("error")) {
				throw ErrorBatchException.from(BatchMetadata.of(MetadataKeys.LOG_MESSAGE, "no"));
			}
			if (name.equals("corrupt")) {
				throw new CorruptStreamException("no batch");
			}
			return name.equals("null") ? null : batch(name);
		}

		@Override
		public String name() {
			return "memory";
		}

		@Override
		public AnnotatedBatch call(AnnotatedBatch request, CallContext context) {
			this.events.add("call " + named(request));
			return batch(this.answers.remove());
		}

		@Override
		public StreamTransport openProducer(AnnotatedBatch request, boolean header, CallContext context) {
			this.events.add("open " + named(request));
			this.header = header;
			return this;
		}

		@Override
		public StreamTransport openExchange(AnnotatedBatch request, boolean header, CallContext context) {
			return openProducer(request, header, context);
		}

		@Override
		public @Nullable AnnotatedBatch takeHeader() {
			boolean taken = this.header;
			this.header = false;
			return taken ? take() : null;
		}

		@Override
		public boolean isLive() {
			return true;
		}

		@Override
		public @Nullable AnnotatedBatch turn(@Nullable AnnotatedBatch input, CallContext context) {
			this.events.add("turn " + named(input));
			assertThat(input == null || !input.metadata().contains(MetadataKeys.LOCATION)).isTrue();
			return take();
		}

		@Override
		public BatchMetadata accept(BatchMetadata metadata) {
			return metadata;
		}

		@Override
		public void cancel(CallContext context) {
			this.events.add("cancel");
			if (this.cancelFailure != null) {
				throw this.cancelFailure;
			}
		}

		@Override
		public void close() {
			this.events.add("close");
		}

		@Override
		public LocationResolver resolver() {
			throw new IllegalStateException("no pointer is answered");
		}

		@Override
		public BufferAllocator allocator() {
			return ServiceClientTests.this.allocator;
		}

	}

}
