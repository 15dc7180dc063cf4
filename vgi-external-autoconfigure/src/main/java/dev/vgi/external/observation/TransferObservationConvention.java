package dev.vgi.external.observation;

import dev.vgi.external.transfer.Transfer;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;

/**
 * Names and keys of {@link TransferObservation}. The low-cardinality keys of one name are
 * the same for every transfer, at its beginning and at its end.
 */
public interface TransferObservationConvention extends ObservationConvention<TransferObservationContext> {

	/**
	 * Return the name of the observations of one direction, which counts instead of
	 * {@link #getName()}: there is no common one, since uploads have a key that fetches
	 * have not.
	 * @param direction where the batch goes
	 * @return the name, also that of the timer
	 */
	default String getName(Transfer.Direction direction) {
		return "vgi.external." + direction.code();
	}

	@Override
	default boolean supportsContext(Observation.Context context) {
		return context instanceof TransferObservationContext;
	}

}
