package dev.vgi.external.observation;

import java.util.Set;

import dev.vgi.external.observation.TransferObservation.HighCardinality;
import dev.vgi.external.observation.TransferObservation.LowCardinality;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferStatistics;
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
		KeyValues keys = KeyValues.of(HighCardinality.TRANSFER_ID.withValue(transfer.id()),
				HighCardinality.SEGMENT.withValue(String.valueOf(transfer.segment())),
				HighCardinality.BYTES_STORED.withValue(String.valueOf(context.storedBytes())),
				HighCardinality.REQUESTS.withValue(String.valueOf(context.requests())),
				HighCardinality.RANGES.withValue(String.valueOf(context.ranges())),
				HighCardinality.HEDGES.withValue(String.valueOf(context.hedges())),
				HighCardinality.RETRIES.withValue(String.valueOf(transfer.retries())),
				HighCardinality.WAIT_MEMORY.withValue(millis(context, Phase.MEMORY)),
				HighCardinality.WAIT_PAUSE.withValue(millis(context, Phase.PAUSE)),
				HighCardinality.WAIT_RENEWAL.withValue(millis(context, Phase.RENEWAL)));
		TransferStatistics statistics = transfer.statistics();
		if (statistics != null) {
			keys = keys.and(HighCardinality.BYTES_DECODED.withValue(String.valueOf(statistics.decodedBytes())));
		}
		String location = transfer.location();
		if (location != null) {
			keys = keys.and(HighCardinality.LOCATION.withValue(location));
		}
		String requestId = context.requestId();
		return (requestId != null) ? keys.and(HighCardinality.REQUEST_ID.withValue(requestId)) : keys;
	}

	private static String millis(TransferObservationContext context, Phase phase) {
		return String.valueOf(context.spent(phase).toMillis());
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
