package dev.vgi.external.rpc.client;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import org.jspecify.annotations.Nullable;

/**
 * A call and its listener. Used by one thread at a time.
 */
final class WatchedCall implements RpcClientCall {

	/** The part of a trace context that is sent: baggage and the like are not. */
	private static final List<String> TRACE_CONTEXT = List.of("traceparent", "tracestate");

	private final RpcMethodDescriptor descriptor;

	private final String transport;

	private final CallContext traffic;

	private final CallContext context;

	private final RpcClientListener.Watch watch;

	private @Nullable Throwable failure;

	private boolean cancelled;

	/** Whether a part is running; a log sink called from it may close the stream. */
	private boolean entered;

	private boolean ended;

	/**
	 * Begin a call.
	 * @param descriptor the called method
	 * @param transport how it is carried
	 * @param traffic counts what it transfers
	 * @param listener observes the call
	 */
	WatchedCall(RpcMethodDescriptor descriptor, String transport, CallContext traffic, RpcClientListener listener) {
		this.descriptor = descriptor;
		this.transport = transport;
		this.traffic = traffic;
		this.watch = listener.begin(this);
		this.context = traffic.elsewhere(this.watch::beside);
	}

	/**
	 * Return the context of the call.
	 * @return the context, whose work on other threads belongs to the call
	 */
	CallContext context() {
		return this.context;
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
	public String transport() {
		return this.transport;
	}

	@Override
	public CallContext traffic() {
		return this.traffic;
	}

	@Override
	public @Nullable Throwable failure() {
		return this.failure;
	}

	@Override
	public boolean isCancelled() {
		return this.cancelled;
	}

	/**
	 * Add the trace context that the service continues.
	 * @param metadata metadata of the request
	 * @return the same metadata with the trace context, if there is one
	 */
	BatchMetadata traced(BatchMetadata metadata) {
		Map<String, String> context = this.watch.traceContext();
		BatchMetadata traced = metadata;
		for (String key : TRACE_CONTEXT) {
			String value = context.get(key);
			traced = (value != null) ? traced.with(key, value) : traced;
		}
		return traced;
	}

	/**
	 * Run a part of the call; a failure ends the call. Work after its end is not part of
	 * the call.
	 * @param <T> the result
	 * @param work the part
	 * @return the result
	 */
	<T extends @Nullable Object> T within(Supplier<T> work) {
		if (this.ended || this.entered) {
			return work.get();
		}
		boolean complete = false;
		this.entered = true;
		this.watch.enter();
		try {
			T result = work.get();
			complete = true;
			return result;
		}
		catch (RuntimeException | Error ex) {
			this.failure = ex;
			throw ex;
		}
		finally {
			this.watch.leave();
			this.entered = false;
			if (!complete) {
				end();
			}
		}
	}

	/**
	 * End the call. Only the first end counts.
	 */
	void end() {
		if (!this.ended) {
			this.ended = true;
			this.watch.end();
		}
	}

	/**
	 * End the call on behalf of its caller, unless it has already ended.
	 */
	void cancel() {
		this.cancelled = this.cancelled || !this.ended;
		end();
	}

}
