package dev.vgi.external.observation;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.Leftovers;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;

/**
 * Reports what failed uploads have left behind in a storage.
 */
public final class LeftoverMetrics implements MeterBinder {

	private final ExternalStorage storage;

	/**
	 * Create the meters.
	 * @param storage read whenever a meter is read; has no meters if it has no leftovers
	 */
	public LeftoverMetrics(ExternalStorage storage) {
		this.storage = storage;
	}

	@Override
	public void bindTo(MeterRegistry registry) {
		Leftovers leftovers = this.storage.leftovers();
		if (leftovers == null) {
			return;
		}
		Gauge.builder("vgi.external.leftovers", leftovers, Leftovers::waiting)
			.description("Possible leftovers of failed uploads that are still to be removed")
			.tag("storage", this.storage.name())
			.register(registry);
		FunctionCounter.builder("vgi.external.leftovers.dropped", leftovers, Leftovers::dropped)
			.description("Possible leftovers of failed uploads that are left to the bucket's rules")
			.tag("storage", this.storage.name())
			.register(registry);
	}

}
