package dev.vgi.external.autoconfigure.selection;

import org.junit.jupiter.api.Test;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.logging.DeferredLogs;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.core.io.DefaultResourceLoader;
import org.springframework.mock.env.MockEnvironment;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link UnusedSdkEnvironmentPostProcessor}.
 */
class UnusedSdkEnvironmentPostProcessorTests {

	private final MockEnvironment environment = new MockEnvironment();

	@Test
	void whatIsNotConfiguredIsSwitchedOff() {
		process(new FilteredClassLoader("org.springframework.boot.testcontainers", "org.springframework.boot.docker"));
		assertThat(this.environment.getProperty("spring.cloud.aws.s3.enabled")).isEqualTo("false");
		assertThat(this.environment.getProperty("spring.cloud.gcp.storage.enabled")).isEqualTo("false");
		assertThat(this.environment.getProperty("spring.cloud.aws.s3.region")).isNull();
	}

	@Test
	void whereAContainerMayTurnUpTheClientOfS3GetsARegionInstead() {
		for (String other : new String[] { "org.springframework.boot.testcontainers",
				"org.springframework.boot.docker" }) {
			process(new FilteredClassLoader(other));
			assertThat(this.environment.getProperty("spring.cloud.aws.s3.enabled")).isNull();
			assertThat(this.environment.getProperty("spring.cloud.aws.s3.region")).isEqualTo("us-east-1");
			// Our own takes its place.
			assertThat(this.environment.getProperty("spring.cloud.gcp.storage.enabled")).isEqualTo("false");
			this.environment.getPropertySources().remove("vgiUnusedSdks");
		}
	}

	@Test
	void whatIsConfiguredIsLeftAlone() {
		this.environment.setProperty("spring.cloud.aws.region.static", "eu-central-1");
		this.environment.setProperty("spring.cloud.gcp.project-id", "project");
		process(getClass().getClassLoader());
		assertThat(this.environment.getPropertySources().contains("vgiUnusedSdks")).isFalse();
	}

	@Test
	void onlySdkIsLeftAlone() {
		process(new FilteredClassLoader("org.springframework.boot.testcontainers", "org.springframework.boot.docker",
				"com.google.cloud.spring"));
		process(new FilteredClassLoader("io.awspring.cloud"));
		assertThat(this.environment.getPropertySources().contains("vgiUnusedSdks")).isFalse();
	}

	@Test
	void storageThatIsNamedIsUsedThoughConnectionDetailsHaveItsBucket() {
		ClassLoader production = new FilteredClassLoader("org.springframework.boot.testcontainers",
				"org.springframework.boot.docker");
		this.environment.setProperty("vgi.external.storage", "s3");
		process(production);
		assertThat(this.environment.getProperty("spring.cloud.aws.s3.enabled")).isNull();
		this.environment.getPropertySources().remove("vgiUnusedSdks");
		this.environment.setProperty("vgi.external.storage", "gcs");
		process(production);
		assertThat(this.environment.getProperty("spring.cloud.gcp.storage.enabled")).isNull();
		assertThat(this.environment.getProperty("spring.cloud.gcp.core.enabled")).isNull();
	}

	private void process(ClassLoader classLoader) {
		SpringApplication application = new SpringApplication(Object.class);
		application.setResourceLoader(new DefaultResourceLoader(classLoader));
		new UnusedSdkEnvironmentPostProcessor(new DeferredLogs()).postProcessEnvironment(this.environment, application);
	}

}
