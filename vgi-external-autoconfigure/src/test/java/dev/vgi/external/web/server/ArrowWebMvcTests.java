package dev.vgi.external.web.server;

import java.time.Duration;
import java.time.InstantSource;
import java.util.List;

import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcParam;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.server.http.RpcSettings;
import dev.vgi.external.rpc.server.http.RpcWebMvc;
import dev.vgi.external.rpc.server.http.StreamTokens;
import dev.vgi.external.seal.TokenKey;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.mock.web.MockServletContext;
import org.springframework.test.web.servlet.assertj.MockMvcTester;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.context.support.AnnotationConfigWebApplicationContext;
import org.springframework.web.servlet.config.annotation.EnableWebMvc;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerAdapter;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ArrowWebMvc} and {@link AddedRoutes} in an application without Boot.
 */
class ArrowWebMvcTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private final AnnotationConfigWebApplicationContext context = new AnnotationConfigWebApplicationContext();

	private MockMvcTester mvc = MockMvcTester.of();

	@BeforeEach
	void start() {
		this.context.setServletContext(new MockServletContext());
		this.context.register(Application.class);
		this.context.refresh();
		this.mvc = MockMvcTester.from(this.context);
	}

	@AfterEach
	void nothingIsKept() {
		assertThat(this.context.getBean(BufferAllocator.class).getAllocatedMemory()).isZero();
		this.context.close();
	}

	@Test
	void arrowIsReadAndWritten() {
		byte[] rows = this.mvc.get().uri("/rows").exchange().getResponse().getContentAsByteArray();
		assertThat(this.mvc.post().uri("/rows").contentType(ARROW).content(rows)).hasStatusOk().hasBodyTextEqualTo("3");
	}

	@Test
	void whatIsReturnedIsTakenOverThoughItCannotBeSent() {
		assertThat(this.mvc.get().uri("/rows").accept("application/json")).hasStatus(406);
	}

	@Test
	void errorsOfThisLibraryHaveTheirStatus() {
		assertThat(this.mvc.post().uri("/rows").contentType(ARROW).content(new byte[] { 1 })).hasStatus(400)
			.hasContentType("application/problem+json");
	}

	@Test
	void routesOfThisLibraryAreAddedBelowThePrefix() {
		assertThat(this.mvc.get().uri("/vgi/health")).hasStatusOk().bodyText().contains("Rows");
		assertThat(this.mvc.post().uri("/vgi/health")).hasStatus(405);
		assertThat(this.mvc.get().uri("/nowhere/health")).hasStatus(404);
	}

	@Test
	void typedMethodsAreServed() {
		assertThat(this.mvc.get().uri("/rpc/health")).hasStatusOk().bodyText().contains("Echo");
		assertThat(this.mvc.post().uri("/rpc/echo").contentType(ARROW).content(new byte[] { 1 })).hasStatus(400)
			.hasContentType(ARROW);
	}

	@Test
	void aRouteOfTheApplicationRemainsItsOwn() {
		assertThat(this.mvc.get().uri("/health")).hasStatusOk().hasBodyTextEqualTo("mine");
	}

	@Configuration(proxyBeanMethods = false)
	@EnableWebMvc
	static class Application {

		@Bean
		BufferAllocator allocator() {
			return new RootAllocator();
		}

		@Bean
		TransferResources transferResources() {
			return TransferResources.create();
		}

		@Bean
		ArrowWebMvc arrowWebMvc(TransferResources resources, BufferAllocator allocator) {
			ExternalLocationConfig config = ExternalLocationConfig.defaults();
			ArrowStreamHttpMessageConverter arrow = new ArrowStreamHttpMessageConverter(allocator, 64 << 20, true,
					ReadLimits.defaults());
			return new ArrowWebMvc(
					new ServedArrowHttpMessageConverter(arrow, new LocationResolver(config, resources),
							new Externalizer(config, resources, allocator), true, (url) -> false),
					resources.budget(), allocator);
		}

		@Bean
		RpcWebMvc rpcWebMvc(TransferResources resources, BufferAllocator allocator) {
			ExternalLocationConfig config = ExternalLocationConfig.defaults();
			return new RpcWebMvc(new RpcSettings("/rpc", "0123456789ab"), allocator,
					new LocationResolver(config, resources), new Externalizer(config, resources, allocator),
					() -> new StreamTokens(List.of(TokenKey.random()), Duration.ofHours(1), InstantSource.system()),
					RpcCallListener.none());
		}

		@Bean
		SmartInitializingSingleton installation(ArrowWebMvc arrow, RpcWebMvc rpc, RequestMappingHandlerMapping mapping,
				RequestMappingHandlerAdapter adapter) {
			return () -> {
				arrow.install(adapter);
				rpc.install(mapping, adapter);
			};
		}

		@Bean
		SmartInitializingSingleton routes(RequestMappingHandlerMapping mapping) {
			return () -> {
				AddedRoutes routes = new AddedRoutes(mapping);
				routes.add("", new HealthController("0123456789ab", "Rows"));
				routes.add("/vgi", new HealthController("0123456789ab", "Rows"));
			};
		}

		@Bean
		EchoController echo() {
			return new EchoController();
		}

		@Bean
		RowsController rows(BufferAllocator allocator) {
			return new RowsController(allocator);
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

		@GetMapping("/health")
		String health() {
			return "mine";
		}

	}

	@RpcService(name = "Echo")
	public interface Echo {

		@RpcMethod("echo")
		String echo(@RpcParam("text") String text);

	}

	@RestController
	static class EchoController implements Echo {

		@Override
		public String echo(String text) {
			return text;
		}

	}

}
