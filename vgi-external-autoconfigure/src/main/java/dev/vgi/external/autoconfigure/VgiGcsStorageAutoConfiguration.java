package dev.vgi.external.autoconfigure;

import java.time.Clock;

import com.google.auth.Credentials;
import com.google.auth.ServiceAccountSigner;
import com.google.cloud.storage.Storage;
import dev.vgi.external.autoconfigure.selection.ConditionalOnStorage;
import dev.vgi.external.autoconfigure.selection.StorageSelection;
import dev.vgi.external.autoconfigure.selection.StorageType;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.observation.UrlLifetimeMetrics;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.gcs.GcsStorage;
import dev.vgi.external.storage.gcs.GcsStorageSettings;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.upload.Payload;
import io.micrometer.core.instrument.binder.MeterBinder;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Fallback;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.env.Environment;
import org.springframework.util.StringUtils;

/**
 * {@link AutoConfiguration Auto-configuration} of Google Cloud Storage as storage, with
 * the client of Spring Cloud GCP or, if the project is overridden, with one of our own
 * that uses the same credentials.
 */
@AutoConfiguration(after = VgiTransportAutoConfiguration.class,
		afterName = "com.google.cloud.spring.autoconfigure.storage.GcpStorageAutoConfiguration")
@ConditionalOnClass(Storage.class)
@ConditionalOnStorage(StorageType.GCS)
@ConditionalOnBean({ StorageTransport.class, Storage.class })
@ConditionalOnMissingBean(ExternalStorage.class)
public final class VgiGcsStorageAutoConfiguration {

	private static final String CLIENT = "vgiGcsClient";

	@Bean(name = CLIENT, defaultCandidate = false)
	@Lazy
	Storage vgiGcsClient(Storage storage, VgiExternalProperties properties) {
		return storage.getOptions().toBuilder().setProjectId(properties.gcs().project()).build().getService();
	}

	@Bean
	@Fallback
	GcsStorage vgiGcsStorage(Storage storage, @Qualifier(CLIENT) ObjectProvider<Storage> overridden,
			StorageTransport transport, TransferThreads threads, VgiExternalProperties properties,
			Environment environment) {
		StorageSelection.require(StorageType.GCS, environment);
		Storage client = StringUtils.hasText(properties.gcs().project()) ? overridden.getObject() : storage;
		requireSigner(client.getOptions().getCredentials());
		return new GcsStorage(client, transport, threads, settings(properties), Clock.systemUTC());
	}

	private static void requireSigner(Credentials credentials) {
		if (!(credentials instanceof ServiceAccountSigner)) {
			throw new StartRefusedException(
					"The storage gcs is selected, but its credentials (" + credentials.getClass().getSimpleName()
							+ ") are not those of a service account and cannot sign URLs.",
					"Set spring.cloud.gcp.credentials.location to a service account's key, or run as a service account"
							+ " (on a developer's machine: gcloud auth application-default login"
							+ " --impersonate-service-account). A service account without a key signs through IAM and"
							+ " needs roles/iam.serviceAccountTokenCreator on itself.");
		}
	}

	private static GcsStorageSettings settings(VgiExternalProperties properties) {
		VgiExternalProperties.Gcs gcs = properties.gcs();
		VgiExternalProperties.Upload upload = properties.upload();
		return new GcsStorageSettings(String.valueOf(gcs.bucket()), gcs.prefix(), gcs.presignExpiry(),
				properties.uploadUrl().expiry(), Math.min(upload.partSize().toBytes(), Payload.LARGEST_PART),
				upload.maxRetries(), upload.timeout(), properties.retryDelay());
	}

	/**
	 * Reports the lifetime of signed URLs.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass(MeterBinder.class)
	static class MetricsConfiguration {

		@Bean
		@Fallback
		MeterBinder vgiGcsMetrics(ObjectProvider<GcsStorage> storages) {
			return (registry) -> storages.ifAvailable(
					(storage) -> new UrlLifetimeMetrics(storage.name(), storage::effectiveExpiry).bindTo(registry));
		}

	}

}
