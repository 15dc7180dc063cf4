package dev.vgi.external.autoconfigure;

import java.io.IOException;
import java.util.Date;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

import com.google.api.gax.core.CredentialsProvider;
import com.google.auth.oauth2.AccessToken;
import com.google.auth.oauth2.GoogleCredentials;
import com.google.cloud.spring.autoconfigure.core.GcpContextAutoConfiguration;
import com.google.cloud.spring.autoconfigure.storage.GcpStorageAutoConfiguration;
import com.google.cloud.storage.Storage;
import dev.vgi.external.autoconfigure.selection.GcsCredentialsFailureAnalyzer;
import dev.vgi.external.autoconfigure.start.StartRefusedFailureAnalyzer;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.gcs.GcsStorage;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.web.Capabilities;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.http.converter.autoconfigure.HttpMessageConvertersAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.MetricsAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.assertj.AssertableWebApplicationContext;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.boot.webmvc.autoconfigure.WebMvcAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.mock.env.MockEnvironment;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link VgiGcsStorageAutoConfiguration}.
 */
class VgiGcsStorageAutoConfigurationTests {

	private final WebApplicationContextRunner withoutCredentials = new WebApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(VgiTransportAutoConfiguration.class,
				VgiLocalStorageAutoConfiguration.class, VgiGcsStorageAutoConfiguration.class,
				VgiExternalAutoConfiguration.class, VgiWebMvcAutoConfiguration.class,
				HttpMessageConvertersAutoConfiguration.class, WebMvcAutoConfiguration.class,
				MetricsAutoConfiguration.class, VgiMetricsAutoConfiguration.class, GcpContextAutoConfiguration.class,
				GcpStorageAutoConfiguration.class))
		.withBean(SimpleMeterRegistry.class)
		.withPropertyValues("vgi.external.gcs.bucket=batches", "spring.cloud.gcp.project-id=project");

	private final WebApplicationContextRunner runner = this.withoutCredentials
		.withPropertyValues("spring.cloud.gcp.credentials.encoded-key=" + ServiceAccountKey.encoded());

	@Test
	void withABucketStoresThere() {
		this.runner.run((context) -> {
			assertThat(context).hasSingleBean(GcsStorage.class).doesNotHaveBean(LocalStorage.class);
			assertThat(context.getBean(ExternalLocationConfig.class).storage()).isInstanceOf(GcsStorage.class);
			assertThat(context.getBean(Capabilities.class).uploadUrlSupport()).isTrue();
			UploadUrl pair = context.getBean(GcsStorage.class).generateUploadUrl(new Schema(List.of()));
			assertThat(pair.uploadUrl().toString()).startsWith("https://storage.googleapis.com/batches/vgi-rpc/")
				.contains("X-Goog-Expires=900&");
			assertThat(context.getSourceApplicationContext().getBeanFactory().containsSingleton("vgiGcsClient"))
				.isFalse();
			TimeGauge lifetime = context.getBean(MeterRegistry.class)
				.get("vgi.external.url.lifetime")
				.tag("storage", "gcs")
				.timeGauge();
			assertThat(lifetime.value(TimeUnit.HOURS)).isEqualTo(1);
		});
	}

	@Test
	void settingsReachTheStorage() {
		this.runner
			.withPropertyValues("vgi.external.gcs.prefix=a/", "vgi.external.gcs.presign-expiry=2h",
					"vgi.external.upload-url.expiry=5m", "vgi.external.upload.part-size=5GB",
					"spring.cloud.gcp.storage.host=https://storage.example")
			.run((context) -> {
				GcsStorage storage = context.getBean(GcsStorage.class);
				assertThat(storage.generateUploadUrl(new Schema(List.of())).downloadUrl().toString())
					.startsWith("https://storage.example/batches/a/")
					.contains("X-Goog-Expires=300&");
				assertThat(storage.effectiveExpiry()).hasHours(2);
			});
	}

	@Test
	void projectCanBeOverriddenForThisUseOnly() {
		this.runner.withPropertyValues("vgi.external.gcs.project=other").run((context) -> {
			assertThat(context).hasSingleBean(GcsStorage.class);
			assertThat(context.getBean(Storage.class).getOptions().getProjectId()).isNotEqualTo("other");
			Storage own = context.getBean("vgiGcsClient", Storage.class);
			assertThat(own.getOptions().getProjectId()).isEqualTo("other");
			assertThat(own.getOptions().getCredentials())
				.isEqualTo(context.getBean(Storage.class).getOptions().getCredentials());
		});
	}

	@Test
	void backsOff() {
		this.runner.withUserConfiguration(CustomStorage.class)
			.run((context) -> assertThat(context).hasSingleBean(ExternalStorage.class)
				.doesNotHaveBean(GcsStorage.class));
		this.runner.withPropertyValues("vgi.external.storage=none")
			.run((context) -> assertThat(context).doesNotHaveBean(ExternalStorage.class));
		this.runner.withPropertyValues("vgi.external.enabled=false")
			.run((context) -> assertThat(context).doesNotHaveBean(ExternalStorage.class));
	}

	@Test
	void withoutTheSdkNamesTheStarter() {
		this.withoutCredentials.withClassLoader(new FilteredClassLoader("com.google.cloud.storage"))
			.run((context) -> assertThat(explained(context)).contains("spring-cloud-gcp-starter-storage"));
	}

	@Test
	void withoutCredentialsNamesTheKey() {
		this.withoutCredentials.withUserConfiguration(NoCredentials.class)
			.run((context) -> assertThat(explained(context)).contains("application default credentials",
					"spring.cloud.gcp.credentials.location"));
	}

	@Test
	void withAMissingKeyFileNamesTheKey() {
		this.withoutCredentials.withPropertyValues("spring.cloud.gcp.credentials.location=file:/no/such/key.json")
			.run((context) -> assertThat(explained(context)).contains("/no/such/key.json",
					"spring.cloud.gcp.credentials.location"));
	}

	@Test
	void clientThatNothingSelectsCanBeTurnedOff() {
		this.withoutCredentials.withUserConfiguration(NoCredentials.class)
			.withPropertyValues("vgi.external.storage=none")
			.run((context) -> {
				Throwable failure = Objects.requireNonNull(context.getStartupFailure());
				FailureAnalysis analysis = Objects
					.requireNonNull(new GcsCredentialsFailureAnalyzer(new MockEnvironment()).analyze(failure));
				assertThat(analysis.getDescription()).contains("application default credentials");
				assertThat(analysis.getAction()).contains("spring.cloud.gcp.core.enabled=false");
			});
	}

	@Test
	void otherFailuresAreLeftToOthers() {
		assertThat(new GcsCredentialsFailureAnalyzer(new MockEnvironment()).analyze(new IOException("disk full")))
			.isNull();
	}

	@Test
	void withCredentialsThatCannotSignSaysWhatCan() {
		this.withoutCredentials.withUserConfiguration(UserCredentials.class)
			.run((context) -> assertThat(explained(context)).contains("GoogleCredentials",
					"spring.cloud.gcp.credentials.location", "roles/iam.serviceAccountTokenCreator"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "vgi.external.gcs.prefix=/a", "vgi.external.gcs.presign-expiry=8d" })
	void badValuesFailTheStart(String setting) {
		this.runner.withPropertyValues(setting)
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.isInstanceOf(IllegalArgumentException.class)
				.hasMessageContaining("must"));
	}

	private static String explained(AssertableWebApplicationContext context) {
		Throwable failure = Objects.requireNonNull(context.getStartupFailure());
		@Nullable FailureAnalysis analysis = new StartRefusedFailureAnalyzer().analyze(failure);
		if (analysis == null) {
			analysis = new GcsCredentialsFailureAnalyzer(
					new MockEnvironment().withProperty("vgi.external.gcs.bucket", "batches"))
				.analyze(failure);
		}
		assertThat(analysis).isNotNull();
		return analysis.getDescription() + analysis.getAction();
	}

	@Configuration(proxyBeanMethods = false)
	static class CustomStorage {

		@Bean
		VgiExternalAutoConfigurationTests.CustomStorage custom() {
			return new VgiExternalAutoConfigurationTests.CustomStorage();
		}

	}

	/** As the SDK's own finds none, wherever this runs. */
	@Configuration(proxyBeanMethods = false)
	static class NoCredentials {

		@Bean
		CredentialsProvider googleCredentials() {
			return () -> {
				throw new IOException("Your default credentials were not found. planted");
			};
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class UserCredentials {

		@Bean
		CredentialsProvider googleCredentials() {
			return () -> GoogleCredentials.create(new AccessToken("planted", new Date(Long.MAX_VALUE)));
		}

	}

}
