package dev.vgi.external.rpc.pipe.client;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transport.TransferCancelledException;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.core.task.VirtualThreadTaskExecutor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link WorkerProcess}.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@EnabledOnOs(OS.LINUX)
class WorkerProcessTests {

	private final Peers peers = new Peers();

	private final CallContext context = CallContext.of(LogSink.discarding());

	@TempDir
	private Path directory;

	@AfterEach
	void nothingIsLeft() throws Exception {
		this.peers.close();
		assertThat(ProcessHandle.current().children()).isEmpty();
		assertThat(threads()).isEmpty();
	}

	// those that are about to end are given the time
	private static List<Thread> threads() throws InterruptedException {
		List<Thread> found = new ArrayList<>();
		for (Thread thread : Thread.getAllStackTraces().keySet()) {
			if (thread.getName().startsWith("vgi-external-worker") || thread.getName().equals("vgi-external-pipe")) {
				thread.join(5000);
				if (thread.isAlive()) {
					found.add(thread);
				}
			}
		}
		return found;
	}

	private int call(PipeConnection connection, String method, int values, String... metadata) {
		try (AnnotatedBatch request = this.peers.request(method, values, metadata);
				AnnotatedBatch answer = connection.call(request, this.context)) {
			return answer.rowCount();
		}
	}

	private PipeConnection fake() {
		return this.peers.fake(Peers.settings()).open();
	}

	// the program may do something before and after it is the service
	private WorkerProcess scripted(PeerSettings settings, String script) {
		List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", script, "sh"));
		command.addAll(Peers.fakeCommand());
		return this.peers.program(settings, command.toArray(String[]::new));
	}

	private static ProcessHandle child() {
		return ProcessHandle.current().children().findFirst().orElseThrow();
	}

	// whoever inherits them may take a while to notice
	private static void awaitEnd(List<ProcessHandle> family) {
		Awaitility.await().atMost(Peers.LONG).until(() -> family.stream().noneMatch(ProcessHandle::isAlive));
	}

	@Test
	void callsFollowEachOther() {
		try (PipeConnection connection = fake()) {
			for (int size : new int[] { 1, 10_000, 1_000_000, 0 }) {
				assertThat(call(connection, "echo", size)).isEqualTo(size);
				assertThat(connection.isUsable()).isTrue();
			}
			try (AnnotatedBatch request = this.peers.request("exchange", 1, "argument", "100");
					PipeStream stream = connection.open(request, false, this.context)) {
				for (int size : new int[] { 1, 200_000, 0 }) {
					try (AnnotatedBatch input = this.peers.request("input", size);
							AnnotatedBatch answer = stream.turn(input, this.context)) {
						assertThat(answer).isNotNull();
						assertThat(answer.rowCount()).isEqualTo(size);
					}
				}
			}
			assertThat(connection.isUsable()).isTrue();
		}
	}

	@Test
	void environmentAndDirectoryAreTheWorkers() throws Exception {
		WorkerProcess worker = new WorkerProcess("model", List.of("/bin/sh", "-c", "echo $GREETING from $(pwd) >&2"),
				this.directory, Map.of("GREETING", "Hello"), Peers.settings(), this.peers.allocator, this.peers.timer);
		assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(worker::open)
			.withMessageContaining("Hello from " + this.directory.toRealPath());
	}

	@Test
	void anEnvironmentThatIsRefusedIsNotShown() {
		WorkerProcess worker = new WorkerProcess("model", List.of("cat"), null, Map.of("KEY", "sec\0ret"),
				Peers.settings(), this.peers.allocator, this.peers.timer);
		assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(worker::open)
			.withMessageContaining("'KEY'")
			.withMessageNotContaining("sec")
			.withNoCause();
	}

	@Test
	void aCommandThatDoesNotExistIsNamed() {
		assertThatExceptionOfType(WorkerFailedException.class)
			.isThrownBy(() -> this.peers.program(Peers.settings(), "/does/not/exist", "--secret=1").open())
			.withMessageStartingWith("The worker 'model' cannot be started with the command '/does/not/exist': ")
			.withMessageNotContaining("secret");
	}

	@Test
	void saysHowAWorkerHasEnded() {
		try (PipeConnection connection = fake()) {
			assertThatExceptionOfType(WorkerFailedException.class)
				.isThrownBy(() -> call(connection, "exit", 1, "argument", "3"))
				.withMessageStartingWith("The worker 'model' ended with exit code 3; its standard error ends with:\n")
				.withMessageEndingWith("\nabout to end")
				.satisfies((ex) -> assertThat(ex.exitCode()).isEqualTo(3));
			assertThat(connection.isUsable()).isFalse();
		}
	}

