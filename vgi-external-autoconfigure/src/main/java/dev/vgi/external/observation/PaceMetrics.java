package dev.vgi.external.observation;

import java.util.function.ToIntFunction;

import dev.vgi.external.pace.PaceTotals;
import dev.vgi.external.transport.StorageTransport;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;

/**
 * Shows whether requests to storage are held back. Places of the network are counted, not
 * named, since they come from URLs.
 */
public final class PaceMetrics implements MeterBinder {

	private final StorageTransport transport;

	/**
	 * Create the binder.
	 * @param transport whose requests are watched
	 */
	public PaceMetrics(StorageTransport transport) {
		this.transport = transport;
	}

	@Override
	public void bindTo(MeterRegistry registry) {
		gauge(registry, "vgi.external.requests.in.flight", PaceTotals::inFlight,
				"Requests to storage that have not ended");
		gauge(registry, "vgi.external.requests.waiting", PaceTotals::waiting,
				"Requests to storage that wait for their turn");
		gauge(registry, "vgi.external.origins.limited", PaceTotals::limited,
				"Origins that get fewer requests than is configured, because they were busy or failed");
		gauge(registry, "vgi.external.origins.closed", PaceTotals::closed,
				"Origins at which nothing succeeds, so that they get one request at a time");
	}

	private void gauge(MeterRegistry registry, String name, ToIntFunction<PaceTotals> value, String description) {
		Gauge.builder(name, this.transport, (transport) -> value.applyAsInt(transport.pace()))
			.description(description)
			.register(registry);
	}

}
