package dev.vgi.external.observation;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.observation.RpcServerObservation.HighCardinality;
import dev.vgi.external.observation.RpcServerObservation.LowCardinality;
import dev.vgi.external.rpc.RpcServerCall;
import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import org.jspecify.annotations.Nullable;

/**
 * The default names and keys. No value contains a URL.
 */
public class DefaultRpcServerObservationConvention implements RpcServerObservationConvention {

	private static final String NAME = "vgi.rpc.server";

	@Override
	public String getName() {
		return NAME;
	}

	@Override
	public String getContextualName(Observation.Context context) {
		RpcServerCall call = context.getRequired(RpcServerCall.class);
		return call.protocol() + "/" + call.method();
	}

	@Override
	public KeyValues getLowCardinalityKeyValues(Observation.Context context) {
		RpcServerCall call = context.getRequired(RpcServerCall.class);
		return KeyValues.of(LowCardinality.ERROR_KIND.withValue(errorKind(call.failure())),
				LowCardinality.KIND.withValue(call.kind()), LowCardinality.METHOD.withValue(call.method()),
				LowCardinality.OUTCOME.withValue(outcome(call)), LowCardinality.PHASE.withValue(call.phase()),
				LowCardinality.PROTOCOL.withValue(call.protocol()),
				LowCardinality.TRANSPORT.withValue(call.transport()));
	}

	@Override
	public KeyValues getHighCardinalityKeyValues(Observation.Context context) {
		RpcServerCall call = context.getRequired(RpcServerCall.class);
		return KeyValues.of(HighCardinality.BYTES_EXTERNAL.withValue(String.valueOf(call.externalBytes())),
				HighCardinality.BYTES_INLINE.withValue(String.valueOf(call.inlineBytes())),
				HighCardinality.REQUEST_ID.withValue(call.requestId()));
	}

	private static String outcome(RpcServerCall call) {
		if (call.failure() == null) {
			return "success";
		}
		return call.isRefused() ? "refused" : "error";
	}

	private static String errorKind(@Nullable Throwable failure) {
		if (failure == null) {
			return "none";
		}
		return (failure instanceof VgiExternalException external) ? external.kind().code() : "application";
	}

}
