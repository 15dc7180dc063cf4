package dev.vgi.external.autoconfigure.connection;

import java.net.URI;

import io.awspring.cloud.autoconfigure.AwsSyncClientCustomizer;
import io.awspring.cloud.autoconfigure.core.AwsClientBuilderConfigurer;
import io.awspring.cloud.autoconfigure.core.AwsConnectionDetails;
import io.awspring.cloud.autoconfigure.core.AwsProperties;
import io.awspring.cloud.autoconfigure.s3.S3ClientCustomizer;
import io.awspring.cloud.autoconfigure.s3.properties.S3Properties;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.regions.providers.AwsRegionProvider;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.S3ServiceClientConfiguration;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.context.properties.PropertyMapper;
import org.springframework.util.StringUtils;

/**
 * Makes clients as Spring Cloud AWS does, with its properties, its connection details and
 * the application's customizers, which have the last word.
 */
class SpringCloudS3ClientFactory implements S3ClientFactory {

	private final AwsClientBuilderConfigurer configurer;

	private final S3Properties properties;

	private final AwsProperties awsProperties;

	private final AwsRegionProvider regions;

	private final ObjectProvider<AwsConnectionDetails> connectionDetails;

	private final ObjectProvider<S3ClientCustomizer> customizers;

	private final ObjectProvider<AwsSyncClientCustomizer> commonCustomizers;

	SpringCloudS3ClientFactory(AwsClientBuilderConfigurer configurer, S3Properties properties,
			AwsProperties awsProperties, AwsRegionProvider regions,
			ObjectProvider<AwsConnectionDetails> connectionDetails, ObjectProvider<S3ClientCustomizer> customizers,
			ObjectProvider<AwsSyncClientCustomizer> commonCustomizers) {
		this.configurer = configurer;
		this.properties = properties;
		this.awsProperties = awsProperties;
		this.regions = regions;
		this.connectionDetails = connectionDetails;
		this.customizers = customizers;
		this.commonCustomizers = commonCustomizers;
	}

	@Override
	public S3Client client(S3StorageConnectionDetails details) {
		return customized(configured(details).requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
			.responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)).build();
	}

	/**
	 * Make the builder of the application's own client.
	 * @param details what differs from the application's own
	 * @return the builder
	 */
	S3ClientBuilder builder(S3StorageConnectionDetails details) {
		return customized(configured(details));
	}

	private S3ClientBuilder configured(S3StorageConnectionDetails details) {
		S3ClientBuilder builder = this.configurer.configure(S3Client.builder(), this.properties,
				new OverridingConnectionDetails(details));
		PropertyMapper map = PropertyMapper.get();
		map.from(S3ClientFactory.credentials(details)).to(builder::credentialsProvider);
		map.from(this.properties::getCrossRegionEnabled).to(builder::crossRegionAccessEnabled);
		return builder.forcePathStyle(pathStyle(details));
	}

	private S3ClientBuilder customized(S3ClientBuilder builder) {
		this.commonCustomizers.orderedStream().forEach((customizer) -> customizer.customize(builder));
		this.customizers.orderedStream().forEach((customizer) -> customizer.customize(builder));
		// As late as Spring Cloud does it. The SDK wants to be told of path style once,
		// and customizers tell the builder.
		return builder.serviceConfiguration(configuration(null));
	}

	@Override
	public S3Presigner presigner(S3StorageConnectionDetails details, S3Client client) {
		S3ServiceClientConfiguration agreed = client.serviceClientConfiguration();
		return presigner(pathStyle(client)).region(agreed.region())
			.endpointOverride(agreed.endpointOverride().orElse(null))
			.credentialsProvider(agreed.credentialsProvider())
			.build();
	}

	/**
	 * Make the builder of the application's own presigner.
	 * @param details what differs from the application's own
	 * @param credentials those of the application
	 * @return the builder
	 */
	S3Presigner.Builder presigner(S3StorageConnectionDetails details, AwsCredentialsProvider credentials) {
		AwsCredentialsProvider own = S3ClientFactory.credentials(details);
		AwsConnectionDetails overriding = new OverridingConnectionDetails(details);
		return presigner(pathStyle(details)).region(this.configurer.resolveRegion(this.properties, overriding))
			.endpointOverride(overriding.getEndpoint())
			.credentialsProvider((own != null) ? own : credentials);
	}

	private S3Presigner.Builder presigner(boolean pathStyle) {
		S3Presigner.Builder builder = S3Presigner.builder().serviceConfiguration(configuration(pathStyle));
		PropertyMapper map = PropertyMapper.get();
		map.from(this.awsProperties::getFipsEnabled).to(builder::fipsEnabled);
		map.from(this.awsProperties::getDualstackEnabled).to(builder::dualstackEnabled);
		map.from(this.properties::getDualstackEnabled).to(builder::dualstackEnabled);
		return builder;
	}

	private S3Configuration configuration(@Nullable Boolean pathStyle) {
		return this.properties.toS3Configuration().toBuilder().pathStyleAccessEnabled(pathStyle).build();
	}

	// A client does not tell what its customizers said of it, but shows it.
	private static boolean pathStyle(S3Client client) {
		return client.utilities().getUrl((url) -> url.bucket("bucket").key("key")).getPath().startsWith("/bucket/");
	}

	// Compatible stores rarely have a host name per bucket, and containers never.
	private boolean pathStyle(S3StorageConnectionDetails details) {
		Boolean configured = this.properties.getPathStyleAccessEnabled();
		if (configured == null || details instanceof ContainerConnection) {
			return details.getEndpoint() != null;
		}
		return configured;
	}

	/**
	 * What ours say and, where they say nothing, what those of Spring Cloud AWS say.
	 */
	private final class OverridingConnectionDetails implements AwsConnectionDetails {

		private final S3StorageConnectionDetails details;

		private final @Nullable AwsConnectionDetails overridden;

		private OverridingConnectionDetails(S3StorageConnectionDetails details) {
			this.details = details;
			this.overridden = SpringCloudS3ClientFactory.this.connectionDetails.getIfAvailable();
		}

		@Override
		public @Nullable URI getEndpoint() {
			URI endpoint = this.details.getEndpoint();
			return (endpoint == null && this.overridden != null) ? this.overridden.getEndpoint() : endpoint;
		}

		@Override
		public @Nullable String getRegion() {
			String region = this.details.getRegion();
			if (!StringUtils.hasText(region)) {
				try {
					region = AwsClientBuilderConfigurer
						.resolveRegion(SpringCloudS3ClientFactory.this.properties, this.overridden,
								SpringCloudS3ClientFactory.this.regions)
						.id();
				}
				catch (SdkClientException ex) {
					if (this.details.getEndpoint() == null) {
						throw ex;
					}
					// Most compatible stores ignore the region.
					return ANY_REGION;
				}
			}
			return region;
		}

	}

}
