package dev.vgi.external.rpc.pipe.client;

import java.util.Objects;
import java.util.concurrent.CompletableFuture;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LimitExceededException;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.rpc.pipe.Pipe;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link PipeStream}.
 */
class PipeStreamTests extends AbstractConnectionTests {

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

	private AnnotatedBatch turn(PipeStream stream) {
		return Objects.requireNonNull(stream.turn(null, this.context));
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
						turn(stream).close();
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
			turn(stream).close();
			awaitReady(connection);
			CompletableFuture<Void> next = CompletableFuture.runAsync(() -> turn(stream).close());
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
	void aTurnThatIsNotAnsweredInTimeEndsTheConnection() {
		try (PipeConnection connection = open();
				PipeStream stream = stream(connection, "produce", false, "argument", "3", "silent", "1")) {
			CompletableFuture<AnnotatedBatch> turn = CompletableFuture.supplyAsync(() -> turn(stream));
			// an alarm of the opening may still be set, so one ring may come too early
			while (!turn.isDone()) {
				this.timer.advance(TIMEOUT);
				Thread.onSpinWait();
			}
			assertThat(turn).failsWithin(Peers.LONG)
				.withThrowableThat()
				.havingCause()
				.isInstanceOf(CallTimeoutException.class)
				.withMessageContaining("within 7000 ms");
			assertThat(connection.isUsable()).isFalse();
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
	void aPeerThatHasNoTransportOptionsIsUsed() {
		PipeConnection connection = open(
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
