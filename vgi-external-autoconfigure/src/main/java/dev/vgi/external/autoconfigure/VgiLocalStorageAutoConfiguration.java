package dev.vgi.external.autoconfigure;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;

import dev.vgi.external.autoconfigure.selection.ConditionalOnStorage;
import dev.vgi.external.autoconfigure.selection.StorageSelection;
import dev.vgi.external.autoconfigure.selection.StorageType;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.observation.LocalStorageMetrics;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.storage.local.LocalStorageSweeper;
import dev.vgi.external.storage.local.UnsafeFolderException;
import dev.vgi.external.transport.StorageUnavailableException;
import io.micrometer.core.instrument.binder.MeterBinder;

import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Fallback;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.env.Environment;

/**
 * {@link AutoConfiguration Auto-configuration} of a local folder as storage.
 */
@AutoConfiguration
@ConditionalOnStorage(StorageType.LOCAL)
@EnableConfigurationProperties(VgiExternalProperties.class)
public final class VgiLocalStorageAutoConfiguration {

	@Bean
	@Fallback
	@ConditionalOnMissingBean
	ServiceUrl vgiServiceUrl(VgiExternalProperties properties, Environment environment) {
		return new ServiceUrl(properties.local().baseUrl(), environment);
	}

	@Bean
	@Fallback
	@ConditionalOnMissingBean(ExternalStorage.class)
	LocalStorage vgiLocalStorage(VgiExternalProperties properties, ServiceUrl serviceUrl, Environment environment,
			ListableBeanFactory beans) {
		StorageSelection.require(StorageType.LOCAL, environment, beans);
		VgiExternalProperties.Local local = properties.local();
		VgiExternalProperties.UploadUrl uploadUrl = properties.uploadUrl();
		Duration longest = (local.urlExpiry().compareTo(uploadUrl.expiry()) > 0) ? local.urlExpiry()
				: uploadUrl.expiry();
		Duration retention = (local.retention() != null) ? local.retention() : longest.plusMinutes(10);
		Path configured = local.path();
		Path directory = (configured != null) ? configured
				: Path.of(System.getProperty("java.io.tmpdir"), "vgi-external-" + System.getProperty("user.name"));
		if (retention.compareTo(longest) < 0) {
			throw new StartRefusedException(
					"Uploaded objects would be removed while their URLs still work:"
							+ " vgi.external.local.retention is shorter than vgi.external.upload-url.expiry.",
					"Set vgi.external.local.retention to " + longest + " or more, or vgi.external.upload-url.expiry"
							+ " to less.");
		}
		// Anyone may have prepared a folder below the one for temporary files.
		boolean ofOneUser = configured == null;
		LocalStorageSettings settings = new LocalStorageSettings(directory, ofOneUser, local.urlExpiry(),
				uploadUrl.expiry(), retention, local.maxTotalSize().toBytes(), properties.maxUploadSize());
		try {
			return new LocalStorage(settings, serviceUrl, new CurrentCaller(), Clock.systemUTC());
		}
		catch (UnsafeFolderException ex) {
			throw new StartRefusedException(ex.getMessage() + ".", ex.remedy(), ex);
		}
		catch (StorageUnavailableException ex) {
			throw new StartRefusedException(ex.getMessage() + ".",
					"Set vgi.external.local.directory to a folder that the user of this service may write to, or use"
							+ " another storage.",
					ex);
		}
	}

	@Bean
	@Lazy(false)
	@ConditionalOnBean(LocalStorage.class)
	LocalStorageSweeper vgiLocalStorageSweeper(LocalStorage storage) {
		return new LocalStorageSweeper(storage, Duration.ofMinutes(1));
	}

	/**
	 * Reports how full the folder is.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass(MeterBinder.class)
	static class MetricsConfiguration {

		@Bean
		@Fallback
		MeterBinder vgiLocalStorageMetrics(ObjectProvider<LocalStorage> storages) {
			return (registry) -> storages.ifAvailable((storage) -> new LocalStorageMetrics(storage).bindTo(registry));
		}

	}

}
