package dev.vgi.external.autoconfigure;

import java.nio.file.Path;
import java.util.Arrays;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.gcs.GcsStorage;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.s3.S3Storage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The SDKs of both clouds are on the class path of these tests: an application starts
 * with what it configured and without the credentials of what it did not.
 */
class UnusedSdkTests {

	@TempDir
	private Path folder;

	@Test
	void withALocalFolderStarts() {
		try (ConfigurableApplicationContext context = run("--vgi.external.local.base-url=https://files.example")) {
			assertThat(context.getBean(LocalStorage.class)).isNotNull();
		}
	}

	@Test
	void withNothingConfiguredStartsWithoutStorage() {
		try (ConfigurableApplicationContext context = run()) {
			assertThat(context.getBeanProvider(ExternalStorage.class).getIfAvailable()).isNull();
		}
	}

	@Test
	void withAwsConfiguredStartsWithS3() {
		try (ConfigurableApplicationContext context = run("--vgi.external.s3.bucket=bucket",
				"--spring.cloud.aws.region.static=us-east-1", "--spring.cloud.aws.credentials.access-key=key",
				"--spring.cloud.aws.credentials.secret-key=secret")) {
			assertThat(context.getBean(S3Storage.class)).isNotNull();
		}
	}

	@Test
	void withOnlyOurRegionStartsWithS3() {
		try (ConfigurableApplicationContext context = run("--vgi.external.s3.bucket=bucket",
				"--vgi.external.s3.region=eu-central-1", "--spring.cloud.aws.credentials.access-key=key",
				"--spring.cloud.aws.credentials.secret-key=secret")) {
			assertThat(context.getBean(S3Storage.class)).isNotNull();
		}
	}

	@Test
	void withGcpConfiguredStartsWithGcs() {
		try (ConfigurableApplicationContext context = run("--vgi.external.gcs.bucket=bucket",
				"--spring.cloud.gcp.project-id=project",
				"--spring.cloud.gcp.credentials.encoded-key=" + ServiceAccountKey.encoded())) {
			assertThat(context.getBean(GcsStorage.class)).isNotNull();
		}
	}

	private ConfigurableApplicationContext run(String... settings) {
		SpringApplication application = new SpringApplication(Application.class);
		application.setWebApplicationType(WebApplicationType.NONE);
		String[] arguments = Arrays.copyOf(settings, settings.length + 1);
		arguments[settings.length] = "--vgi.external.local.directory=" + this.folder;
		return application.run(arguments);
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	static class Application {

	}

}
