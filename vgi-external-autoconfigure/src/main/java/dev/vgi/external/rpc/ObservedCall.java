package dev.vgi.external.rpc;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.rpc.RpcClientObservationContext.Outcome;
import dev.vgi.external.web.client.CallContext;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import org.jspecify.annotations.Nullable;

/**
 * The one observation of a call. Used by one thread at a time.
 */
final class ObservedCall {

	/** What of a trace travels, where the application traces. */
	private static final List<String> TRACE_CONTEXT = List.of("traceparent", "tracestate");

	private static final RpcClientObservationConvention DEFAULT = new DefaultRpcClientObservationConvention();

	private final RpcClientObservationContext context;

	private final Observation observation;

	private boolean ended;

	private ObservedCall(RpcClientObservationContext context, Observation observation) {
		this.context = context;
		this.observation = observation;
	}

	static ObservedCall start(ObservationRegistry registry, @Nullable RpcClientObservationConvention convention,
			RpcMethodDescriptor method, CallContext traffic) {
		RpcClientObservationContext context = new RpcClientObservationContext(method.protocol(), method.name(),
				method.kind().toString(), traffic);
		Observation observation = RpcClientObservation.CALL.observation(convention, DEFAULT, () -> context, registry);
		return new ObservedCall(context, observation.start());
	}

	CallContext traffic() {
		return this.context.traffic();
	}

	/**
	 * Return what has to travel so that the service's trace continues this one.
	 * @param metadata metadata of the request
	 * @return the same with the trace context, if there is one
	 */
	BatchMetadata traced(BatchMetadata metadata) {
		Map<String, String> carrier = this.context.getCarrier();
		BatchMetadata traced = metadata;
		for (String key : TRACE_CONTEXT) {
			String value = (carrier != null) ? carrier.get(key) : null;
			traced = (value != null) ? traced.with(key, value) : traced;
		}
		return traced;
	}

	/**
	 * Do a part of the call; a failure ends the call.
	 * @param <T> what it comes to
	 * @param work the part
	 * @return what it came to
	 */
	<T extends @Nullable Object> T within(Supplier<T> work) {
		try (Observation.Scope scope = this.observation.openScope()) {
			return work.get();
		}
		catch (RuntimeException | Error ex) {
			if (!this.ended) {
				this.observation.error(ex);
			}
			end(Outcome.ERROR);
			throw ex;
		}
	}

	/**
	 * End the call. Only the first end counts.
	 * @param outcome how it ended
	 */
	void end(Outcome outcome) {
		if (!this.ended) {
			this.ended = true;
			this.context.ended(outcome);
			this.observation.stop();
		}
	}

}
