package dev.vgi.external.autoconfigure;

import dev.vgi.external.autoconfigure.start.SecretKeys;

import org.springframework.boot.actuate.autoconfigure.web.exchanges.HttpExchangesProperties;
import org.springframework.boot.actuate.endpoint.SanitizingFunction;
import org.springframework.boot.actuate.web.exchanges.HttpExchangeRepository;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.servlet.actuate.web.exchanges.HttpExchangesFilter;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Fallback;

/**
 * {@link AutoConfiguration Auto-configuration} that keeps secrets out of Actuator's
 * endpoints: signed URLs out of the recorded HTTP exchanges, and keys and passwords of
 * this library out of the environment, even if values are shown.
 */
@AutoConfiguration(
		beforeName = "org.springframework.boot.servlet.autoconfigure.actuate.web.exchanges.ServletHttpExchangesAutoConfiguration")
@ConditionalOnClass(SanitizingFunction.class)
public final class VgiActuatorAutoConfiguration {

	@Bean
	@Fallback
	SanitizingFunction vgiSanitizingFunction() {
		return (data) -> (SecretKeys.contains(data.getKey()) || SecretKeys.areCarriedBy(data.getKey(), data.getValue()))
				? data.withSanitizedValue() : data;
	}

	/**
	 * Records what Boot's own filter would record, but redacted. The repository remains
	 * the application's bean.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass({ HttpExchangesFilter.class, HttpExchangesProperties.class })
	@ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
	@ConditionalOnBooleanProperty(name = "management.httpexchanges.recording.enabled", matchIfMissing = true)
	@ConditionalOnBean(HttpExchangeRepository.class)
	@EnableConfigurationProperties(HttpExchangesProperties.class)
	static class HttpExchangesConfiguration {

		@Bean
		@Fallback
		@ConditionalOnMissingBean
		HttpExchangesFilter vgiHttpExchangesFilter(HttpExchangeRepository repository,
				HttpExchangesProperties properties) {
			return new HttpExchangesFilter(new RedactingExchangeRepository(repository),
					properties.getRecording().getInclude());
		}

	}

}
