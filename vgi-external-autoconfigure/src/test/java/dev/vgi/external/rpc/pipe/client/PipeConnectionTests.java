package dev.vgi.external.rpc.pipe.client;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LimitExceededException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.batch.StreamTooLongException;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.transport.TransferCancelledException;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link PipeConnection}.
 */
class PipeConnectionTests extends AbstractConnectionTests {

	private final CompletableFuture<Void> reading = new CompletableFuture<>();

	@Test
	void callsOfAllSizesFollowEachOther() {
		try (PipeConnection connection = open()) {
			for (int values : new int[] { 0, 1, 1000, 100_000, 1_000_000, 3 }) {
				assertThat(call(connection, "echo", values)).isEqualTo(values);
				assertThat(connection.isUsable()).isTrue();
			}
			assertThat(this.context.inlineBytesSent()).isGreaterThan(8 * 1_000_000)
				.isEqualTo(this.context.inlineBytesReceived());
		}
	}

	@Test
	void logsAreToldOnceTheAnswerWasRead() {
		try (PipeConnection connection = open()) {
			assertThat(call(connection, "logs", 2, "argument", "3")).isEqualTo(2);
			assertThat(this.logs).extracting(LogMessage::message).containsExactly("log 0", "log 1", "log 2");
		}
	}

