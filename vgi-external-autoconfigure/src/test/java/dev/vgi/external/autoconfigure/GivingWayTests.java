package dev.vgi.external.autoconfigure;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;

import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.web.Capabilities;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.beans.factory.support.AbstractBeanDefinition;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.task.TaskExecutionAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Primary;
import org.springframework.util.ClassUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The beans of an application get what they would get without ours.
 */
class GivingWayTests {

	/** What says nothing about what a bean is for. */
	private static final Set<Class<?>> NO_TYPES = Set.of(Object.class, Record.class, AutoCloseable.class,
			DisposableBean.class, SmartInitializingSingleton.class);

	@TempDir
	private Path folder;

	@ParameterizedTest
	@EnumSource(names = { "NONE", "SERVLET" })
	void theOnlyExecutorServiceOfTheApplicationStaysTheOnlyOne(WebApplicationType type) {
		try (ConfigurableApplicationContext context = run(type, Reports.class)) {
			assertThat(context.getBean(Reports.class).executor())
				.isSameAs(context.getBean("reportPool", ExecutorService.class));
		}
	}

	@ParameterizedTest
	@EnumSource(names = { "NONE", "SERVLET" })
	void bootsTaskExecutorStays(WebApplicationType type) {
		try (ConfigurableApplicationContext context = run(type)) {
			assertThat(context.containsBean("applicationTaskExecutor")).isTrue();
			assertThat(context.getBeanProvider(Executor.class).getIfUnique())
				.isSameAs(context.getBean("applicationTaskExecutor"));
		}
		// Ours come first by their names.
		new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(VgiTransportAutoConfiguration.class,
					VgiExternalAutoConfiguration.class, TaskExecutionAutoConfiguration.class))
			.withPropertyValues("vgi.external.storage=none")
			.run((context) -> assertThat(context).hasBean("applicationTaskExecutor"));
	}

	@Test
	void everyBeanThatIsAlsoSomethingElseIsAFallbackOrForUsOnly() {
		try (ConfigurableApplicationContext context = run(WebApplicationType.SERVLET)) {
			ConfigurableListableBeanFactory beans = context.getBeanFactory();
			Set<String> candidates = new TreeSet<>();
			Map<String, Set<String>> inTheWay = new TreeMap<>();
			for (String name : ours(beans)) {
				AbstractBeanDefinition definition = (AbstractBeanDefinition) beans.getMergedBeanDefinition(name);
				Set<String> types = foreignTypes(Objects.requireNonNull(beans.getType(name)));
				if (definition.isDefaultCandidate() && !types.isEmpty()) {
					candidates.add(name);
					if (!definition.isFallback()) {
						inTheWay.put(name, types);
					}
				}
			}
			assertThat(inTheWay).isEmpty();
			// Who adds one here has to say who asks for it by type, and that nobody's
			// @ConditionalOnMissingBean does.
			assertThat(candidates).containsExactlyInAnyOrder(
					// Applications take it.
					"vgiBufferAllocator",
					// Collected by Boot and Spring.
					"vgiArrowModule", "vgiClientConverters", "vgiPointerAnnouncement", "vgiTemplatePointerAnnouncement",
					"vgiRpcHttpServiceGroups", "vgiRpcWorkerGroups", "vgiWebMvcConfigurer", "vgiRpcWebMvc",
					"vgiLeftoverMetrics", "vgiPaceMetrics", "vgiLocalStorageMetrics", "vgiWorkerMetrics",
					"vgiExternalStorageHealthIndicator", "vgiSanitizingFunction",
					// Instead of Boot's default.
					"vgiServerRequestObservationConvention",
					// Nobody asks for a supplier of URLs.
					"vgiServiceUrl");
		}
	}

	private static List<String> ours(ConfigurableListableBeanFactory beans) {
		return Arrays.stream(beans.getBeanDefinitionNames())
			.filter((name) -> String.valueOf(beans.getMergedBeanDefinition(name).getFactoryBeanName())
				.startsWith(GivingWayTests.class.getPackageName() + ".Vgi"))
			.toList();
	}

	private static Set<String> foreignTypes(Class<?> type) {
		Set<String> types = new TreeSet<>();
		Stream
			.concat(Stream.<Class<?>>iterate(type, (next) -> next != null, Class::getSuperclass),
					ClassUtils.getAllInterfacesForClassAsSet(type).stream())
			.filter((candidate) -> !NO_TYPES.contains(candidate))
			.map(Class::getName)
			.filter((name) -> !name.startsWith("dev.vgi.external."))
			.forEach(types::add);
		return types;
	}

	@Test
	void ofSeveralAllocatorsOfTheApplicationThePrimaryOneIsUsed() {
		try (ConfigurableApplicationContext context = run(WebApplicationType.SERVLET, SeveralAllocators.class,
				PrimaryAllocator.class)) {
			assertThat(context.containsBean("vgiBufferAllocator")).isFalse();
			assertThat(context.getBean(Capabilities.class)).isNotNull();
		}
	}

	@Test
	void ofSeveralAllocatorsOfTheApplicationNoneIsUsedUnlessOneIsPrimary() {
		try (ConfigurableApplicationContext context = run(WebApplicationType.SERVLET, SeveralAllocators.class)) {
			ConfigurableListableBeanFactory beans = context.getBeanFactory();
			assertThat(beans.getDependenciesForBean("vgiRpcWebMvc")).contains("vgiBufferAllocator")
				.doesNotContain("first", "second");
			assertThat(beans.getDependentBeans("first")).isEmpty();
			assertThat(beans.getDependentBeans("second")).isEmpty();
			assertThat(context.getBeanProvider(BufferAllocator.class).getIfUnique()).isNull();
		}
	}

	@Test
	void uploadUrlsOfTheApplicationsOwnAreVendedBesideOurStorage() {
		try (ConfigurableApplicationContext context = run(WebApplicationType.SERVLET, OwnUploadUrls.class)) {
			assertThat(context.getBean(Capabilities.class).uploadUrlSupport()).isTrue();
			assertThat(context.getBeanProvider(UploadUrlProvider.class).getIfAvailable())
				.isSameAs(context.getBean("ownUploadUrls"));
		}
	}

	@Test
	void whatWorksByItselfIsThereWithLazyInitialisationToo() {
		Set<String> eager = singletons(false);
		Set<String> lazy = singletons(true);
		assertThat(lazy).contains("vgiLocalStorageSweeper", "vgiTransferMetrics", "vgiRoutes");
		Set<String> later = new TreeSet<>(eager);
		later.removeAll(lazy);
		// All of these are asked for by whoever needs them.
		assertThat(later).containsExactlyInAnyOrder("vgiClientConverters", "vgiClientFactory",
				"vgiClientLocationResolver", "vgiClientUrlValidator", "vgiPayloadUploader", "vgiPointerAnnouncement",
				"vgiTemplatePointerAnnouncement", "vgiRpcHttpServiceGroups", "vgiRpcWorkerGroups", "vgiRpcWorkers",
				"vgiSanitizingFunction");
	}

	private Set<String> singletons(boolean lazy) {
		try (ConfigurableApplicationContext context = run(WebApplicationType.SERVLET,
				new String[] { "--spring.main.lazy-initialization=" + lazy })) {
			Set<String> there = new TreeSet<>(ours(context.getBeanFactory()));
			there.removeIf((name) -> !context.getBeanFactory().containsSingleton(name));
			return there;
		}
	}

	private ConfigurableApplicationContext run(WebApplicationType type, Class<?>... configurations) {
		return run(type, new String[0], configurations);
	}

	private ConfigurableApplicationContext run(WebApplicationType type, String[] arguments,
			Class<?>... configurations) {
		SpringApplication application = new SpringApplication(Application.class);
		application.addPrimarySources(List.of(configurations));
		application.setWebApplicationType(type);
		application
			.setDefaultProperties(Map.of("server.port", "0", "vgi.external.local.directory", this.folder.toString()));
		return application.run(arguments);
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	static class Application {

	}

	@Import(ReportPool.class)
	record Reports(ExecutorService executor) {

	}

	@Configuration(proxyBeanMethods = false)
	static class ReportPool {

		@Bean
		ExecutorService reportPool() {
			return Executors.newSingleThreadExecutor();
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class SeveralAllocators {

		@Bean
		BufferAllocator first() {
			return new RootAllocator();
		}

		@Bean
		BufferAllocator second() {
			return new RootAllocator();
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class PrimaryAllocator {

		@Bean
		@Primary
		BufferAllocator third() {
			return new RootAllocator();
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class OwnUploadUrls {

		@Bean
		UploadUrlProvider ownUploadUrls() {
			return (schema) -> {
				throw new UnsupportedOperationException();
			};
		}

	}

}
