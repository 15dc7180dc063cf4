package dev.vgi.external.autoconfigure;

import java.util.concurrent.Executor;

import dev.vgi.external.storage.ExternalStorage;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.annotation.Bean;

/**
 * {@link AutoConfiguration Auto-configuration} of the storage's health contribution.
 */
@AutoConfiguration(after = VgiExternalAutoConfiguration.class,
		afterName = "org.springframework.boot.health.autoconfigure.contributor.HealthContributorAutoConfiguration")
@ConditionalOnClass({ HealthIndicator.class, ConditionalOnEnabledHealthIndicator.class })
@ConditionalOnBean(ExternalStorage.class)
@ConditionalOnEnabledHealthIndicator("vgi-external-storage")
public final class VgiHealthAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean(name = "vgiExternalStorageHealthIndicator")
	StorageHealthIndicator vgiExternalStorageHealthIndicator(ExternalStorage storage,
			@Qualifier(VgiExternalAutoConfiguration.TRANSFER_EXECUTOR) Executor executor,
			VgiExternalProperties properties) {
		VgiExternalProperties.Health health = properties.health();
		return new StorageHealthIndicator(storage, executor, health.cache(), health.timeout(), System::nanoTime);
	}

}
