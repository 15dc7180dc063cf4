package dev.vgi.external.autoconfigure;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;

import dev.vgi.external.autoconfigure.connection.VgiS3ConnectionAutoConfiguration;
import dev.vgi.external.autoconfigure.start.StartRefusedFailureAnalyzer;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.server.http.RpcWebMvc;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.storage.custom.SignedLinkStorage;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.s3.S3Storage;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.client.VgiClient;
import dev.vgi.external.web.server.LocalStorageController;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.http.converter.autoconfigure.HttpMessageConvertersAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.MetricsAutoConfiguration;
import org.springframework.boot.restclient.autoconfigure.RestClientAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.boot.webmvc.autoconfigure.WebMvcAutoConfiguration;
import org.springframework.context.ApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;

/**
 * Tests for the auto-configurations.
 */
class VgiExternalAutoConfigurationTests {

	@TempDir
	private Path folder;

	private WebApplicationContextRunner runner = new WebApplicationContextRunner();

	@BeforeEach
	void setUp() {
		this.runner = new WebApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(VgiTransportAutoConfiguration.class,
					VgiLocalStorageAutoConfiguration.class, VgiS3ConnectionAutoConfiguration.class,
					VgiS3StorageAutoConfiguration.class, VgiExternalAutoConfiguration.class,
					VgiWebMvcAutoConfiguration.class, VgiClientAutoConfiguration.class,
					VgiMetricsAutoConfiguration.class, VgiLifecycleAutoConfiguration.class,
					VgiHealthAutoConfiguration.class, HttpMessageConvertersAutoConfiguration.class,
					RestClientAutoConfiguration.class, WebMvcAutoConfiguration.class, MetricsAutoConfiguration.class))
			.withPropertyValues("vgi.external.local.directory=" + this.folder);
	}

	@Test
	void withoutConfigurationStoresInALocalFolder() {
		this.runner.run((context) -> {
			assertThat(context).hasSingleBean(LocalStorage.class).hasSingleBean(LocalStorageController.class);
			assertThat(context).hasSingleBean(HealthIndicator.class);
			ExternalLocationConfig config = context.getBean(ExternalLocationConfig.class);
			assertThat(config.externalizeThreshold()).isEqualTo(1 << 20);
			assertThat(config.maxRetries()).isEqualTo(2);
			assertThat(config.retryDelay()).isEqualTo(Duration.ofMillis(500));
			assertThat(config.compression()).isNull();
			assertThat(config.fetchConfig().maxFetchSize()).isEqualTo(256 << 20);
			assertThat(config.fetchConfig().maxDecompressedSize()).isEqualTo(4L << 30);
			assertThat(context.getBean(Capabilities.class).uploadUrlSupport()).isTrue();
			assertThat(context.getBean(VgiClient.Builder.class)).isNotSameAs(context.getBean(VgiClient.Builder.class));
		});
	}

	@Test
	void aStorageMayCallAServiceItself() {
		this.runner.withUserConfiguration(CallingStorage.class)
			.run((context) -> assertThat(context.getBean(ExternalLocationConfig.class).storage())
				.isSameAs(context.getBean(SignedLinkStorage.class)));
	}

	@Test
	void leftoversAreThoseOfTheStorageInUse() {
		WebApplicationContextRunner metered = this.runner.withBean(MeterRegistry.class, SimpleMeterRegistry::new)
			.withUserConfiguration(CallingStorage.class);
		metered.withPropertyValues("management.health.vgi-external-storage.enabled=false")
			.withBean("another", CustomStorage.class)
			.withBean(ExternalLocationConfig.class, ExternalLocationConfig::defaults)
			.run((context) -> {
				assertThat(context).hasNotFailed();
				assertThat(context.getBean(MeterRegistry.class).find("vgi.external.leftovers").gauge()).isNull();
			});
		metered.run((context) -> assertThat(
				context.getBean(MeterRegistry.class).get("vgi.external.leftovers").tag("storage", "links").gauge())
			.isNotNull());
	}

	@Test
	void failureOfStorageIsHandledAsConfiguredWithAConfigurationOfTheApplication() {
		this.runner.withUserConfiguration(FailingStorage.class)
			.withPropertyValues("vgi.external.on-storage-failure=inline")
			.run((context) -> {
				BufferAllocator allocator = context.getBean(BufferAllocator.class);
				BigIntVector vector = new BigIntVector("n", allocator);
				vector.allocateNew(10);
				vector.setValueCount(10);
				AnnotatedBatch batch = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
				try (OutputCycle sent = context.getBean(Externalizer.class).externalize(OutputCycle.of(batch))) {
					assertThat(sent.data().rowCount()).isEqualTo(10);
				}
			});
	}

	@Test
	void resourcesOfTheApplicationAreItsOwn() {
		this.runner.withBean(TransferResources.class, TransferResources::create).run((context) -> {
			assertThat(context).hasNotFailed();
			assertThat(context.getBean(LocationResolver.class).resources().transport())
				.isSameAs(context.getBean(StorageTransport.class));
		});
	}

	@Test
	void uploadsAreAsLargeAsWhatIsFetched() {
		this.runner
			.run((context) -> assertThat(context.getBean(Capabilities.class).maxUploadBytes()).isEqualTo(256L << 20));
		this.runner.withPropertyValues("vgi.external.fetch.max-fetch-size=3MB")
			.run((context) -> assertThat(context.getBean(Capabilities.class).maxUploadBytes()).isEqualTo(3L << 20));
		this.runner
			.withPropertyValues("vgi.external.fetch.max-fetch-size=3MB", "vgi.external.upload-url.max-upload-size=2MB")
			.run((context) -> assertThat(context.getBean(Capabilities.class).maxUploadBytes()).isEqualTo(2L << 20));
	}

	@Test
	void withoutStorageAndSdksResolvesOnly() {
		this.runner
			.withClassLoader(new FilteredClassLoader("software.amazon.awssdk", "io.awspring", "com.google.cloud"))
			.withPropertyValues("vgi.external.storage=none")
			.run((context) -> {
				assertThat(context).doesNotHaveBean(ExternalStorage.class)
					.doesNotHaveBean(UploadUrlProvider.class)
					.doesNotHaveBean(HealthIndicator.class);
				assertThat(context.getBean(Capabilities.class).externalizationEnabled()).isFalse();
				assertThat(context.getBean(Capabilities.class).uploadUrlSupport()).isFalse();
				UrlValidator policy = context.getBean(ExternalLocationConfig.class).urlValidator();
				assertThatNoException().isThrownBy(() -> policy.validate(URI.create("https://storage.example/x")));
				assertThat(policy.admitsPrivateAddresses(URI.create("https://storage.example/x"))).isFalse();
			});
	}

	@Test
	void withAStorageFetchesFromNowhereElse() {
		this.runner.run((context) -> {
			UrlValidator policy = context.getBean(ExternalLocationConfig.class).urlValidator();
			assertThatExceptionOfType(UrlRejectedException.class)
				.isThrownBy(() -> policy.validate(URI.create("https://storage.example/x")))
				.withMessageContaining("vgi.external.url.allowed-hosts");
		});
		this.runner.withPropertyValues("vgi.external.url.allowed-hosts=storage.example").run((context) -> {
			UrlValidator policy = context.getBean(ExternalLocationConfig.class).urlValidator();
			assertThatNoException().isThrownBy(() -> policy.validate(URI.create("https://storage.example/x")));
		});
	}

	@Test
	void behindAProxyOnlyListedHostsMayBeFetched() {
		this.runner
			.withPropertyValues("vgi.external.storage=none", "vgi.external.http.proxy.host=proxy.example",
					"vgi.external.url.allowed-hosts=storage.example",
					"vgi.external.client.url.allowed-hosts=storage.example")
			.run((context) -> {
				for (UrlValidator policy : List.of(context.getBean(ExternalLocationConfig.class).urlValidator(),
						context.getBean(VgiExternalAutoConfiguration.CLIENT_URL_VALIDATOR, UrlValidator.class))) {
					assertThatNoException().isThrownBy(() -> policy.validate(URI.create("https://storage.example/x")));
					assertThatExceptionOfType(UrlRejectedException.class)
						.isThrownBy(() -> policy.validate(URI.create("https://intranet/x")));
				}
			});
	}

	@Test
	void whenDisabledNothingIsStoredAndNoPointerFollowed() {
		this.runner.withPropertyValues("vgi.external.enabled=false", "vgi.external.s3.bucket=ignored")
			.run((context) -> {
				assertThat(context).doesNotHaveBean(ExternalStorage.class).doesNotHaveBean(HealthIndicator.class);
				assertInlineOnly(context);
			});
		this.runner.withPropertyValues("vgi.external.enabled=false")
			.withUserConfiguration(Custom.class)
			.run(VgiExternalAutoConfigurationTests::assertInlineOnly);
	}

	private static void assertInlineOnly(ApplicationContext context) {
		assertThat(context.getBean(Capabilities.class).externalizationEnabled()).isFalse();
		assertThat(context.getBean(Capabilities.class).uploadUrlSupport()).isFalse();
		assertThat(context.getBeanProvider(HealthIndicator.class).getIfAvailable()).isNull();
		ExternalLocationConfig config = context.getBean(ExternalLocationConfig.class);
		assertThat(config.storage()).isNull();
		assertThatExceptionOfType(UrlRejectedException.class)
			.isThrownBy(() -> config.urlValidator().validate(URI.create("https://storage.example/x")))
			.withMessageContaining("'vgi.external.enabled' is false");
	}

	@Test
	void whenDisabledArrowTravelsInline() throws Exception {
		try (ConfigurableApplicationContext context = new SpringApplicationBuilder(Disabled.class)
			.run("--server.port=0", "--vgi.external.enabled=false", "--vgi.external.externalize-threshold=1KB")) {
			HttpRequest request = HttpRequest
				.newBuilder(URI.create(
						"http://127.0.0.1:" + context.getEnvironment().getProperty("local.server.port") + "/numbers"))
				.header("Accept", "application/vnd.apache.arrow.stream")
				.header(Capabilities.ACCEPT_POINTERS, "true")
				.build();
			HttpResponse<byte[]> response = HttpClient.newHttpClient()
				.send(request, HttpResponse.BodyHandlers.ofByteArray());
			assertThat(response.statusCode()).isEqualTo(200);
			assertThat(response.body()).hasSizeGreaterThan(8 * 10_000);
			assertThat(context.getBean(RpcWebMvc.class)).isNotNull();
		}
	}

	@Test
	void uploadUrlsCanBeTurnedOff() {
		this.runner.withPropertyValues("vgi.external.upload-url.enabled=false")
			.run((context) -> assertThat(context.getBean(Capabilities.class).uploadUrlSupport()).isFalse());
	}

	@Test
	void s3WithAnOverriddenEndpoint() {
		this.runner.withUserConfiguration(Credentials.class)
			.withPropertyValues("vgi.external.s3.bucket=bucket", "vgi.external.s3.endpoint=http://127.0.0.1:9000")
			.run((context) -> {
				assertThat(context).hasSingleBean(S3Storage.class).doesNotHaveBean(LocalStorage.class);
				String url = context.getBean(S3Storage.class)
					.generateUploadUrl(new Schema(List.of()))
					.uploadUrl()
					.toString();
				assertThat(url).startsWith("http://127.0.0.1:9000/bucket/vgi-rpc/");
			});
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			value = { "vgi.external.storage=s3|vgi.external.s3.bucket",
					"vgi.external.storage=gcs|vgi.external.gcs.bucket",
					"vgi.external.s3.bucket=a,vgi.external.gcs.bucket=b|vgi.external.storage",
					"vgi.external.s3.bucket=a|spring-cloud-aws-starter-s3",
					"vgi.external.gcs.bucket=a|spring-cloud-gcp-starter-storage",
					"spring.main.cloud-platform=kubernetes|vgi.external.s3.bucket" })
	void whenNoStorageCanBeSelectedSaysWhatToSet(String settings, String expected) {
		this.runner.withPropertyValues(settings.split(",")).run((context) -> {
			Throwable failure = context.getStartupFailure();
			assertThat(failure).isNotNull();
			FailureAnalysis analysis = new StartRefusedFailureAnalyzer().analyze(failure);
			assertThat(analysis).isNotNull();
			assertThat(analysis.getDescription() + analysis.getAction()).contains(expected);
		});
	}

	@Test
	void onKubernetesALocalFolderHasToBeAskedFor() {
		this.runner.withPropertyValues("spring.main.cloud-platform=kubernetes", "vgi.external.storage=local")
			.run((context) -> assertThat(context).hasSingleBean(LocalStorage.class));
	}

	@ParameterizedTest
	@CsvSource({ "vgi.external.compression.level=23,level", "vgi.external.max-retries=3,max-retries",
			"vgi.external.upload.part-size=1MB,part-size", "vgi.external.retry-delay=-1s,retry-delay",
			"vgi.rpc.prefix=vgi/,vgi.rpc.prefix" })
	void badValuesAreNamed(String setting, String named) {
		this.runner.withPropertyValues(setting)
			.run((context) -> assertThat(context).getFailure().rootCause().hasMessageContaining(named));
	}

	@Test
	void everyBeanBacksOff() {
		this.runner.withUserConfiguration(Custom.class).run((context) -> {
			assertThat(context).hasSingleBean(BufferAllocator.class)
				.hasSingleBean(ExternalStorage.class)
				.hasSingleBean(TransferBudget.class);
			assertThat(context.getBean(ExternalLocationConfig.class).storage()).isInstanceOf(CustomStorage.class);
			assertThat(context.getBean(ExternalLocationConfig.class).urlValidator())
				.isSameAs(context.getBean("custom", UrlValidator.class));
			assertThat(context).doesNotHaveBean(LocalStorageController.class);
		});
	}

	@Test
	void defaultBudgetLeavesRoomForTheHeap() {
		assertThat(ProcessMemory.budget(4L << 30, 1L << 30)).isEqualTo(((3L << 30) - (256L << 20)) / 2);
		assertThat(ProcessMemory.budget(512L << 20, 1L << 30)).isEqualTo(64L << 20);
	}

	@Configuration(proxyBeanMethods = false)
	static class Credentials {

		@Bean
		AwsCredentialsProvider credentials() {
			return StaticCredentialsProvider.create(AwsBasicCredentials.create("key", "secret"));
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Custom {

		@Bean
		BufferAllocator allocator() {
			return new RootAllocator();
		}

		@Bean
		CustomStorage storage() {
			return new CustomStorage();
		}

		@Bean
		UrlValidator custom() {
			return UrlValidator.acceptAll();
		}

		@Bean
		TransferBudget budget() {
			return new TransferBudget(1 << 20, 1);
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(excludeName = {
			"org.springframework.boot.security.autoconfigure.web.servlet.ServletWebSecurityAutoConfiguration",
			"org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterAutoConfiguration" })
	@Import(Numbers.class)
	static class Disabled {

	}

	@RestController
	record Numbers(BufferAllocator allocator) {

		@GetMapping("/numbers")
		VectorSchemaRoot numbers() {
			BigIntVector vector = new BigIntVector("n", this.allocator);
			vector.allocateNew(10_000);
			vector.setValueCount(10_000);
			return new VectorSchemaRoot(List.of(vector));
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class CallingStorage {

		@Bean
		SignedLinkStorage storage(StorageTransport transport, RestClient.Builder broker) {
			assertThat(broker.build()).isNotNull();
			return new SignedLinkStorage(transport, URI.create("https://files.example/batches"), new byte[32],
					Clock.systemUTC());
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class FailingStorage {

		@Bean
		ExternalLocationConfig config() {
			return ExternalLocationConfig.defaults().withExternalizeThreshold(1).withStorage(new CustomStorage() {

				@Override
				public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
					throw new StorageUnavailableException("down", 0, null);
				}

			});
		}

	}

	static class CustomStorage implements ExternalStorage {

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			return URI.create("https://storage.example/x");
		}

		@Override
		public boolean isOwn(URI url) {
			return true;
		}

		@Override
		public String name() {
			return "custom";
		}

	}

}
