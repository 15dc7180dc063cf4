package dev.vgi.external.autoconfigure;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.autoconfigure.start.StartRefusedFailureAnalyzer;
import dev.vgi.external.conformance.ConformanceController;
import dev.vgi.external.observation.RpcObservations;
import dev.vgi.external.observation.RpcServerRequestObservationConvention;
import dev.vgi.external.web.Capabilities;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.http.converter.autoconfigure.HttpMessageConvertersAutoConfiguration;
import org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.webmvc.autoconfigure.WebMvcAutoConfiguration;
import org.springframework.boot.webmvc.autoconfigure.WebMvcObservationAutoConfiguration;
import org.springframework.http.server.observation.DefaultServerRequestObservationConvention;
import org.springframework.http.server.observation.ServerRequestObservationConvention;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the settings of RPC.
 */
@ExtendWith(OutputCaptureExtension.class)
class VgiRpcAutoConfigurationTests {

	private static final String HEX = "5f".repeat(32);

	private static final String BASE64 = "X19fX19fX19fX19fX19fX19fX19fX19fX19fX19fX18=";

	private static final String KUBERNETES = "spring.main.cloud-platform=kubernetes";

	@TempDir
	private Path folder;

	private WebApplicationContextRunner runner = new WebApplicationContextRunner();

	@BeforeEach
	void setUp() {
		this.runner = new WebApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(VgiTransportAutoConfiguration.class,
					VgiLocalStorageAutoConfiguration.class, VgiExternalAutoConfiguration.class,
					VgiWebMvcAutoConfiguration.class, VgiObservationAutoConfiguration.class,
					HttpMessageConvertersAutoConfiguration.class, WebMvcAutoConfiguration.class,
					ObservationAutoConfiguration.class, WebMvcObservationAutoConfiguration.class))
			.withPropertyValues("vgi.external.storage=local", "vgi.external.local.directory=" + this.folder);
	}

	@Test
	void keysAreReadInBothForms() {
		this.runner.withPropertyValues("vgi.rpc.token-keys=" + HEX + "," + BASE64, "vgi.rpc.token-ttl=5m")
			.run((context) -> {
				VgiRpcProperties properties = context.getBean(VgiRpcProperties.class);
				assertThat(properties.tokenKeys()).hasSize(2);
				assertThat(properties.tokenTtl()).isEqualTo(Duration.ofMinutes(5));
				assertThat(properties.toString()).doesNotContain("5f5f").doesNotContain("X19f").contains("******");
			});
	}

	@Test
	void aBadKeyFailsTheStart() {
		this.runner.withPropertyValues("vgi.rpc.token-keys=short")
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.hasMessageContaining("A token key must be 32 bytes"));
	}

	@Test
	void withoutAKeyStreamsAreWarnedOf(CapturedOutput output) {
		this.runner.withUserConfiguration(ConformanceController.class)
			.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).contains("Set vgi.rpc.token-keys");
	}

	@Test
	void withoutStreamsNothingIsWarnedOf(CapturedOutput output) {
		this.runner.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).doesNotContain("vgi.rpc.token-keys");
	}

	@Test
	void onKubernetesStreamsNeedAKey() {
		this.runner.withPropertyValues(KUBERNETES).withUserConfiguration(ConformanceController.class).run((context) -> {
			assertThat(context).getFailure().isInstanceOf(StartRefusedException.class);
			Throwable failure = context.getStartupFailure();
			assertThat(failure).isNotNull();
			FailureAnalysis analysis = new StartRefusedFailureAnalyzer().analyze(failure);
			assertThat(analysis).isNotNull();
			assertThat(analysis.getAction()).contains("vgi.rpc.token-keys");
		});
		this.runner.withPropertyValues(KUBERNETES).run((context) -> assertThat(context).hasNotFailed());
		this.runner.withPropertyValues(KUBERNETES, "vgi.rpc.token-keys=" + HEX)
			.withUserConfiguration(ConformanceController.class)
			.run((context) -> assertThat(context).hasNotFailed());
	}

	@Test
	void limitsAreAnnounced() {
		this.runner.withPropertyValues("vgi.rpc.max-response-size=1MB", "vgi.rpc.max-externalized-response-size=2MB")
			.run((context) -> {
				Capabilities capabilities = context.getBean(Capabilities.class);
				assertThat(capabilities.maxResponseBytes()).isEqualTo(1 << 20);
				assertThat(capabilities.maxExternalizedResponseBytes()).isEqualTo(2 << 20);
			});
	}

	@Test
	void aLimitOfNothingFailsTheStart() {
		for (String key : List.of("vgi.rpc.max-response-size", "vgi.rpc.max-externalized-response-size")) {
			this.runner.withPropertyValues(key + "=0B")
				.run((context) -> assertThat(context).getFailure()
					.rootCause()
					.hasMessageContaining(key + " must be at least 1B"));
		}
		this.runner.withPropertyValues("vgi.rpc.token-ttl=0s")
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.hasMessageContaining("vgi.rpc.token-ttl must be from 1ms"));
	}

	@Test
	void callsAreObserved() {
		this.runner.withPropertyValues("management.observations.http.server.requests.name=requests").run((context) -> {
			assertThat(context).hasSingleBean(RpcObservations.class);
			assertThat(context.getBean(ServerRequestObservationConvention.class)).isInstanceOfSatisfying(
					RpcServerRequestObservationConvention.class,
					(convention) -> assertThat(convention.getName()).isEqualTo("requests"));
		});
		this.runner
			.withBean(DefaultServerRequestObservationConvention.class, DefaultServerRequestObservationConvention::new)
			.run((context) -> assertThat(context).doesNotHaveBean(RpcServerRequestObservationConvention.class));
	}

}