	@Test
	void saysWhatAWorkerHasPrintedBeforeItEnded() {
		assertThatExceptionOfType(WorkerFailedException.class)
			.isThrownBy(
					() -> this.peers
						.program(Peers.settings(), "/bin/sh", "-c",
								"echo 'Traceback (most recent call last):'; echo oops >&2; exit 4")
						.open())
			.withMessage("The worker 'model' ended with exit code 4; the worker wrote to its standard output: "
					+ "Traceback (most recent call last):; its standard error ends with:\noops");
	}

	@Test
	void saysWhatAWorkerPrintsThatGoesOn() {
		try (PipeConnection connection = fake()) {
			assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(() -> call(connection, "text", 1))
				.withMessageStartingWith("The worker 'model' has not answered; "
						+ "the worker wrote to its standard output: Traceback: https://a.example/b")
				.satisfies((ex) -> assertThat(ex.exitCode()).isEqualTo(-1));
		}
	}

	@Test
	void aWordThatIsShorterThanAnyAnswerIsShown() {
		assertThatExceptionOfType(WorkerFailedException.class)
			.isThrownBy(() -> this.peers.program(Peers.settings(), "/bin/sh", "-c", "printf no; exit 4").open())
			.withMessage("The worker 'model' ended with exit code 4; the worker wrote to its standard output: no");
		PeerSettings settings = new PeerSettings(Duration.ofMillis(500), Peers.LONG, Duration.ofMillis(100), 1 << 20,
				ReadLimits.defaults());
		assertThatExceptionOfType(WorkerFailedException.class)
			.isThrownBy(() -> this.peers.program(settings, "/bin/sh", "-c", "printf no; sleep 600").open())
			.withMessageContaining("has not answered within the start-timeout of 500 ms; "
					+ "the worker wrote to its standard output: no");
	}

	@Test
	void longWordsAreCut() {
		assertThatExceptionOfType(WorkerFailedException.class)
			.isThrownBy(() -> this.peers
				.program(Peers.settings(), "/bin/sh", "-c",
						"head -c 100000 /dev/zero | tr '\\0' x; head -c 100000 /dev/zero | tr '\\0' y >&2; sleep 600")
				.open())
			.satisfies((ex) -> assertThat(ex.getMessage()).contains("xxx").hasSizeLessThan(100_000));
	}

	@Test
	void aWorkerThatDoesNotAnswerIsEndedAfterTheStartTimeout() throws Exception {
		ManualTimer timer = new ManualTimer();
		PeerSettings settings = new PeerSettings(Duration.ofSeconds(20), Peers.LONG, Duration.ofMillis(100), 1 << 20,
				ReadLimits.defaults());
		WorkerProcess worker = new WorkerProcess("model", List.of("/bin/sh", "-c", "echo slow >&2; exec sleep 600"),
				null, Map.of(), settings, this.peers.allocator, timer);
		CompletableFuture<PipeConnection> opening = CompletableFuture.supplyAsync(worker::open);
		timer.awaitAlarmIn(Duration.ofSeconds(20));
		timer.advance(Duration.ofSeconds(20));
		assertThat(opening).failsWithin(Peers.LONG)
			.withThrowableThat()
			.havingCause()
			.isInstanceOf(WorkerFailedException.class)
			.withMessageContaining("has not answered within the start-timeout of 20000 ms");
	}

	@Test
	void aWorkerThatIsKilledEndsTheCall() {
		try (PipeConnection connection = fake()) {
			ProcessHandle worker = child();
			CompletableFuture<Integer> call = CompletableFuture.supplyAsync(() -> call(connection, "silent", 1));
			worker.destroyForcibly();
			assertThat(call).failsWithin(Peers.LONG)
				.withThrowableThat()
				.havingCause()
				.isInstanceOf(WorkerFailedException.class)
				.withMessageContaining("ended with exit code 137");
		}
	}

	@Test
	void aWorkerThatIsKilledWhileItReadsEndsTheCall() {
		try (PipeConnection connection = fake()) {
			ProcessHandle worker = child();
			call(connection, "echo", 1);
			CompletableFuture<Void> killed = CompletableFuture.runAsync(worker::destroyForcibly);
			assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(() -> {
				while (true) {
					call(connection, "echo", 3_000_000);
				}
			});
			killed.join();
		}
	}

