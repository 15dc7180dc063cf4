package dev.vgi.external.autoconfigure;

import java.util.Arrays;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.storage.s3.S3Storage;
import io.micrometer.core.instrument.MeterRegistry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import software.amazon.awssdk.core.SdkSystemSetting;
import software.amazon.awssdk.services.s3.S3Client;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;

/**
 * Real starts of an application on S3: what it needs, and what it says when that is
 * missing.
 */
@ExtendWith(OutputCaptureExtension.class)
class S3StartTests {

	private static final String CREDENTIALS = "spring.cloud.aws.credentials.access-key=key,"
			+ "spring.cloud.aws.credentials.secret-key=secret";

	/** Nothing of the machine that runs these tests may help. */
	@BeforeEach
	void forgetTheMachine() {
		System.setProperty(SdkSystemSetting.AWS_EC2_METADATA_DISABLED.property(), "true");
		System.setProperty("aws.configFile", "/does/not/exist");
		System.setProperty("aws.sharedCredentialsFile", "/does/not/exist");
	}

	@AfterEach
	void remember() {
		System.clearProperty(SdkSystemSetting.AWS_EC2_METADATA_DISABLED.property());
		System.clearProperty("aws.configFile");
		System.clearProperty("aws.sharedCredentialsFile");
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', value = { "region=eu-central-1",
			"region=eu-central-1,vgi.external.s3.endpoint=http://s", "vgi.external.s3.endpoint=http://s" })
	void withCredentialsOursNeedsNoOtherRegion(String settings) {
		try (ConfigurableApplicationContext context = run(CREDENTIALS, "vgi.external.s3.bucket=bucket",
				settings.replaceFirst("^region", "vgi.external.s3.region"))) {
			S3Client ours = context.getBean("vgiS3Client", S3Client.class);
			assertThat(ours.serviceClientConfiguration().region().id())
				.isEqualTo(settings.contains("region") ? "eu-central-1" : "us-east-1");
			assertThat(context.getBean(S3Storage.class)).isNotNull();
			// Other clients of the application find their region as if we were not there.
			assertThat(context.getEnvironment().getProperty("spring.cloud.aws.region.static")).isNull();
		}
	}

	@Test
	void onlyOursIsOverridden() {
		try (ConfigurableApplicationContext context = run(CREDENTIALS, "vgi.external.s3.bucket=bucket",
				"vgi.external.s3.region=eu-central-1", "spring.cloud.aws.region.static=us-west-2")) {
			assertThat(context.getBean("vgiS3Client", S3Client.class).serviceClientConfiguration().region().id())
				.isEqualTo("eu-central-1");
			assertThat(context.getBean(S3Client.class).serviceClientConfiguration().region().id())
				.isEqualTo("us-west-2");
		}
	}

	@Test
	void endpointAloneTakesTheRegionOfSpringCloud() {
		try (ConfigurableApplicationContext context = run(CREDENTIALS, "vgi.external.s3.bucket=bucket",
				"vgi.external.s3.endpoint=https://garage.example", "spring.cloud.aws.region.static=garage")) {
			assertThat(context.getBean("vgiS3Client", S3Client.class).serviceClientConfiguration().region().id())
				.isEqualTo("garage");
		}
	}

	@Test
	void lifetimeOfUrlsIsAMetric() {
		try (ConfigurableApplicationContext context = run(CREDENTIALS, "vgi.external.s3.bucket=bucket",
				"vgi.external.s3.region=eu-central-1", "vgi.external.s3.presign-expiry=90m")) {
			assertThat(context.getBean(MeterRegistry.class)
				.get("vgi.external.url.lifetime")
				.tag("storage", "s3")
				.timeGauge()
				.value(TimeUnit.MINUTES)).isEqualTo(90);
		}
	}

	@Test
	void whenTheRegionIsMissingNamesTheKeys(CapturedOutput output) {
		assertThatException().isThrownBy(() -> run(CREDENTIALS, "vgi.external.s3.bucket=bucket"));
		assertThat(output).contains("APPLICATION FAILED TO START")
			.contains("spring.cloud.aws.region.static")
			.contains("vgi.external.s3.region");
	}

	@Test
	void whenTheBucketIsMissingNamesTheKey(CapturedOutput output) {
		assertThatException().isThrownBy(
				() -> run(CREDENTIALS, "vgi.external.storage=s3", "spring.cloud.aws.region.static=eu-central-1"));
		assertThat(output).contains("APPLICATION FAILED TO START").contains("Set vgi.external.s3.bucket");
	}

	@Test
	void whenTheCredentialsAreMissingNamesTheKeys(CapturedOutput output) {
		assertThatException()
			.isThrownBy(() -> run("vgi.external.s3.bucket=bucket", "spring.cloud.aws.region.static=eu-central-1"));
		assertThat(output).contains("APPLICATION FAILED TO START")
			.contains("spring.cloud.aws.credentials.access-key")
			.contains("no URL can be signed");
	}

	@ParameterizedTest
	@CsvSource({ "vgi.external.s3.presign-expiry,8d", "vgi.external.s3.sse.algorithm,rot13",
			"vgi.external.s3.sse.kms-key-id,key", "vgi.external.s3.sse.bucket-key,true",
			"vgi.external.upload-url.expiry,0s", "vgi.external.local.retention,1m",
			"vgi.external.lifecycle.expire-after,0s", "vgi.external.local.base-url,/path" })
	void badValuesAreNamed(String key, String value, CapturedOutput output) {
		assertThatException().isThrownBy(() -> run(CREDENTIALS, "vgi.external.s3.bucket=bucket",
				"vgi.external.s3.region=eu-central-1", key + "=" + value));
		assertThat(output).contains("APPLICATION FAILED TO START").contains("Reason").contains(key);
	}

	private static ConfigurableApplicationContext run(String... settings) {
		SpringApplication application = new SpringApplication(Application.class);
		application.setWebApplicationType(WebApplicationType.NONE);
		return application.run(Arrays.stream(settings)
			.flatMap((setting) -> Arrays.stream(setting.split(",")))
			.map((setting) -> "--" + setting)
			.toArray(String[]::new));
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	static class Application {

	}

}
