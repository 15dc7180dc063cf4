package dev.vgi.external.transfer;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferRequest;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * What callers of a storage that is away or busy are told, over real sockets.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PacedRetriesTests {

	private final StorageTransport transport = new StorageTransport(
			new TransportSettings(Duration.ofSeconds(10), Duration.ofSeconds(10), 64, null, null, null, null), null);

	private final RetryPolicy policy = new RetryPolicy(2, Duration.ZERO, this.transport);

	@AfterEach
	void close() {
		assertThat(this.transport.pace().inFlight()).isZero();
		assertThat(this.transport.pace().waiting()).isZero();
		this.transport.close();
	}

	private int fetch(URI url, PacedTransfer transfer, Duration timeout) {
		Deadline deadline = this.policy.newDeadline(timeout);
		return this.policy.run(deadline, (failures) -> {
			try (StorageResponse response = this.transport.get(url, null, null, UrlValidator.acceptAll(), 0, deadline,
					new TransferRequest(transfer, false))) {
				if (response.status() != 200) {
					throw StorageUnavailableException.answered("Storage answered " + response.status(), response);
				}
				return failures;
			}
		});
	}

	@Test
	void whoCannotWaitForTheEndOfAPauseFailsAtOnce() {
		try (FaultServer server = new FaultServer((request, reply) -> reply.empty(503, "Retry-After: 99999"))) {
			URI url = server.url("/a");
			for (int i = 0; i < 3; i++) {
				String expected = (i == 0) ? "Storage answered 503; another attempt in "
						: "Transfer of " + url + " would have no turn within 5000 ms: storage has said that it is busy";
				assertThatExceptionOfType(AttemptsExhaustedException.class)
					.isThrownBy(() -> fetch(url, PacedTransfer.foreign(), Duration.ofSeconds(5)))
					.withMessageStartingWith(expected);
			}
			assertThat(server.requests()).hasSize(1);
		}
	}

	@Test
	void slownessOfForeignAddressesDoesNotTouchOthers() {
		try (FaultServer server = new FaultServer((request, reply) -> {
			if (request.target().equals("/busy")) {
				reply.empty(503, "Retry-After: 99999");
			}
			else {
				reply.object(new byte[10]);
			}
		}); FaultServer other = new FaultServer(FaultServer.object(new byte[10]))) {
			assertThat(catchThrowable(() -> fetch(server.url("/busy"), PacedTransfer.foreign(), Duration.ofSeconds(5))))
				.isNotNull();
			assertThat(fetch(server.url("/a"), PacedTransfer.own(), Duration.ofSeconds(5))).isZero();
			assertThat(fetch(other.url("/a"), PacedTransfer.foreign(), Duration.ofSeconds(5))).isZero();
			assertThat(catchThrowable(() -> fetch(server.url("/a"), PacedTransfer.foreign(), Duration.ofSeconds(5))))
				.isNotNull();
		}
	}

	@Test
	void manyCallersOfADeadStorageAreToldTheRealReason() throws Exception {
		URI url;
		try (ServerSocket closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
			url = URI.create("http://127.0.0.1:" + closed.getLocalPort() + "/a");
		}
		ExecutorService callers = Executors.newFixedThreadPool(64);
		try {
			List<Future<?>> fetches = new ArrayList<>();
			for (int i = 0; i < 264; i++) {
				fetches.add(callers.submit(() -> fetch(url, PacedTransfer.own(), Duration.ofSeconds(60))));
			}
			for (Future<?> fetch : fetches) {
				assertThat(catchThrowable(fetch::get)).cause()
					.isInstanceOf(AttemptsExhaustedException.class)
					.hasMessageContaining(url + ": the connection was refused");
			}
		}
		finally {
			callers.shutdownNow();
		}
		assertThat(this.transport.pace().closed()).isEqualTo(1);
		serve(url.getPort());
	}

	// One request finds out, whoever comes then waits for it or is refused with it.
	private void serve(int port) throws IOException {
		URI url = URI.create("http://127.0.0.1:" + port + "/a");
		try (ServerSocket back = new ServerSocket(port, 50, InetAddress.getLoopbackAddress())) {
			Thread server = new Thread(() -> catchThrowable(() -> {
				while (true) {
					try (var socket = back.accept()) {
						socket.getInputStream().read(new byte[4096]);
						socket.getOutputStream()
							.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".getBytes());
					}
				}
			}));
			server.start();
			while (catchThrowable(() -> fetch(url, PacedTransfer.own(), Duration.ofSeconds(60))) != null) {
				Thread.onSpinWait();
			}
			for (int i = 0; i < 64; i++) {
				assertThat(fetch(url, PacedTransfer.own(), Duration.ofSeconds(60))).isZero();
			}
		}
	}

}
