package dev.vgi.external.rpc.pipe.client;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.ProducerCall;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcParam;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.pipe.Pipe;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * Tests for {@link RpcConnection} with workers that are processes.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RpcConnectionTests {

	private final BufferAllocator allocator = new RootAllocator();

	@TempDir
	private Path folder;

	// Other tests of this process may have some.
	private final List<ProcessHandle> childrenBefore = ProcessHandle.current().children().toList();

	private final List<Thread> threadsBefore = threads();

	@AfterEach
	void nothingIsLeft() {
		assertThat(ProcessHandle.current().children()).isSubsetOf(this.childrenBefore);
		// The last ones have told that they are done.
		Awaitility.await().untilAsserted(() -> assertThat(threads()).isSubsetOf(this.threadsBefore));
		this.allocator.close();
	}

	private static List<Thread> threads() {
		return Thread.getAllStackTraces()
			.keySet()
			.stream()
			.filter((thread) -> thread.getName().startsWith("vgi-external-"))
			.toList();
	}

	@Test
	void typedClientsCallAWorker() {
		try (RpcConnection connection = RpcConnection.start(Peers.fakeCommand(), ExternalLocationConfig.defaults())) {
			assertThat(ProcessHandle.current().children()).hasSize(1);
			Echo echo = connection.client(Echo.class);
			assertThat(echo.echo(5)).isEqualTo(5);
			assertThatExceptionOfType(VgiExternalException.class).isThrownBy(() -> echo.fail(5))
				.withMessageContaining("it failed");
			assertThat(echo.echo(6)).isEqualTo(6);
		}
	}

	@Test
	void aWorkerIsStartedWithTheFirstCall() {
		try (RpcConnection connection = builder().size(2).build()) {
			assertThat(ProcessHandle.current().children()).isEmpty();
			assertThat(connection.client(Echo.class).echo(5)).isEqualTo(5);
			assertThat(ProcessHandle.current().children()).hasSize(1);
			connection.open();
			assertThat(ProcessHandle.current().children()).hasSize(2);
		}
	}

	@Test
	void aProducerIsFetchedAheadAndAStreamHasItsConnectionAlone() {
		try (Peers peers = new Peers();
				RpcConnection connection = builder().allocator(peers.allocator).size(2).eager(true).build();
				AnnotatedBatch request = peers.request("produce", 10, "argument", "5")) {
			CallContext context = CallContext.of(LogSink.discarding());
			try (ProducerCall first = connection.service().openProducer(request, false, context);
					ProducerCall second = connection.service().openProducer(request, false, context)) {
				for (int i = 0; i < 5; i++) {
					for (ProducerCall each : List.of(first, second)) {
						try (AnnotatedBatch batch = each.next()) {
							assertThat(batch).isNotNull();
							assertThat(batch.rowCount()).isEqualTo(10);
						}
					}
				}
				assertThat(first.next()).isNull();
				assertThat(second.next()).isNull();
			}
			assertThat(connection.client(Echo.class).echo(5)).isEqualTo(5);
		}
		catch (Exception ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Test
	void aWorkerThatEndsIsReplaced() {
		try (RpcConnection connection = builder().name("model").build()) {
			Echo echo = connection.client(Echo.class);
			for (int i = 0; i < 2; i++) {
				assertThat(echo.echo(5)).isEqualTo(5);
				assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(() -> echo.exit(3))
					.withMessageContaining("The worker 'model' ended with exit code 0");
			}
			assertThat(echo.echo(5)).isEqualTo(5);
		}
	}

	@Test
	void aCommandThatDoesNotExistLeavesNothing() {
		assertThatExceptionOfType(WorkerFailedException.class)
			.isThrownBy(() -> RpcConnection.start(List.of("/no/such/program"), ExternalLocationConfig.defaults()))
			.withMessageContaining("/no/such/program");
		try (RpcConnection connection = RpcConnection.builder(List.of("/no/such/program"))
			.allocator(this.allocator)
			.build()) {
			assertThat(catchThrowable(() -> connection.client(Echo.class).echo(1)))
				.isInstanceOf(WorkerFailedException.class);
		}
	}

	@Test
	void aStartThatFailsHalfWayLeavesNothing() throws Exception {
		// Of two workers, the one that finds the folder does not start.
		String script = "mkdir '" + this.folder + "/first' || { echo second >&2; exit 7; }; exec \"$@\"";
		List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", script, "sh"));
		command.addAll(Peers.fakeCommand());
		RpcConnectionBuilder builder = RpcConnection.builder(command).allocator(this.allocator).size(2).eager(true);
		// Classes are loaded by the first one.
		for (int i = 0; i < 2; i++) {
			long files = Peers.files();
			assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(builder::build)
				.withMessageContaining("ended with exit code 7")
				.withMessageContaining("second")
				.satisfies((ex) -> assertThat(ex.exitCode()).isEqualTo(7));
			assertThat(ProcessHandle.current().children()).isEmpty();
			if (i > 0) {
				assertThat(Peers.files()).isLessThanOrEqualTo(files);
			}
			Files.delete(this.folder.resolve("first"));
		}
	}

	@Test
	void closeEndsARunningCall() throws Exception {
		RpcConnection connection = builder().eager(true).build();
		Echo echo = connection.client(Echo.class);
		FutureTask<Long> call = start(() -> echo.silent(5));
		Awaitility.await().until(() -> connection.statistics().running() == 1);
		connection.close();
		assertThat(catchThrowable(call::get)).hasCauseInstanceOf(ServiceUnavailableException.class);
		connection.close();
		assertThat(catchThrowable(() -> echo.echo(5))).hasMessageContaining("closed");
	}

	@Test
	void aStreamThatIsStillOpenDoesNotKeepAWorker() throws Exception {
		try (Peers peers = new Peers()) {
			RpcConnection connection = builder().allocator(peers.allocator).eager(true).build();
			try (AnnotatedBatch request = peers.request("produce", 10, "argument", "5");
					ProducerCall stream = connection.service()
						.openProducer(request, false, CallContext.of(LogSink.discarding()))) {
				try (AnnotatedBatch batch = stream.next()) {
					assertThat(batch).isNotNull();
				}
				connection.close();
				assertThat(ProcessHandle.current().children()).isEmpty();
			}
			assertThat(connection.statistics().running()).isZero();
		}
	}

	@Test
	void socketsAreConnectedTo() throws Exception {
		try (Peers peers = new Peers()) {
			Path socket = this.folder.resolve("s.sock");
			peers.serve(socket, (accepted) -> FakeService.serve(Pipe.of(accepted, accepted), peers.allocator));
			try (RpcConnection connection = RpcConnection.connect(socket, ExternalLocationConfig.defaults())) {
				assertThat(connection.client(Echo.class).echo(5)).isEqualTo(5);
			}
		}
	}

	@Test
	void workersHaveNamesAndEndTogether() {
		RpcConnection model = builder().name("model").build();
		RpcConnection other = builder().name("other").build();
		try (RpcWorkers workers = new RpcWorkers(Map.of("model", model, "other", other))) {
			assertThat(workers.names()).containsExactly("model", "other");
			assertThat(workers.client("model", Echo.class).echo(5)).isEqualTo(5);
			assertThat(workers.client("other", Echo.class).echo(6)).isEqualTo(6);
			assertThatIllegalArgumentException().isThrownBy(() -> workers.client("modle", Echo.class))
				.withMessage("There is no worker 'modle': the workers are [model, other]");
		}
		assertThat(catchThrowable(() -> model.client(Echo.class).echo(5))).hasMessageContaining("closed");
		assertThatIllegalArgumentException().isThrownBy(() -> new RpcWorkers(Map.of()).connection("model"))
			.withMessage("There is no worker 'model': no workers are configured");
	}

	@Test
	void settingsThatContradictEachOtherAreRefused() {
		RpcConnectionBuilder builder = builder().eager(true).idleTimeout(Duration.ofMinutes(1));
		assertThatIllegalArgumentException().isThrownBy(builder::build).withMessageContaining("'idleTimeout'");
		assertThatIllegalArgumentException().isThrownBy(() -> builder().size(0).build())
			.withMessageContaining("'size'");
	}

	private RpcConnectionBuilder builder() {
		return RpcConnection.builder(Peers.fakeCommand()).allocator(this.allocator);
	}

	private static <T> FutureTask<T> start(Callable<T> work) {
		FutureTask<T> task = new FutureTask<>(work);
		new Thread(task).start();
		return task;
	}

	/**
	 * Methods of {@link FakeService}, which answers with its arguments.
	 */
	@RpcService
	interface Echo {

		@RpcMethod("echo")
		long echo(@RpcParam("result") long value);

		@RpcMethod("fail")
		long fail(@RpcParam("result") long value);

		@RpcMethod("exit")
		long exit(@RpcParam("result") long value);

		@RpcMethod("silent")
		long silent(@RpcParam("result") long value);

	}

}
