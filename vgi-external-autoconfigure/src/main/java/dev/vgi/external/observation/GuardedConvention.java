package dev.vgi.external.observation;

import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * A convention that does not throw, since Micrometer does not stop an observation whose
 * convention fails. What fails adds no keys.
 *
 * @param <C> what is observed
 * @param convention may be the application's
 * @param name of the observation
 */
record GuardedConvention<C extends Observation.Context>(ObservationConvention<C> convention,
		@Nullable String name) implements ObservationConvention<C> {

	private static final Log logger = LogFactory.getLog(GuardedConvention.class);

	@Override
	public @Nullable String getName() {
		return this.name;
	}

	@Override
	public @Nullable String getContextualName(C context) {
		try {
			return this.convention.getContextualName(context);
		}
		catch (RuntimeException ex) {
			failed(ex);
			return null;
		}
	}

	@Override
	public KeyValues getLowCardinalityKeyValues(C context) {
		try {
			return this.convention.getLowCardinalityKeyValues(context);
		}
		catch (RuntimeException ex) {
			return failed(ex);
		}
	}

	@Override
	public KeyValues getHighCardinalityKeyValues(C context) {
		try {
			return this.convention.getHighCardinalityKeyValues(context);
		}
		catch (RuntimeException ex) {
			return failed(ex);
		}
	}

	@Override
	public boolean supportsContext(Observation.Context context) {
		return this.convention.supportsContext(context);
	}

	private KeyValues failed(RuntimeException ex) {
		logger
			.warn("A convention failed: " + this.convention.getClass().getName() + " threw " + ex.getClass().getName());
		logger.debug("A convention failed", ex);
		return KeyValues.empty();
	}

}
