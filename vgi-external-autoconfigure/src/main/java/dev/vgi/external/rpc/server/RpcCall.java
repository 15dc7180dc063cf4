package dev.vgi.external.rpc.server;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ArrowMediaType;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcResult;
import dev.vgi.external.rpc.method.Endpoint;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.StreamShape;
import dev.vgi.external.rpc.server.StreamCalls.TurnRequest;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.util.AutoCloseables;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.web.context.request.RequestAttributes;

/**
 * One call from its request to its response. Owns the embedded batches of the request and
 * of the response. Closed when the request is complete.
 */
final class RpcCall implements RpcContext, RpcServerCall, AutoCloseable {

	/** Header and metadata key of the trace that a request belongs to. */
	static final String TRACE_PARENT = "traceparent";

	private static final String TRACE_STATE = "tracestate";

	/** Name of the attribute that holds the call for {@link RpcContext#current()}. */
	private static final String ATTRIBUTE = RpcContext.class.getName();

	private final RpcMethodDescriptor descriptor;

	private final String requestId;

	private final BufferAllocator allocator;

	private final BufferAllocator inbound;

	private final CycleExternalizer externalizer;

	private final StreamTokens.Binding binding;

	private final Endpoint endpoint;

	private final List<AutoCloseable> owned = new ArrayList<>();

	private ResponseBudget budget;

	private @Nullable Long acceptedResponseBytes;

	private List<LogMessage> logs = new ArrayList<>();

	private BatchMetadata metadata = BatchMetadata.empty();

	private @Nullable Object[] arguments = new @Nullable Object[0];

	private @Nullable TurnRequest turn;

	private @Nullable Schema output;

	private @Nullable ResponseBody body;

	private RpcCallListener listener = RpcCallListener.none();

	private boolean traced;

	private RpcCallListener.@Nullable Watch watch;

	private @Nullable Throwable failure;

	private boolean refused;

	private BatchMetadata traceContext = BatchMetadata.empty();

	/**
	 * Start a call.
	 * @param descriptor the called method
	 * @param requestId the caller's identifier of the request, may be empty
	 * @param principal name of the caller, or {@code null} for an anonymous one
	 * @param allocator the owner of its memory
	 * @param externalizer sends large batches through storage
	 * @param budget the budget of the response
	 * @param endpoint the route of the request
	 */
	RpcCall(RpcMethodDescriptor descriptor, String requestId, @Nullable String principal, BufferAllocator allocator,
			CycleExternalizer externalizer, ResponseBudget budget, Endpoint endpoint) {
		this.descriptor = descriptor;
		this.endpoint = endpoint;
		this.requestId = requestId;
		this.allocator = allocator;
		this.inbound = RequestMemory.allocator(allocator);
		this.externalizer = descriptor.isExternalizing() ? externalizer : CycleExternalizer.inline();
		this.binding = new StreamTokens.Binding(descriptor.protocol(), descriptor.name(), principal);
		this.budget = budget;
	}

	static @Nullable RpcCall of(HttpServletRequest request) {
		return (RpcCall) request.getAttribute(ATTRIBUTE);
	}

	static @Nullable RpcCall of(RequestAttributes attributes) {
		return (RpcCall) attributes.getAttribute(ATTRIBUTE, RequestAttributes.SCOPE_REQUEST);
	}

	void bindTo(HttpServletRequest request) {
		request.setAttribute(ATTRIBUTE, this);
	}

	/**
	 * Set what the caller sent.
	 * @param metadata the metadata of the request
	 * @param arguments one value per column
	 */
	void received(BatchMetadata metadata, @Nullable Object[] arguments) {
		this.metadata = metadata;
		this.arguments = arguments;
	}

	/**
	 * Own a batch until the call is complete.
	 * @param batch the batch; closing it twice must be harmless
	 */
	void own(AutoCloseable batch) {
		this.owned.add(batch);
	}

	/**
	 * Return the owner of the request's batches and of everything created from them, all
	 * of which is charged to the request.
	 * @return the request's allocator
	 */
	BufferAllocator inbound() {
		return this.inbound;
	}

	@Nullable Object argument(int parameter) {
		return this.arguments[this.descriptor.column(parameter)];
	}

	RpcMethodDescriptor descriptor() {
		return this.descriptor;
	}

	/**
	 * Remove and return the messages that were logged since the last call.
	 * @return the messages
	 */
	List<LogMessage> takeLogs() {
		List<LogMessage> taken = this.logs;
		this.logs = new ArrayList<>();
		return taken;
	}

	/**
	 * Return the method and the caller, which the tokens of a stream are bound to.
	 * @return the binding
	 */
	StreamTokens.Binding binding() {
		return this.binding;
	}

	/**
	 * Apply a response limit that the caller set.
	 * @param bytes the limit, or {@code null} if the caller set none
	 */
	void acceptResponseBytes(@Nullable Long bytes) {
		if (bytes != null) {
			this.acceptedResponseBytes = bytes;
			this.budget = this.budget.tightenedTo(bytes);
		}
	}

	@Nullable Long acceptedResponseBytes() {
		return this.acceptedResponseBytes;
	}

	/**
	 * Return the budget of the response.
	 * @return the budget
	 */
	ResponseBudget budget() {
		return this.budget;
	}

	/**
	 * Set the request of a stream's turn.
	 * @param metadata the metadata of the request
	 * @param turn the stream, its state and the input
	 */
	void received(BatchMetadata metadata, TurnRequest turn) {
		this.metadata = metadata;
		this.turn = turn;
		this.output = turn.stream().output();
	}

	@Nullable TurnRequest turn() {
		return this.turn;
	}

