package dev.vgi.external.rpc.client;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.web.client.CallContext;
import org.jspecify.annotations.Nullable;

/**
 * A call and who watches it. Used by one thread at a time.
 */
final class WatchedCall implements RpcClientCall {

	/** What of a trace travels: baggage and the like stay here. */
	private static final List<String> TRACE_CONTEXT = List.of("traceparent", "tracestate");

	private final RpcMethodDescriptor descriptor;

	private final CallContext traffic;

	private final CallContext context;

	private final RpcClientListener.Watch watch;

	private @Nullable Throwable failure;

	private boolean cancelled;

	/** Whether a part is being done; whoever hears of logs may close the stream. */
	private boolean entered;

	private boolean ended;

	/**
	 * Begin a call.
	 * @param descriptor what is called
	 * @param traffic counts what it moves
	 * @param listener watches it
	 */
	WatchedCall(RpcMethodDescriptor descriptor, CallContext traffic, RpcClientListener listener) {
		this.descriptor = descriptor;
		this.traffic = traffic;
		this.watch = listener.begin(this);
		this.context = traffic.elsewhere(this.watch::beside);
	}

	/**
	 * Return what accompanies the call on its way.
	 * @return the context, whose work in other threads belongs to the call
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
	 * Return what has to travel so that the service continues the trace.
	 * @param metadata metadata of the request
	 * @return the same with the trace context, if there is one
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
	 * Do a part of the call; a failure ends the call. What is left to do after its end is
	 * no part of it.
	 * @param <T> what it comes to
	 * @param work the part
	 * @return what it came to
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
	 * End the call on behalf of its caller, unless it ended by itself.
	 */
	void cancel() {
		this.cancelled = this.cancelled || !this.ended;
		end();
	}

}
