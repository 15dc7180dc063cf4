package dev.vgi.external.autoconfigure;

import java.net.URI;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;

import dev.vgi.external.autoconfigure.connection.VgiS3ConnectionAutoConfiguration;
import dev.vgi.external.autoconfigure.selection.StorageSelection;
import dev.vgi.external.autoconfigure.selection.StorageType;
import dev.vgi.external.autoconfigure.start.StartRefusedFailureAnalyzer;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.http.converter.autoconfigure.HttpMessageConvertersAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.context.runner.ReactiveWebApplicationContextRunner;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.webmvc.autoconfigure.WebMvcAutoConfiguration;
import org.springframework.core.env.MapPropertySource;
import org.springframework.mock.env.MockEnvironment;
import org.springframework.web.context.support.StandardServletEnvironment;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link StartReport}.
 */
@ExtendWith(OutputCaptureExtension.class)
class StartReportTests {

	private static final AutoConfigurations OURS = AutoConfigurations.of(VgiTransportAutoConfiguration.class,
			VgiLocalStorageAutoConfiguration.class, VgiS3ConnectionAutoConfiguration.class,
			VgiS3StorageAutoConfiguration.class, VgiExternalAutoConfiguration.class, VgiWebMvcAutoConfiguration.class,
			HttpMessageConvertersAutoConfiguration.class, WebMvcAutoConfiguration.class);

	@TempDir
	private Path folder;

	private final WebApplicationContextRunner runner = new WebApplicationContextRunner().withConfiguration(OURS)
		.withPropertyValues("vgi.external.memory.budget=512MB");

	@Test
	void saysWhereBatchesGo(CapturedOutput output) {
		this.runner
			.withPropertyValues("vgi.external.local.directory=" + this.folder,
					"vgi.external.externalize-threshold=64KB")
			.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).contains("Batches from 64 KB go to the folder " + this.folder
				+ "; budget 512 MB; callers may send pointers to this storage and nobody else");
	}

	@Test
	void saysBucketRegionAndWhoMayBeFetchedFrom(CapturedOutput output) {
		AwsCredentialsProvider credentials = StaticCredentialsProvider
			.create(AwsBasicCredentials.create("key", "secret"));
		WebApplicationContextRunner s3 = this.runner.withBean(AwsCredentialsProvider.class, () -> credentials)
			.withPropertyValues("vgi.external.s3.bucket=bucket", "vgi.external.s3.region=eu-central-1",
					"vgi.external.url.allowed-hosts=storage.example,*.peers.example:8443");
		s3.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).contains("Batches from 1 MB go to s3://bucket/vgi-rpc/ (eu-central-1); budget 512 MB;"
				+ " callers may send pointers to this storage and storage.example, *.peers.example:8443 (https)");
		s3.withPropertyValues("vgi.external.s3.endpoint=http://store.example:9000")
			.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).contains("go to s3://bucket/vgi-rpc/ at http://store.example:9000; budget");
	}

	@Test
	void saysThatNothingIsStored(CapturedOutput output) {
		this.runner.withPropertyValues("vgi.external.storage=none")
			.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).contains("Batches travel inline: there is no storage; budget 512 MB;"
				+ " callers may send pointers to hosts with public addresses (https)");
		this.runner.withPropertyValues("vgi.external.enabled=false")
			.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).contains("Batches travel inline only: vgi.external.enabled is false; budget 512 MB;"
				+ " callers may send pointers to nothing");
	}

	@Test
	void knowsNothingOfAPolicyOfTheApplicationsOwn(CapturedOutput output) {
		this.runner.withPropertyValues("vgi.external.storage=none")
			.withBean(UrlValidator.class, () -> URI::getHost)
			.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).contains("callers may send pointers to what the application's UrlValidator accepts");
	}

	@Test
	void whatOnlyCallsIsNotSaidToServe(CapturedOutput output) {
		new ApplicationContextRunner().withConfiguration(OURS)
			.withPropertyValues("vgi.external.storage=none")
			.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).contains("there is no storage; budget").doesNotContain("callers may");
	}

	@Test
	void withoutBucketAndWebServerNothingIsStored(CapturedOutput output) {
		ApplicationContextRunner notWeb = new ApplicationContextRunner().withConfiguration(OURS)
			.withPropertyValues("vgi.external.local.directory=" + this.folder);
		notWeb.run((context) -> assertThat(context).doesNotHaveBean(ExternalStorage.class));
		assertThat(output).containsOnlyOnce("Nothing is stored: there is no bucket, and no web server that could serve"
				+ " a local folder; calls resolve pointers and use upload URLs; budget");
		notWeb.withPropertyValues("spring.main.cloud-platform=kubernetes")
			.run((context) -> assertThat(context).doesNotHaveBean(ExternalStorage.class));
		// Another service shares the folder.
		notWeb.withPropertyValues("vgi.external.local.base-url=https://files.example")
			.run((context) -> assertThat(context).hasSingleBean(LocalStorage.class));
	}

	@ParameterizedTest
	@CsvSource({ "none,NONE", "servlet,LOCAL", "reactive,LOCAL" })
	void theTypeThatWillBeDecidesBeforeTheEnvironmentIsOfIt(String type, StorageType selected) {
		MockEnvironment environment = new MockEnvironment().withProperty("spring.main.web-application-type", type);
		assertThat(StorageSelection.of(environment).type()).isEqualTo(selected);
		StandardServletEnvironment servlet = new StandardServletEnvironment();
		assertThat(StorageSelection.of(servlet).type()).isEqualTo(StorageType.LOCAL);
		servlet.getPropertySources()
			.addFirst(new MapPropertySource("test", Map.of("spring.main.web-application-type", type)));
		assertThat(StorageSelection.of(servlet).type()).isEqualTo(selected);
	}

	@Test
	void aLocalStoreThatNobodyServesIsRefused() {
		ApplicationContextRunner notWeb = new ApplicationContextRunner().withConfiguration(OURS)
			.withPropertyValues("vgi.external.local.directory=" + this.folder, "vgi.external.storage=local");
		notWeb.run((context) -> assertRefused(context.getStartupFailure(), "no web server",
				"Set vgi.external.local.base-url"));
		notWeb.withPropertyValues("vgi.external.local.base-url=https://files.example")
			.run((context) -> assertThat(context).hasSingleBean(LocalStorage.class));
	}

	@Test
	void webFluxIsRefusedUnlessItOnlyCalls() {
		ReactiveWebApplicationContextRunner reactive = new ReactiveWebApplicationContextRunner().withConfiguration(OURS)
			.withPropertyValues("vgi.external.local.directory=" + this.folder);
		reactive.run(
				(context) -> assertRefused(context.getStartupFailure(), "WebFlux", "set vgi.external.storage to none"));
		reactive.withPropertyValues("vgi.external.storage=none").run((context) -> assertThat(context).hasNotFailed());
	}

	private static void assertRefused(@Nullable Throwable failure, String description, String action) {
		FailureAnalysis analysis = new StartRefusedFailureAnalyzer().analyze(Objects.requireNonNull(failure));
		assertThat(analysis).isNotNull();
		assertThat(analysis.getDescription()).contains(description);
		assertThat(analysis.getAction()).contains(action);
	}

}
