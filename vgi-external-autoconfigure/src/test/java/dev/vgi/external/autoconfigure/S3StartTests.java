package dev.vgi.external.autoconfigure;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.storage.LifecycleVerifier.Verdict;
import dev.vgi.external.storage.health.LifecycleMonitor;
import dev.vgi.external.storage.s3.S3Storage;
import io.micrometer.core.instrument.MeterRegistry;
import org.apache.arrow.vector.types.pojo.Schema;
import org.awaitility.Awaitility;
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
	void springCloudsPresignerIsReusedAndSignsNothingMore() {
		try (ConfigurableApplicationContext context = run(CREDENTIALS, "vgi.external.s3.bucket=bucket",
				"spring.cloud.aws.region.static=us-west-2")) {
			assertThat(context.getBeanFactory().containsSingleton("vgiS3Client")).isFalse();
			URI url = context.getBean(S3Storage.class).generateUploadUrl(new Schema(List.of())).uploadUrl();
			assertThat(url.getHost()).isEqualTo("bucket.s3.us-west-2.amazonaws.com");
			assertThat(url.getQuery()).contains("X-Amz-SignedHeaders=host&").doesNotContainIgnoringCase("checksum");
		}
		try (ConfigurableApplicationContext context = run(CREDENTIALS, "vgi.external.s3.bucket=bucket",
				"spring.cloud.aws.region.static=us-west-2", "spring.cloud.aws.s3.endpoint=http://store.example:9000",
				"spring.cloud.aws.s3.path-style-access-enabled=true")) {
			URI url = context.getBean(S3Storage.class).generateUploadUrl(new Schema(List.of())).uploadUrl();
			assertThat(url.toString()).startsWith("http://store.example:9000/bucket/vgi-rpc/");
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
		// A folder too: it was converted by asking the S3 client, and was blamed for it.
		assertThatException()
			.isThrownBy(() -> run(CREDENTIALS, "vgi.external.s3.bucket=bucket", "vgi.external.local.directory=folder"));
		assertThat(output).contains("APPLICATION FAILED TO START")
			.contains("spring.cloud.aws.region.static")
			.contains("vgi.external.s3.region")
			.doesNotContain("vgi.external.local.directory");
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

	@Test
	void missingRuleIsLoggedWithoutDelayingTheStart(CapturedOutput output) throws Exception {
		CountDownLatch started = new CountDownLatch(1);
		HttpServer bucket = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 10);
		bucket.createContext("/", (exchange) -> {
			try {
				// Only then, so a start that waited would never end.
				started.await(9, TimeUnit.SECONDS);
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
			}
			byte[] answer = "<Error><Code>NoSuchLifecycleConfiguration</Code></Error>".getBytes();
			exchange.sendResponseHeaders(404, answer.length);
			exchange.getResponseBody().write(answer);
			exchange.close();
		});
		bucket.start();
		try (ConfigurableApplicationContext context = run(CREDENTIALS, "vgi.external.s3.bucket=bucket",
				"vgi.external.s3.prefix=mine/", "vgi.external.lifecycle.expire-after=36h",
				"vgi.external.s3.endpoint=http://127.0.0.1:" + bucket.getAddress().getPort())) {
			assertThat(output).doesNotContain("add the rule");
			started.countDown();
			Awaitility.await()
				.untilAsserted(() -> assertThat(output).contains("add the rule {\"ID\": \"vgi-external\", "
						+ "\"Status\": \"Enabled\", \"Filter\": {\"Prefix\": \"mine/\"}, \"Expiration\": {\"Days\": 2}, "
						+ "\"AbortIncompleteMultipartUpload\": {\"DaysAfterInitiation\": 2}}"));
			assertThat(context.getBean(LifecycleMonitor.class).current().verdict()).isEqualTo(Verdict.MISSING);
		}
		finally {
			bucket.stop(0);
		}
	}

	@Test
	void rulesAreNotLookedAtWhenToldSo() {
		try (ConfigurableApplicationContext context = run(CREDENTIALS, "vgi.external.s3.bucket=bucket",
				"vgi.external.s3.region=eu-central-1", "vgi.external.lifecycle.mode=none")) {
			assertThat(context.getBeanProvider(LifecycleMonitor.class).getIfAvailable()).isNull();
		}
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
