package dev.vgi.external.rpc.server;

import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.location.CallerPointers;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.RpcServerCall;
import dev.vgi.external.rpc.method.Endpoint;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.util.AutoCloseables;
import org.jspecify.annotations.Nullable;

/**
 * One call from the arrival of its request to its end: what it is, what it owns, who
 * observes it and why it failed. Each turn of a stream is a call of its own. Closed when
 * the request is complete.
 */
public final class RpcCall implements RpcServerCall, AutoCloseable {

	/** Metadata key of the trace that a request belongs to; HTTP has a header for it. */
	public static final String TRACE_PARENT = "traceparent";

	private static final String TRACE_STATE = "tracestate";

	private final String transport;

	private final RpcMethodDescriptor descriptor;

	private final Endpoint endpoint;

	private final String requestId;

	private final BufferAllocator allocator;

	private final BufferAllocator inbound;

	private final ResponseBudget budget;

	private final BatchMetadata traceContext;

	private final List<AutoCloseable> owned = new ArrayList<>();

	private RpcCallListener.@Nullable Watch watch;

	private @Nullable Throwable failure;

	private boolean refused;

	private long inlineBytes;

	/**
	 * Start a call whose request has arrived, or will not arrive. It is observed from now
	 * on, by this thread.
	 * @param transport what carries it: {@code http}, {@code stdio} or {@code unix}
	 * @param descriptor the called method
	 * @param endpoint which part of a call it is
	 * @param requestId the caller's identifier of the request, may be empty
	 * @param metadata holds the trace context, if the transport has none of its own
	 * @param allocator the owner of its memory
	 * @param budget the budget of the response
	 * @param listener observes the call
	 */
	public RpcCall(String transport, RpcMethodDescriptor descriptor, Endpoint endpoint, String requestId,
			BatchMetadata metadata, BufferAllocator allocator, ResponseBudget budget, RpcCallListener listener) {
		this.transport = transport;
		this.descriptor = descriptor;
		this.endpoint = endpoint;
		this.requestId = requestId;
		this.allocator = allocator;
		this.inbound = RequestMemory.allocator(allocator);
		this.budget = budget;
		this.traceContext = traceContext(metadata);
		this.watch = listener.begin(this);
		this.watch.enter();
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
	 * Return the called method.
	 * @return its description
	 */
	public RpcMethodDescriptor descriptor() {
		return this.descriptor;
	}

	/**
	 * Return the owner of the memory of results.
	 * @return the allocator
	 */
	public BufferAllocator allocator() {
		return this.allocator;
	}

	/**
	 * Return the owner of the request's batches and of everything created from them, all
	 * of which is charged to the request.
	 * @return the request's allocator
	 */
	public BufferAllocator inbound() {
		return this.inbound;
	}

	/**
	 * Return what the caller has to do with pointers.
	 * @return which ones it may send
	 */
	public CallerPointers pointers() {
		return this.budget.pointers();
	}

	/**
	 * Own something until the call is complete.
	 * @param closeable closing it twice must be harmless
	 */
	public void own(AutoCloseable closeable) {
		this.owned.add(closeable);
	}

	/**
	 * Give something up that this call owns.
	 * @param closeable what the caller closes from now on
	 * @return whether it was owned
	 */
	public boolean disown(AutoCloseable closeable) {
		return this.owned.removeIf((each) -> each == closeable);
	}

	/**
	 * The current thread serves the call again.
	 */
	public void enter() {
		if (this.watch != null) {
			this.watch.enter();
		}
	}

	/**
	 * The current thread no longer serves the call.
	 */
	public void leave() {
		if (this.watch != null) {
			this.watch.leave();
		}
	}

	/**
	 * Record why the call failed. Only the first reason is kept.
	 * @param failure the failure
	 * @param refused whether the caller caused the failure
	 */
	public void failed(Throwable failure, boolean refused) {
		if (this.failure == null) {
			this.failure = failure;
			this.refused = refused;
		}
	}

	/**
	 * Record how much is sent inline.
	 * @param bytes bytes before any content coding
	 */
	public void answered(long bytes) {
		this.inlineBytes = bytes;
	}

	@Override
	public String transport() {
		return this.transport;
	}

	@Override
	public String protocol() {
		return this.descriptor.protocol();
	}

	@Override
	public String method() {
		return this.descriptor.name();
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
	public String requestId() {
		return this.requestId;
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
		return this.inlineBytes;
	}

	@Override
	public long externalBytes() {
		return this.budget.externalizedBytes();
	}

	@Override
	public void close() {
		List<AutoCloseable> closing = new ArrayList<>(this.owned);
		this.owned.clear();
		if (this.watch != null) {
			closing.add(this.watch::end);
			this.watch.leave();
			this.watch = null;
		}
		AutoCloseables.closeNoChecked(() -> AutoCloseables.close(closing));
	}

}
