package dev.vgi.external.autoconfigure;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Clock;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.autoconfigure.connection.ContainerConnection;
import dev.vgi.external.autoconfigure.connection.CustomizedClients;
import dev.vgi.external.autoconfigure.connection.PropertiesS3StorageConnectionDetails;
import dev.vgi.external.autoconfigure.connection.S3ClientFactory;
import dev.vgi.external.autoconfigure.connection.S3Container;
import dev.vgi.external.autoconfigure.connection.S3StorageConnectionDetails;
import dev.vgi.external.autoconfigure.connection.VgiS3ConnectionAutoConfiguration;
import dev.vgi.external.autoconfigure.selection.ConditionalOnStorage;
import dev.vgi.external.autoconfigure.selection.StorageSelection;
import dev.vgi.external.autoconfigure.selection.StorageType;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.observation.UrlLifetimeMetrics;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.s3.S3Encryption;
import dev.vgi.external.storage.s3.S3Storage;
import dev.vgi.external.storage.s3.S3StorageSettings;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import io.micrometer.core.instrument.binder.MeterBinder;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

import org.springframework.beans.factory.ListableBeanFactory;
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
 * Cloud AWS: its client and presigner or, if connection details or our properties
 * override some of it, ones of our own that have all else in common with these.
 */
@AutoConfiguration(after = { VgiTransportAutoConfiguration.class, VgiS3ConnectionAutoConfiguration.class },
		afterName = "io.awspring.cloud.autoconfigure.s3.S3AutoConfiguration")
@ConditionalOnClass({ S3Client.class, S3Presigner.class })
@ConditionalOnStorage(StorageType.S3)
@ConditionalOnBean(StorageTransport.class)
public final class VgiS3StorageAutoConfiguration {

	private static final String CLIENT = "vgiS3Client";

	private static final String PRESIGNER = "vgiS3Presigner";

	private static S3StorageSettings settings(String bucket, VgiExternalProperties properties) {
		VgiExternalProperties.S3 s3 = properties.s3();
		VgiExternalProperties.Upload upload = properties.upload();
		VgiExternalProperties.S3.Sse sse = s3.sse();
		S3Encryption encryption = StringUtils.hasText(sse.algorithm())
				? new S3Encryption(sse.algorithm(), sse.kmsKeyId(), sse.bucketKey()) : null;
		return new S3StorageSettings(bucket, s3.prefix(), s3.presignExpiry(), properties.uploadUrl().expiry(),
				encryption, s3.storageClass(), s3.tags(), upload.partSize().toBytes(), upload.maxParallelParts(),
				upload.maxRetries(), upload.timeout(), properties.retryDelay());
	}

	@Bean(PropertiesS3StorageConnectionDetails.BEAN_NAME)
	@ConditionalOnMissingBean(S3StorageConnectionDetails.class)
	PropertiesS3StorageConnectionDetails vgiS3StorageConnectionDetails(VgiExternalProperties properties) {
		VgiExternalProperties.S3 s3 = properties.s3();
		return new PropertiesS3StorageConnectionDetails(s3.bucket(), s3.endpoint(), s3.region());
	}

	// The choice of the client is not a condition, which would be evaluated ahead of
	// time.
	@Bean
	@Fallback
	@ConditionalOnMissingBean(ExternalStorage.class)
	S3Storage vgiS3Storage(ObjectProvider<S3StorageConnectionDetails> connections, ObjectProvider<S3Client> clients,
			ObjectProvider<S3Presigner> presigners, @Qualifier(CLIENT) ObjectProvider<S3Client> ownClient,
			@Qualifier(PRESIGNER) ObjectProvider<S3Presigner> ownPresigner,
			ObjectProvider<CustomizedClients> customizedClients, StorageTransport transport, TransferThreads threads,
			VgiExternalProperties properties, Environment environment, ListableBeanFactory beans) {
		StorageSelection.require(StorageType.S3, environment, beans);
		S3StorageConnectionDetails details = StorageSelection.only(StorageType.S3, connections);
		boolean customized = customizedClients.stream().anyMatch(CustomizedClients::present);
		S3Client client = isOwn(details) ? ownClient.getObject() : clients.getIfAvailable();
		requireHosts(client, environment);
		// Spring Cloud's does not know what customizers did to the client.
		S3Presigner presigner = (client != null && (isOwn(details) || customized)) ? ownPresigner.getObject()
				: presigners.getIfAvailable();
		if (client == null || presigner == null) {
			throw StorageSelection.clientMissing(StorageType.S3);
		}
		String bucket = StorageSelection.bucket(StorageType.S3, details.getBucket(), properties.s3().bucket(), details);
		if (details instanceof ContainerConnection.S3 container) {
			S3Container.prepare(client, container, bucket);
		}
		return storage(client, presigner, transport, threads, settings(bucket, properties));
	}

	@Bean(name = CLIENT, defaultCandidate = false)
	@Lazy
	S3Client vgiS3Client(S3StorageConnectionDetails details, S3ClientFactory factory) {
		return factory.client(details);
	}

	@Bean(name = PRESIGNER, defaultCandidate = false)
	@Lazy
	S3Presigner vgiS3Presigner(S3StorageConnectionDetails details, S3ClientFactory factory,
			ObjectProvider<S3Client> clients, @Qualifier(CLIENT) ObjectProvider<S3Client> ownClient) {
		return factory.presigner(details, (isOwn(details) ? ownClient : clients).getObject());
	}

	private static boolean isOwn(S3StorageConnectionDetails details) {
		return details.getEndpoint() != null || StringUtils.hasText(details.getRegion())
				|| StringUtils.hasText(details.getAccessKey());
	}

	private static S3Storage storage(S3Client client, S3Presigner presigner, StorageTransport transport,
			TransferThreads threads, S3StorageSettings settings) {
		S3Storage storage = new S3Storage(client, presigner, transport, threads, settings, Clock.systemUTC());
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

	private static void requireHosts(@Nullable S3Client client, Environment environment) {
		for (String key : List.of("spring.cloud.aws.s3.endpoint", "spring.cloud.aws.endpoint")) {
			requireHost(key, environment.getProperty(key));
		}
		if (client != null) {
			// Connection details and customizers have endpoints too.
			client.serviceClientConfiguration()
				.endpointOverride()
				.ifPresent((endpoint) -> requireHost("the endpoint of the S3 client", endpoint.toString()));
		}
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
		throw new StartRefusedException("The storage s3 is selected, but " + key + " is not a URL with a host.",
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
