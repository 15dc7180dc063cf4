package dev.vgi.external.autoconfigure;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.autoconfigure.start.StartRefusedFailureAnalyzer;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcParam;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.pipe.client.RpcWorkers;
import dev.vgi.external.rpc.pipe.client.WorkerFailedException;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.tck.TestObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistryAssert;
import org.apache.arrow.memory.BufferAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.actuate.autoconfigure.context.properties.ConfigurationPropertiesReportEndpointAutoConfiguration;
import org.springframework.boot.actuate.context.properties.ConfigurationPropertiesReportEndpoint;
import org.springframework.boot.actuate.endpoint.Show;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.restclient.RestClientCustomizer;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.service.annotation.HttpExchange;
import org.springframework.web.service.registry.ImportHttpServices;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * Tests for {@link VgiWorkersAutoConfiguration} with workers that are processes.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class VgiWorkersAutoConfigurationTests {

	private static final AutoConfigurations CONFIGURATIONS = AutoConfigurations.of(VgiTransportAutoConfiguration.class,
			VgiExternalAutoConfiguration.class, VgiClientAutoConfiguration.class, VgiWorkersAutoConfiguration.class);

	/** The command line of a worker that answers with its arguments. */
	private static final List<String> COMMAND = List.of(
			Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1",
			"-XX:+UseSerialGC", "-Xmx64m", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp",
			System.getProperty("java.class.path"), "dev.vgi.external.rpc.pipe.client.FakeService");

	private final ApplicationContextRunner runner = new ApplicationContextRunner().withConfiguration(CONFIGURATIONS)
		.withPropertyValues("vgi.external.storage=none");

	@AfterEach
	void nothingIsLeft() {
		assertThat(ProcessHandle.current().children()).isEmpty();
	}

	@Test
	void clientsCallTheWorkersOfTheConfiguration() {
		this.runner.withPropertyValues(model()).run((context) -> {
			RpcWorkers workers = context.getBean(RpcWorkers.class);
			assertThat(ProcessHandle.current().children()).isEmpty();
			assertThat(workers.client("model", Echo.class).echo(5)).isEqualTo(5);
			assertThat(ProcessHandle.current().children()).hasSize(1);
			assertThatIllegalArgumentException().isThrownBy(() -> workers.client("other", Echo.class))
				.withMessage("There is no worker 'other': the workers are [model]");
			assertThat(context.getBean(BufferAllocator.class).getAllocatedMemory()).isZero();
		});
	}

	@Test
	void metersSayHowMuchAWorkerHasToDo() {
		this.runner.withPropertyValues(model())
			.withPropertyValues("vgi.rpc.workers.broken.command=" + COMMAND.get(0) + "-missing")
			.run((context) -> {
				RpcWorkers workers = context.getBean(RpcWorkers.class);
				MeterRegistry registry = new SimpleMeterRegistry();
				context.getBean("vgiWorkerMetrics", MeterBinder.class).bindTo(registry);
				assertThat(meter(registry, "connections", "model")).isZero();
				workers.client("model", Echo.class).echo(5);
				assertThat(meter(registry, "connections", "model")).isOne();
				assertThat(meter(registry, "running", "model")).isZero();
				assertThat(meter(registry, "waiting", "model")).isZero();
				Echo broken = workers.client("broken", Echo.class);
				assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(() -> broken.echo(5));
				assertThat(meter(registry, "start.failures", "broken")).isOne();
				assertThat(meter(registry, "start.failures", "model")).isZero();
				assertThat(meter(registry, "lost", "model")).isZero();
			});
	}

	private static double meter(MeterRegistry registry, String name, String worker) {
		return registry.get("vgi.rpc.workers." + name)
			.tag("worker", worker)
			.meter()
			.measure()
			.iterator()
			.next()
			.getValue();
	}

	@Test
	void anApplicationWithoutWorkersHasNone() {
		this.runner.run((context) -> assertThat(context.getBean(RpcWorkers.class).names()).isEmpty());
	}

	@Test
	void worksInAWebApplicationAndWithoutARestClient() {
		new WebApplicationContextRunner().withConfiguration(CONFIGURATIONS)
			.withPropertyValues("vgi.external.storage=none")
			.withPropertyValues(model())
			.run(VgiWorkersAutoConfigurationTests::assertWorks);
		this.runner.withPropertyValues(model())
			.withClassLoader(new FilteredClassLoader(RestClientCustomizer.class))
			.run((context) -> {
				assertThat(context).doesNotHaveBean(RpcHttpServiceGroups.class);
				assertWorks(context);
			});
	}

	private static void assertWorks(ApplicationContext context) {
		assertThat(context.getBean(RpcWorkers.class).client("model", Echo.class).echo(5)).isEqualTo(5);
	}

	@Test
	void eagerWorkersStartWithTheApplication() {
		this.runner.withPropertyValues(model())
			.withPropertyValues("vgi.rpc.workers.model.eager=true", "vgi.rpc.workers.model.size=2",
					"spring.main.lazy-initialization=true")
			.run((context) -> {
				assertThat(context).hasNotFailed();
				assertThat(ProcessHandle.current().children()).hasSize(2);
			});
	}

	@Test
	void anEagerWorkerThatCannotBeStartedFailsTheStart() {
		this.runner.withPropertyValues(model())
			.withPropertyValues("vgi.rpc.workers.model.eager=true", "vgi.rpc.workers.other.command=/no/such/program",
					"vgi.rpc.workers.other.eager=true")
			.run((context) -> {
				FailureAnalysis analysis = new StartRefusedFailureAnalyzer().analyze(failure(context));
				assertThat(analysis).isNotNull();
				assertThat(analysis.getDescription())
					.startsWith("The worker 'other', which starts with the application,")
					.contains("/no/such/program");
				assertThat(analysis.getAction()).contains("vgi.rpc.workers.other.command",
						"vgi.rpc.workers.other.eager");
			});
	}

	private static Throwable failure(AssertableApplicationContext context) {
		Throwable failure = context.getStartupFailure();
		assertThat(failure).isNotNull();
		return failure;
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			value = { "|vgi.rpc.workers.model.command or vgi.rpc.workers.model.unix must be set",
					"command=a, unix=/b|vgi.rpc.workers.model.command or vgi.rpc.workers.model.unix must be set",
					"unix=/b, directory=/c|vgi.rpc.workers.model.directory has no effect",
					"unix=/b, environment.A=b|vgi.rpc.workers.model.environment has no effect",
					"command=a, eager=true, idle-timeout=1m|vgi.rpc.workers.model.idle-timeout must not be set" })
	void settingsThatContradictEachOtherAreRefused(String settings, String message) {
		List<String> properties = new ArrayList<>(List.of("vgi.rpc.workers.model.size=1"));
		for (String setting : (settings != null) ? settings.split(", ") : new String[0]) {
			properties.add("vgi.rpc.workers.model." + setting);
		}
		this.runner.withPropertyValues(properties.toArray(String[]::new))
			.run((context) -> assertThat(context).getFailure().rootCause().hasMessageStartingWith(message));
	}

	@Test
	void theEnvironmentReachesTheWorkerAndIsNeverShown() {
		String secret = "planted5ec7e7";
		String[] command = { "vgi.rpc.workers.model.command[0]=/bin/sh", "vgi.rpc.workers.model.command[1]=-c",
				"vgi.rpc.workers.model.command[2]=test \"$API_KEY\" = " + secret.replace("planted", "plant\"\"ed")
						+ " && exit 42; exit 43",
				"vgi.rpc.workers.model.environment.API_KEY=" + secret };
		this.runner.withPropertyValues(command)
			.withConfiguration(AutoConfigurations.of(ConfigurationPropertiesReportEndpointAutoConfiguration.class,
					VgiActuatorAutoConfiguration.class))
			.withPropertyValues("management.endpoint.configprops.show-values=always",
					"management.endpoints.web.exposure.include=*")
			.run((context) -> {
				assertThatExceptionOfType(WorkerFailedException.class)
					.isThrownBy(() -> context.getBean(RpcWorkers.class).client("model", Echo.class).echo(5))
					.satisfies((ex) -> assertThat(ex.exitCode()).isEqualTo(42))
					.withMessageNotContaining(secret);
				VgiWorkersProperties properties = context.getBean(VgiWorkersProperties.class);
				assertThat(properties.toString()).contains("API_KEY").doesNotContain(secret);
				var report = new ConfigurationPropertiesReportEndpoint(
						List.of(new VgiActuatorAutoConfiguration().vgiSanitizingFunction()), Show.ALWAYS);
				report.setApplicationContext(context);
				String shown = report.configurationProperties()
					.getContexts()
					.values()
					.stream()
					.flatMap((beans) -> beans.getBeans().values().stream())
					.map((bean) -> bean.getProperties() + " " + bean.getInputs())
					.toList()
					.toString();
				assertThat(shown).contains("API_KEY").doesNotContain(secret);
			});
		for (String[] wrong : new String[][] { { "size=0", "vgi.rpc.workers.model.size must be from 1 to 1024" },
				{ "unix=/s", "vgi.rpc.workers.model.command or vgi.rpc.workers.model.unix must be set" } }) {
			this.runner.withPropertyValues(command)
				.withPropertyValues("vgi.rpc.workers.model." + wrong[0])
				.run((context) -> assertThat(RangesTests.analyze(failure(context))).contains(wrong[1])
					.doesNotContain(secret));
		}
		this.runner.withPropertyValues("vgi.rpc.workers.model.command=a", "vgi.rpc.workers.model.environment=" + secret)
			.run((context) -> assertThat(RangesTests.analyze(failure(context)))
				.contains("vgi.rpc.workers.model.environment")
				.doesNotContain(secret));
	}

	@Test
	void callsAreObserved() {
		this.runner.withPropertyValues(model())
			.withBean(TestObservationRegistry.class, TestObservationRegistry::create)
			.run((context) -> {
				context.getBean(RpcWorkers.class).client("model", Echo.class).echo(5);
				TestObservationRegistryAssert.assertThat(context.getBean(TestObservationRegistry.class))
					.hasObservationWithNameEqualTo("vgi.rpc.client")
					.that()
					.hasBeenStopped()
					.hasLowCardinalityKeyValue("rpc.method", "echo")
					.hasLowCardinalityKeyValue("transport", "stdio");
			});
	}

	@Test
	void workersEndBeforeTheTransfers() {
		this.runner.withPropertyValues(model()).run((context) -> {
			DisposableBean end = context.getBean(VgiExternalAutoConfiguration.END, DisposableBean.class);
			assertThat(end).isNotNull();
			assertThat(context.getBeanFactory().getDependentBeans(VgiExternalAutoConfiguration.END))
				.contains("vgiRpcWorkers");
		});
	}

	@Test
	void aGroupWithTheNameOfAWorkerCallsIt() {
		this.runner.withPropertyValues(model())
			.withUserConfiguration(Groups.class)
			.run(VgiWorkersAutoConfigurationTests::assertGroups);
		this.runner.withPropertyValues(model())
			.withUserConfiguration(Groups.class)
			.withClassLoader(new FilteredClassLoader(RestClientCustomizer.class))
			.run(VgiWorkersAutoConfigurationTests::assertGroups);
	}

	private static void assertGroups(AssertableApplicationContext context) {
		assertThat(context.getBean(Echo.class).echo(5)).isEqualTo(5);
		assertThat(ProcessHandle.current().children()).hasSize(1);
		// Another group is still HTTP.
		assertThat(catchThrowable(() -> context.getBean(Elsewhere.class).echo(5))).isNotNull();
		assertThat(ProcessHandle.current().children()).hasSize(1);
	}

	private static String[] model() {
		List<String> properties = new ArrayList<>();
		for (int i = 0; i < COMMAND.size(); i++) {
			properties.add("vgi.rpc.workers.model.command[" + i + "]=" + COMMAND.get(i));
		}
		return properties.toArray(String[]::new);
	}

	/**
	 * Methods of the worker.
	 */
	@RpcService
	public interface Echo {

		@RpcMethod("echo")
		long echo(@RpcParam("result") long value);

	}

	/**
	 * Methods of a service over HTTP.
	 */
	@RpcService
	@HttpExchange("http://127.0.0.1:1")
	public interface Elsewhere {

		@RpcMethod("echo")
		long echo(@RpcParam("result") long value);

	}

	@Configuration(proxyBeanMethods = false)
	@ImportHttpServices(group = "model", types = Echo.class)
	@ImportHttpServices(group = "elsewhere", types = Elsewhere.class)
	static class Groups {

	}

}
