package dev.vgi.external.rpc.pipe.client;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.time.ManualTimer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Connections to a {@link FakeService} in this process, whose clock stands still.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class AbstractConnectionTests {

	static final Duration TIMEOUT = Duration.ofSeconds(7);

	final ManualTimer timer = new ManualTimer();

	final Peers peers = new Peers(this.timer);

	final List<LogMessage> logs = new ArrayList<>();

	final CallContext context = CallContext.of(this.logs::add);

	@TempDir
	@SuppressWarnings("NullAway.Init")
	Path directory;

	@AfterEach
	void nothingIsLeft() throws Exception {
		this.peers.close();
	}

	PipeConnection open() {
		return open((socket) -> FakeService.serve(Pipe.of(socket, socket), this.peers.allocator));
	}

	PipeConnection open(Consumer<SocketChannel> service) {
		try {
			return this.peers.unix(Peers.callTimeout(TIMEOUT), this.directory, service).open();
		}
		catch (IOException ex) {
			throw new AssertionError(ex);
		}
	}

	int call(PipeConnection connection, String method, int values, String... metadata) {
		try (AnnotatedBatch request = this.peers.request(method, values, metadata);
				AnnotatedBatch answer = connection.call(request, this.context)) {
			return answer.rowCount();
		}
	}

	/** Rings when the call waits for so long. */
	void ring(CompletableFuture<?> call, Duration delay) {
		try {
			this.timer.awaitAlarmIn(delay);
		}
		catch (InterruptedException ex) {
			throw new AssertionError(ex);
		}
		assertThat(call).isNotDone();
		// The alarm may be that of an earlier wait, and the call may begin later.
		Awaitility.await().until(() -> {
			this.timer.advance(delay);
			return call.isDone();
		});
	}

	static void awaitReady(PipeConnection connection) {
		while (!connection.pipe().isReady()) {
			Thread.onSpinWait();
		}
	}

}