	@Test
	void aWorkerThatEndsInATurnEndsTheStream() {
		try (PipeConnection connection = fake();
				AnnotatedBatch request = this.peers.request("produce", 2, "argument", "5", "exit", "1");
				PipeStream stream = connection.open(request, false, this.context)) {
			// What it has written before is not lost.
			Objects.requireNonNull(stream.turn(null, this.context)).close();
			assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(() -> stream.turn(null, this.context))
				.withMessageContaining("ended with exit code 9");
			assertThat(stream.isLive()).isFalse();
		}
	}

	@Test
	void halfAnAnswerOfAWorkerIsNone() {
		try (PipeConnection connection = fake()) {
			assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(() -> call(connection, "half", 100))
				.withMessageContaining("ended with exit code 0");
		}
	}

	@Test
	void aWorkerThatClosesItsOutputIsEnded() {
		try (PipeConnection connection = fake()) {
			assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(() -> call(connection, "close_output", 1))
				.withMessageStartingWith("The worker 'model' has ended its output instead of answering")
				.satisfies((ex) -> assertThat(ex.exitCode()).isEqualTo(-1));
		}
	}

	@Test
	void aWorkerThatClosesItsInputFailsTheNextCall() {
		try (PipeConnection connection = fake()) {
			assertThat(call(connection, "close_input", 1)).isZero();
			assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(() -> call(connection, "echo", 1))
				.withMessageContaining("has ended its input instead of reading a message");
		}
	}

	@Test
	void aGrandchildDoesNotKeepACallWaiting() throws Exception {
		Path number = this.directory.resolve("pid");
		PipeConnection connection = scripted(Peers.settings(), "sleep 600 & echo $! > " + number + "; exec \"$@\"")
			.open();
		ProcessHandle worker = child();
		CompletableFuture<Integer> call = CompletableFuture.supplyAsync(() -> call(connection, "silent", 1));
		worker.destroyForcibly();
		assertThat(call).failsWithin(Peers.LONG)
			.withThrowableThat()
			.havingCause()
			.isInstanceOf(WorkerFailedException.class)
			.withMessageContaining("ended with exit code 137");
		connection.close();
		// It belongs to nobody any more.
		ProcessHandle.of(Long.parseLong(Files.readString(number).strip())).ifPresent(ProcessHandle::destroyForcibly);
	}

	@Test
	void everythingThatAWorkerHasStartedIsEndedWithIt() {
		for (boolean gently : new boolean[] { true, false }) {
			PipeConnection connection = scripted(Peers.settings(),
					"sleep 600 & (sleep 600 & exec sleep 600) & exec \"$@\"")
				.open();
			List<ProcessHandle> family = ProcessHandle.current().descendants().toList();
			assertThat(family).hasSizeGreaterThanOrEqualTo(3);
			if (gently) {
				connection.close();
			}
			connection.destroy();
			awaitEnd(family);
		}
	}

	@Test
	void whatAWorkerHasStartedIsEndedAlthoughItEndsAtOnce() {
		PipeConnection connection = this.peers.program(Peers.settings(), "/bin/sh", "-c", "sleep 600 & exec cat")
			.open();
		List<ProcessHandle> family = ProcessHandle.current().descendants().toList();
		assertThat(family).hasSize(2);
		connection.close();
		awaitEnd(family);
	}

	@Test
	void nobodyWaitsForAWorkerThatIsOutOfStep() {
		PeerSettings settings = new PeerSettings(Peers.LONG, Peers.LONG, Peers.LONG.multipliedBy(10), 1 << 20,
				ReadLimits.defaults());
		PipeConnection connection = scripted(settings, "\"$@\"; exec sleep 600").open();
		assertThat(call(connection, "twice", 1)).isZero();
		while (connection.isUsable()) {
			Thread.onSpinWait();
		}
		connection.close();
	}

	@Test
	void aWorkerThatDoesNotEndIsKilled() {
		PeerSettings settings = new PeerSettings(Peers.LONG, Peers.LONG, Duration.ofMillis(100), 1 << 20,
				ReadLimits.defaults());
		PipeConnection connection = scripted(settings, "trap '' TERM; \"$@\"; while :; do sleep 1; done").open();
		ProcessHandle worker = child();
		connection.close();
		assertThat(worker.isAlive()).isFalse();
	}

	@Test
	void noFileIsLeftOpen() throws Exception {
		long before = -1;
		for (int i = 0; i < 200; i++) {
			this.peers.program(Peers.settings(), "cat").open().close();
			WorkerProcess broken = this.peers.program(Peers.settings(), (i % 2 == 0) ? "false" : "/does/not/exist");
			assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(broken::open);
			before = (before < 0) ? Peers.files() : before;
		}
		assertThat(Peers.files()).isLessThanOrEqualTo(before + 2);
	}

