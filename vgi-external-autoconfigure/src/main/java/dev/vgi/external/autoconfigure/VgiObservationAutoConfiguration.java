package dev.vgi.external.autoconfigure;

import dev.vgi.external.observation.RpcObservations;
import dev.vgi.external.observation.RpcServerObservationConvention;
import dev.vgi.external.observation.RpcServerRequestObservationConvention;
import dev.vgi.external.observation.StorageRequestObservationConvention;
import dev.vgi.external.observation.TransferObservationConvention;
import dev.vgi.external.observation.TransferObservations;
import dev.vgi.external.rpc.RpcCallListener;
import io.micrometer.observation.ObservationRegistry;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.micrometer.observation.autoconfigure.ObservationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Fallback;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.server.observation.ServerRequestObservationConvention;
import org.springframework.web.servlet.DispatcherServlet;

/**
 * {@link AutoConfiguration Auto-configuration} of the observations of RPC calls and of
 * transfers.
 */
@AutoConfiguration(after = VgiExternalAutoConfiguration.class,
		afterName = "org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration",
		beforeName = "org.springframework.boot.webmvc.autoconfigure.WebMvcObservationAutoConfiguration")
@ConditionalOnClass({ ObservationRegistry.class, ObservationProperties.class })
@ConditionalOnBean(ObservationRegistry.class)
public final class VgiObservationAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean(RpcCallListener.class)
	RpcObservations vgiRpcObservations(ObservationRegistry registry,
			ObjectProvider<RpcServerObservationConvention> convention) {
		return new RpcObservations(registry, convention.getIfAvailable());
	}

	// First of all listeners, so that the others are told in the scope of the transfer.
	@Bean
	@Order(Ordered.HIGHEST_PRECEDENCE)
	@ConditionalOnMissingBean
	@ConditionalOnBean(VgiExternalProperties.class)
	TransferObservations vgiTransferObservations(ObservationRegistry registry, VgiExternalProperties properties,
			ObjectProvider<TransferObservationConvention> convention,
			ObjectProvider<StorageRequestObservationConvention> requestConvention) {
		TransferObservations observations = new TransferObservations(registry, convention.getIfAvailable());
		return properties.observation().requests() ? observations.withRequests(requestConvention.getIfAvailable())
				: observations;
	}

	/**
	 * Observes RPC calls as HTTP requests.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
	@ConditionalOnClass(DispatcherServlet.class)
	static class ServletConfiguration {

		@Bean
		@Fallback
		@ConditionalOnMissingBean(ServerRequestObservationConvention.class)
		RpcServerRequestObservationConvention vgiServerRequestObservationConvention(ObservationProperties properties) {
			return new RpcServerRequestObservationConvention(properties.getHttp().getServer().getRequests().getName());
		}

	}

}
