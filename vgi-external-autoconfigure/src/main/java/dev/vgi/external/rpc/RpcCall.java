package dev.vgi.external.rpc;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.rpc.StreamCalls.TurnRequest;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.util.AutoCloseables;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.web.context.request.RequestAttributes;

/**
 * One call from its request to its response: owns the embedded batches that came in and
 * those that go out. Closed when the request is complete.
 */
final class RpcCall implements RpcContext, AutoCloseable {

	private static final String ATTRIBUTE = RpcCall.class.getName();

	private final RpcMethodDescriptor descriptor;

	private final String requestId;

	private final BufferAllocator allocator;

	private final CycleExternalizer externalizer;

	private final StreamTokens.Binding binding;

	private final List<AutoCloseable> owned = new ArrayList<>();

	private ResponseBudget budget;

	private @Nullable Long acceptedResponseBytes;

	private List<LogMessage> logs = new ArrayList<>();

	private BatchMetadata metadata = BatchMetadata.empty();

	private @Nullable Object[] arguments = new @Nullable Object[0];

	private @Nullable TurnRequest turn;

	private @Nullable Schema output;

	private @Nullable ResponseBody body;

	/**
	 * Start a call.
	 * @param descriptor what is called
	 * @param requestId what the caller calls the request, may be empty
	 * @param principal name of the caller, or {@code null} for an anonymous one
	 * @param allocator the owner of its memory
	 * @param externalizer sends large batches through storage
	 * @param budget what the response may hold
	 */
	RpcCall(RpcMethodDescriptor descriptor, String requestId, @Nullable String principal, BufferAllocator allocator,
			CycleExternalizer externalizer, ResponseBudget budget) {
		this.descriptor = descriptor;
		this.requestId = requestId;
		this.allocator = allocator;
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
	 * Take in what the caller sent.
	 * @param metadata the metadata of the request
	 * @param arguments one value per column
	 */
	void received(BatchMetadata metadata, @Nullable Object[] arguments) {
		this.metadata = metadata;
		this.arguments = arguments;
	}

	/**
	 * Take a batch over until the call is complete.
	 * @param batch the batch; closing it twice must do no harm
	 */
	void own(AutoCloseable batch) {
		this.owned.add(batch);
	}

	@Nullable Object argument(int parameter) {
		return this.arguments[this.descriptor.column(parameter)];
	}

	RpcMethodDescriptor descriptor() {
		return this.descriptor;
	}

	/**
	 * Hand over the messages that were logged since the last time.
	 * @return the messages
	 */
	List<LogMessage> takeLogs() {
		List<LogMessage> taken = this.logs;
		this.logs = new ArrayList<>();
		return taken;
	}

	/**
	 * Return who calls what, which the tokens of a stream are bound to.
	 * @return the binding
	 */
	StreamTokens.Binding binding() {
		return this.binding;
	}

	/**
	 * Hold the response to a limit that the caller named.
	 * @param bytes the limit, or {@code null} if it named none
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
	 * Return what the response may hold.
	 * @return the budget
	 */
	ResponseBudget budget() {
		return this.budget;
	}

	/**
	 * Take in what a turn of a stream asks for.
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
	 * Note that the batches of a stream follow, and so would an error.
	 * @param output schema of the batches, in message format
	 */
	void streaming(Schema output) {
		this.output = output;
	}

	/**
	 * Create an error batch that fits where the response stands.
	 * @param metadata describes the error
	 * @return the batch; the caller closes it
	 */
	AnnotatedBatch error(BatchMetadata metadata) {
		return (this.output != null) ? StreamShape.empty(this.output, this.allocator).withMetadata(metadata)
				: this.descriptor.result().empty(metadata, this.allocator);
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
	 * @throws IOException if the caller is gone
	 */
	void write(HttpServletResponse response) throws IOException {
		ResponseBody body = body();
		body.checkLength();
		response.setContentType(ArrowStreamHttpMessageConverter.ARROW_STREAM.toString());
		body.writeTo(response);
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
		AutoCloseables.closeNoChecked(() -> AutoCloseables.close(closing));
	}

}
