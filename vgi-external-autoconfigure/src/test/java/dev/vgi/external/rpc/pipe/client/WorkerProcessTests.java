package dev.vgi.external.rpc.pipe.client;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.call.CallContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link WorkerProcess}.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WorkerProcessTests {

	private final Peers peers = new Peers();

	private final CallContext context = CallContext.of(LogSink.discarding());

	@AfterEach
	void nothingIsLeft() throws Exception {
		this.peers.close();
		assertThat(ProcessHandle.current().children()).isEmpty();
	}

	@Test
	void callsFollowEachOther() {
		try (PipeConnection connection = this.peers.fake(Peers.settings()).open()) {
			for (int size : new int[] { 1, 10_000, 1_000_000, 0 }) {
				try (AnnotatedBatch request = this.peers.request("echo", size);
						AnnotatedBatch answer = connection.call(request, this.context)) {
					assertThat(answer.rowCount()).isEqualTo(size);
				}
				assertThat(connection.isUsable()).isTrue();
			}
		}
	}

	@Test
	void saysHowAWorkerHasEnded() {
		try (PipeConnection connection = this.peers.fake(Peers.settings()).open();
				AnnotatedBatch request = this.peers.request("exit", 1, "argument", "3")) {
			assertThatExceptionOfType(WorkerFailedException.class)
				.isThrownBy(() -> connection.call(request, this.context))
				.withMessageStartingWith("The worker 'model' ended with exit code 3; its standard error ends with:\n")
				.withMessageEndingWith("\nabout to end")
				.satisfies((ex) -> assertThat(ex.exitCode()).isEqualTo(3));
			assertThat(connection.isUsable()).isFalse();
		}
	}

}
