package dev.vgi.external.transport;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.url.UrlValidator;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * However many requests to slow hosts there are that somebody else named, the service's
 * own storage is reached.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ForeignShareTests {

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = new StorageTransport(
			new TransportSettings(Duration.ofSeconds(10), Duration.ofMinutes(5), 16, null, null, null, null), null,
			this.timer);

	private final CountDownLatch over = new CountDownLatch(1);

	private final ExecutorService threads = Executors.newCachedThreadPool();

	private final List<FaultServer> slow = new ArrayList<>();

	private final FaultServer fast = new FaultServer((request, reply) -> reply.object(new byte[10]));

	@AfterEach
	void close() {
		this.over.countDown();
		this.threads.shutdownNow();
		this.slow.forEach(FaultServer::close);
		this.fast.close();
		Awaitility.await().untilAsserted(() -> assertThat(this.transport.leasedConnections()).isZero());
		this.transport.close();
	}

	@Test
	void oneSlowHostLeavesConnectionsToOthers() {
		ask(slow(), 16);
		awaitLeased(9);
		assertThat(status(PacedTransfer.foreign())).isEqualTo(200);
		assertThat(status(PacedTransfer.own())).isEqualTo(200);
	}

	@Test
	void severalSlowHostsLeaveConnectionsToTheOwnStorage() {
		ask(slow(), 16);
		ask(slow(), 16);
		awaitLeased(12);
		assertThat(status(PacedTransfer.own())).isEqualTo(200);
	}

	@Test
	void hostIsNotBlamedForTheWaitForOthers() throws Exception {
		List<Future<Integer>> blocking = ask(slow(), 16);
		blocking.addAll(ask(slow(), 16));
		awaitLeased(12);
		for (int i = 0; i < 6; i++) {
			Future<Integer> late = this.threads
				.submit(() -> status(this.fast.url("/late"), PacedTransfer.foreign(), Duration.ofSeconds(20)));
			Awaitility.await()
				.until(() -> this.transport.paces()
					.of(PacedTransfer.foreign(), this.fast.url("/"))
					.state()
					.inFlight() == 1);
			this.timer.advance(Duration.ofSeconds(20));
			assertThatExceptionOfType(java.util.concurrent.ExecutionException.class).isThrownBy(late::get)
				.withCauseInstanceOf(TransferTimeoutException.class);
		}
		assertThat(this.fast.requests()).isEmpty();
		assertThat(this.transport.origins()).filteredOn((origin) -> origin.origin().endsWith(":" + this.fast.port()))
			.allMatch((origin) -> !origin.limited());
		this.over.countDown();
		for (Future<Integer> each : blocking) {
			assertThat(each.get()).isEqualTo(200);
		}
		assertThat(status(PacedTransfer.foreign())).isEqualTo(200);
	}

	private FaultServer slow() {
		FaultServer server = new FaultServer((request, reply) -> {
			reply.await(this.over);
			reply.object(new byte[10]);
		});
		this.slow.add(server);
		return server;
	}

	private List<Future<Integer>> ask(FaultServer server, int requests) {
		List<Future<Integer>> asked = new ArrayList<>();
		for (int i = 0; i < requests; i++) {
			asked.add(this.threads
				.submit(() -> status(server.url("/slow"), PacedTransfer.foreign(), Duration.ofMinutes(10))));
		}
		return asked;
	}

	private void awaitLeased(int connections) {
		Awaitility.await().untilAsserted(() -> assertThat(this.transport.leasedConnections()).isEqualTo(connections));
	}

	private int status(PacedTransfer transfer) {
		return status(this.fast.url("/fast"), transfer, Duration.ofMinutes(10));
	}

	private int status(URI url, PacedTransfer transfer, Duration timeout) {
		try (StorageResponse response = this.transport.get(url, null, null, UrlValidator.acceptAll(), 0,
				Deadline.in(timeout, this.timer::nanoTime), new TransferRequest(transfer, false))) {
			response.discard();
			return response.status();
		}
	}

}
