package dev.vgi.external.autoconfigure.actuate;

import dev.vgi.external.autoconfigure.VgiExternalAutoConfiguration;
import dev.vgi.external.autoconfigure.VgiExternalProperties;
import dev.vgi.external.history.TransferHistory;
import dev.vgi.external.transfer.TransferResources;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.actuate.autoconfigure.endpoint.condition.ConditionalOnAvailableEndpoint;
import org.springframework.boot.actuate.autoconfigure.endpoint.expose.EndpointExposure;
import org.springframework.boot.actuate.endpoint.SanitizingFunction;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;

/**
 * {@link AutoConfiguration Auto-configuration} of the endpoint {@code vgiexternal}.
 */
@AutoConfiguration(after = VgiExternalAutoConfiguration.class)
@ConditionalOnClass({ Endpoint.class, ConditionalOnAvailableEndpoint.class })
@ConditionalOnAvailableEndpoint(VgiExternalEndpoint.class)
@ConditionalOnBean(TransferHistory.class)
@EnableConfigurationProperties(VgiExternalEndpointProperties.class)
public final class VgiEndpointAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean
	VgiExternalEndpoint vgiExternalEndpoint(TransferHistory history,
			@Qualifier(VgiExternalAutoConfiguration.RESOURCES) TransferResources resources,
			VgiExternalProperties properties, VgiExternalEndpointProperties endpointProperties,
			ObjectProvider<SanitizingFunction> sanitizingFunctions) {
		return new VgiExternalEndpoint(history, resources, properties.slowTransferThreshold(),
				sanitizingFunctions.orderedStream().toList(), endpointProperties.showValues());
	}

	@Bean
	@ConditionalOnMissingBean
	@ConditionalOnBean(VgiExternalEndpoint.class)
	@ConditionalOnAvailableEndpoint(exposure = EndpointExposure.WEB)
	VgiExternalEndpointWebExtension vgiExternalEndpointWebExtension(VgiExternalEndpoint endpoint,
			VgiExternalEndpointProperties properties) {
		return new VgiExternalEndpointWebExtension(endpoint, properties.showValues(), properties.roles());
	}

}
