package dev.vgi.external.autoconfigure.connection;

import java.util.stream.Stream;

import io.awspring.cloud.autoconfigure.AwsSyncClientCustomizer;
import io.awspring.cloud.autoconfigure.core.AwsClientBuilderConfigurer;
import io.awspring.cloud.autoconfigure.core.AwsConnectionDetails;
import io.awspring.cloud.autoconfigure.core.AwsProperties;
import io.awspring.cloud.autoconfigure.s3.S3ClientCustomizer;
import io.awspring.cloud.autoconfigure.s3.properties.S3Properties;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.regions.providers.AwsRegionProvider;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * {@link AutoConfiguration Auto-configuration} of what makes clients of S3. If there is a
 * container, the application's own client of S3 uses it too.
 */
@AutoConfiguration(afterName = "io.awspring.cloud.autoconfigure.core.AwsAutoConfiguration",
		beforeName = "io.awspring.cloud.autoconfigure.s3.S3AutoConfiguration")
@ConditionalOnClass({ S3Client.class, S3Presigner.class })
public final class VgiS3ConnectionAutoConfiguration {

	// Evaluated after the nested configurations.
	@Bean
	@ConditionalOnMissingBean(S3ClientFactory.class)
	PlainS3ClientFactory vgiPlainS3ClientFactory(ObjectProvider<AwsCredentialsProvider> credentials,
			ObjectProvider<AwsRegionProvider> regions) {
		return new PlainS3ClientFactory(credentials.getIfAvailable(), regions.getIfAvailable());
	}

	/**
	 * With Spring Cloud AWS.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass({ AwsClientBuilderConfigurer.class, S3ClientCustomizer.class })
	@ConditionalOnBean(AwsClientBuilderConfigurer.class)
	static class SpringCloudConfiguration {

		@Bean
		SpringCloudS3ClientFactory vgiS3ClientFactory(AwsClientBuilderConfigurer configurer,
				ObjectProvider<S3Properties> properties, ObjectProvider<AwsProperties> awsProperties,
				AwsRegionProvider regions, ObjectProvider<AwsConnectionDetails> connectionDetails,
				ObjectProvider<S3ClientCustomizer> customizers,
				ObjectProvider<AwsSyncClientCustomizer> commonCustomizers) {
			return new SpringCloudS3ClientFactory(configurer, properties.getIfAvailable(S3Properties::new),
					awsProperties.getIfAvailable(AwsProperties::new), regions, connectionDetails, customizers,
					commonCustomizers);
		}

		// Of this configuration, so that it is evaluated before Spring Cloud's presigner
		// is there.
		@Bean
		@ConditionalOnMissingBean(S3Presigner.class)
		CustomizedClients vgiCustomizedClients(ObjectProvider<S3ClientCustomizer> customizers,
				ObjectProvider<AwsSyncClientCustomizer> commonCustomizers) {
			return new CustomizedClients(
					Stream.concat(customizers.stream(), commonCustomizers.stream()).findAny().isPresent());
		}

	}

	/**
	 * The application's own client of S3 in the presence of a container. Connection
	 * details for all services of AWS would also lead the clients of others to the
	 * container, and say nothing of path style.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass({ AwsConnectionDetails.class, S3ClientCustomizer.class })
	@ConditionalOnBean(AwsClientBuilderConfigurer.class)
	@ConditionalOnSingleCandidate(ContainerConnection.S3.class)
	@ConditionalOnMissingBean(AwsConnectionDetails.class)
	@ConditionalOnBooleanProperty(name = "spring.cloud.aws.s3.enabled", matchIfMissing = true)
	static class ContainerConfiguration {

		@Bean
		@ConditionalOnMissingBean({ S3ClientBuilder.class, S3Client.class })
		S3ClientBuilder vgiContainerS3ClientBuilder(SpringCloudS3ClientFactory factory,
				ContainerConnection.S3 details) {
			return factory.builder(details);
		}

		@Bean
		@ConditionalOnMissingBean
		S3Presigner vgiContainerS3Presigner(SpringCloudS3ClientFactory factory, ContainerConnection.S3 details,
				AwsCredentialsProvider credentials) {
			return factory.presigner(details, credentials).build();
		}

	}

}
