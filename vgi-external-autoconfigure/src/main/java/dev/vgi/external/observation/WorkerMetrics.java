package dev.vgi.external.observation;

import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

import dev.vgi.external.rpc.pipe.client.RpcConnection;
import dev.vgi.external.rpc.pipe.client.RpcWorkers;
import dev.vgi.external.rpc.pipe.client.WorkerStatistics;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;

/**
 * Reports how much each worker has to do, and how often it failed.
 */
public final class WorkerMetrics implements MeterBinder {

	private final RpcWorkers workers;

	/**
	 * Create the meters.
	 * @param workers asked whenever a meter is read
	 */
	public WorkerMetrics(RpcWorkers workers) {
		this.workers = workers;
	}

	@Override
	public void bindTo(MeterRegistry registry) {
		for (String name : this.workers.names()) {
			RpcConnection worker = this.workers.connection(name);
			gauge(registry, name, worker, "connections", "Open connections to the worker",
					WorkerStatistics::connections);
			gauge(registry, name, worker, "running", "Calls and streams that have a connection",
					WorkerStatistics::running);
			gauge(registry, name, worker, "waiting", "Calls that wait for a connection", WorkerStatistics::waiting);
			counter(registry, name, worker, "start.failures", "Connections that could not be opened",
					WorkerStatistics::failedStarts);
			counter(registry, name, worker, "lost", "Connections that ended with a call", WorkerStatistics::lost);
		}
	}

	private static void gauge(MeterRegistry registry, String name, RpcConnection worker, String what,
			String description, ToDoubleFunction<WorkerStatistics> value) {
		Gauge.builder("vgi.rpc.workers." + what, worker, (each) -> value.applyAsDouble(each.statistics()))
			.tag("worker", name)
			.description(description)
			.register(registry);
	}

	private static void counter(MeterRegistry registry, String name, RpcConnection worker, String what,
			String description, ToLongFunction<WorkerStatistics> value) {
		FunctionCounter.builder("vgi.rpc.workers." + what, worker, (each) -> value.applyAsLong(each.statistics()))
			.tag("worker", name)
			.description(description)
			.register(registry);
	}

}