	/**
	 * Record that batches of a stream follow, so that an error takes the same form.
	 * @param output schema of the batches, in message format
	 */
	void streaming(Schema output) {
		this.output = output;
	}

	/**
	 * Create an error batch that fits the current position in the response.
	 * @param metadata describes the error
	 * @return the batch; the caller closes it
	 */
	AnnotatedBatch error(BatchMetadata metadata) {
		return (this.output != null) ? StreamShape.empty(this.output, this.allocator).withMetadata(metadata)
				: this.descriptor.result().empty(metadata, this.allocator);
	}

	/**
	 * Create the batch for the result of a unary method.
	 * @param returned the value, or a result that may be a reference
	 * @return the batch or its pointer; the caller closes it
	 */
	AnnotatedBatch result(@Nullable Object returned) {
		if (!this.descriptor.isReferring()) {
			return row(returned);
		}
		Assert.state(returned instanceof RpcResult<?>, () -> this.descriptor + " must not return null");
		RpcResult<?> result = (RpcResult<?>) returned;
		ExternalRef ref = result.ref();
		return (ref != null) ? pointer(ref) : row(result.value());
	}

	private AnnotatedBatch pointer(ExternalRef ref) {
		try (AnnotatedBatch shape = this.descriptor.result().empty(BatchMetadata.empty(), this.allocator)) {
			return ref.pointerBatch(shape, this.allocator);
		}
	}

	private AnnotatedBatch row(@Nullable Object value) {
		@Nullable Object[] row = this.descriptor.isVoid() ? new @Nullable Object[0] : new @Nullable Object[] { value };
		return this.descriptor.result().write(row, BatchMetadata.empty(), this.allocator, this::own);
	}

	@Override
	public ExternalRef publish(@Nullable Object value) {
		Assert.state(!this.descriptor.isVoid(), () -> this.descriptor + " has no result to publish");
		try (AnnotatedBatch result = row(value)) {
			return this.externalizer.publish(result);
		}
	}

	ResponseBody body() {
		if (this.body == null) {
			this.body = new ResponseBody(this.externalizer, this.budget);
		}
		return this.body;
	}

	/**
	 * Write the body.
	 * @param response its status is set
	 * @throws IOException if the caller has disconnected
	 */
	void write(HttpServletResponse response) throws IOException {
		ResponseBody body = body();
		body.checkLength();
		response.setContentType(ArrowMediaType.NAME);
		body.writeTo(response);
	}

	/**
	 * Set the listener, once the request has arrived.
	 * @param listener observes the call
	 * @param traced whether the HTTP request continues a trace of its own
	 */
	void watchedBy(RpcCallListener listener, boolean traced) {
		this.listener = listener;
		this.traced = traced;
	}

	/**
	 * The request has arrived, or will not arrive. Only the first call counts.
	 * @param metadata the metadata of its batch
	 */
	void arrived(BatchMetadata metadata) {
		if (this.watch == null) {
			this.traceContext = this.traced ? BatchMetadata.empty() : traceContext(metadata);
			this.watch = this.listener.begin(this);
			this.watch.enter();
		}
	}

	private static BatchMetadata traceContext(BatchMetadata metadata) {
		String parent = metadata.get(TRACE_PARENT);
		String state = metadata.get(TRACE_STATE);
		if (parent == null) {
			return BatchMetadata.empty();
		}
		BatchMetadata context = BatchMetadata.of(TRACE_PARENT, parent);
		return (state != null) ? context.with(TRACE_STATE, state) : context;
	}

	/**
	 * The current thread serves the call again.
	 */
	void enter() {
		if (this.watch != null) {
			this.watch.enter();
		}
	}

	/**
	 * The current thread no longer serves the call.
	 */
	void leave() {
		if (this.watch != null) {
			this.watch.leave();
		}
	}

	/**
	 * Record why the call failed. Only the first reason is kept.
	 * @param failure the failure
	 * @param refused whether the caller caused the failure
	 */
	void failed(Throwable failure, boolean refused) {
		if (this.failure == null) {
			this.failure = failure;
			this.refused = refused;
		}
	}

	Endpoint endpoint() {
		return this.endpoint;
	}

	@Override
	public String protocol() {
		return this.descriptor.protocol();
	}

	@Override
	public String kind() {
		return this.descriptor.kind().toString();
	}

	@Override
	public String phase() {
		return this.endpoint.toString();
	}

	@Override
	public BatchMetadata traceContext() {
		return this.traceContext;
	}

	@Override
	public @Nullable Throwable failure() {
		return this.failure;
	}

	@Override
	public boolean isRefused() {
		return this.refused;
	}

	@Override
	public long inlineBytes() {
		return (this.body != null) ? this.body.length() : 0;
	}

	@Override
	public long externalBytes() {
		return this.budget.externalizedBytes();
	}

	@Override
	public String method() {
		return this.descriptor.name();
	}

	@Override
	public String requestId() {
		return this.requestId;
	}

	@Override
	public BatchMetadata metadata() {
		return this.metadata;
	}

	@Override
	public BufferAllocator allocator() {
		return this.allocator;
	}

	@Override
	public void log(Level level, String message, Map<String, Object> extra) {
		this.logs.add(new LogMessage(level.name(), message, extra));
	}

	@Override
	public void close() {
		List<AutoCloseable> closing = new ArrayList<>(this.owned);
		this.owned.clear();
		if (this.body != null) {
			closing.add(this.body);
		}
		if (this.watch != null) {
			closing.add(this.watch::end);
			this.watch.leave();
			this.watch = null;
		}
		AutoCloseables.closeNoChecked(() -> AutoCloseables.close(closing));
	}

}
