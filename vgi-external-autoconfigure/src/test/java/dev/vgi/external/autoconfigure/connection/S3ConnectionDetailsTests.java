package dev.vgi.external.autoconfigure.connection;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Objects;

import dev.vgi.external.autoconfigure.VgiExternalAutoConfiguration;
import dev.vgi.external.autoconfigure.VgiLocalStorageAutoConfiguration;
import dev.vgi.external.autoconfigure.VgiS3StorageAutoConfiguration;
import dev.vgi.external.autoconfigure.VgiTransportAutoConfiguration;
import dev.vgi.external.autoconfigure.start.StartRefusedFailureAnalyzer;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.s3.S3Storage;
import io.awspring.cloud.autoconfigure.AwsSyncClientCustomizer;
import io.awspring.cloud.autoconfigure.core.AwsAutoConfiguration;
import io.awspring.cloud.autoconfigure.core.AwsConnectionDetails;
import io.awspring.cloud.autoconfigure.core.CredentialsProviderAutoConfiguration;
import io.awspring.cloud.autoconfigure.core.RegionProviderAutoConfiguration;
import io.awspring.cloud.autoconfigure.s3.S3AutoConfiguration;
import io.awspring.cloud.autoconfigure.s3.S3ClientCustomizer;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.auth.credentials.AnonymousCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ApplicationContext;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Where the bucket of S3 is, whoever says so: Spring Cloud AWS with its properties,
 * connection details and customizers, our properties, or our connection details.
 */
class S3ConnectionDetailsTests {

	private static final String OUR_ENDPOINT = "vgi.external.s3.endpoint=http://ours.example:9000";

	private static final String OUR_REGION = "vgi.external.s3.region=region-of-ours";

