package dev.vgi.external.autoconfigure;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.observation.RpcClientObservationConvention;
import dev.vgi.external.observation.RpcClientObservations;
import dev.vgi.external.observation.WorkerMetrics;
import dev.vgi.external.rpc.client.RpcClientListener;
import dev.vgi.external.rpc.pipe.client.RpcConnection;
import dev.vgi.external.rpc.pipe.client.RpcConnectionBuilder;
import dev.vgi.external.rpc.pipe.client.RpcWorkers;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.micrometer.observation.ObservationRegistry;
import org.apache.arrow.memory.BufferAllocator;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.DependsOn;
import org.springframework.context.annotation.Fallback;
import org.springframework.context.annotation.Lazy;
import org.springframework.util.StringUtils;
import org.springframework.web.service.invoker.HttpServiceProxyFactory;

/**
 * {@link AutoConfiguration Auto-configuration} of workers: processes that the application
 * starts and calls over their standard streams, and peers that it calls over a Unix
 * socket.
 */
@AutoConfiguration(after = VgiExternalAutoConfiguration.class)
@ConditionalOnClass(HttpServiceProxyFactory.class)
@ConditionalOnBean(name = VgiExternalAutoConfiguration.CLIENT_RESOLVER)
@EnableConfigurationProperties(VgiWorkersProperties.class)
public final class VgiWorkersAutoConfiguration {

	// Destroyed after the web server has stopped, whose requests call workers, and before
	// the transfers end.
	@Bean
	@ConditionalOnMissingBean
	@DependsOn(VgiExternalAutoConfiguration.END)
	RpcWorkers vgiRpcWorkers(VgiWorkersProperties workers, VgiExternalProperties properties,
			BufferAllocator vgiBufferAllocator,
			@Qualifier(VgiExternalAutoConfiguration.CLIENT_RESOLVER) LocationResolver resolver,
			ObjectProvider<LogSink> logs, ObjectProvider<ObservationRegistry> observations,
			ObjectProvider<RpcClientObservationConvention> convention) {
		RpcClientListener listener = new RpcClientObservations(
				observations.getIfAvailable(() -> ObservationRegistry.NOOP), convention.getIfAvailable());
		Map<String, RpcConnection> connections = new LinkedHashMap<>();
		workers.workers()
			.forEach((name, worker) -> connections.put(name,
					builder(worker).name(name)
						.keys(VgiWorkersProperties.PREFIX + name + ".")
						.resolver(resolver)
						.allocator(vgiBufferAllocator)
						.maxAnswerSize(properties.fetch().toConfig().maxDecompressedSize())
						.readLimits(properties.limits().toReadLimits())
						.prefetch(properties.client().prefetch())
						.logs(logs.getIfUnique())
						.listener(listener)
						.build()));
		return new RpcWorkers(connections);
	}

	private static RpcConnectionBuilder builder(VgiWorkersProperties.Worker worker) {
		RpcConnectionBuilder builder = StringUtils.hasText(worker.unix())
				? RpcConnection.builder(Path.of(worker.unix())) : RpcConnection.builder(worker.command());
		if (StringUtils.hasText(worker.directory())) {
			builder.directory(Path.of(worker.directory()));
		}
		return builder.environment(worker.environment())
			.size(worker.size())
			.startTimeout(worker.startTimeout())
			.callTimeout(worker.callTimeout())
			.idleTimeout(worker.idleTimeout())
			.maxWaiting(worker.maxWaiting());
	}

	// Before the web server accepts requests. Not a condition, which would be evaluated
	// ahead of time.
	@Bean(defaultCandidate = false)
	@Lazy(false)
	SmartInitializingSingleton vgiEagerWorkers(VgiWorkersProperties properties, ObjectProvider<RpcWorkers> workers) {
		return () -> properties.workers().forEach((name, worker) -> {
			if (worker.eager()) {
				start(name, worker, workers.getObject());
			}
		});
	}

	private static void start(String name, VgiWorkersProperties.Worker worker, RpcWorkers workers) {
		try {
			workers.connection(name).open();
		}
		catch (VgiExternalException ex) {
			String prefix = VgiWorkersProperties.PREFIX + name;
			boolean socket = StringUtils.hasText(worker.unix());
			throw new StartRefusedException(
					"The worker '" + name + "', which starts with the application, does not work: " + ex.getMessage(),
					"Correct " + prefix + (socket ? ".unix" : ".command, which is a list of program and arguments")
							+ ", or remove " + prefix + ".eager to open the connection when it is first needed.",
					ex);
		}
	}

	@Bean
	@Fallback
	RpcWorkerGroups vgiRpcWorkerGroups(RpcWorkers workers) {
		return new RpcWorkerGroups(workers);
	}

	/**
	 * Reports how much the workers have to do.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass(MeterBinder.class)
	static class MetricsConfiguration {

		@Bean
		@Fallback
		MeterBinder vgiWorkerMetrics(VgiWorkersProperties properties, ObjectProvider<RpcWorkers> workers) {
			return (registry) -> {
				// Meters of no workers do not need their bean, which may be lazy.
				if (!properties.workers().isEmpty()) {
					workers.ifAvailable((each) -> new WorkerMetrics(each).bindTo(registry));
				}
			};
		}

	}

}
