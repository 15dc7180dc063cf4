package dev.vgi.external.observation;

import dev.vgi.external.rpc.client.RpcClientCall;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;

/**
 * Names the observation of a client's call and its keys. The call is in the context under
 * {@link RpcClientCall}.
 */
public interface RpcClientObservationConvention extends ObservationConvention<Observation.Context> {

	@Override
	default boolean supportsContext(Observation.Context context) {
		return context.containsKey(RpcClientCall.class);
	}

}
