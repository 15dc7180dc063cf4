package dev.vgi.external.autoconfigure.stdio;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.observation.RpcClientObservations;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcCancel;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcResult;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.pipe.client.RpcConnection;
import dev.vgi.external.rpc.pipe.client.RpcConnectionBuilder;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageHandler;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.url.AllowedUrlValidator;
import io.micrometer.observation.tck.TestObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistryAssert;
import jakarta.validation.constraints.Max;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Our client and our worker, a process, whose results go through the local store of
 * another service: over standard streams and over a Unix socket.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StoredOverPipesTests {

	private static final Schema NUMBERS = new Schema(List.of(Field.notNullable("n", new ArrowType.Int(64, true))));

	private static final int TURNS = 3;

	private final BufferAllocator allocator = new RootAllocator();

	private final TestObservationRegistry observations = TestObservationRegistry.create();

	private final ListAppender<ILoggingEvent> errors = new ListAppender<>();

	private final List<LogMessage> logs = new CopyOnWriteArrayList<>();

	private final Logger logger = (Logger) LoggerFactory.getLogger("dev.vgi.external.worker.stored");

	@TempDir
	private Path folder;

	private HttpServer store;

	@BeforeEach
	void openStore() throws IOException {
		this.errors.start();
		this.logger.addAppender(this.errors);
		HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
		URI url = URI.create(url(server));
		server.createContext(LocalStorage.PATH, new LocalStorageHandler(
				new LocalStorage(LocalStorageSettings.of(this.folder.resolve("store")), () -> url, Clock.systemUTC())));
		server.start();
		this.store = server;
	}

	@AfterEach
	void nothingIsLeft() {
		this.store.stop(0);
		this.logger.detachAppender(this.errors);
		assertThat(ProcessHandle.current().children()).isEmpty();
		this.allocator.close();
	}

	private static String url(HttpServer server) {
		return "http://127.0.0.1:" + server.getAddress().getPort();
	}

	@Test
	void resultsGoThroughStorageOverBoth() {
		Path socket = this.folder.resolve("s");
		try (RpcConnection streams = connection(RpcConnection.builder(command(socket)).eager(true));
				RpcConnection connected = connection(RpcConnection.builder(socket))) {
			assertStored(streams.client(Stored.class));
			assertObserved("stdio");
			assertStored(connected.client(Stored.class));
			assertObserved("unix");
		}
		assertThat(this.errors.list).extracting(ILoggingEvent::getFormattedMessage)
			.contains("cancelled at 1", "cancelled at 1");
	}

	private RpcConnection connection(RpcConnectionBuilder builder) {
		return builder.name("stored")
			.allocator(this.allocator)
			.prefetch(false)
			.externalLocation(ExternalLocationConfig.defaults()
				.withUrlValidator(AllowedUrlValidator.builder().schemes("http").hosts("127.0.0.1").build()))
			.logs(this.logs::add)
			.listener(new RpcClientObservations(this.observations, null))
			.build();
	}

	private void assertStored(Stored stored) {
		long before = objects();
		assertThat(stored.blob(100_000)).hasSize(100_000);
		assertThat(objects()).isEqualTo(before + 1);
		assertThat(stored.published("the value").value()).isEqualTo("the value");
		assertThat(objects()).isEqualTo(before + 2);
		assertThat(this.logs).extracting(LogMessage::message).containsOnly("9 characters");
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> stored.blob(1_000_001))
			.withMessageContaining("Validation failure");
		try (ProducerStream<Void> numbers = stored.count(10_000)) {
			for (long turn = 0; turn < TURNS; turn++) {
				try (AnnotatedBatch batch = numbers.next()) {
					assertThat(batch.rowCount()).isEqualTo(10_000);
				}
			}
			assertThat(numbers.hasNext()).isFalse();
		}
		assertThat(objects()).isEqualTo(before + 2 + TURNS);
		try (ProducerStream<Void> numbers = stored.count(10_000); AnnotatedBatch first = numbers.next()) {
			assertThat(first.rowCount()).isEqualTo(10_000);
		}
		assertThat(stored.blob(1)).hasSize(1);
	}

	private void assertObserved(String transport) {
		TestObservationRegistryAssert.assertThat(this.observations)
			.hasAnObservationWithAKeyValue("transport", transport);
		this.observations.clear();
	}

	private long objects() {
		try (Stream<Path> files = Files.walk(this.folder.resolve("store"))) {
			return files.filter((file) -> Files.isRegularFile(file) && file.toString().endsWith(".arrow")).count();
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private List<String> command(Path socket) {
		return StdioProcessTests.command(Application.class, "--vgi.rpc.stdio=true", "--vgi.rpc.unix.path=" + socket,
				"--vgi.rpc.unix.trusted=true", "--vgi.external.storage=local",
				"--vgi.external.local.directory=" + this.folder.resolve("store"),
				"--vgi.external.local.base-url=" + url(this.store), "--vgi.external.externalize-threshold=10KB");
	}

	/**
	 * What the worker serves.
	 */
	@RpcService(name = "Stored")
	interface Stored {

		@RpcMethod("blob")
		byte[] blob(@Max(1_000_000) int size);

		@RpcMethod("published")
		RpcResult<String> published(String text);

		@RpcMethod("count")
		ProducerStream<Void> count(int rows);

	}

	/**
	 * Serves it.
	 */
	@RestController
	static class StoredController implements Stored {

		@Override
		public byte[] blob(int size) {
			return new byte[size];
		}

		@Override
		public RpcResult<String> published(String text) {
			RpcContext.current().log(RpcContext.Level.INFO, text.length() + " characters");
			return RpcResult.published(RpcContext.current().publish(text));
		}

		@Override
		public ProducerStream<Void> count(int rows) {
			return ProducerStream.of(NUMBERS, new State(0, rows));
		}

		@RpcTurn
		Turn next(State state, RpcContext context) {
			if (state.turn() == TURNS) {
				return Turn.finish();
			}
			VectorSchemaRoot root = VectorSchemaRoot.create(NUMBERS, context.allocator());
			BigIntVector vector = (BigIntVector) root.getVector(0);
			vector.allocateNew(state.rows());
			for (int i = 0; i < state.rows(); i++) {
				vector.set(i, i);
			}
			root.setRowCount(state.rows());
			return Turn.emit(root, new State(state.turn() + 1, state.rows()));
		}

		@RpcCancel
		void cancelled(State state) {
			System.out.println("cancelled at " + state.turn());
		}

		record State(int turn, int rows) {

		}

	}

	/**
	 * An application of nothing else.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(StoredController.class)
	public static class Application {

		public static void main(String[] arguments) {
			SpringApplication.run(Application.class, arguments);
		}

	}

}
