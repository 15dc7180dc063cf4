package dev.vgi.external.observation;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import dev.vgi.external.observation.TransferObservation.HighCardinality;
import dev.vgi.external.observation.TransferObservation.LowCardinality;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferStatistics;
import io.micrometer.common.KeyValue;
import io.micrometer.common.KeyValues;
import org.jspecify.annotations.Nullable;

/**
 * The default names and keys. No value contains the query of a URL.
 */
public class DefaultTransferObservationConvention implements TransferObservationConvention {

	private static final Set<String> KNOWN_CODINGS = Set.of("zstd", "gzip");

	@Override
	public String getContextualName(TransferObservationContext context) {
		return context.transfer().direction().code() + " " + context.transfer().storage();
	}

	@Override
	public KeyValues getLowCardinalityKeyValues(TransferObservationContext context) {
		Transfer transfer = context.transfer();
		TransferStatistics statistics = transfer.statistics();
		String coding = (statistics != null) ? statistics.contentCoding() : null;
		KeyValues keys = KeyValues.of(LowCardinality.CONTENT_CODING.withValue(coding(coding)),
				LowCardinality.OUTCOME.withValue(transfer.outcome()));
		return (transfer.direction() == Direction.UPLOAD)
				? keys.and(LowCardinality.STORAGE.withValue(transfer.storage())) : keys;
	}

	@Override
	public KeyValues getHighCardinalityKeyValues(TransferObservationContext context) {
		Transfer transfer = context.transfer();
		TransferStatistics statistics = transfer.statistics();
		if (statistics == null && transfer.failure() == null) {
			// Asked at the beginning, and again at the end.
			return KeyValues.of(HighCardinality.TRANSFER_ID.withValue(transfer.id()));
		}
		List<KeyValue> keys = new ArrayList<>();
		keys.add(HighCardinality.TRANSFER_ID.withValue(transfer.id()));
		keys.add(number(HighCardinality.SEGMENT, transfer.segment()));
		keys.add(number(HighCardinality.BYTES_STORED, context.storedBytes()));
		keys.add(number(HighCardinality.REQUESTS, context.requests()));
		keys.add(number(HighCardinality.RANGES, context.ranges()));
		keys.add(number(HighCardinality.HEDGES, context.hedges()));
		keys.add(number(HighCardinality.RETRIES, transfer.retries()));
		keys.add(number(HighCardinality.WAIT_MEMORY, context.spent(Phase.MEMORY).toMillis()));
		keys.add(number(HighCardinality.WAIT_PAUSE, context.spent(Phase.PAUSE).toMillis()));
		keys.add(number(HighCardinality.WAIT_RENEWAL, context.spent(Phase.RENEWAL).toMillis()));
		if (statistics != null) {
			keys.add(number(HighCardinality.BYTES_DECODED, statistics.decodedBytes()));
		}
		String location = transfer.location();
		if (location != null) {
			keys.add(HighCardinality.LOCATION.withValue(location));
		}
		String requestId = context.requestId();
		if (requestId != null) {
			keys.add(HighCardinality.REQUEST_ID.withValue(requestId));
		}
		return KeyValues.of(keys);
	}

	private static KeyValue number(HighCardinality key, long value) {
		return key.withValue(String.valueOf(value));
	}

	/**
	 * Return a coding as it may be a tag.
	 * @param coding the coding, or {@code null}
	 * @return the coding if it is known; otherwise {@code none}
	 */
	static String coding(@Nullable String coding) {
		// The header of a foreign storage is not from a closed set.
		return (coding != null && KNOWN_CODINGS.contains(coding)) ? coding : "none";
	}

}
