package dev.vgi.external.autoconfigure;

import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.observation.LeftoverMetrics;
import dev.vgi.external.observation.PaceMetrics;
import dev.vgi.external.observation.TransferMetrics;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.transport.StorageTransport;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import org.apache.arrow.memory.BufferAllocator;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Fallback;
import org.springframework.context.annotation.Lazy;

/**
 * {@link AutoConfiguration Auto-configuration} of the meters.
 */
@AutoConfiguration(after = VgiExternalAutoConfiguration.class,
		afterName = "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration")
@ConditionalOnClass(MeterRegistry.class)
@ConditionalOnBean({ MeterRegistry.class, TransferBudget.class })
public final class VgiMetricsAutoConfiguration {

	@Bean
	@Lazy(false)
	@ConditionalOnMissingBean
	TransferMetrics vgiTransferMetrics(MeterRegistry registry, TransferBudget budget,
			BufferAllocator vgiBufferAllocator) {
		return new TransferMetrics(registry, budget, vgiBufferAllocator);
	}

	@Bean
	@Fallback
	MeterBinder vgiPaceMetrics(StorageTransport transport) {
		return new PaceMetrics(transport);
	}

	@Bean
	@Fallback
	MeterBinder vgiLeftoverMetrics(ObjectProvider<ExternalLocationConfig> config) {
		// Asked late, since a storage may need the registry; and not for beans, of which
		// there may be several.
		return (registry) -> {
			ExternalStorage storage = config.getObject().storage();
			if (storage != null) {
				new LeftoverMetrics(storage).bindTo(registry);
			}
		};
	}

}