	@Test
	@EnabledForJreRange(min = JRE.JAVA_21)
	void aVirtualThreadCanBeWokenUp() throws Exception {
		try (PipeConnection connection = fake()) {
			CompletableFuture<Throwable> failure = new CompletableFuture<>();
			Thread thread = new VirtualThreadTaskExecutor().getVirtualThreadFactory().newThread(() -> {
				try {
					call(connection, "echo", 1_000_000);
					call(connection, "silent", 1);
				}
				catch (RuntimeException ex) {
					failure.complete(ex);
				}
			});
			thread.start();
			while (thread.getState() != Thread.State.WAITING) {
				Thread.onSpinWait();
			}
			connection.destroy();
			assertThat(failure).succeedsWithin(Peers.LONG);
		}
	}

	@Test
	void aWorkerThatNobodyWantsAnyMoreIsEndedBeforeItIsGreeted() {
		WorkerProcess worker = this.peers.fake(Peers.settings());
		Process process = worker.start();
		PipeConnection connection = worker.connect(process, ProcessFiles.of(process));
		Thread.currentThread().interrupt();
		assertThatExceptionOfType(TransferCancelledException.class).isThrownBy(() -> connection.greet(Peers.LONG));
		assertThat(Thread.interrupted()).isTrue();
		assertThat(process.isAlive()).isFalse();
		assertThat(connection.isUsable()).isFalse();
	}

	@Test
	void withoutFilesTheStreamsOfJavaAreUsed() {
		WorkerProcess worker = this.peers.fake(Peers.settings());
		try (PipeConnection connection = worker.connect(worker.start(), null)) {
			connection.greet(Peers.LONG);
			for (int size : new int[] { 1, 1_000_000, 0 }) {
				assertThat(call(connection, "echo", size)).isEqualTo(size);
				assertThat(connection.isUsable()).isTrue();
			}
		}
	}

	@Test
	void withoutFilesAWorkerIsKilledAfterTheCallTimeout() {
		PeerSettings settings = new PeerSettings(Peers.LONG, Duration.ofMillis(200), Duration.ofSeconds(10), 1 << 20,
				ReadLimits.defaults());
		WorkerProcess worker = this.peers.fake(settings);
		try (PipeConnection connection = worker.connect(worker.start(), null)) {
			connection.greet(Peers.LONG);
			assertThatExceptionOfType(CallTimeoutException.class).isThrownBy(() -> call(connection, "silent", 1));
		}
	}

	@Test
	void withoutFilesAGrandchildDoesNotKeepACallWaiting() throws Exception {
		Path number = this.directory.resolve("pid");
		WorkerProcess worker = scripted(Peers.settings(), "sleep 600 & echo $! > " + number + "; exec \"$@\"");
		PipeConnection connection = worker.connect(worker.start(), null);
		connection.greet(Peers.LONG);
		CompletableFuture<Integer> call = CompletableFuture.supplyAsync(() -> call(connection, "silent", 1));
		child().destroyForcibly();
		assertThat(call).failsWithin(Peers.LONG)
			.withThrowableThat()
			.havingCause()
			.isInstanceOf(WorkerFailedException.class)
			.withMessageContaining("ended with exit code 137");
		connection.close();
		ProcessHandle.of(Long.parseLong(Files.readString(number).strip())).ifPresent(ProcessHandle::destroyForcibly);
	}

	@Test
	void withoutFilesAnInterruptEndsTheCall() throws Exception {
		WorkerProcess worker = this.peers.fake(Peers.settings());
		try (PipeConnection connection = worker.connect(worker.start(), null)) {
			connection.greet(Peers.LONG);
			CompletableFuture<Throwable> failure = new CompletableFuture<>();
			Thread caller = new Thread(() -> {
				try {
					call(connection, "silent", 1);
				}
				catch (RuntimeException ex) {
					failure.complete(ex);
				}
			});
			caller.start();
			while (caller.getState() != Thread.State.WAITING) {
				Thread.onSpinWait();
			}
			caller.interrupt();
			assertThat(failure).succeedsWithin(Peers.LONG).isInstanceOf(TransferCancelledException.class);
		}
	}

	@Test
	void withoutFilesTheWordsOfAnEndedWorkerAreFound() {
		WorkerProcess worker = this.peers.program(Peers.settings(), "/bin/sh", "-c", "echo Traceback; exit 4");
		try (PipeConnection connection = worker.connect(worker.start(), null)) {
			assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(() -> connection.greet(Peers.LONG))
				.withMessageContaining("exit code 4")
				.withMessageContaining("Traceback");
		}
	}

}
