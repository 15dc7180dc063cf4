package dev.vgi.external.autoconfigure;

import java.net.URI;
import java.time.Clock;

import com.google.auth.Credentials;
import com.google.auth.ServiceAccountSigner;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.StorageOptions;
import dev.vgi.external.autoconfigure.connection.ContainerConnection;
import dev.vgi.external.autoconfigure.connection.GcsContainer;
import dev.vgi.external.autoconfigure.connection.GcsStorageConnectionDetails;
import dev.vgi.external.autoconfigure.connection.PropertiesGcsStorageConnectionDetails;
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

import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.PropertyMapper;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Fallback;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.env.Environment;
import org.springframework.util.StringUtils;

/**
 * {@link AutoConfiguration Auto-configuration} of Google Cloud Storage as storage, with
 * the client of Spring Cloud GCP or, if connection details or our properties override
 * some of it, with one of our own that uses the same credentials.
 */
@AutoConfiguration(after = VgiTransportAutoConfiguration.class,
		afterName = "com.google.cloud.spring.autoconfigure.storage.GcpStorageAutoConfiguration")
@ConditionalOnClass(Storage.class)
@ConditionalOnStorage(StorageType.GCS)
@ConditionalOnBean({ StorageTransport.class, Storage.class })
@ConditionalOnMissingBean(ExternalStorage.class)
public final class VgiGcsStorageAutoConfiguration {

	private static final String CLIENT = "vgiGcsClient";

	@Bean(PropertiesGcsStorageConnectionDetails.BEAN_NAME)
	@ConditionalOnMissingBean(GcsStorageConnectionDetails.class)
	PropertiesGcsStorageConnectionDetails vgiGcsStorageConnectionDetails(VgiExternalProperties properties) {
		return new PropertiesGcsStorageConnectionDetails(properties.gcs().bucket(), properties.gcs().project());
	}

	@Bean(name = CLIENT, defaultCandidate = false)
	@Lazy
	Storage vgiGcsClient(Storage storage, GcsStorageConnectionDetails details) {
		StorageOptions.Builder options = storage.getOptions().toBuilder();
		PropertyMapper map = PropertyMapper.get();
		map.from(details::getProject).whenHasText().to(options::setProjectId);
		map.from(details::getEndpoint).as(URI::toString).to(options::setHost);
		return options.build().getService();
	}

	@Bean
	@Fallback
	GcsStorage vgiGcsStorage(ObjectProvider<GcsStorageConnectionDetails> connections, Storage storage,
			@Qualifier(CLIENT) ObjectProvider<Storage> overridden, StorageTransport transport, TransferThreads threads,
			VgiExternalProperties properties, Environment environment, ListableBeanFactory beans) {
		StorageSelection.require(StorageType.GCS, environment, beans);
		GcsStorageConnectionDetails details = StorageSelection.only(StorageType.GCS, connections);
		URI endpoint = details.getEndpoint();
		if (endpoint != null && !VgiExternalProperties.isOrigin(endpoint)) {
			throw new StartRefusedException(
					"The storage gcs is selected, but the endpoint of its connection details is not a URL with a host.",
					"Return an absolute URL without credentials, query or fragment. Its host must not have an"
							+ " underscore.");
		}
		Storage client = (endpoint != null || StringUtils.hasText(details.getProject())) ? overridden.getObject()
				: storage;
		requireSigner(client.getOptions().getCredentials());
		String bucket = StorageSelection.bucket(StorageType.GCS, details.getBucket(), properties.gcs().bucket(),
				details);
		if (details instanceof ContainerConnection.Gcs container) {
			GcsContainer.prepare(client, container, bucket);
		}
		return new GcsStorage(client, transport, threads, settings(bucket, properties), Clock.systemUTC());
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

	private static GcsStorageSettings settings(String bucket, VgiExternalProperties properties) {
		VgiExternalProperties.Gcs gcs = properties.gcs();
		VgiExternalProperties.Upload upload = properties.upload();
		return new GcsStorageSettings(bucket, gcs.prefix(), gcs.presignExpiry(), properties.uploadUrl().expiry(),
				Math.min(upload.partSize().toBytes(), Payload.LARGEST_PART), upload.maxRetries(), upload.timeout(),
				properties.retryDelay());
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
