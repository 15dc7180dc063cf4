package dev.vgi.external.rpc.client;

import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.function.Supplier;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.call.ExchangeCall;
import dev.vgi.external.call.ProducerCall;
import dev.vgi.external.call.StreamCall;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.mapping.RecordRow;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.util.AutoCloseables;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A stream as the caller of an interface sees it. Used by one thread at a time.
 */
abstract class ClientStream implements AutoCloseable {

	private final StreamCall call;

	private final WatchedCall watched;

	private final @Nullable Object header;

	private ClientStream(StreamCall call, @Nullable Object header, WatchedCall watched) {
		this.call = call;
		this.header = header;
		this.watched = watched;
	}

	/**
	 * Wrap an open stream.
	 * @param call the stream, taken over, also on failure
	 * @param header the mapping of its header, or {@code null} if none is declared
	 * @param allocator the owner of batches embedded in the header
	 * @param watched the observed call
	 * @return a producer or an exchange
	 */
	static ClientStream of(StreamCall call, @Nullable RecordRow header, BufferAllocator allocator,
			WatchedCall watched) {
		try {
			Object read = (header != null) ? read(call, header, allocator) : null;
			return (call instanceof ProducerCall producer) ? new Producer(producer, read, watched)
					: new Exchange((ExchangeCall) call, read, watched);
		}
		catch (RuntimeException | Error ex) {
			AutoCloseables.close(ex, call);
			throw ex;
		}
	}

	private static Object read(StreamCall call, RecordRow header, BufferAllocator allocator) {
		List<AutoCloseable> embedded = new ArrayList<>();
		try (AnnotatedBatch batch = Objects.requireNonNull(call.takeHeader(), "the call was opened with a header")) {
			return header.read(batch, allocator, embedded::add);
		}
		catch (RuntimeException | Error ex) {
			AutoCloseables.close(ex, embedded);
			throw ex;
		}
	}

	final Object requireHeader() {
		Assert.state(this.header != null, "The method declares no header");
		return this.header;
	}

	final void end() {
		this.watched.end();
	}

	/**
	 * Run a part of the call. After a failure the stream is closed, which also belongs to
	 * the call.
	 * @param <T> the result
	 * @param work the part
	 * @return the result
	 */
	final <T extends @Nullable Object> T within(Supplier<T> work) {
		return this.watched.within(() -> {
			try {
				return work.get();
			}
			catch (RuntimeException | Error ex) {
				AutoCloseables.close(ex, this.call);
				throw ex;
			}
		});
	}

	@Override
	public void close() {
		try {
			this.watched.within(() -> {
				this.call.close();
				return null;
			});
		}
		finally {
			closed(this.watched);
		}
	}

	/**
	 * End the call after the caller has closed the stream.
	 * @param watched the call
	 */
	abstract void closed(WatchedCall watched);

	/**
	 * A producer.
	 */
	private static final class Producer extends ClientStream implements ProducerStream<Object> {

		private final ProducerCall call;

		private @Nullable AnnotatedBatch next;

		private boolean over;

		Producer(ProducerCall call, @Nullable Object header, WatchedCall watched) {
			super(call, header, watched);
			this.call = call;
		}

		@Override
		public Object header() {
			return requireHeader();
		}

		@Override
		public boolean hasNext() {
			if (this.next == null && !this.over) {
				// The stream is also over if this fails.
				this.over = true;
				AnnotatedBatch batch = within(this.call::next);
				this.over = batch == null;
				this.next = batch;
				if (this.over) {
					end();
				}
			}
			return this.next != null;
		}

		@Override
		public AnnotatedBatch next() {
			AnnotatedBatch batch = hasNext() ? this.next : null;
			if (batch == null) {
				throw new NoSuchElementException("The stream has no further batch");
			}
			this.next = null;
			return batch;
		}

		@Override
		public void close() {
			this.over = true;
			AnnotatedBatch untaken = this.next;
			this.next = null;
			if (untaken != null) {
				untaken.close();
			}
			super.close();
		}

		@Override
		void closed(WatchedCall watched) {
			watched.cancel();
		}

	}

	/**
	 * An exchange.
	 */
	private static final class Exchange extends ClientStream implements ExchangeStream<Object> {

		private final ExchangeCall call;

		Exchange(ExchangeCall call, @Nullable Object header, WatchedCall watched) {
			super(call, header, watched);
			this.call = call;
		}

		@Override
		public Object header() {
			return requireHeader();
		}

		@Override
		public AnnotatedBatch exchange(AnnotatedBatch input) {
			return within(() -> this.call.exchange(input));
		}

		@Override
		void closed(WatchedCall watched) {
			// Only the caller knows when it is finished, so closing ends an exchange
			// normally.
			watched.end();
		}

	}

}
