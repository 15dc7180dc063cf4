package dev.vgi.external.autoconfigure;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Clock;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.autoconfigure.selection.ConditionalOnStorage;
import dev.vgi.external.autoconfigure.selection.StorageSelection;
import dev.vgi.external.autoconfigure.selection.StorageType;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.observation.UrlLifetimeMetrics;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.s3.S3Clients;
import dev.vgi.external.storage.s3.S3Encryption;
import dev.vgi.external.storage.s3.S3Storage;
import dev.vgi.external.storage.s3.S3StorageSettings;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import io.micrometer.core.instrument.binder.MeterBinder;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.regions.providers.AwsRegionProvider;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

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
 * {@link AutoConfiguration Auto-configuration} of S3 as storage, with the beans of Spring
 * Cloud AWS: its client and presigner or, if region or endpoint are overridden, ones of
 * our own that use the same credentials.
 */
@AutoConfiguration(after = VgiTransportAutoConfiguration.class,
		afterName = { "io.awspring.cloud.autoconfigure.core.CredentialsProviderAutoConfiguration",
				"io.awspring.cloud.autoconfigure.s3.S3AutoConfiguration" })
@ConditionalOnClass({ S3Client.class, S3Presigner.class })
@ConditionalOnStorage(StorageType.S3)
@ConditionalOnBean(StorageTransport.class)
public final class VgiS3StorageAutoConfiguration {

	private static final String CLIENT = "vgiS3Client";

	private static final String PRESIGNER = "vgiS3Presigner";

	/** The region for a store without regions. */
	private static final String ANY_REGION = "us-east-1";

	private static S3StorageSettings settings(VgiExternalProperties properties) {
		VgiExternalProperties.S3 s3 = properties.s3();
		VgiExternalProperties.Upload upload = properties.upload();
		VgiExternalProperties.S3.Sse sse = s3.sse();
		S3Encryption encryption = StringUtils.hasText(sse.algorithm())
				? new S3Encryption(sse.algorithm(), sse.kmsKeyId(), sse.bucketKey()) : null;
		return new S3StorageSettings(String.valueOf(s3.bucket()), s3.prefix(), s3.presignExpiry(),
				properties.uploadUrl().expiry(), encryption, s3.storageClass(), s3.tags(), upload.partSize().toBytes(),
				upload.maxParallelParts(), upload.maxRetries(), upload.timeout(), properties.retryDelay());
	}

	// The choice of the client is not a condition, which would be evaluated ahead of
	// time.
	@Bean
	@Fallback
	@ConditionalOnMissingBean(ExternalStorage.class)
	S3Storage vgiS3Storage(ObjectProvider<S3Client> clients, ObjectProvider<S3Presigner> presigners,
			@Qualifier(CLIENT) ObjectProvider<S3Client> ownClient,
			@Qualifier(PRESIGNER) ObjectProvider<S3Presigner> ownPresigner, StorageTransport transport,
			TransferThreads threads, VgiExternalProperties properties, Environment environment) {
		StorageSelection.require(StorageType.S3, environment);
		VgiExternalProperties.S3 s3 = properties.s3();
		boolean own = StringUtils.hasText(s3.region()) || s3.endpoint() != null;
		S3Client client = own ? ownClient.getObject() : clients.getIfAvailable();
		S3Presigner presigner = own ? ownPresigner.getObject() : presigners.getIfAvailable();
		if (client == null || presigner == null) {
			throw StorageSelection.clientMissing(StorageType.S3);
		}
		return storage(client, presigner, transport, threads, properties, environment);
	}

	@Bean(name = CLIENT, defaultCandidate = false)
	@Lazy
	S3Client vgiS3Client(ObjectProvider<AwsCredentialsProvider> credentials, ObjectProvider<AwsRegionProvider> regions,
			VgiExternalProperties properties, Environment environment) {
		VgiExternalProperties.S3 s3 = properties.s3();
		return S3Clients.client(credentials(credentials), region(s3, environment, regions.getIfAvailable()),
				s3.endpoint(), pathStyle(s3, environment));
	}

	@Bean(name = PRESIGNER, defaultCandidate = false)
	@Lazy
	S3Presigner vgiS3Presigner(ObjectProvider<AwsCredentialsProvider> credentials,
			ObjectProvider<AwsRegionProvider> regions, VgiExternalProperties properties, Environment environment) {
		VgiExternalProperties.S3 s3 = properties.s3();
		return S3Clients.presigner(credentials(credentials), region(s3, environment, regions.getIfAvailable()),
				s3.endpoint(), pathStyle(s3, environment));
	}

	private static AwsCredentialsProvider credentials(ObjectProvider<AwsCredentialsProvider> credentials) {
		AwsCredentialsProvider provider = credentials.getIfAvailable();
		if (provider == null) {
			throw StorageSelection.clientMissing(StorageType.S3);
		}
		return provider;
	}

	private static String region(VgiExternalProperties.S3 s3, Environment environment,
			@Nullable AwsRegionProvider regions) {
		String region = StringUtils.hasText(s3.region()) ? s3.region()
				: environment.getProperty("spring.cloud.aws.s3.region");
		if (region != null) {
			return region;
		}
		try {
			if (regions != null) {
				return regions.getRegion().id();
			}
		}
		catch (SdkClientException ex) {
			// Only the endpoint is overridden, and most compatible stores ignore the
			// region.
		}
		return ANY_REGION;
	}

	private static boolean pathStyle(VgiExternalProperties.S3 s3, Environment environment) {
		// Compatible stores rarely have a host name per bucket.
		return environment.getProperty("spring.cloud.aws.s3.path-style-access-enabled", Boolean.class,
				s3.endpoint() != null);
	}

	private static S3Storage storage(S3Client client, S3Presigner presigner, StorageTransport transport,
			TransferThreads threads, VgiExternalProperties properties, Environment environment) {
		for (String key : List.of("spring.cloud.aws.s3.endpoint", "spring.cloud.aws.endpoint")) {
			requireHost(key, environment.getProperty(key));
		}
		S3Storage storage = new S3Storage(client, presigner, transport, threads, settings(properties),
				Clock.systemUTC());
		try {
			// Does no I/O, except to obtain credentials.
			storage.generateUploadUrl(new Schema(List.of()));
		}
		catch (VgiExternalException ex) {
			throw new StartRefusedException("The storage s3 is selected, but no URL can be signed: " + ex
				.getMessage() + ".", """
						Set spring.cloud.aws.credentials.access-key and spring.cloud.aws.credentials.secret-key, or \
						give the process credentials that the SDK finds by itself (environment, profile, web \
						identity, role of the container or instance).""");
		}
		return storage;
	}

	// The client accepts any text, and then fails when it signs a URL.
	private static void requireHost(String key, @Nullable String url) {
		try {
			if (url == null || VgiExternalProperties.isOrigin(new URI(url))) {
				return;
			}
		}
		catch (URISyntaxException ex) {
			// This is not a URL, either.
		}
		throw new StartRefusedException("The storage s3 is selected, but " + key + " is no URL with a host.",
				"Set " + key + " to an absolute URL without credentials, query or fragment. Its host must not have an"
						+ " underscore.");
	}

	/**
	 * Reports the lifetime of signed URLs.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass(MeterBinder.class)
	static class MetricsConfiguration {

		@Bean
		@Fallback
		MeterBinder vgiS3Metrics(ObjectProvider<S3Storage> storages) {
			return (registry) -> storages.ifAvailable(
					(storage) -> new UrlLifetimeMetrics(storage.name(), storage::effectiveExpiry).bindTo(registry));
		}

	}

}
