package dev.vgi.external.rpc.pipe.client;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LimitExceededException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.transport.ManualTimer;
import dev.vgi.external.transport.TransferCancelledException;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link PipeConnection}.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PipeConnectionTests {

	private static final Duration TIMEOUT = Duration.ofSeconds(7);

	private final ManualTimer timer = new ManualTimer();

	private final Peers peers = new Peers(this.timer);

	private final List<LogMessage> logs = new ArrayList<>();

	private final CallContext context = CallContext.of(this.logs::add);

	private final CompletableFuture<Void> reading = new CompletableFuture<>();

	@TempDir
	private Path directory;

	@AfterEach
	void nothingIsLeft() throws Exception {
		this.peers.close();
	}

	private PipeConnection open() {
		return open(Peers.callTimeout(TIMEOUT), null);
	}

	private PipeConnection open(PeerSettings settings, Consumer<SocketChannel> service) {
		try {
			return ((service != null) ? this.peers.unix(settings, this.directory, service)
					: this.peers.unix(settings, this.directory))
				.open();
		}
		catch (IOException ex) {
			throw new AssertionError(ex);
		}
	}

	private int call(PipeConnection connection, String method, int values, String... metadata) {
		try (AnnotatedBatch request = this.peers.request(method, values, metadata);
				AnnotatedBatch answer = connection.call(request, this.context)) {
			return answer.rowCount();
		}
	}

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

	// rings when the call waits for so long
	private void ring(CompletableFuture<?> call, Duration delay) {
		try {
			this.timer.awaitAlarmIn(delay);
		}
		catch (InterruptedException ex) {
			throw new AssertionError(ex);
		}
		assertThat(call).isNotDone();
		this.timer.advance(delay);
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
		try (PipeConnection connection = open(Peers.callTimeout(TIMEOUT), (socket) -> FakeService
			.serve(Pipe.of(socket, socket), this.peers.allocator, true, this.reading::join))) {
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

	private static void awaitReady(PipeConnection connection) {
		while (!connection.pipe().isReady()) {
			Thread.onSpinWait();
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
		try (PipeConnection connection = open(Peers.callTimeout(TIMEOUT), (socket) -> FakeService
			.serve(Pipe.of(socket, socket), this.peers.allocator, true, () -> FakeService.complain(socket)))) {
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> call(connection, "echo", 1_000_000))
				.withMessageContaining("too much");
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
	void onlyOneCallAtATime() {
		try (PipeConnection connection = open()) {
			try (PipeStream stream = stream(connection, "produce", false, "argument", "3")) {
				assertThatIllegalStateException().isThrownBy(() -> call(connection, "echo", 1));
			}
			assertThat(call(connection, "echo", 1)).isEqualTo(1);
		}
	}

	private PipeStream stream(PipeConnection connection, String method, boolean header, String... metadata) {
		try (AnnotatedBatch request = this.peers.request(method, 2, metadata)) {
			return connection.open(request, header, this.context);
		}
	}

	private int produced(PipeStream stream) {
		int batches = 0;
		for (AnnotatedBatch batch = stream.turn(null, this.context); batch != null; batch = stream.turn(null,
				this.context)) {
			assertThat(batch.rowCount()).isEqualTo(2);
			batch.close();
			batches++;
		}
		return batches;
	}

	@Test
	void aProducerEndsByItself() {
		try (PipeConnection connection = open()) {
			for (int turns : new int[] { 0, 1, 5 }) {
				PipeStream stream = stream(connection, "produce", false, "argument", String.valueOf(turns), "logs",
						"2");
				assertThat(stream.isLive()).isTrue();
				assertThat(produced(stream)).isEqualTo(turns);
				assertThat(stream.isLive()).isFalse();
				assertThat(connection.isUsable()).isTrue();
				assertThat(this.logs).hasSize(2 * turns);
				this.logs.clear();
				stream.close();
			}
		}
	}

	@Test
	void aHeaderComesFirst() {
		try (PipeConnection connection = open()) {
			try (PipeStream stream = stream(connection, "produce", true, "argument", "2", "header", "1")) {
				try (AnnotatedBatch header = stream.takeHeader()) {
					assertThat(header).isNotNull();
					assertThat(header.rowCount()).isEqualTo(2);
				}
				assertThat(stream.takeHeader()).isNull();
				assertThat(produced(stream)).isEqualTo(2);
			}
			try (PipeStream stream = stream(connection, "produce", true, "argument", "2", "header", "1")) {
				assertThat(stream.isLive()).isTrue();
			}
			assertThat(call(connection, "echo", 1)).isEqualTo(1);
		}
	}

	@Test
	void anExchangeAnswersEachInput() {
		try (PipeConnection connection = open()) {
			try (PipeStream stream = stream(connection, "exchange", false, "argument", "1000")) {
				for (int values : new int[] { 1, 0, 200_000, 7 }) {
					assertThat(exchange(stream, values)).isEqualTo(values);
				}
				stream.cancel(this.context);
				assertThat(stream.isLive()).isFalse();
			}
			assertThat(call(connection, "echo", 1)).isEqualTo(1);
		}
	}

	private int exchange(PipeStream stream, int values) {
		try (AnnotatedBatch input = this.peers.request("input", values);
				AnnotatedBatch answer = stream.turn(input, this.context)) {
			return (answer != null) ? answer.rowCount() : -1;
		}
	}

	@Test
	void inputsOfOtherColumnsAreRefusedBeforeTheyAreSent() {
		try (PipeConnection connection = open()) {
			try (PipeStream stream = stream(connection, "exchange", false, "argument", "1000")) {
				assertThat(exchange(stream, 1)).isEqualTo(1);
				long sent = this.context.inlineBytesSent();
				try (AnnotatedBatch other = AnnotatedBatch
					.of(VectorSchemaRoot.of(new BigIntVector("other", this.peers.allocator)))) {
					assertThatIllegalArgumentException().isThrownBy(() -> stream.turn(other, this.context));
				}
				assertThat(this.context.inlineBytesSent()).isEqualTo(sent);
				assertThat(exchange(stream, 2)).isEqualTo(2);
			}
			assertThat(call(connection, "echo", 1)).isEqualTo(1);
		}
	}

	@Test
	void anExchangeMayEndByItself() {
		try (PipeConnection connection = open()) {
			try (PipeStream stream = stream(connection, "exchange", false, "argument", "1")) {
				assertThat(exchange(stream, 1)).isEqualTo(1);
				assertThat(exchange(stream, 1)).isEqualTo(-1);
				assertThat(connection.isUsable()).isTrue();
			}
			assertThat(call(connection, "echo", 1)).isEqualTo(1);
		}
	}

	@Test
	void aStreamCanBeEndedOrCancelledBeforeItsFirstTurn() {
		try (PipeConnection connection = open()) {
			PipeStream ended = stream(connection, "exchange", false, "argument", "1");
			ended.close();
			assertThat(connection.isUsable()).isTrue();
			PipeStream cancelled = stream(connection, "produce", false, "argument", "1");
			cancelled.cancel(this.context);
			cancelled.close();
			assertThat(call(connection, "echo", 1)).isEqualTo(1);
		}
	}

	@Test
	void anErrorInATurnEndsTheStream() {
		try (PipeConnection connection = open()) {
			for (int turns : new int[] { 0, 2 }) {
				try (PipeStream stream = stream(connection, "produce", false, "argument", String.valueOf(turns),
						"error", "1")) {
					for (int turn = 0; turn < turns; turn++) {
						stream.turn(null, this.context).close();
					}
					assertThatExceptionOfType(ErrorBatchException.class)
						.isThrownBy(() -> stream.turn(null, this.context))
						.withMessageContaining("it went wrong");
					assertThat(stream.isLive()).isFalse();
					assertThat(connection.isUsable()).isTrue();
				}
			}
			assertThat(call(connection, "echo", 1)).isEqualTo(1);
		}
	}

	@Test
	void aHandlerThatFailsLeavesTheConnectionInStep() {
		try (PipeConnection connection = open()) {
			for (boolean header : new boolean[] { true, false }) {
				assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> {
					try (PipeStream stream = stream(connection, "fail_opening", header)) {
						stream.turn(null, this.context);
					}
				}).withMessageContaining("it does not open");
				assertThat(connection.isUsable()).isTrue();
			}
			stream(connection, "fail_opening", false).close();
			assertThat(call(connection, "echo", 1)).isEqualTo(1);
		}
	}

	@Test
	void anOpeningThatIsRefusedEndsTheConnectionUnlessThePeerIsInStep() {
		for (boolean header : new boolean[] { true, false }) {
			try (PipeConnection connection = open()) {
				assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> {
					try (PipeStream stream = stream(connection, "unknown", header)) {
						stream.turn(null, this.context);
					}
				}).withMessageContaining("There is no method unknown");
				// The peer took the input for a request.
				assertThat(connection.isUsable()).isFalse();
			}
		}
		try (PipeConnection connection = open()) {
			stream(connection, "unknown", false).close();
			assertThat(connection.isUsable()).isFalse();
		}
	}

	@Test
	void aTurnThatIsAnsweredTwiceEndsTheConnection() {
		try (PipeConnection connection = open()) {
			PipeStream stream = stream(connection, "produce", false, "argument", "5", "twice", "1");
			stream.turn(null, this.context).close();
			awaitReady(connection);
			CompletableFuture<Void> next = CompletableFuture.runAsync(() -> stream.turn(null, this.context).close());
			assertThat(next).failsWithin(Peers.LONG)
				.withThrowableThat()
				.havingCause()
				.isInstanceOf(CorruptStreamException.class)
				.withMessageContaining("one turn with more than one batch");
			assertThat(connection.isUsable()).isFalse();
			stream.close();
		}
	}

	@Test
	void logLimitsApplyToEachTurn() {
		try (PipeConnection connection = open()) {
			try (PipeStream stream = stream(connection, "produce", false, "argument", "3", "logs", "6000")) {
				assertThat(produced(stream)).isEqualTo(3);
			}
			PipeStream stream = stream(connection, "produce", false, "argument", "3", "logs", "100000");
			assertThatExceptionOfType(LimitExceededException.class).isThrownBy(() -> stream.turn(null, this.context));
			assertThat(connection.isUsable()).isFalse();
			stream.close();
		}
	}

	@Test
	void manyOpeningsFollowEachOther() {
		CallContext quiet = CallContext.of(LogSink.discarding());
		try (PipeConnection connection = open()) {
			for (int i = 0; i < 1000; i++) {
				try (AnnotatedBatch request = this.peers.request("produce", 1, "argument", "9", "header", "1");
						PipeStream stream = connection.open(request, true, quiet);
						AnnotatedBatch first = (i % 2 == 0) ? stream.turn(null, quiet) : null) {
					if (i % 3 == 0) {
						stream.cancel(quiet);
					}
				}
				assertThat(connection.isUsable()).isTrue();
			}
			assertThat(call(connection, "echo", 1)).isEqualTo(1);
		}
	}

	@Test
	void aPeerThatSpeaksSomethingElseIsNamed() {
		CompletableFuture<PipeConnection> opened = CompletableFuture
			.supplyAsync(() -> open(Peers.callTimeout(TIMEOUT), (socket) -> {
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

	@Test
	void aPeerThatHasNoTransportOptionsIsUsed() {
		PipeConnection connection = open(Peers.callTimeout(TIMEOUT),
				(socket) -> FakeService.serve(Pipe.of(socket, socket), this.peers.allocator, false, () -> {
				}));
		try (connection) {
			assertThat(call(connection, "echo", 1)).isEqualTo(1);
			// It cannot be asked whether it is in step.
			stream(connection, "fail_opening", false).close();
			assertThat(connection.isUsable()).isFalse();
		}
	}

}
