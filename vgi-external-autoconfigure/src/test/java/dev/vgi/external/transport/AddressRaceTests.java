package dev.vgi.external.transport;

import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link AddressRace} below a transport, with real sockets: 127.0.0.1 answers,
 * and what is a black hole does not.
 */
@EnabledOnOs(OS.LINUX)
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class AddressRaceTests {

	private static final UrlValidator PUBLIC_ONLY = new UrlValidator() {

		@Override
		public void validate(URI url) {
			// Names are fine: the addresses are not.
		}

		@Override
		public boolean admitsPrivateAddresses(URI url) {
			return false;
		}

	};

	private final ManualTimer timer = new ManualTimer();

	private final FaultServer server = new FaultServer(FaultServer.object(new byte[10]));

	private final List<AutoCloseable> closed = new ArrayList<>(List.of(this.server));

	@AfterEach
	void close() throws Exception {
		for (AutoCloseable closeable : this.closed) {
			closeable.close();
		}
	}

	private int blackHole(String... addresses) throws IOException {
		for (String address : addresses) {
			this.closed.add(new BlackHole(address, this.server.port()));
		}
		return this.server.port();
	}

	private static int unusedPort() throws IOException {
		try (ServerSocket socket = new ServerSocket(0)) {
			return socket.getLocalPort();
		}
	}

	private StorageTransport transport(Duration connectTimeout, String... addresses) {
		return transport(connectTimeout, null, addresses);
	}

	private StorageTransport transport(Duration connectTimeout, @Nullable InetSocketAddress proxy,
			String... addresses) {
		StorageTransport transport = new StorageTransport(
				new TransportSettings(connectTimeout, Duration.ofMinutes(5), 64, proxy, null, null, null),
				(host) -> Arrays.stream(addresses).map(AddressRaceTests::address).toArray(InetAddress[]::new),
				this.timer);
		this.closed.add(0, transport);
		return transport;
	}

	private static InetAddress address(String literal) {
		try {
			return literal.startsWith("mapped:")
					? Inet6Address.getByAddress(null, mapped(InetAddress.getByName(literal.substring(7))), -1)
					: InetAddress.getByName(literal);
		}
		catch (UnknownHostException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static byte[] mapped(InetAddress address) {
		byte[] bytes = new byte[16];
		bytes[10] = (byte) 0xff;
		bytes[11] = (byte) 0xff;
		System.arraycopy(address.getAddress(), 0, bytes, 12, 4);
		return bytes;
	}

	private static TransferRequest request() {
		return new TransferRequest(PacedTransfer.own(), false);
	}

	private int get(StorageTransport transport, String url) {
		return get(transport, url, UrlValidator.acceptAll(), request());
	}

	private int get(StorageTransport transport, String url, UrlValidator validator, TransferRequest request) {
		try (StorageResponse response = transport.get(URI.create(url), null, null, validator, 0,
				Deadline.in(Duration.ofSeconds(60), this.timer::nanoTime), request)) {
			return response.status();
		}
	}

	private static void assertFails(CompletableFuture<?> call, Class<? extends Throwable> failure, String message) {
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> call.get(20, TimeUnit.SECONDS))
			.withCauseInstanceOf(failure)
			.withMessageContaining(message)
			.withMessageNotContaining("Exception: null");
	}

	private void step(Duration time) throws InterruptedException {
		this.timer.awaitAlarmIn(time);
		this.timer.advance(time);
	}

	@Test
	void blackHoledFamilyCostsAQuarterSecondOnce() throws Exception {
		int port = blackHole("::1");
		StorageTransport transport = transport(Duration.ofSeconds(10), "::1", "127.0.0.1");
		String url = "http://bucket.invalid:" + port + "/x";
		CompletableFuture<Integer> first = CompletableFuture.supplyAsync(() -> get(transport, url));
		step(AddressRace.HEAD_START);
		assertThat(first.get(20, TimeUnit.SECONDS)).isEqualTo(200);
		// Without a wait, on this host and others.
		for (int i = 0; i < 10; i++) {
			assertThat(get(transport, "http://bucket" + i + ".invalid:" + port + "/x")).isEqualTo(200);
		}
		this.timer.advance(AddressMemory.KEPT.plusSeconds(1));
		CompletableFuture<Integer> later = CompletableFuture.supplyAsync(() -> get(transport, url));
		step(AddressRace.HEAD_START);
		assertThat(later.get(20, TimeUnit.SECONDS)).isEqualTo(200);
		assertThat(BlackHole.attempts(port)).isZero();
		assertThat(this.timer.alarms()).isZero();
	}

	@Test
	void deadAddressAmongOthersIsRememberedToo() throws Exception {
		int port = blackHole("127.0.0.2", "127.0.0.3");
		// One of them is named twice.
		StorageTransport transport = transport(Duration.ofSeconds(10), "127.0.0.2", "127.0.0.2", "127.0.0.3",
				"127.0.0.1");
		CompletableFuture<Integer> first = CompletableFuture
			.supplyAsync(() -> get(transport, "http://a.invalid:" + port + "/x"));
		step(AddressRace.HEAD_START);
		step(AddressRace.HEAD_START);
		assertThat(first.get(20, TimeUnit.SECONDS)).isEqualTo(200);
		assertThat(get(transport, "http://b.invalid:" + port + "/x")).isEqualTo(200);
	}

	@Test
	void addressThatRefusesHandsItsTurnOnAtOnce() {
		String[] addresses = Stream
			.concat(IntStream.rangeClosed(1, 99).mapToObj((i) -> "127.0.1." + i), Stream.of("127.0.0.1"))
			.toArray(String[]::new);
		assertThat(get(transport(Duration.ofSeconds(10), addresses), "http://a.invalid:" + this.server.port() + "/x"))
			.isEqualTo(200);
	}

	@Test
	void mappedAddressIsConnectedTo() {
		String url = "http://a.invalid:" + this.server.port() + "/x";
		StorageTransport transport = transport(Duration.ofSeconds(10), "mapped:127.0.0.2", "mapped:127.0.0.1");
		assertThat(get(transport, url)).isEqualTo(200);
		assertThatExceptionOfType(UrlRejectedException.class)
			.isThrownBy(() -> get(transport, url, PUBLIC_ONLY, request()))
			.withMessageContaining("no public address");
		assertThat(this.server.connections()).isOne();
	}

	@Test
	void failureSaysWhatWasTried() throws Exception {
		int port = unusedPort();
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> get(transport(Duration.ofSeconds(10), "127.0.0.2"), "http://a.invalid:" + port + "/x"))
			.withMessage("Cannot reach http://a.invalid:" + port
					+ "/x: the connection was refused (1 address tried in 0 ms)");
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> get(transport(Duration.ofSeconds(10), "127.0.0.2", "::1", "127.0.0.2"),
					"http://a.invalid:" + port + "/x"))
			.withMessageContaining(": the connection was refused (2 addresses tried in 0 ms)");
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> get(transport(Duration.ofSeconds(10)), "http://a.invalid:" + port + "/x"))
			.withMessageContaining(": its host has no address");
	}

	@Test
	void limitHoldsForAllAddressesTogether() throws Exception {
		int port = blackHole("::1", "127.0.0.2");
		StorageTransport transport = transport(Duration.ofSeconds(10), "::1", "127.0.0.2", "127.0.0.3");
		CompletableFuture<Integer> call = CompletableFuture
			.supplyAsync(() -> get(transport, "http://a.invalid:" + port + "/x"));
		step(AddressRace.HEAD_START);
		step(AddressRace.HEAD_START);
		this.timer.awaitAlarmIn(Duration.ofMillis(9500));
		assertThat(BlackHole.attempts(port)).isEqualTo(2);
		this.timer.advance(Duration.ofMillis(9500));
		assertFails(call, StorageUnavailableException.class,
				"Cannot reach http://a.invalid:" + port + "/x: no connection came about within 10000 ms"
						+ " (vgi.external.http.connect-timeout; 3 addresses tried, one of them: the connection was"
						+ " refused)");
		assertThat(BlackHole.attempts(port)).isZero();
		assertThat(transport.leasedConnections()).isZero();
		assertThat(this.timer.alarms()).isZero();
	}

	@Test
	void eachAddressHasItsTurnWithinAShortLimit() throws Exception {
		int port = blackHole("127.0.0.2", "127.0.0.3", "127.0.0.4");
		StorageTransport transport = transport(Duration.ofMillis(100), "127.0.0.2", "127.0.0.3", "127.0.0.4",
				"127.0.0.1");
		CompletableFuture<Integer> call = CompletableFuture
			.supplyAsync(() -> get(transport, "http://a.invalid:" + port + "/x"));
		for (int i = 0; i < 3; i++) {
			step(Duration.ofMillis(25));
		}
		assertThat(call.get(20, TimeUnit.SECONDS)).isEqualTo(200);
	}

	@Test
	void fewSocketsAreOpenAtTheSameTime() throws Exception {
		try (BlackHole everywhere = new BlackHole("0.0.0.0", 0)) {
			int port = everywhere.port();
			StorageTransport transport = transport(Duration.ofSeconds(20),
					IntStream.rangeClosed(1, 100).mapToObj((i) -> "127.0.1." + i).toArray(String[]::new));
			CompletableFuture<Integer> call = CompletableFuture
				.supplyAsync(() -> get(transport, "http://a.invalid:" + port + "/x"));
			for (int i = 0; i < 99; i++) {
				this.timer.awaitAlarmIn(Duration.ofMillis(200));
				// The socket that makes room ends with the wait that follows, and the
				// system counts while that happens.
				assertThat(BlackHole.attempts(port)).isLessThan(AddressRace.MOST_AT_ONCE + 5);
				this.timer.advance(Duration.ofMillis(200));
			}
			step(Duration.ofMillis(200));
			assertFails(call, StorageUnavailableException.class, "100 addresses tried");
			assertThat(BlackHole.attempts(port)).isZero();
		}
	}

	@Test
	void proxyThatDoesNotAnswerIsNamed() throws Exception {
		int port = blackHole("127.0.0.2");
		StorageTransport transport = transport(Duration.ofSeconds(10), new InetSocketAddress("127.0.0.2", port));
		CompletableFuture<Integer> call = CompletableFuture
			.supplyAsync(() -> get(transport, "http://bucket.invalid/x"));
		step(Duration.ofSeconds(10));
		assertFails(call, StorageUnavailableException.class, "the proxy at 127.0.0.2:" + port
				+ " cannot be reached: no connection came about within 10000 ms (vgi.external.http.connect-timeout; "
				+ "1 address tried)");
	}

	@Test
	void tunnelAndHandshakeAreWithinTheLimitToo() throws Exception {
		try (ServerSocket silent = new ServerSocket(0, 50, address("127.0.0.1"));
				FaultServer proxy = new FaultServer((request, reply) -> reply.stall())) {
			CompletableFuture<Integer> direct = CompletableFuture
				.supplyAsync(() -> get(transport(Duration.ofSeconds(10), "127.0.0.1"),
						"https://a.invalid:" + silent.getLocalPort() + "/x"));
			silent.accept();
			step(Duration.ofSeconds(10));
			assertFails(direct, StorageUnavailableException.class,
					"/x: no TLS connection came about within 10000 ms (vgi.external.http.connect-timeout)");
			CompletableFuture<Integer> proxied = CompletableFuture.supplyAsync(
					() -> get(transport(Duration.ofSeconds(10), new InetSocketAddress("127.0.0.1", proxy.port())),
							"https://a.invalid/x"));
			step(Duration.ofSeconds(10));
			assertFails(proxied, StorageUnavailableException.class,
					"/x: the proxy opened no tunnel within 10000 ms (vgi.external.http.connect-timeout)");
			assertThat(this.timer.alarms()).isZero();
		}
	}

	@ParameterizedTest
	@EnumSource
	void raceThatEndsClosesAllItsSockets(Ending ending) throws Exception {
		int port = blackHole("::1", "127.0.0.2", "127.0.0.3");
		StorageTransport transport = transport(Duration.ofSeconds(90), "::1", "127.0.0.2", "127.0.0.3");
		TransferRequest cancellation = request();
		CompletableFuture<Integer> call = new CompletableFuture<>();
		CompletableFuture<Boolean> flag = new CompletableFuture<>();
		Thread caller = new Thread(() -> {
			try {
				call.complete(
						get(transport, "http://a.invalid:" + port + "/x", UrlValidator.acceptAll(), cancellation));
			}
			catch (RuntimeException ex) {
				call.completeExceptionally(ex);
			}
			flag.complete(Thread.currentThread().isInterrupted());
		});
		caller.start();
		step(AddressRace.HEAD_START);
		step(AddressRace.HEAD_START);
		this.timer.awaitAlarmIn(Duration.ofMillis(89_500));
		assertThat(BlackHole.attempts(port)).isEqualTo(3);
		switch (ending) {
			case INTERRUPT -> caller.interrupt();
			case CANCELLATION -> cancellation.cancel();
			case DEADLINE -> this.timer.advance(Duration.ofSeconds(60));
			case CLOSE -> transport.close();
			case END_OF_TRANSFERS -> transport.endTransfers();
		}
		assertFails(call, ending.failure, ending.message);
		assertThat(flag.get(20, TimeUnit.SECONDS)).isEqualTo(ending == Ending.INTERRUPT);
		assertThat(BlackHole.attempts(port)).isZero();
		assertThat(transport.leasedConnections()).isZero();
		assertThat(this.timer.alarms()).isZero();
	}

	@Test
	void interruptedThreadDoesNotConnect() {
		StorageTransport transport = transport(Duration.ofSeconds(10), "127.0.0.1");
		Thread.currentThread().interrupt();
		assertThatExceptionOfType(TransferCancelledException.class)
			.isThrownBy(() -> get(transport, "http://a.invalid:" + this.server.port() + "/x"));
		assertThat(Thread.interrupted()).isTrue();
		assertThat(this.server.connections()).isZero();
		assertThat(get(transport, "http://a.invalid:" + this.server.port() + "/x")).isEqualTo(200);
	}

	@Test
	void closingTheTransportEndsManyRaces() throws Exception {
		int port = blackHole("::1", "127.0.0.2");
		StorageTransport transport = transport(Duration.ofSeconds(10), "::1", "127.0.0.2");
		List<CompletableFuture<Integer>> calls = new ArrayList<>();
		List<Thread> callers = new ArrayList<>();
		for (int i = 0; i < 64; i++) {
			CompletableFuture<Integer> call = new CompletableFuture<>();
			calls.add(call);
			callers.add(new Thread(() -> {
				try {
					call.complete(get(transport, "http://a.invalid:" + port + "/x"));
				}
				catch (RuntimeException ex) {
					call.completeExceptionally(ex);
				}
			}));
		}
		callers.forEach(Thread::start);
		this.timer.awaitAlarmIn(AddressRace.HEAD_START);
		transport.close();
		for (CompletableFuture<Integer> call : calls) {
			assertFails(call, TransportClosedException.class, "closed");
		}
		for (Thread caller : callers) {
			caller.join();
		}
		assertThat(BlackHole.attempts(port)).isZero();
		assertThat(transport.leasedConnections()).isZero();
		assertThat(this.timer.alarms()).isZero();
	}

	/**
	 * What ends a race before anyone has won.
	 */
	enum Ending {

		INTERRUPT(TransferCancelledException.class, "Interrupted"),

		CANCELLATION(StorageUnavailableException.class, "was cancelled"),

		DEADLINE(TransferTimeoutException.class, "did not finish within 60000 ms"),

		CLOSE(TransportClosedException.class, "closed"),

		END_OF_TRANSFERS(TransportClosedException.class, "closed");

		private final Class<? extends Throwable> failure;

		private final String message;

		Ending(Class<? extends Throwable> failure, String message) {
			this.failure = failure;
			this.message = message;
		}

	}

}
