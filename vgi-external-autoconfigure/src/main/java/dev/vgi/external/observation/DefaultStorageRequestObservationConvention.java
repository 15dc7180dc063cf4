package dev.vgi.external.observation;

import java.time.Duration;
import java.util.Locale;

import dev.vgi.external.observation.StorageRequestObservation.HighCardinality;
import dev.vgi.external.observation.StorageRequestObservation.LowCardinality;
import dev.vgi.external.transfer.TransferEvent.RequestAnswered;
import dev.vgi.external.transfer.TransferEvent.RequestEnded;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import io.micrometer.common.KeyValues;
import org.jspecify.annotations.Nullable;

/**
 * The default names and keys. No value contains a URL.
 */
public class DefaultStorageRequestObservationConvention implements StorageRequestObservationConvention {

	private static final String NAME = "vgi.external.request";

	@Override
	public String getName() {
		return NAME;
	}

	@Override
	public String getContextualName(StorageRequestObservationContext context) {
		return context.request().purpose().code() + (context.request().hedge() ? " hedge" : " request");
	}

	@Override
	public KeyValues getLowCardinalityKeyValues(StorageRequestObservationContext context) {
		RequestQueued request = context.request();
		return KeyValues.of(LowCardinality.DIRECTION.withValue(context.transfer().direction().code()),
				LowCardinality.HEDGE.withValue(String.valueOf(request.hedge())),
				LowCardinality.OUTCOME.withValue(outcome(context.end())),
				LowCardinality.PURPOSE.withValue(request.purpose().code()),
				LowCardinality.STATUS.withValue(statusClass(context.answer())));
	}

	@Override
	public KeyValues getHighCardinalityKeyValues(StorageRequestObservationContext context) {
		RequestQueued request = context.request();
		KeyValues keys = KeyValues.of(HighCardinality.TRANSFER_ID.withValue(context.transfer().id()),
				HighCardinality.NUMBER.withValue(String.valueOf(request.request())),
				HighCardinality.INDEX.withValue(String.valueOf(request.index())),
				HighCardinality.OFFSET.withValue(String.valueOf(request.offset())));
		Duration waited = context.waited();
		if (waited != null) {
			keys = keys.and(HighCardinality.WAIT_TURN.withValue(String.valueOf(waited.toMillis())));
		}
		RequestAnswered answer = context.answer();
		Duration firstByte = context.firstByte();
		if (answer != null && firstByte != null) {
			keys = keys.and(HighCardinality.FIRST_BYTE.withValue(String.valueOf(firstByte.toMillis())),
					HighCardinality.STATUS_CODE.withValue(String.valueOf(answer.status())));
			String requestId = answer.requestId();
			keys = (requestId != null) ? keys.and(HighCardinality.REQUEST_ID.withValue(requestId)) : keys;
		}
		RequestEnded end = context.end();
		return (end != null) ? keys.and(HighCardinality.BYTES.withValue(String.valueOf(end.bytes()))) : keys;
	}

	private static String outcome(@Nullable RequestEnded end) {
		return (end != null) ? end.end().name().toLowerCase(Locale.ROOT).replace('_', '-') : "unknown";
	}

	private static String statusClass(@Nullable RequestAnswered answer) {
		// A foreign storage may answer with any three digits.
		int hundreds = (answer != null) ? answer.status() / 100 : 0;
		return (hundreds >= 1 && hundreds <= 5) ? hundreds + "xx" : "none";
	}

}
