package dev.vgi.external.rpc;

import java.util.Locale;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.rpc.RpcClientObservation.HighCardinality;
import dev.vgi.external.rpc.RpcClientObservation.LowCardinality;
import dev.vgi.external.web.client.CallContext;
import io.micrometer.common.KeyValue;
import io.micrometer.common.KeyValues;
import org.jspecify.annotations.Nullable;

/**
 * The names that the documentation lists.
 */
public class DefaultRpcClientObservationConvention implements RpcClientObservationConvention {

	@Override
	public String getName() {
		return "vgi.rpc.client";
	}

	@Override
	public String getContextualName(RpcClientObservationContext context) {
		return context.protocol() + '/' + context.method();
	}

	@Override
	public KeyValues getLowCardinalityKeyValues(RpcClientObservationContext context) {
		return KeyValues.of(KeyValue.of(LowCardinality.ERROR_KIND, errorKind(context.getError())),
				KeyValue.of(LowCardinality.KIND, context.kind()), KeyValue.of(LowCardinality.METHOD, context.method()),
				KeyValue.of(LowCardinality.OUTCOME, context.outcome().name().toLowerCase(Locale.ROOT)),
				KeyValue.of(LowCardinality.PROTOCOL, context.protocol()));
	}

	@Override
	public KeyValues getHighCardinalityKeyValues(RpcClientObservationContext context) {
		CallContext traffic = context.traffic();
		return KeyValues.of(value(HighCardinality.EXTERNAL_RECEIVED, traffic.externalBytesReceived()),
				value(HighCardinality.EXTERNAL_SENT, traffic.externalBytesSent()),
				value(HighCardinality.INLINE_RECEIVED, traffic.inlineBytesReceived()),
				value(HighCardinality.INLINE_SENT, traffic.inlineBytesSent()));
	}

	private static KeyValue value(HighCardinality key, long bytes) {
		return KeyValue.of(key, String.valueOf(bytes));
	}

	// never what a peer calls it: that set is open
	private static String errorKind(@Nullable Throwable error) {
		if (error == null) {
			return "none";
		}
		return (error instanceof VgiExternalException external)
				? external.kind().name().toLowerCase(Locale.ROOT).replace('_', '-') : "other";
	}

}
