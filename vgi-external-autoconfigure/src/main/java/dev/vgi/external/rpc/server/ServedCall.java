package dev.vgi.external.rpc.server;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcResult;
import dev.vgi.external.rpc.StreamStart;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.mapping.RecordRow;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.StreamShape;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A call whose request has been read: the context of its method, and from what the method
 * returns to the batches that are sent. Large batches are stored here, before the
 * response begins, so that a failure can still be reported instead.
 */
public final class ServedCall implements RpcContext {

	private final RpcCall call;

	private final RpcRequest request;

	private final Externalizer externalizer;

	private final ResponseBudget budget;

	private List<LogMessage> logs = new ArrayList<>();

	/**
	 * Create the context of a call.
	 * @param call owns what is created for it
	 * @param request what the caller sent
	 * @param externalizer stores large batches, if the method's callers accept pointers
	 * @param budget the budget of the response
	 */
	public ServedCall(RpcCall call, RpcRequest request, Externalizer externalizer, ResponseBudget budget) {
		this.call = call;
		this.request = request;
		this.externalizer = externalizer;
		this.budget = budget;
	}

	/**
	 * Return the call.
	 * @return the call
	 */
	public RpcCall call() {
		return this.call;
	}

	/**
	 * Return an argument of the method.
	 * @param parameter index of the Java parameter, which has a column
	 * @return its value
	 */
	public @Nullable Object argument(int parameter) {
		return this.request.arguments()[descriptor().column(parameter)];
	}

	/**
	 * Remove and return the messages that were logged since the last call.
	 * @return the messages
	 */
	public List<LogMessage> takeLogs() {
		List<LogMessage> taken = this.logs;
		this.logs = new ArrayList<>();
		return taken;
	}

	/**
	 * Turn what a unary method returned into what is sent.
	 * @param returned the value, or a result that may be a reference
	 * @return the logs and the result or its pointer; the caller closes it
	 */
	public OutputCycle result(@Nullable Object returned) {
		AnnotatedBatch batch = batch(returned);
		return dataStored(new OutputCycle(takeLogs(), batch));
	}

	private AnnotatedBatch batch(@Nullable Object returned) {
		if (!descriptor().isReferring()) {
			return row(returned);
		}
		Assert.state(returned instanceof RpcResult<?>, () -> descriptor() + " must not return null");
		RpcResult<?> result = (RpcResult<?>) returned;
		ExternalRef ref = result.ref();
		return (ref != null) ? pointer(ref) : row(result.value());
	}

	private AnnotatedBatch pointer(ExternalRef ref) {
		try (AnnotatedBatch shape = descriptor().result().empty(BatchMetadata.empty(), allocator())) {
			return this.budget.renewable(ref.pointerBatch(shape, allocator()));
		}
	}

	private AnnotatedBatch row(@Nullable Object value) {
		@Nullable Object[] row = descriptor().isVoid() ? new @Nullable Object[0] : new @Nullable Object[] { value };
		return descriptor().result().write(row, BatchMetadata.empty(), allocator(), this.call::own);
	}

	/**
	 * Require what a method that starts a stream returned.
	 * @param returned the method's result
	 * @return the start
	 */
	public StreamStart<?> start(@Nullable Object returned) {
		Assert.state(returned instanceof StreamStart<?>, () -> descriptor()
				+ " must return ProducerStream.of(…) or ExchangeStream.of(…), but returned " + returned);
		return (StreamStart<?>) returned;
	}

	/**
	 * Turn the header of a stream into what is sent.
	 * @param start what the method returned
	 * @return the logs and the header or its pointer, which the caller closes; or
	 * {@code null} if the method declares no header
	 */
	public @Nullable OutputCycle header(StreamStart<?> start) {
		RecordRow header = descriptor().header();
		if (header == null) {
			return null;
		}
		Object value = start.headerOrNull();
		Assert.state(value != null, () -> descriptor() + " declares a header but its stream has none");
		AnnotatedBatch batch = header.write(value, BatchMetadata.empty(), allocator(), this.call::own);
		return dataStored(new OutputCycle(takeLogs(), batch));
	}

	/**
	 * Turn a turn of a stream into what is sent. A large batch is stored with its logs,
	 * as one object.
	 * @param turn what the method returned
	 * @param shape a batch of the stream's columns; borrowed
	 * @param added metadata that is stored and sent with the batch
	 * @return the logs and the batch or its pointer; the caller closes it
	 */
	public TurnOutput output(Turn turn, AnnotatedBatch shape, BatchMetadata added) {
		List<LogMessage> messages = new ArrayList<>(takeLogs());
		messages.addAll(turn.logs());
		AnnotatedBatch batch = turn.batch();
		if (turn.ref() != null) {
			return new TurnOutput(messages, this.budget.renewable(turn.ref().pointerBatch(shape, allocator())));
		}
		if (batch == null) {
			return new TurnOutput(messages, null);
		}
		BatchMetadata metadata = batch.metadata().withoutProtocolKeys().with(added);
		OutputCycle cycle = new OutputCycle(messages, StreamShape.conform(batch, shape, metadata));
		OutputCycle outgoing = descriptor().isExternalizing() ? this.externalizer.externalize(cycle, this.budget)
				: cycle;
		return new TurnOutput(outgoing.logs(), outgoing.data());
	}

	private OutputCycle dataStored(OutputCycle cycle) {
		return descriptor().isExternalizing() ? this.externalizer.externalizeData(cycle, this.budget) : cycle;
	}

	private RpcMethodDescriptor descriptor() {
		return this.call.descriptor();
	}

	@Override
	public ExternalRef publish(@Nullable Object value) {
		Assert.state(!descriptor().isVoid(), () -> descriptor() + " has no result to publish");
		try (AnnotatedBatch result = row(value)) {
			// Only now do the batches in the value belong to the call.
			Assert.state(descriptor().isExternalizing(), "A method that keeps its results inline cannot publish one");
			return this.externalizer.publish(result);
		}
	}

	@Override
	public void log(Level level, String message, Map<String, Object> extra) {
		this.logs.add(new LogMessage(level.name(), message, extra));
	}

	@Override
	public String method() {
		return this.call.method();
	}

	@Override
	public String requestId() {
		return this.call.requestId();
	}

	@Override
	public BatchMetadata metadata() {
		return this.request.metadata();
	}

	@Override
	public BufferAllocator allocator() {
		return this.call.allocator();
	}

}
