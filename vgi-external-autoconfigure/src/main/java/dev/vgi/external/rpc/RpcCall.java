package dev.vgi.external.rpc;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import jakarta.servlet.http.HttpServletRequest;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.util.AutoCloseables;
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

	private final List<LogMessage> logs = new ArrayList<>();

	private final List<AutoCloseable> owned = new ArrayList<>();

	private BatchMetadata metadata = BatchMetadata.empty();

	private @Nullable Object[] arguments = new @Nullable Object[0];

	RpcCall(RpcMethodDescriptor descriptor, String requestId, BufferAllocator allocator) {
		this.descriptor = descriptor;
		this.requestId = requestId;
		this.allocator = allocator;
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

	List<LogMessage> logs() {
		return this.logs;
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
		AutoCloseables.closeNoChecked(() -> AutoCloseables.close(closing));
	}

}
