package dev.vgi.external.observation;

import dev.vgi.external.rpc.RpcServerCall;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;

/**
 * Names and keys of {@link RpcServerObservation#CALL}. The context holds the
 * {@link RpcServerCall} under its class.
 */
public interface RpcServerObservationConvention extends ObservationConvention<Observation.Context> {

	@Override
	default boolean supportsContext(Observation.Context context) {
		return context.containsKey(RpcServerCall.class);
	}

}
