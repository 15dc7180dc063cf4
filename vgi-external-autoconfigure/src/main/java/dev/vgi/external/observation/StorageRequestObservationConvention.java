package dev.vgi.external.observation;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;

/**
 * Names and keys of {@link StorageRequestObservation#REQUEST}.
 */
public interface StorageRequestObservationConvention extends ObservationConvention<StorageRequestObservationContext> {

	@Override
	default boolean supportsContext(Observation.Context context) {
		return context instanceof StorageRequestObservationContext;
	}

}
