package dev.vgi.external.autoconfigure;

import java.time.Clock;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.health.LifecycleMonitor;
import dev.vgi.external.storage.health.StorageCheck;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Fallback;

/**
 * {@link AutoConfiguration Auto-configuration} of the storage's health contribution.
 */
@AutoConfiguration(after = { VgiExternalAutoConfiguration.class, VgiLifecycleAutoConfiguration.class },
		afterName = "org.springframework.boot.health.autoconfigure.contributor.HealthContributorAutoConfiguration")
@ConditionalOnClass({ HealthIndicator.class, ConditionalOnEnabledHealthIndicator.class })
@ConditionalOnBean({ ExternalStorage.class, TransferThreads.class })
@ConditionalOnEnabledHealthIndicator("vgi-external-storage")
public final class VgiHealthAutoConfiguration {

	@Bean
	@Fallback
	@ConditionalOnMissingBean(name = "vgiExternalStorageHealthIndicator")
	@Nullable StorageHealthIndicator vgiExternalStorageHealthIndicator(ExternalStorage storage, StorageTransport transport,
			ObjectProvider<LifecycleMonitor> lifecycle, TransferThreads threads, VgiExternalProperties properties) {
		if (!properties.enabled()) {
			return null;
		}
		VgiExternalProperties.Health health = properties.health();
		StorageCheck check = new StorageCheck(storage, transport, lifecycle.getIfAvailable(), health.writeProbe(),
				health.timeout(), Clock.systemUTC());
		return new StorageHealthIndicator(check, threads, health.cache(), health.timeout(), System::nanoTime);
	}

}
