package dev.vgi.external.autoconfigure;

import java.io.File;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Both sides of a renewal: results in the local store of a service whose links have
 * expired when they are read.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RenewedLinksOverHttpTests {

	private static final int LARGE = 10_000;

	private final BufferAllocator allocator = new RootAllocator();

	private final TransferResources resources = TransferResources.create();

	private final List<String> paths = new CopyOnWriteArrayList<>();

	private Runnable beforeRenewal = () -> {
	};

	@TempDir
	private Path folder;

	private ConfigurableApplicationContext context;

	private String url;

	@BeforeEach
	void start() {
		List<String> arguments = new ArrayList<>(List.of("--server.port=0", "--server.address=127.0.0.1",
				"--spring.main.banner-mode=off", "--vgi.external.storage=local", "--server.servlet.context-path=/app",
				"--vgi.rpc.prefix=/vgi", "--vgi.external.externalize-threshold=1KB", "--folder=" + this.folder,
				"--vgi.rpc.token-keys=" + "7a".repeat(32)));
		this.context = new SpringApplication(Application.class).run(arguments.toArray(String[]::new));
		this.url = "http://127.0.0.1:" + this.context.getEnvironment().getProperty("local.server.port") + "/app";
	}

	@AfterEach
	void stop() {
		this.context.close();
		this.resources.close();
		assertThat(this.resources.budget().inUse()).isZero();
		this.allocator.close();
	}

	/** The clock of the storage goes on before the first link is renewed. */
	private VgiClient.Builder client() {
		return client(ExternalLocationConfig.defaults());
	}

	private VgiClient.Builder client(ExternalLocationConfig config) {
		StoreClock clock = this.context.getBean(StoreClock.class);
		clock.behind = Duration.ofMinutes(61);
		RestClient.Builder http = RestClient.builder()
			.requestFactory(new JdkClientHttpRequestFactory())
			.requestInterceptor((request, body, execution) -> {
				this.paths.add(request.getURI().getPath());
				if (request.getURI().getPath().contains("renew")) {
					this.beforeRenewal.run();
					clock.behind = Duration.ZERO;
				}
				return execution.execute(request, body);
			});
		return new VgiClient.Builder(http, this.allocator,
				new LocationResolver(config.withUrlValidator(UrlValidator.httpsOnly()), this.resources))
			.baseUrl(this.url);
	}

	private static LocalStorageSettings settings(Path folder) {
		return new LocalStorageSettings(folder, false, Duration.ofHours(1), Duration.ofMinutes(15),
				Duration.ofMinutes(70), 1 << 30, 1 << 20);
	}

	private List<String> renewals() {
		return this.paths.stream().filter((path) -> path.contains("renew")).toList();
	}

	@Test
	void resultsOfTypedMethods() {
		LargeService service = new RpcClients(client().prefix("/vgi").build(), this.allocator)
			.createClient(LargeService.class);
		assertThat(service.blob(LARGE)).hasSize(LARGE);
		assertThat(renewals()).containsExactly("/app/vgi/__renew_url__/init");
		// Links of the storage's present work.
		assertThat(service.blob(LARGE + 1)).hasSize(LARGE + 1);
		assertThat(renewals()).hasSize(1);
	}

	@Test
	void clientsThatShareTheFolder() {
		ExternalLocationConfig sharing = ExternalLocationConfig.defaults()
			.withStorage(new LocalStorage(settings(this.folder), () -> null, Clock.systemUTC()));
		LargeService service = new RpcClients(client(sharing).prefix("/vgi").build(), this.allocator)
			.createClient(LargeService.class);
		assertThat(service.blob(LARGE)).hasSize(LARGE);
		assertThat(renewals()).hasSize(1);
	}

	@Test
	void listsOfOrdinaryHandlers() throws Exception {
		try (ArrowReader reader = client().build().read("/list", LogSink.discarding())) {
			for (int i = 0; i < 3; i++) {
				assertThat(reader.loadNextBatch()).isTrue();
				assertThat(reader.getVectorSchemaRoot().getRowCount()).isEqualTo(LARGE + i);
			}
			assertThat(reader.loadNextBatch()).isFalse();
		}
		assertThat(renewals()).hasSizeBetween(1, 3).containsOnly("/app/vgi/__renew_url__/init");
	}

	@Test
	void whatTheServiceSaysOfAnObjectThatIsGoneIsTheCause() {
		LargeService service = new RpcClients(client().prefix("/vgi").build(), this.allocator)
			.createClient(LargeService.class);
		this.beforeRenewal = () -> {
			for (File file : Objects.requireNonNull(this.folder.toFile().listFiles())) {
				assertThat(file.getName().startsWith(".") || file.delete()).isTrue();
			}
		};
		assertThatExceptionOfType(LinkExpiredException.class).isThrownBy(() -> service.blob(LARGE))
			.withMessageContaining("could not be renewed (remote-error)")
			.withCauseInstanceOf(ErrorBatchException.class)
			.extracting((ex) -> (ErrorBatchException) Objects.requireNonNull(ex.getCause()))
			.extracting(ErrorBatchException::errorKind)
			.isEqualTo("object_gone");
		assertThat(renewals()).hasSizeBetween(1, 2);
	}

	/**
	 * The contract.
	 */
	@RpcService("Large")
	interface LargeService {

		@RpcMethod("blob")
		byte[] blob(long size);

	}

	/**
	 * The clock of the storage.
	 */
	static final class StoreClock extends Clock {

		private volatile Duration behind = Duration.ZERO;

		@Override
		public Instant instant() {
			return Instant.now().minus(this.behind);
		}

		@Override
		public ZoneId getZone() {
			return ZoneOffset.UTC;
		}

		@Override
		public Clock withZone(ZoneId zone) {
			return this;
		}

	}

	/**
	 * The application.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import({ LargeController.class, ListController.class })
	static class Application {

		@Bean
		StoreClock storeClock() {
			return new StoreClock();
		}

		@Bean
		LocalStorage localStorage(ServiceUrl serviceUrl, StoreClock clock, Environment environment) {
			return new LocalStorage(settings(Path.of(environment.getRequiredProperty("folder"))), serviceUrl, clock);
		}

	}

	/**
	 * A method with large results.
	 */
	@RestController
	static class LargeController implements LargeService {

		@Override
		public byte[] blob(long size) {
			return new byte[(int) size];
		}

	}

	/**
	 * An ordinary handler.
	 */
	@RestController
	static class ListController {

		private final BufferAllocator allocator;

		ListController(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@GetMapping("/list")
		List<AnnotatedBatch> list() {
			List<AnnotatedBatch> batches = new ArrayList<>();
			for (int i = 0; i < 3; i++) {
				BigIntVector vector = new BigIntVector("value", this.allocator);
				vector.setValueCount(LARGE + i);
				batches.add(AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector))));
			}
			return batches;
		}

	}

}
