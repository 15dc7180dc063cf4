package dev.vgi.external.autoconfigure;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.conformance.ConformanceController;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.server.ArrowWebMvc;
import dev.vgi.external.web.server.PointerRenewals;
import dev.vgi.external.web.server.ServedArrowHttpMessageConverter;
import jakarta.servlet.Filter;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.http.converter.autoconfigure.HttpMessageConvertersAutoConfiguration;
import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.boot.test.context.assertj.AssertableWebApplicationContext;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.boot.webmvc.autoconfigure.WebMvcAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.AnnotationAwareOrderComparator;
import org.springframework.test.web.servlet.assertj.MockMvcTester;
import org.springframework.test.web.servlet.assertj.MvcTestResult;
import org.springframework.util.ClassUtils;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.config.annotation.EnableWebMvc;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerAdapter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * How the serving side fits into what an application makes of Spring MVC.
 */
class VgiWebMvcAutoConfigurationTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	@TempDir
	private Path folder;

	private static final String TOKEN_KEY = "ab".repeat(32);

	private WebApplicationContextRunner runner = new WebApplicationContextRunner();

	@BeforeEach
	void setUp() {
		this.runner = new WebApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(VgiTransportAutoConfiguration.class,
					VgiLocalStorageAutoConfiguration.class, VgiExternalAutoConfiguration.class,
					VgiWebMvcAutoConfiguration.class, JacksonAutoConfiguration.class,
					HttpMessageConvertersAutoConfiguration.class, WebMvcAutoConfiguration.class))
			.withUserConfiguration(RowsController.class)
			.withPropertyValues("vgi.external.storage=local", "vgi.external.local.directory=" + this.folder);
	}

	@Test
	void arrowIsReadAndWritten() {
		this.runner.run(VgiWebMvcAutoConfigurationTests::assertServesArrow);
	}

	@Test
	void withSpringMvcConfiguredByTheApplicationArrowIsReadAndWritten() {
		this.runner.withUserConfiguration(OwnWebMvc.class).run(VgiWebMvcAutoConfigurationTests::assertServesArrow);
	}

	@Test
	void theApplicationsOwnArrowSupportIsTheOnlyOne() {
		this.runner.withUserConfiguration(OwnArrow.class).run((context) -> {
			assertThat(context).hasSingleBean(ArrowWebMvc.class);
			assertServesArrow(context);
		});
	}

	@Test
	void besideASecondHandlerAdapterTheApplicationStarts() {
		this.runner.withUserConfiguration(SecondAdapter.class).run((context) -> assertThat(context).hasNotFailed());
	}

	@Test
	void withoutAnRpcMethodOtherRoutesAreUntouched() {
		this.runner.withUserConfiguration(PageController.class).run((context) -> {
			MockMvcTester mvc = mvc(context);
			for (MvcTestResult result : List.of(mvc.get().uri("/health").exchange(),
					mvc.options().uri("/health").exchange(), mvc.post().uri("/nowhere/at/all").exchange())) {
				assertThat(result.getResponse().getHeaderNames()).noneMatch((name) -> name.startsWith("VGI-"))
					.doesNotContain("X-Request-ID", "Cache-Control");
			}
			assertThat(mvc.get().uri("/health")).hasBodyTextEqualTo("the page health");
			assertThat(mvc.get().uri("/rows")).hasHeader("VGI-Externalization-Enabled", "true");
			assertThat(mvc.post().uri("/rows").contentType(ARROW).content(new byte[] { 1 })).hasStatus(400)
				.hasHeader("VGI-Externalization-Enabled", "true");
		});
	}

	@Test
	void besideAnRpcMethodEveryRouteSaysWhatTheServiceCan() {
		this.runner.withUserConfiguration(ConformanceController.class).run((context) -> {
			MockMvcTester mvc = mvc(context);
			for (MvcTestResult result : List.of(mvc.get().uri("/health").exchange(),
					mvc.options().uri("/health").exchange(), mvc.post().uri("/nowhere/at/all").exchange())) {
				assertThat(result).hasHeader("VGI-Externalization-Enabled", "true");
			}
			assertThat(mvc.get().uri("/health")).bodyText().contains("\"status\":\"ok\"");
		});
	}

	@Test
	void noLargerUploadIsAnnouncedThanTheLocalStoreHasRoomFor() {
		this.runner
			.run((context) -> assertThat(context.getBean(Capabilities.class).maxUploadBytes()).isEqualTo(256L << 20));
		this.runner.withPropertyValues("vgi.external.local.max-total-size=100MB")
			.run((context) -> assertThat(context.getBean(Capabilities.class).maxUploadBytes()).isEqualTo(25L << 20));
		this.runner
			.withPropertyValues("vgi.external.local.max-total-size=100MB",
					"vgi.external.upload-url.max-upload-size=1MB")
			.run((context) -> assertThat(context.getBean(Capabilities.class).maxUploadBytes()).isEqualTo(1L << 20));
	}

	@Test
	void linksAreRenewableWhereThereAreKeys() {
		this.runner
			.run((context) -> assertThat(context.getBeanProvider(PointerRenewals.class).getIfAvailable()).isNull());
		this.runner.withPropertyValues("vgi.rpc.token-keys=" + TOKEN_KEY).run((context) -> {
			assertThat(context.getBeanProvider(PointerRenewals.class).getIfAvailable()).isNotNull();
			assertThat(context.getBean(Capabilities.class).pointerRenewal()).isTrue();
		});
		this.runner.withPropertyValues("vgi.rpc.token-keys=" + TOKEN_KEY, "vgi.external.renewal.enabled=false")
			.run((context) -> assertThat(context.getBean(Capabilities.class).pointerRenewal()).isFalse());
	}

	@Test
	void renewalWithoutAKeyFailsTheStart() {
		this.runner.withPropertyValues("vgi.external.renewal.enabled=true")
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.isInstanceOf(StartRefusedException.class)
				.hasMessageContaining("vgi.external.renewal.enabled"));
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void renewalWithAStorageThatCannotIsLogged(CapturedOutput output) {
		this.runner.withBean(ExternalStorage.class, OnceSigned::new)
			.withPropertyValues("vgi.rpc.token-keys=" + TOKEN_KEY)
			.run((context) -> assertThat(context.getBean(Capabilities.class).pointerRenewal()).isFalse());
		assertThat(output).doesNotContain("renewal");
		this.runner.withBean(ExternalStorage.class, OnceSigned::new)
			.withPropertyValues("vgi.rpc.token-keys=" + TOKEN_KEY, "vgi.external.renewal.enabled=true")
			.run((context) -> assertThat(context.getBean(Capabilities.class).pointerRenewal()).isFalse());
		assertThat(output).contains("vgi.external.renewal.enabled is true, but the storage '");
	}

	@ParameterizedTest
	@ValueSource(strings = { "webmvc.test.autoconfigure.AutoConfigureWebMvc",
			"restclient.test.autoconfigure.AutoConfigureRestClient" })
	void slicesNameConfigurationsThatAreThere(String slice) throws IOException {
		try (InputStream imports = getClass()
			.getResourceAsStream("/META-INF/spring/org.springframework.boot." + slice + ".imports")) {
			assertThat(imports).isNotNull();
			List<String> names = new String(imports.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
			assertThat(names).isNotEmpty().allMatch((name) -> ClassUtils.isPresent(name, null));
		}
	}

	private static MockMvcTester mvc(AssertableWebApplicationContext context) {
		Filter[] filters = context.getBeansOfType(FilterRegistrationBean.class)
			.values()
			.stream()
			.sorted(AnnotationAwareOrderComparator.INSTANCE)
			.map(FilterRegistrationBean::getFilter)
			.toArray(Filter[]::new);
		return MockMvcTester.from(context, (builder) -> builder.addFilters(filters).build());
	}

	private static void assertServesArrow(AssertableWebApplicationContext context) {
		assertThat(context).hasNotFailed();
		MockMvcTester mvc = mvc(context);
		MvcTestResult rows = mvc.get().uri("/rows").exchange();
		assertThat(rows).hasStatusOk().hasContentType(ARROW);
		assertThat(mvc.post().uri("/rows").contentType(ARROW).content(rows.getResponse().getContentAsByteArray()))
			.hasStatusOk()
			.hasBodyTextEqualTo("3");
		assertThat(mvc.get().uri("/rows").accept("application/json")).hasStatus(406);
		assertThat(context.getBean(BufferAllocator.class).getAllocatedMemory()).isZero();
	}

	@Configuration(proxyBeanMethods = false)
	@EnableWebMvc
	static class OwnWebMvc {

	}

	@Configuration(proxyBeanMethods = false)
	static class OwnArrow {

		@Bean
		ArrowWebMvc ownArrow(TransferBudget budget, BufferAllocator vgiBufferAllocator,
				@Qualifier("vgiLocationResolver") LocationResolver resolver, Externalizer externalizer) {
			ArrowStreamHttpMessageConverter arrow = new ArrowStreamHttpMessageConverter(vgiBufferAllocator, 1 << 20,
					true, ReadLimits.defaults());
			return new ArrowWebMvc(
					new ServedArrowHttpMessageConverter(arrow, resolver, externalizer, false, (url) -> false), budget,
					vgiBufferAllocator);
		}

	}

	@RestController
	static class RowsController {

		private final BufferAllocator allocator;

		RowsController(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@GetMapping("/rows")
		VectorSchemaRoot rows() {
			BigIntVector vector = new BigIntVector("n", this.allocator);
			vector.allocateNew(3);
			vector.setValueCount(3);
			return VectorSchemaRoot.of(vector);
		}

		@PostMapping("/rows")
		String count(@RequestBody VectorSchemaRoot root) {
			return String.valueOf(root.getRowCount());
		}

	}

	@RestController
	static class PageController {

		@GetMapping("/{page}")
		String page(@PathVariable String page) {
			return "the page " + page;
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class SecondAdapter {

		@Bean
		RequestMappingHandlerAdapter legacyAdapter() {
			return new RequestMappingHandlerAdapter();
		}

	}

	/**
	 * A storage with the methods that every storage has.
	 */
	private static final class OnceSigned implements ExternalStorage {

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			throw new UnsupportedOperationException();
		}

		@Override
		public boolean isOwn(URI url) {
			return false;
		}

		@Override
		public String name() {
			return "once";
		}

	}

}
