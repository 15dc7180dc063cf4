package dev.vgi.external.observation;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;

/**
 * Reports how long a download URL signed now would work: less than configured if the
 * credentials expire earlier.
 */
public final class UrlLifetimeMetrics implements MeterBinder {

	private final String storage;

	private final Supplier<Duration> lifetime;

	/**
	 * Create the meter.
	 * @param storage name of the backend
	 * @param lifetime read whenever the meter is read; does no I/O
	 */
	public UrlLifetimeMetrics(String storage, Supplier<Duration> lifetime) {
		this.storage = storage;
		this.lifetime = lifetime;
	}

	@Override
	public void bindTo(MeterRegistry registry) {
		TimeGauge
			.builder("vgi.external.url.lifetime", this.lifetime, TimeUnit.MILLISECONDS,
					(supplier) -> supplier.get().toMillis())
			.description("Time that a download URL signed now would work")
			.tag("storage", this.storage)
			// Nobody else may hold the supplier: weakly held, the meter would soon be NaN
			.strongReference(true)
			.register(registry);
	}

}
