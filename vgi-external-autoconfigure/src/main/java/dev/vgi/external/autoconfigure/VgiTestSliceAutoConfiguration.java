package dev.vgi.external.autoconfigure;

import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.url.UrlRejectedException;

import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;

/**
 * {@link AutoConfiguration Auto-configuration} for Boot's test slices only, whose import
 * files name it. Batches stay inline, so that a slice contacts no storage, whatever the
 * application's settings select.
 */
@AutoConfiguration(after = { VgiLocalStorageAutoConfiguration.class, VgiS3StorageAutoConfiguration.class,
		VgiGcsStorageAutoConfiguration.class }, before = VgiExternalAutoConfiguration.class)
@EnableConfigurationProperties(VgiExternalProperties.class)
public final class VgiTestSliceAutoConfiguration {

	// A test may define its own storage.
	@Bean
	@ConditionalOnMissingBean({ ExternalLocationConfig.class, ExternalStorage.class })
	ExternalLocationConfig vgiTestSliceLocationConfig(VgiExternalProperties properties, TransferBudget budget) {
		return VgiExternalAutoConfiguration.config(properties, budget, (url) -> {
			throw new UrlRejectedException(url, "a test slice has no storage");
		});
	}

}
