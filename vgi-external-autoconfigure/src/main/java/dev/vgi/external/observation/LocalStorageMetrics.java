package dev.vgi.external.observation;

import dev.vgi.external.storage.local.LocalStorage;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;

/**
 * Reports how full a local store is, and how often it refused objects.
 */
public final class LocalStorageMetrics implements MeterBinder {

	private final LocalStorage storage;

	/**
	 * Create the meters.
	 * @param storage read whenever a meter is read; does no I/O
	 */
	public LocalStorageMetrics(LocalStorage storage) {
		this.storage = storage;
	}

	@Override
	public void bindTo(MeterRegistry registry) {
		Gauge.builder("vgi.external.local.stored", this.storage, LocalStorage::storedBytes)
			.baseUnit("bytes")
			.description("Objects in the folder of the local store")
			.register(registry);
		FunctionCounter.builder("vgi.external.local.refused", this.storage, LocalStorage::refusedObjects)
			.description("Objects that found no room in the local store")
			.register(registry);
	}

}
