package dev.vgi.external.call;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

import dev.vgi.external.batch.LogSink;
import org.jspecify.annotations.Nullable;

import org.springframework.core.task.TaskDecorator;

/**
 * The context of one call: its log sink and its byte counters. Thread-safe.
 */
public final class CallContext {

	private final LogSink logs;

	private final Traffic traffic;

	private final TaskDecorator elsewhere;

	private CallContext(LogSink logs, Traffic traffic, TaskDecorator elsewhere) {
		this.logs = logs;
		this.traffic = traffic;
		this.elsewhere = elsewhere;
	}

	/**
	 * Create a context.
	 * @param logs receives the log messages of the service
	 * @return the context of one call
	 */
	public static CallContext of(LogSink logs) {
		return new CallContext(logs, new Traffic(), (work) -> work);
	}

	/**
	 * Return the context of the same call for work on other threads as well.
	 * @param elsewhere decorates the tasks of this call that run on other threads than
	 * the caller's
	 * @return a context that counts the same bytes
	 */
	public CallContext elsewhere(TaskDecorator elsewhere) {
		return new CallContext(this.logs, this.traffic, elsewhere);
	}

	CallContext withLogs(LogSink other) {
		return new CallContext(other, this.traffic, this.elsewhere);
	}

	/**
	 * Run a part of the call on a thread other than the caller's.
	 * @param <T> the result
	 * @param work the part
	 * @return the result
	 */
	<T> T doElsewhere(Supplier<T> work) {
		AtomicReference<@Nullable T> result = new AtomicReference<>();
		this.elsewhere.decorate(() -> result.set(work.get())).run();
		return Objects.requireNonNull(result.get(), "the work was not done");
	}

	/**
	 * Return where the log messages of the service go.
	 * @return the sink
	 */
	public LogSink logs() {
		return this.logs;
	}

	/**
	 * Count what a transport sends in a request.
	 * @param bytes bytes of an Arrow stream, uncompressed
	 */
	public void sent(long bytes) {
		this.traffic.inlineSent.addAndGet(bytes);
	}

	/**
	 * Count what a transport receives in a response.
	 * @param bytes bytes of an Arrow stream, decoded
	 */
	public void received(long bytes) {
		this.traffic.inlineReceived.addAndGet(bytes);
	}

	/**
	 * Count what a transport puts into storage.
	 * @param bytes bytes of an Arrow stream
	 */
	public void uploaded(long bytes) {
		this.traffic.externalSent.addAndGet(bytes);
	}

	void fetched(long bytes) {
		this.traffic.externalReceived.addAndGet(bytes);
	}

	/**
	 * Return how much was sent in requests.
	 * @return bytes of Arrow streams, uncompressed, including those of failed requests
	 */
	public long inlineBytesSent() {
		return this.traffic.inlineSent.get();
	}

	/**
	 * Return how much was received in responses.
	 * @return bytes of Arrow streams, decoded
	 */
	public long inlineBytesReceived() {
		return this.traffic.inlineReceived.get();
	}

	/**
	 * Return how much was put into storage.
	 * @return bytes of Arrow streams
	 */
	public long externalBytesSent() {
		return this.traffic.externalSent.get();
	}

	/**
	 * Return how much was fetched from storage.
	 * @return bytes of the values of the fetched batches
	 */
	public long externalBytesReceived() {
		return this.traffic.externalReceived.get();
	}

	/**
	 * Counters of one call.
	 */
	private static final class Traffic {

		private final AtomicLong inlineSent = new AtomicLong();

		private final AtomicLong inlineReceived = new AtomicLong();

		private final AtomicLong externalSent = new AtomicLong();

		private final AtomicLong externalReceived = new AtomicLong();

	}

}