	@Test
	void anErrorLeavesTheConnectionInStep() {
		try (PipeConnection connection = open()) {
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> call(connection, "fail", 1))
				.satisfies((ex) -> assertThat(ex.errorType()).isEqualTo("ValueError"));
			assertThat(connection.isUsable()).isTrue();
			assertThat(call(connection, "echo", 5)).isEqualTo(5);
		}
	}

	@Test
	void aSinkThatFailsLeavesNothingBehind() {
		CallContext failing = CallContext.of((message) -> {
			throw new IllegalArgumentException("sink");
		});
		try (PipeConnection connection = open();
				AnnotatedBatch request = this.peers.request("logs", 2, "argument", "1")) {
			assertThatIllegalArgumentException().isThrownBy(() -> connection.call(request, failing));
			assertThat(call(connection, "echo", 5)).isEqualTo(5);
		}
	}

	@Test
	void aSocketWhosePathIsTooLongIsNotTriedAgain() {
		UnixPeer peer = new UnixPeer(this.directory.resolve("x".repeat(108)), Peers.settings(), this.peers.allocator,
				this.timer);
		assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(peer::open)
			.withMessageEndingWith("cannot be connected to: Unix domain path too long");
	}

	@Test
	void textInsteadOfAnAnswerIsShownWithoutSecrets() {
		try (PipeConnection connection = open()) {
			CompletableFuture<Integer> call = CompletableFuture.supplyAsync(() -> call(connection, "text", 1));
			ring(call, Duration.ofMillis(200));
			assertThat(call).failsWithin(Peers.LONG)
				.withThrowableThat()
				.havingCause()
				.isInstanceOf(WorkerFailedException.class)
				.withMessageContaining("Traceback: https://a.example/b")
				.withMessageNotContaining("secret");
			assertThat(connection.isUsable()).isFalse();
		}
	}

	@Test
	void aSilentPeerIsGivenUpInTime() {
		try (PipeConnection connection = open()) {
			CompletableFuture<Integer> call = CompletableFuture.supplyAsync(() -> call(connection, "silent", 1));
			ring(call, TIMEOUT);
			assertThat(call).failsWithin(Peers.LONG)
				.withThrowableThat()
				.havingCause()
				.isInstanceOf(CallTimeoutException.class)
				.withMessageMatching("No answer from the service at .* within 7000 ms");
			assertThat(connection.isUsable()).isFalse();
		}
	}

	@Test
	void aPeerThatDoesNotReadIsGivenUpInTime() {
		try (PipeConnection connection = open((socket) -> FakeService.serve(Pipe.of(socket, socket),
				this.peers.allocator, true, this.reading::join))) {
			CompletableFuture<Integer> call = CompletableFuture.supplyAsync(() -> call(connection, "echo", 1_000_000));
			ring(call, TIMEOUT);
			assertThat(call).failsWithin(Peers.LONG)
				.withThrowableThat()
				.havingCause()
				.isInstanceOf(CallTimeoutException.class);
			this.reading.complete(null);
		}
	}

	@Test
	void anInterruptEndsTheCall() throws Exception {
		try (PipeConnection connection = open()) {
			CompletableFuture<Boolean> flag = new CompletableFuture<>();
			Thread caller = new Thread(() -> {
				try {
					call(connection, "silent", 1);
				}
				catch (TransferCancelledException ex) {
					flag.complete(Thread.currentThread().isInterrupted());
				}
				finally {
					flag.complete(null);
				}
			});
			caller.start();
			this.timer.awaitAlarmIn(TIMEOUT);
			caller.interrupt();
			assertThat(flag).succeedsWithin(Peers.LONG).isEqualTo(true);
			assertThat(connection.isUsable()).isFalse();
		}
	}

	@Test
	void anInterruptedThreadDoesNotBreakAConnection() {
		try (PipeConnection connection = open()) {
			Thread.currentThread().interrupt();
			assertThatExceptionOfType(TransferCancelledException.class).isThrownBy(() -> call(connection, "echo", 1));
			assertThat(connection.isUsable()).isTrue();
			assertThat(Thread.interrupted()).isTrue();
			assertThat(call(connection, "echo", 1)).isEqualTo(1);
		}
	}

	@Test
	void aConnectionThatIsClosedElsewhereEndsTheCall() throws Exception {
		try (PipeConnection connection = open()) {
			CompletableFuture<Integer> call = CompletableFuture.supplyAsync(() -> call(connection, "silent", 1));
			this.timer.awaitAlarmIn(TIMEOUT);
			connection.destroy();
			assertThat(call).failsWithin(Peers.LONG)
				.withThrowableThat()
				.havingCause()
				.isExactlyInstanceOf(ServiceUnavailableException.class)
				.withMessageContaining("was closed");
		}
	}

	@Test
	void aPeerThatEndsInsteadOfAnsweringIsNamed() {
		try (PipeConnection connection = open()) {
			assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(() -> call(connection, "end", 1))
				.withMessageMatching("The service at .*\\.sock has ended its output instead of answering")
				.satisfies((ex) -> assertThat(ex.exitCode()).isEqualTo(-1));
		}
	}

	@Test
	void halfAnAnswerIsNone() {
		try (PipeConnection connection = open()) {
			assertThatExceptionOfType(WorkerFailedException.class).isThrownBy(() -> call(connection, "half", 1000));
			assertThat(connection.isUsable()).isFalse();
		}
	}

	@Test
	void aSecondAnswerIsNotTakenForThatOfTheNextCall() {
		try (PipeConnection connection = open()) {
			assertThat(call(connection, "twice", 1)).isZero();
			awaitReady(connection);
			CompletableFuture<Integer> call = CompletableFuture.supplyAsync(() -> call(connection, "echo", 1));
			assertThat(call).failsWithin(Peers.LONG)
				.withThrowableThat()
				.havingCause()
				.isInstanceOf(CorruptStreamException.class)
				.withMessage("An answer came that nobody has asked for");
		}
	}

	@Test
	void aPeerThatSaysMoreThanItWasAskedForIsNotUsed() {
		for (String method : new String[] { "twice", "chatty" }) {
			try (PipeConnection connection = open()) {
				assertThat(call(connection, method, 1)).isZero();
				awaitReady(connection);
				assertThat(connection.isUsable()).isFalse();
				assertThatExceptionOfType(ServiceUnavailableException.class)
					.isThrownBy(() -> call(connection, "echo", 1));
			}
		}
	}

	@Test
	void aPeerThatSaysWhyItStopsReadingIsHeard() {
		try (PipeConnection connection = open(
				(socket) -> FakeService.serve(Pipe.of(socket, socket), this.peers.allocator, true, () -> {
					FakeService.complain(socket);
					this.reading.join();
				}))) {
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> call(connection, "echo", 1_000_000))
				.withMessageContaining("too much");
			assertThat(connection.isUsable()).isFalse();
		}
		finally {
			this.reading.complete(null);
		}
	}

	@Test
	void anAnswerThatIsTooLargeEndsTheConnection() throws Exception {
		PeerSettings small = new PeerSettings(Peers.LONG, TIMEOUT, TIMEOUT, 1 << 16, ReadLimits.defaults());
		try (PipeConnection connection = this.peers
			.unix(small, this.directory, (socket) -> FakeService.serve(Pipe.of(socket, socket), this.peers.allocator))
			.open()) {
			assertThat(call(connection, "echo", 1000)).isEqualTo(1000);
			assertThat(call(connection, "echo", 1000)).isEqualTo(1000);
			assertThatExceptionOfType(StreamTooLongException.class)
				.isThrownBy(() -> call(connection, "echo", 1_000_000));
			assertThat(connection.isUsable()).isFalse();
		}
	}

	@Test
	void tooManyLogsEndTheConnection() {
		try (PipeConnection connection = open()) {
			assertThatExceptionOfType(LimitExceededException.class)
				.isThrownBy(() -> call(connection, "logs", 1, "argument", "100000"));
			assertThat(connection.isUsable()).isFalse();
		}
	}

	@Test
	void aPeerThatSpeaksSomethingElseIsNamed() {
		CompletableFuture<PipeConnection> opened = CompletableFuture.supplyAsync(() -> open((socket) -> {
			try (socket) {
				socket.write(ByteBuffer.wrap("HTTP/1.1 400 Bad request\r\n".getBytes(StandardCharsets.UTF_8)));
			}
			catch (IOException ex) {
				throw new AssertionError(ex);
			}
		}));
		assertThat(opened).failsWithin(Peers.LONG)
			.withThrowableThat()
			.havingCause()
			.isInstanceOf(WorkerFailedException.class)
			.withMessageContaining("It has sent: HTTP/1.1 400 Bad request");
	}

}
