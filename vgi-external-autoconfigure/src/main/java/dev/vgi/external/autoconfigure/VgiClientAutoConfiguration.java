package dev.vgi.external.autoconfigure;

import dev.vgi.external.batch.LogSink;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.observation.RpcClientObservationConvention;
import dev.vgi.external.rpc.pipe.client.RpcWorkers;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.ExternalLocationHttpMessageConverter;
import dev.vgi.external.web.client.PayloadUploader;
import dev.vgi.external.web.client.PointerAnnouncement;
import dev.vgi.external.web.client.VgiClient;
import io.micrometer.observation.ObservationRegistry;
import org.apache.arrow.memory.BufferAllocator;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.http.converter.autoconfigure.ClientHttpMessageConvertersCustomizer;
import org.springframework.boot.restclient.RestClientCustomizer;
import org.springframework.boot.restclient.RestTemplateCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Fallback;
import org.springframework.context.annotation.Scope;
import org.springframework.web.client.RestClient;

/**
 * {@link AutoConfiguration Auto-configuration} of the client side: Arrow bodies for every
 * injected {@link RestClient.Builder} and {@code RestTemplateBuilder}, {@link VgiClient},
 * and RPC methods in the interfaces of HTTP service groups.
 */
@AutoConfiguration(after = VgiExternalAutoConfiguration.class,
		afterName = "org.springframework.boot.restclient.autoconfigure.RestClientAutoConfiguration")
@ConditionalOnClass({ RestClient.class, RestClientCustomizer.class, ClientHttpMessageConvertersCustomizer.class })
@ConditionalOnBean(name = VgiExternalAutoConfiguration.CLIENT_RESOLVER)
public final class VgiClientAutoConfiguration {

	@Bean
	@Fallback
	ClientHttpMessageConvertersCustomizer vgiClientConverters(BufferAllocator vgiBufferAllocator,
			@Qualifier(VgiExternalAutoConfiguration.CLIENT_RESOLVER) LocationResolver resolver,
			VgiExternalProperties properties) {
		// The caller still owns what a client sends.
		ArrowStreamHttpMessageConverter arrow = new ArrowStreamHttpMessageConverter(vgiBufferAllocator,
				properties.fetch().toConfig().maxDecompressedSize(), false, properties.limits().toReadLimits());
		return (builder) -> builder.addCustomConverter(new ExternalLocationHttpMessageConverter(arrow,
				() -> PointerAnnouncement.resolverForCurrentCall(resolver), null, LogSink.discarding()));
	}

	@Bean
	@Fallback
	RestClientCustomizer vgiPointerAnnouncement() {
		return PointerAnnouncement::applyTo;
	}

	@Bean
	@Fallback
	RestTemplateCustomizer vgiTemplatePointerAnnouncement() {
		return PointerAnnouncement::applyTo;
	}

	@Bean
	@ConditionalOnMissingBean
	PayloadUploader vgiPayloadUploader(@Qualifier(VgiExternalAutoConfiguration.RESOURCES) TransferResources resources,
			VgiExternalProperties properties) {
		VgiExternalProperties.Upload upload = properties.upload();
		return new PayloadUploader(resources, upload.timeout(),
				new RetryPolicy(upload.maxRetries(), properties.retryDelay(), resources.transport()));
	}

	@Bean
	@ConditionalOnMissingBean
	VgiClientFactory vgiClientFactory(BufferAllocator vgiBufferAllocator,
			@Qualifier(VgiExternalAutoConfiguration.CLIENT_RESOLVER) LocationResolver resolver,
			PayloadUploader uploader, VgiExternalProperties properties) {
		return new VgiClientFactory(vgiBufferAllocator, resolver, uploader, properties);
	}

	@Bean
	@Scope("prototype")
	@ConditionalOnMissingBean
	@ConditionalOnBean(RestClient.Builder.class)
	VgiClient.Builder vgiClientBuilder(RestClient.Builder restClient, VgiClientFactory factory) {
		return factory.builder(restClient);
	}

	@Bean
	@Fallback
	RpcHttpServiceGroups vgiRpcHttpServiceGroups(VgiClientFactory factory, BufferAllocator vgiBufferAllocator,
			ObjectProvider<LogSink> logs, ObjectProvider<ObservationRegistry> observations,
			ObjectProvider<RpcClientObservationConvention> convention, ObjectProvider<RpcWorkers> workers) {
		return new RpcHttpServiceGroups(factory, vgiBufferAllocator, logs, observations, convention, workers);
	}

}
