package dev.vgi.external.transport;

import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.pace.Pace;
import dev.vgi.external.pace.PaceState;
import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.pace.Permit;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * However a request ends, its place in the pace is free again, and the pace has learnt
 * what it should.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ExchangePermitTests {

	private static final byte[] CONTENT = new byte[100_000];

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = new StorageTransport(
			new TransportSettings(Duration.ofSeconds(10), Duration.ofMinutes(5), 4, null, null, null, null), null,
			this.timer);

	private final PacedTransfer transfer = PacedTransfer.own();

	private final FaultServer server = new FaultServer(ExchangePermitTests::answer);

	private final URI url = this.server.url("/ok");

	private final Pace pace = this.transport.paces().of(this.transfer, this.url);

	@AfterEach
	void nothingIsLeft() {
		PaceState state = this.pace.state();
		assertThat(state.inFlight() + state.waiting()).isZero();
		assertThat(this.transport.leasedConnections()).isZero();
		this.transport.close();
		this.server.close();
	}

	private static void answer(FaultServer.Request request, FaultServer.Reply reply) throws Exception {
		switch (request.target()) {
			case "/ok" -> reply.object(CONTENT);
			case "/interim" -> {
				reply.head(100);
				reply.head(103);
				reply.object(CONTENT);
			}
			case "/switched" -> reply.head(101);
			case "/404", "/500", "/503" -> {
				reply.head(Integer.parseInt(request.target().substring(1)), "Content-Length: 9");
				reply.raw("it is not".getBytes(StandardCharsets.US_ASCII));
			}
			case "/loop" -> reply.empty(302, "Location: /loop");
			case "/nowhere" -> reply.empty(302, "Location: http://%%%");
			case "/long" -> {
				reply.head(302, "Location: /ok", "Content-Length: 50000");
				reply.raw(CONTENT, 0, 50000);
			}
			case "/garbage" -> reply.raw("garbage\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
			case "/reset" -> reply.reset();
			case "/short", "/stall" -> {
				reply.head(200, "Content-Length: 100");
				reply.raw(CONTENT, 0, 50);
				if (request.target().equals("/stall")) {
					reply.stall();
				}
				reply.hangUp();
			}
			default -> reply.hangUp();
		}
	}

	private StorageResponse get(String path, TransferRequest request) {
		return this.transport.get(this.server.url(path), null, null, UrlValidator.acceptAll(), 5,
				Deadline.in(Duration.ofSeconds(60), this.timer::nanoTime), request);
	}

	private TransferRequest request() {
		return new TransferRequest(this.transfer, false);
	}

	private Permit hold() {
		Permit held = this.pace.request(new Object(), false, (permit) -> {
		});
		assertThat(held.isGranted()).isTrue();
		return held;
	}

	@Test
	void answersOfAllKinds() {
		List<String> paths = List.of("/ok", "/interim", "/switched", "/404", "/500", "/503", "/loop", "/nowhere",
				"/long", "/garbage", "/reset", "/short", "/hangup");
		for (int i = 0; i < 2 * paths.size(); i++) {
			boolean read = i % 2 == 0;
			String path = paths.get(i / 2);
			this.timer.advance(Duration.ofSeconds(31));
			Throwable thrown = catchThrowable(() -> {
				try (StorageResponse response = get(path, request())) {
					ByteBuffer sink = ByteBuffer.allocate(4096);
					while (read && response.read(sink) >= 0) {
						sink.clear();
					}
				}
			});
			assertThat(thrown).satisfiesAnyOf((none) -> assertThat(none).isNull(),
					(typed) -> assertThat(typed).isInstanceOf(VgiExternalException.class));
			assertThat(this.pace.state().inFlight()).as(path).isZero();
			hold().succeeded();
		}
	}

	@Test
	void endsWhileItWaits() throws Exception {
		Permit[] all = { hold(), hold(), hold(), hold() };
		assertThat(endWhileItWaits((waiting) -> this.timer.advance(Duration.ofSeconds(61))))
			.isInstanceOf(TransferTimeoutException.class)
			.hasMessageContaining("had no turn within 60000 ms")
			.hasMessageContaining("vgi.external.http.max-connections");
		assertThat(endWhileItWaits(Waiting::interrupt)).isInstanceOf(TransferCancelledException.class);
		assertThat(endWhileItWaits(Waiting::cancel)).isInstanceOf(StorageUnavailableException.class);
		assertThat(endWhileItWaits((waiting) -> this.transport.endTransfers()))
			.isInstanceOf(TransportClosedException.class);
		for (Permit each : all) {
			each.cancelled();
		}
		assertThat(this.server.requests()).isEmpty();
	}

	@Test
	void pauseThatBeginsWhileItWaitsIsTooLong() throws Exception {
		Permit[] all = { hold(), hold(), hold(), hold() };
		this.timer.advance(Duration.ofSeconds(1));
		assertThat(endWhileItWaits((waiting) -> {
			this.timer.advance(Duration.ofSeconds(40));
			for (Permit each : all) {
				each.busy(Duration.ofSeconds(99999));
			}
		})).isInstanceOfSatisfying(StorageBusyException.class, (busy) -> {
			assertThat(busy)
				.hasMessageContaining("would have no turn within 60000 ms: storage has said that it is busy");
			assertThat(busy.retryAfter()).isBetween(Duration.ofSeconds(29), Duration.ofSeconds(30));
		});
	}

	@Test
	void deadlineInTheMiddleOfAnAnswerIsNoOutage() {
		for (int i = 0; i < 5; i++) {
			try (StorageResponse response = get("/stall", request())) {
				this.timer.advance(Duration.ofSeconds(61));
				assertThatExceptionOfType(TransferTimeoutException.class)
					.isThrownBy(() -> response.read(ByteBuffer.allocate(4096)));
			}
		}
		assertThat(this.pace.state().closed()).isFalse();
		assertThat(this.pace.state().window()).isLessThan(4);
	}

	@Test
	void answerThatNobodyReadsEndsAnOutage() {
		for (int i = 0; i < 4; i++) {
			hold().broken("it was reset");
		}
		assertThat(this.pace.state().closed()).isTrue();
		this.timer.advance(Duration.ofSeconds(1));
		get("/404", request()).close();
		assertThat(this.pace.state().closed()).isFalse();
	}

	private @Nullable Throwable endWhileItWaits(Consumer<Waiting> action) throws Exception {
		TransferRequest request = request();
		CompletableFuture<StorageResponse> response = new CompletableFuture<>();
		Thread thread = new Thread(() -> {
			try {
				response.complete(get("/ok", request));
			}
			catch (VgiExternalException ex) {
				response.completeExceptionally(ex);
			}
		});
		thread.start();
		while (this.pace.state().waiting() == 0) {
			Thread.onSpinWait();
		}
		action.accept(new Waiting(thread, request));
		Throwable thrown = catchThrowable(response::get);
		assertThat(thrown).isInstanceOf(ExecutionException.class);
		thread.join();
		assertThat(this.pace.state().waiting()).isZero();
		return thrown.getCause();
	}

	private record Waiting(Thread thread, TransferRequest request) {

		void interrupt() {
			this.thread.interrupt();
		}

		void cancel() {
			this.request.cancel();
		}

	}

}
