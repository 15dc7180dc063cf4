package dev.vgi.external.autoconfigure.connection;

import java.util.Arrays;
import java.util.Map;

import dev.vgi.external.storage.ExternalStorage;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.testcontainers.containers.MinIOContainer;
import org.testcontainers.localstack.LocalStackContainer;
import org.testcontainers.utility.DockerImageName;

import org.springframework.boot.LazyInitializationBeanFactoryPostProcessor;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.testcontainers.service.connection.ServiceConnection;
import org.springframework.boot.testcontainers.service.connection.ServiceConnectionAutoConfiguration;
import org.springframework.context.ApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Containers that are beans, as in an application that is started from its tests: what is
 * known of each image and each type.
 */
class ContainerBeansTests {

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(ServiceConnectionAutoConfiguration.class));

	@Test
	void applicationRunsOnAContainerThatIsABean() {
		try (ConfigurableApplicationContext context = SpringApplication
			.from((arguments) -> SpringApplication.run(NumbersApplication.class, arguments))
			.with(Store.class)
			.run("--server.port=0")
			.getApplicationContext()) {
			assertThat(NumbersApplication.sum(context, NumbersApplication.LARGE))
				.isEqualTo(NumbersApplication.expected(NumbersApplication.LARGE));
			assertThat(context.getBean(S3StorageConnectionDetails.class)).isInstanceOf(ContainerConnection.class);
		}
	}

	@Test
	void settingsOfProductionGiveWayToAContainer() {
		try (ConfigurableApplicationContext context = SpringApplication
			.from((arguments) -> SpringApplication.run(NumbersApplication.class, arguments))
			.with(Store.class)
			.run("--server.port=0", "--vgi.external.s3.bucket=of-production",
					"--vgi.external.s3.endpoint=https://production.example", "--vgi.external.s3.region=none")
			.getApplicationContext()) {
			assertThat(NumbersApplication.sum(context, NumbersApplication.LARGE))
				.isEqualTo(NumbersApplication.expected(NumbersApplication.LARGE));
			assertThat(describe(context))
				.isEqualTo("s3://of-production/vgi-rpc/ at http://localhost:" + S3Server.port());
		}
		// Without the credentials of production.
		try (ConfigurableApplicationContext context = SpringApplication
			.from((arguments) -> SpringApplication.run(NumbersApplication.class, arguments))
			.with(Emulator.class)
			.run("--server.port=0", "--vgi.external.gcs.bucket=of-production",
					"--spring.cloud.gcp.project-id=of-production")
			.getApplicationContext()) {
			assertThat(NumbersApplication.sum(context, NumbersApplication.LARGE))
				.isEqualTo(NumbersApplication.expected(NumbersApplication.LARGE));
			assertThat(describe(context)).isEqualTo("gs://of-production/vgi-rpc/");
		}
	}

	private static String describe(ApplicationContext context) {
		return context.getBean(ExternalStorage.class).describe();
	}

	@Test
	void typeOfMinioIsKnownWhateverItsImage() {
		this.runner.withUserConfiguration(Minio.class)
			.run((context) -> assertDetails(context, 9000, "user", "password", "us-east-1"));
	}

	@Test
	void typeOfLocalStackIsKnown() {
		// Its constructor already asks Docker.
		this.runner.withUserConfiguration(LocalStack.class)
			.withInitializer(
					(context) -> context.addBeanFactoryPostProcessor(new LazyInitializationBeanFactoryPostProcessor()))
			.run((context) -> assertThat(context.getBeanNamesForType(S3StorageConnectionDetails.class)).hasSize(1));
	}

	@ParameterizedTest
	@CsvSource({ "minio/minio, 9000, MINIO_ROOT_USER, MINIO_ROOT_PASSWORD, minioadmin, MINIO_REGION",
			"rustfs/rustfs, 9000, RUSTFS_ACCESS_KEY, RUSTFS_SECRET_KEY, rustfsadmin, RUSTFS_REGION",
			"localstack/localstack, 4566, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, test, AWS_DEFAULT_REGION",
			"floci/floci, 4566, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, test, AWS_DEFAULT_REGION",
			"versity/versitygw, 7070, ROOT_ACCESS_KEY, ROOT_SECRET_KEY, , VGW_REGION",
			"adobe/s3mock, 9090, , , any, " })
	void variablesAndDefaultsOfAnImageAreKnown(String name, int port, @Nullable String accessKey,
			@Nullable String secretKey, @Nullable String otherwise, @Nullable String region) {
		S3Image image = Arrays.stream(S3Image.values())
			.filter((candidate) -> candidate.names().contains(name))
			.findFirst()
			.orElseThrow();
		assertThat(image.port()).isEqualTo(port);
		assertThat(image.accessKey(Map.of())).isEqualTo(otherwise);
		assertThat(image.secretKey(Map.of())).isEqualTo(otherwise);
		assertThat(image.region(Map.of())).isEqualTo("us-east-1");
		if (accessKey != null && secretKey != null && region != null) {
			Map<String, String> variables = Map.of(accessKey, "a", secretKey, "b", region, "c");
			assertThat(image.accessKey(variables)).isEqualTo("a");
			assertThat(image.secretKey(variables)).isEqualTo("b");
			assertThat(image.region(variables)).isEqualTo("c");
		}
	}

	@Test
	void whoHasNoClientOfS3HasNoConnection() {
		this.runner.withUserConfiguration(Minio.class)
			.withClassLoader(new FilteredClassLoader("software.amazon.awssdk.services.s3"))
			.run((context) -> assertThat(context).getFailure().hasMessageContaining("No ConnectionDetails found"));
	}

	private static void assertDetails(ApplicationContext context, int port, String accessKey, String secretKey,
			String region) {
		S3StorageConnectionDetails details = context.getBean(S3StorageConnectionDetails.class);
		assertThat(details.getEndpoint()).hasToString("http://store.example:" + (10000 + port));
		assertThat(details.getAccessKey()).isEqualTo(accessKey);
		assertThat(details.getSecretKey()).isEqualTo(secretKey);
		assertThat(details.getRegion()).isEqualTo(region);
		assertThat(details.getBucket()).isEqualTo("labelled");
		assertThat(details.toString()).doesNotContain(secretKey);
	}

	@Configuration(proxyBeanMethods = false)
	static class Store {

		@Bean
		@ServiceConnection(name = "versity/versitygw")
		RunningContainer store() {
			return new RunningContainer("our/store", 7070, S3Server.port())
				.withEnv("ROOT_ACCESS_KEY", S3Server.ACCESS_KEY)
				.withEnv("ROOT_SECRET_KEY", S3Server.SECRET_KEY)
				.withEnv("VGW_REGION", S3Server.REGION);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Emulator {

		@Bean
		@ServiceConnection(name = "fsouza/fake-gcs-server")
		RunningContainer emulator() {
			return new RunningContainer("our/emulator", 4443, GcsEmulator.port());
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Minio {

		@Bean
		@ServiceConnection
		MinIOContainer minio() {
			return new RunningMinio().withUserName("user")
				.withPassword("password")
				.withLabel("dev.vgi.external.bucket", "labelled");
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class LocalStack {

		@Bean
		@ServiceConnection
		LocalStackContainer localStack() {
			return new LocalStackContainer("localstack/localstack:4.9");
		}

	}

	private static final class RunningMinio extends MinIOContainer {

		private RunningMinio() {
			super(DockerImageName.parse("our/minio").asCompatibleSubstituteFor("minio/minio"));
		}

		@Override
		public void start() {
			configure();
		}

		@Override
		public void stop() {
			// It was never started.
		}

		@Override
		public String getHost() {
			return "store.example";
		}

		@Override
		public Integer getMappedPort(int originalPort) {
			return 10000 + originalPort;
		}

	}

}
