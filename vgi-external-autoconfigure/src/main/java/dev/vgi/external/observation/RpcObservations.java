package dev.vgi.external.observation;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.RpcServerCall;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.ReceiverContext;
import org.jspecify.annotations.Nullable;

/**
 * Creates one observation for every call. It continues the trace in the batch's metadata,
 * unless the HTTP request itself continues one.
 */
public final class RpcObservations implements RpcCallListener {

	private static final RpcServerObservationConvention DEFAULT = new DefaultRpcServerObservationConvention();

	private final ObservationRegistry registry;

	private final @Nullable RpcServerObservationConvention convention;

	/**
	 * Create observations.
	 * @param registry receives them
	 * @param convention names and keys, or {@code null} for the default
	 */
	public RpcObservations(ObservationRegistry registry, @Nullable RpcServerObservationConvention convention) {
		this.registry = registry;
		this.convention = convention;
	}

	@Override
	public Watch begin(RpcServerCall call) {
		Observation observation = RpcServerObservation.CALL
			.observation(this.convention, DEFAULT, () -> context(call), this.registry)
			.start();
		return new Watch() {

			private Observation.@Nullable Scope scope;

			@Override
			public void enter() {
				this.scope = observation.openScope();
			}

			@Override
			public void leave() {
				if (this.scope != null) {
					this.scope.close();
					this.scope = null;
				}
			}

			@Override
			public void end() {
				Throwable failure = call.failure();
				if (failure != null) {
					observation.error(ObservedFailure.of(failure));
				}
				observation.stop();
			}

		};
	}

	private static Observation.Context context(RpcServerCall call) {
		Observation.Context context = call.traceContext().isEmpty() ? new Observation.Context()
				: remote(call.traceContext());
		context.put(RpcServerCall.class, call);
		return context;
	}

	private static Observation.Context remote(BatchMetadata traceContext) {
		ReceiverContext<BatchMetadata> context = new ReceiverContext<>((carrier, key) -> carrier.get(key), Kind.SERVER);
		context.setCarrier(traceContext);
		return context;
	}

}
