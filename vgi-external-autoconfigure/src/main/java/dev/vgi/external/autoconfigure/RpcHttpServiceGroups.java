package dev.vgi.external.autoconfigure;

import java.util.Arrays;

import dev.vgi.external.batch.LogSink;
import dev.vgi.external.observation.RpcClientObservationConvention;
import dev.vgi.external.observation.RpcClientObservations;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.rpc.pipe.client.RpcWorkers;
import dev.vgi.external.web.client.ArrowResponses;
import dev.vgi.external.web.client.VgiClient;
import io.micrometer.observation.ObservationRegistry;
import org.apache.arrow.memory.BufferAllocator;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.util.function.SingletonSupplier;
import org.springframework.web.client.RestClient;
import org.springframework.web.client.support.RestClientHttpServiceGroupConfigurer;
import org.springframework.web.service.invoker.HttpServiceProxyFactory;
import org.springframework.web.service.registry.HttpServiceGroup;

/**
 * Adds RPC methods and lazy readers to the HTTP service groups of an application:
 * interfaces named in {@code @ImportHttpServices} may declare them. Address, headers,
 * security and timeouts of a group apply to its RPC calls. Groups that {@link RpcWorkers}
 * carries are left out.
 */
final class RpcHttpServiceGroups implements RestClientHttpServiceGroupConfigurer {

	private final VgiClientFactory factory;

	private final BufferAllocator allocator;

	private final ObjectProvider<LogSink> logs;

	private final ObjectProvider<ObservationRegistry> observations;

	private final ObjectProvider<RpcClientObservationConvention> convention;

	private final ObjectProvider<RpcWorkers> workers;

	RpcHttpServiceGroups(VgiClientFactory factory, BufferAllocator allocator, ObjectProvider<LogSink> logs,
			ObjectProvider<ObservationRegistry> observations, ObjectProvider<RpcClientObservationConvention> convention,
			ObjectProvider<RpcWorkers> workers) {
		this.factory = factory;
		this.allocator = allocator;
		this.logs = logs;
		this.observations = observations;
		this.convention = convention;
		this.workers = workers;
	}

	@Override
	public void configureGroups(Groups<RestClient.Builder> groups) {
		groups.forEachGroup((group, restClient, proxyFactory) -> ArrowResponses.configure(proxyFactory));
		groups.filter((group) -> hasRpcMethods(group) && !isWorker(group))
			.forEachGroup((group, restClient, proxyFactory) -> configure(restClient, proxyFactory));
	}

	private boolean isWorker(HttpServiceGroup group) {
		RpcWorkers workers = this.workers.getIfAvailable();
		return workers != null && workers.names().contains(group.name());
	}

	private static boolean hasRpcMethods(HttpServiceGroup group) {
		return group.httpServiceTypes()
			.stream()
			.flatMap((type) -> Arrays.stream(type.getMethods()))
			.anyMatch((method) -> AnnotatedElementUtils.hasAnnotation(method, RpcMethod.class));
	}

	private void configure(RestClient.Builder restClient, HttpServiceProxyFactory.Builder proxyFactory) {
		// Built with the first call, since other configurers may still change the HTTP
		// client.
		SingletonSupplier<VgiClient> client = SingletonSupplier
			.of(() -> this.factory.builder(restClient.clone()).build());
		RpcClients.lazily(client::obtain, this.allocator, this.logs.getIfUnique())
			.watchedBy(new RpcClientObservations(this.observations.getIfAvailable(() -> ObservationRegistry.NOOP),
					this.convention.getIfAvailable()))
			.configure(proxyFactory);
	}

}
