package dev.vgi.external.autoconfigure;

import java.time.Duration;
import java.util.List;

import dev.vgi.external.observation.DefaultStorageRequestObservationConvention;
import dev.vgi.external.observation.DefaultTransferObservationConvention;
import dev.vgi.external.observation.StorageRequestObservationConvention;
import dev.vgi.external.observation.TransferObservationConvention;
import dev.vgi.external.observation.TransferObservations;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferStatistics;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.RequestWatch.End;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import org.junit.jupiter.api.Test;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.MetricsAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.export.simple.SimpleMetricsExportAutoConfiguration;
import org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link VgiObservationAutoConfiguration}, as far as transfers are concerned.
 */
class VgiObservationAutoConfigurationTests {

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(
				AutoConfigurations.of(VgiTransportAutoConfiguration.class, VgiExternalAutoConfiguration.class,
						VgiMetricsAutoConfiguration.class, VgiObservationAutoConfiguration.class))
		.withPropertyValues("vgi.external.storage=none");

	private final ApplicationContextRunner observing = this.runner
		.withConfiguration(AutoConfigurations.of(ObservationAutoConfiguration.class, MetricsAutoConfiguration.class,
				CompositeMeterRegistryAutoConfiguration.class, SimpleMetricsExportAutoConfiguration.class));

	@Test
	void timersComeFromObservations() {
		this.observing.run((context) -> {
			fetch(context);
			MeterRegistry meters = context.getBean(MeterRegistry.class);
			assertThat(meters.get("vgi.external.fetch").tag("outcome", "success").tag("error", "none").timer().count())
				.isEqualTo(1);
			assertThat(meters.get("vgi.external.fetch.active").longTaskTimer().activeTasks()).isZero();
			assertThat(meters.find("vgi.external.request").timers()).isEmpty();
		});
	}

	@Test
	void requestsAreObservedOnDemand() {
		this.observing.withPropertyValues("vgi.external.observation.requests=true").run((context) -> {
			fetch(context);
			assertThat(context.getBean(MeterRegistry.class)
				.get("vgi.external.request")
				.tag("purpose", "range")
				.timer()
				.count()).isEqualTo(1);
		});
	}

	@Test
	void theyCanBeTurnedOff() {
		this.observing
			.withPropertyValues("vgi.external.observation.requests=true",
					"management.observations.enable.vgi.external.fetch=false")
			.run((context) -> {
				fetch(context);
				assertThat(context.getBean(MeterRegistry.class).getMeters())
					.extracting((meter) -> meter.getId().getName())
					.doesNotContain("vgi.external.fetch", "vgi.external.fetch.active", "vgi.external.request")
					.contains("vgi.external.transferred");
			});
		this.observing.withPropertyValues("management.metrics.observations.ignored-meters=long-task-timer")
			.run((context) -> {
				fetch(context);
				assertThat(context.getBean(MeterRegistry.class).getMeters())
					.extracting((meter) -> meter.getId().getName())
					.doesNotContain("vgi.external.fetch.active")
					.contains("vgi.external.fetch");
			});
	}

	@Test
	void theyAreToldFirst() {
		this.observing.withUserConfiguration(Application.class)
			.run((context) -> assertThat(context.getBeanProvider(TransferListener.class).orderedStream().findFirst())
				.containsInstanceOf(TransferObservations.class));
	}

	@Test
	void conventionsOfTheApplicationAreUsed() {
		this.observing.withUserConfiguration(Application.class)
			.withPropertyValues("vgi.external.observation.requests=true")
			.run((context) -> {
				fetch(context);
				MeterRegistry meters = context.getBean(MeterRegistry.class);
				assertThat(meters.get("own.fetch").timer().count()).isEqualTo(1);
				assertThat(meters.get("own.request").timer().count()).isEqualTo(1);
				assertThat(meters.find("vgi.external.fetch").timers()).isEmpty();
			});
	}

	@Test
	void observationsOfTheApplicationReplaceThem() {
		this.observing.withUserConfiguration(OwnObservations.class)
			.run((context) -> assertThat(context).hasSingleBean(TransferObservations.class).hasBean("ownObservations"));
	}

	@Test
	void withoutARegistryOfObservationsThereAreNone() {
		this.runner.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(TransferObservations.class));
	}

	private static void fetch(ApplicationContext context) {
		TransferTrace trace = context.getBean(VgiExternalAutoConfiguration.RESOURCES, TransferResources.class)
			.begin(Direction.FETCH, "s3", null, 0);
		trace.requests(Purpose.RANGE, 0, 0, 1).begin(false).ended(End.COMPLETE, 1, null);
		trace.succeeded(new TransferStatistics(1, 1, null, 1, 0, Duration.ofMillis(1)));
	}

	/**
	 * Has a listener and conventions.
	 */
	@Configuration(proxyBeanMethods = false)
	static class Application {

		@Bean
		TransferListener aListener() {
			return TransferListener.all(List.of());
		}

		@Bean
		TransferObservationConvention convention() {
			return new DefaultTransferObservationConvention() {

				@Override
				public String getName(Direction direction) {
					return "own." + direction.code();
				}

			};
		}

		@Bean
		StorageRequestObservationConvention requestConvention() {
			return new DefaultStorageRequestObservationConvention() {

				@Override
				public String getName() {
					return "own.request";
				}

			};
		}

	}

	/**
	 * Observes transfers in its own way.
	 */
	@Configuration(proxyBeanMethods = false)
	static class OwnObservations {

		@Bean
		TransferObservations ownObservations(ObservationRegistry registry) {
			return new TransferObservations(registry, null).withRequests(null);
		}

	}

}
