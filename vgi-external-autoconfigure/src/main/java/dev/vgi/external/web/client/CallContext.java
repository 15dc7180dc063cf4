package dev.vgi.external.web.client;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import org.jspecify.annotations.Nullable;

import org.springframework.core.task.TaskDecorator;

/**
 * The context of one call: its log sink and its byte counters. Thread-safe.
 */
public final class CallContext {

	private final LogSink logs;

	private final Traffic traffic;

	private final @Nullable String requestId;

	private final TaskDecorator elsewhere;

	private CallContext(LogSink logs, Traffic traffic, @Nullable String requestId, TaskDecorator elsewhere) {
		this.logs = logs;
		this.traffic = traffic;
		this.requestId = requestId;
		this.elsewhere = elsewhere;
	}

	/**
	 * Create a context.
	 * @param logs receives the log messages of the service
	 * @return the context of one call
	 */
	public static CallContext of(LogSink logs) {
		return new CallContext(logs, new Traffic(), null, (work) -> work);
	}

	/**
	 * Return the context of the same call for work on other threads as well.
	 * @param elsewhere decorates the tasks of this call that run on other threads than
	 * the caller's
	 * @return a context that counts the same bytes
	 */
	public CallContext elsewhere(TaskDecorator elsewhere) {
		return new CallContext(this.logs, this.traffic, this.requestId, elsewhere);
	}

	CallContext withLogs(LogSink other) {
		return new CallContext(other, this.traffic, this.requestId, this.elsewhere);
	}

	// every turn of a stream uses the request id of its opening
	CallContext of(BatchMetadata request) {
		return new CallContext(this.logs, this.traffic, request.get(MetadataKeys.REQUEST_ID), this.elsewhere);
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

	@Nullable String requestId() {
		return this.requestId;
	}

	LogSink logs() {
		return this.logs;
	}

	void sent(long bytes) {
		this.traffic.inlineSent.addAndGet(bytes);
	}

	void received(long bytes) {
		this.traffic.inlineReceived.addAndGet(bytes);
	}

	void uploaded(long bytes) {
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
