package dev.vgi.external.observation;

import java.util.LinkedHashMap;
import java.util.Map;

import dev.vgi.external.rpc.client.RpcClientCall;
import dev.vgi.external.rpc.client.RpcClientListener;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.SenderContext;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Creates one observation for every call of a client; the service can continue its trace.
 */
public final class RpcClientObservations implements RpcClientListener {

	private static final RpcClientObservationConvention DEFAULT = new DefaultRpcClientObservationConvention();

	private final ObservationRegistry registry;

	private final @Nullable RpcClientObservationConvention convention;

	/**
	 * Create observations.
	 * @param registry receives them
	 * @param convention names and keys, or {@code null} for the default
	 */
	public RpcClientObservations(ObservationRegistry registry, @Nullable RpcClientObservationConvention convention) {
		this.registry = registry;
		this.convention = convention;
	}

	@Override
	public Watch begin(RpcClientCall call) {
		Map<String, String> carrier = new LinkedHashMap<>();
		Observation observation = RpcClientObservation.CALL
			.observation(this.convention, DEFAULT, () -> context(call, carrier), this.registry)
			.start();
		return new ObservedCall(call, observation, carrier);
	}

	private static Observation.Context context(RpcClientCall call, Map<String, String> carrier) {
		SenderContext<Map<String, String>> context = new SenderContext<>((target, key, value) -> {
			Assert.state(target != null, "there is a carrier");
			target.put(key, value);
		}, Kind.CLIENT);
		context.setCarrier(carrier);
		context.setRemoteServiceName(call.protocol());
		context.put(RpcClientCall.class, call);
		return context;
	}

	/**
	 * The observation of one call.
	 */
	private static final class ObservedCall implements Watch {

		private final RpcClientCall call;

		private final Observation observation;

		private final Map<String, String> carrier;

		private Observation.@Nullable Scope scope;

		ObservedCall(RpcClientCall call, Observation observation, Map<String, String> carrier) {
			this.call = call;
			this.observation = observation;
			this.carrier = carrier;
		}

		@Override
		public Map<String, String> traceContext() {
			return this.carrier;
		}

		@Override
		public void enter() {
			this.scope = this.observation.openScope();
		}

		@Override
		public void leave() {
			if (this.scope != null) {
				this.scope.close();
				this.scope = null;
			}
		}

		@Override
		public Runnable beside(Runnable work) {
			return () -> {
				try (Observation.Scope beside = this.observation.openScope()) {
					work.run();
				}
			};
		}

		@Override
		public void end() {
			Throwable failure = this.call.failure();
			if (failure != null) {
				this.observation.error(ObservedFailure.of(failure));
			}
			this.observation.stop();
		}

	}

}
