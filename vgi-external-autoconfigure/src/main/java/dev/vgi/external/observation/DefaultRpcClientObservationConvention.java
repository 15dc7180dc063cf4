package dev.vgi.external.observation;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.observation.RpcClientObservation.HighCardinality;
import dev.vgi.external.observation.RpcClientObservation.LowCardinality;
import dev.vgi.external.rpc.client.RpcClientCall;
import io.micrometer.common.KeyValue;
import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import org.jspecify.annotations.Nullable;

/**
 * The default names and keys. No value contains a URL.
 */
public class DefaultRpcClientObservationConvention implements RpcClientObservationConvention {

	private static final String NAME = "vgi.rpc.client";

	@Override
	public String getName() {
		return NAME;
	}

	@Override
	public String getContextualName(Observation.Context context) {
		RpcClientCall call = context.getRequired(RpcClientCall.class);
		return call.protocol() + "/" + call.method();
	}

	@Override
	public KeyValues getLowCardinalityKeyValues(Observation.Context context) {
		RpcClientCall call = context.getRequired(RpcClientCall.class);
		return KeyValues.of(LowCardinality.ERROR_KIND.withValue(errorKind(call.failure())),
				LowCardinality.KIND.withValue(call.kind()), LowCardinality.METHOD.withValue(call.method()),
				LowCardinality.OUTCOME.withValue(outcome(call)), LowCardinality.PROTOCOL.withValue(call.protocol()),
				LowCardinality.TRANSPORT.withValue(call.transport()));
	}

	@Override
	public KeyValues getHighCardinalityKeyValues(Observation.Context context) {
		RpcClientCall call = context.getRequired(RpcClientCall.class);
		CallContext traffic = call.traffic();
		return KeyValues.of(bytes(HighCardinality.EXTERNAL_RECEIVED, traffic.externalBytesReceived()),
				bytes(HighCardinality.EXTERNAL_SENT, traffic.externalBytesSent()),
				bytes(HighCardinality.INLINE_RECEIVED, traffic.inlineBytesReceived()),
				bytes(HighCardinality.INLINE_SENT, traffic.inlineBytesSent()));
	}

	private static KeyValue bytes(HighCardinality key, long bytes) {
		return key.withValue(String.valueOf(bytes));
	}

	private static String outcome(RpcClientCall call) {
		if (call.failure() != null) {
			return "error";
		}
		return call.isCancelled() ? "cancelled" : "success";
	}

	// never the type that a peer names: that set is open
	private static String errorKind(@Nullable Throwable failure) {
		if (failure == null) {
			return "none";
		}
		return (failure instanceof VgiExternalException external) ? external.kind().code() : "application";
	}

}