	private final ApplicationContextRunner withoutSpringCloud = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(VgiTransportAutoConfiguration.class,
				VgiLocalStorageAutoConfiguration.class, VgiS3ConnectionAutoConfiguration.class,
				VgiS3StorageAutoConfiguration.class, VgiExternalAutoConfiguration.class));

	private final ApplicationContextRunner unconnected = this.withoutSpringCloud
		.withConfiguration(AutoConfigurations.of(CredentialsProviderAutoConfiguration.class,
				RegionProviderAutoConfiguration.class, AwsAutoConfiguration.class, S3AutoConfiguration.class))
		.withPropertyValues("spring.cloud.aws.credentials.access-key=key",
				"spring.cloud.aws.credentials.secret-key=secret", "spring.cloud.aws.region.static=region-of-aws");

	private final ApplicationContextRunner runner = this.unconnected
		.withPropertyValues("vgi.external.s3.bucket=batches");

	@Test
	void withoutAnythingElsePropertiesAreTheConnectionDetails() {
		this.runner.withPropertyValues(OUR_ENDPOINT, OUR_REGION).run((context) -> {
			S3StorageConnectionDetails details = context.getBean(S3StorageConnectionDetails.class);
			assertThat(details.getBucket()).isEqualTo("batches");
			assertThat(details.getEndpoint()).hasToString("http://ours.example:9000");
			assertThat(details.getRegion()).isEqualTo("region-of-ours");
			assertThat(details.getAccessKey()).isNull();
			assertThat(url(context)).startsWith("http://ours.example:9000/batches/").contains("=key%2F");
		});
	}

	@Test
	void blankRegionIsNone() {
		this.withoutSpringCloud
			.withPropertyValues("vgi.external.s3.bucket=batches", OUR_ENDPOINT, "vgi.external.s3.region=")
			.withSystemProperties("aws.accessKeyId=key", "aws.secretAccessKey=secret")
			.run((context) -> assertThat(url(context)).contains("%2Fus-east-1%2F"));
	}

	@Test
	void connectionDetailsOfSpringCloudAreHonoured() {
		this.runner.withBean(AwsConnectionDetails.class, Emulator::new)
			.withPropertyValues("spring.cloud.aws.s3.path-style-access-enabled=true")
			.run((context) -> assertThat(url(context)).startsWith("http://emulator.example:4566/batches/")
				.contains("=key-of-emulator%2F", "%2Fregion-of-emulator%2F"));
	}

	@Test
	void ourRegionKeepsTheEndpointOfSpringCloud() {
		for (String key : List.of("spring.cloud.aws.s3.endpoint", "spring.cloud.aws.endpoint")) {
			this.runner.withPropertyValues(OUR_REGION, key + "=http://aws.example:9000")
				.run((context) -> assertThat(url(context)).startsWith("http://batches.aws.example:9000/")
					.contains("%2Fregion-of-ours%2F"));
		}
		this.runner.withBean(AwsConnectionDetails.class, Emulator::new)
			.withPropertyValues(OUR_REGION, "spring.cloud.aws.s3.path-style-access-enabled=true")
			.run((context) -> assertThat(url(context)).startsWith("http://emulator.example:4566/batches/")
				.contains("=key-of-emulator%2F", "%2Fregion-of-ours%2F"));
	}

	@Test
	void ourEndpointTakesTheRegionOfConnectionDetails() {
		this.runner.withBean(AwsConnectionDetails.class, Emulator::new)
			.withPropertyValues(OUR_ENDPOINT)
			.run((context) -> assertThat(url(context)).startsWith("http://ours.example:9000/batches/")
				.contains("=key-of-emulator%2F", "%2Fregion-of-emulator%2F"));
	}

	@Test
	void ourClientHasTheSettingsOfSpringCloud() {
		this.runner
			.withPropertyValues(OUR_REGION, "spring.cloud.aws.dualstack-enabled=true",
					"spring.cloud.aws.s3.cross-region-enabled=true")
			.run((context) -> {
				assertThat(url(context)).startsWith("https://batches.s3.dualstack.region-of-ours.");
				assertThat(client(context).serviceClientConfiguration().crossRegionAccessEnabled()).isTrue();
			});
	}

	@Test
	void customizersHaveTheLastWordOnOurClient() {
		this.runner.withPropertyValues(OUR_ENDPOINT)
			.withBean("common", AwsSyncClientCustomizer.class,
					() -> (builder) -> ((S3ClientBuilder) builder)
						.overrideConfiguration((all) -> all.apiCallTimeout(Duration.ofDays(1))))
			.withBean("own", S3ClientCustomizer.class,
					() -> (builder) -> builder.region(Region.of("region-of-customizer")))
			.run((context) -> {
				assertThat(client(context).serviceClientConfiguration().overrideConfiguration().apiCallTimeout())
					.hasValue(Duration.ofDays(1));
				assertThat(url(context)).contains("%2Fregion-of-customizer%2F");
			});
	}

	@Test
	void urlsFollowTheCustomizersOfSpringCloudsClient() {
		this.runner
			.withBean(S3ClientCustomizer.class,
					() -> (builder) -> builder.endpointOverride(URI.create("http://customizer.example:9000"))
						.region(Region.of("region-of-customizer")))
			.run((context) -> {
				assertThat(context).doesNotHaveBean(PlainS3ClientFactory.class);
				assertThat(context.getBeanFactory().containsSingleton("vgiS3Client")).isFalse();
				assertThat(url(context)).startsWith("http://batches.customizer.example:9000/")
					.contains("%2Fregion-of-customizer%2F");
			});
	}

	@Test
	void urlsHaveThePathStyleOfCustomizers() {
		ApplicationContextRunner customized = this.runner
			.withBean(S3ClientCustomizer.class, () -> (builder) -> builder.forcePathStyle(true))
			.withPropertyValues("spring.cloud.aws.s3.endpoint=http://aws.example:9000");
		customized.run((context) -> assertThat(url(context)).startsWith("http://aws.example:9000/batches/"));
		customized.withPropertyValues(OUR_REGION)
			.run((context) -> assertThat(url(context)).startsWith("http://aws.example:9000/batches/"));
	}

	@Test
	void whatSpringCloudOverridesWeDoToo() {
		this.runner
			.withBean(S3ClientCustomizer.class,
					() -> (builder) -> builder.serviceConfiguration((service) -> service.pathStyleAccessEnabled(false)))
			.withPropertyValues(OUR_ENDPOINT)
			.run((context) -> assertThat(url(context)).startsWith("http://ours.example:9000/batches/"));
	}

	@Test
	void presignerOfTheApplicationStays() {
		// Callers reach the store elsewhere.
		this.runner
			.withBean(S3ClientCustomizer.class,
					() -> (builder) -> builder.endpointOverride(URI.create("http://inside.example:9000")))
			.withBean(S3Presigner.class,
					() -> S3Presigner.builder()
						.endpointOverride(URI.create("https://outside.example"))
						.region(Region.EU_CENTRAL_1)
						.credentialsProvider(AnonymousCredentialsProvider.create())
						.build())
			.run((context) -> assertThat(url(context)).startsWith("https://batches.outside.example/"));
	}

	@Test
	void connectionDetailsSelectTheStorageAndReplaceOurProperties() {
		this.unconnected.withPropertyValues(OUR_ENDPOINT, OUR_REGION)
			.withBean(S3StorageConnectionDetails.class, () -> new Details("bound", "http://bound.example"))
			.run((context) -> {
				assertThat(context).hasSingleBean(S3StorageConnectionDetails.class).hasSingleBean(S3Storage.class);
				assertThat(url(context)).startsWith("http://bound.example/bound/vgi-rpc/")
					.contains("=key-of-details%2F", "%2Fregion-of-aws%2F");
				// The application's own client is its own.
				assertThat(context.getBean(S3Client.class).serviceClientConfiguration().endpointOverride()).isEmpty();
			});
	}

	@Test
	void bucketOfThePropertiesCompletesConnectionDetails() {
		this.runner.withBean(S3StorageConnectionDetails.class, () -> new Details(null, "http://bound.example"))
			.run((context) -> assertThat(url(context)).startsWith("http://bound.example/batches/vgi-rpc/"));
		this.unconnected.withBean(S3StorageConnectionDetails.class, () -> new Details(null, "http://bound.example"))
			.run((context) -> assertThat(explained(context)).contains("neither its connection details nor",
					"Set vgi.external.s3.bucket"));
	}

	@Test
	void severalConnectionDetailsAreRefused() {
		this.unconnected.withBean("one", S3StorageConnectionDetails.class, () -> new Details("a", "http://a.example"))
			.withBean("two", S3StorageConnectionDetails.class, () -> new Details("b", "http://b.example"))
			.run((context) -> assertThat(explained(context)).contains("several", "@ServiceConnection",
					"org.springframework.boot.ignore"));
	}

	@Test
	void connectionDetailsOfBothCloudsAreRefused() {
		this.unconnected.withBean(S3StorageConnectionDetails.class, () -> new Details("a", "http://a.example"))
			.withPropertyValues("vgi.external.gcs.bucket=batches")
			.run((context) -> assertThat(explained(context)).contains("Both vgi.external.s3.bucket and",
					"Set vgi.external.storage to s3 or gcs"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "vgi.external.storage=none", "vgi.external.enabled=false" })
	void whatIsSwitchedOffStaysOff(String setting) {
		this.unconnected.withPropertyValues(setting)
			.withBean(S3StorageConnectionDetails.class, () -> new Details("a", "http://a.example"))
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(ExternalStorage.class));
	}

	@Test
	void hostThatIsNoneIsRefusedWhoeverSaysIt() {
		this.runner.withBean(S3StorageConnectionDetails.class, () -> new Details("a", "http://a_b:9000"))
			.run((context) -> assertThat(explained(context)).contains("the endpoint of the S3 client", "underscore"));
		this.runner
			.withBean(S3ClientCustomizer.class,
					() -> (builder) -> builder.endpointOverride(URI.create("http://a_b:9000")))
			.run((context) -> assertThat(explained(context)).contains("the endpoint of the S3 client", "underscore"));
	}

	@Test
	void worksWithoutSpringCloud() {
		this.withoutSpringCloud.withClassLoader(new FilteredClassLoader("io.awspring"))
			.withBean(S3StorageConnectionDetails.class, () -> new Details("bound", "http://bound.example"))
			.run((context) -> assertThat(url(context)).startsWith("http://bound.example/bound/vgi-rpc/")
				.contains("=key-of-details%2F", "%2Fus-east-1%2F"));
	}

	@Test
	void clientOfTheApplicationFollowsTheOnlyContainerUnlessItIsToldOtherwise() {
		ApplicationContextRunner clients = new ApplicationContextRunner().withConfiguration(AutoConfigurations.of(
				VgiS3ConnectionAutoConfiguration.class, CredentialsProviderAutoConfiguration.class,
				RegionProviderAutoConfiguration.class, AwsAutoConfiguration.class, S3AutoConfiguration.class));
		ApplicationContextRunner contained = clients.withBean("container", ContainerConnection.S3.class,
				() -> new Container("http://container.example:9000"));
		// Needs no region and no credentials of the application.
		contained.run((context) -> assertThat(endpoint(context)).isEqualTo("http://container.example:9000"));
		contained.withBean(AwsConnectionDetails.class, Emulator::new)
			.run((context) -> assertThat(endpoint(context)).isEqualTo("http://emulator.example:4566"));
		contained.withBean("another", ContainerConnection.S3.class, () -> new Container("http://another.example:9000"))
			.withPropertyValues("spring.cloud.aws.region.static=region-of-aws",
					"spring.cloud.aws.s3.endpoint=http://aws.example:9000")
			.run((context) -> assertThat(endpoint(context)).isEqualTo("http://aws.example:9000"));
		contained.withPropertyValues("spring.cloud.aws.s3.enabled=false")
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(S3Client.class));
	}

	private static String endpoint(ApplicationContext context) {
		return context.getBean(S3Client.class)
			.serviceClientConfiguration()
			.endpointOverride()
			.map(URI::toString)
			.orElseThrow();
	}

	private static S3Client client(ApplicationContext context) {
		return context.getBean("vgiS3Client", S3Client.class);
	}

	private static String url(AssertableApplicationContext context) {
		assertThat(context).hasNotFailed();
		return context.getBean(S3Storage.class).generateUploadUrl(new Schema(List.of())).downloadUrl().toString();
	}

	private static String explained(AssertableApplicationContext context) {
		FailureAnalysis analysis = new StartRefusedFailureAnalyzer()
			.analyze(Objects.requireNonNull(context.getStartupFailure()));
		assertThat(analysis).isNotNull();
		return analysis.getDescription() + analysis.getAction();
	}

	/**
	 * As of a binding.
	 */
	private static final class Details implements S3StorageConnectionDetails {

		private final @Nullable String bucket;

		private final String endpoint;

		Details(@Nullable String bucket, String endpoint) {
			this.bucket = bucket;
			this.endpoint = endpoint;
		}

		@Override
		public @Nullable String getBucket() {
			return this.bucket;
		}

		@Override
		public URI getEndpoint() {
			return URI.create(this.endpoint);
		}

		@Override
		public String getAccessKey() {
			return "key-of-details";
		}

		@Override
		public String getSecretKey() {
			return "secret";
		}

	}

	/**
	 * As of a container.
	 */
	private record Container(String endpoint) implements ContainerConnection.S3 {

		@Override
		public URI getEndpoint() {
			return URI.create(this.endpoint);
		}

		@Override
		public String getRegion() {
			return "us-east-1";
		}

		@Override
		public String getAccessKey() {
			return "key";
		}

		@Override
		public String getSecretKey() {
			return "secret";
		}

	}

	/**
	 * As of an emulator of all services.
	 */
	private static final class Emulator implements AwsConnectionDetails {

		@Override
		public URI getEndpoint() {
			return URI.create("http://emulator.example:4566");
		}

		@Override
		public String getRegion() {
			return "region-of-emulator";
		}

		@Override
		public String getAccessKey() {
			return "key-of-emulator";
		}

		@Override
		public String getSecretKey() {
			return "secret";
		}

	}

}
