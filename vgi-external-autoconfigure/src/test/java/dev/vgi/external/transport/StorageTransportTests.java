package dev.vgi.external.transport;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

class StorageTransportTests {

	/** Only the deadline ends a stall. */
	private static final TransportSettings PATIENT = new TransportSettings(Duration.ofSeconds(10),
			Duration.ofMinutes(5), 64, null, null, null, null);

	private static final String SECRET = "X-Amz-Credential=AKIASECRET&X-Amz-Signature=5ec4e7";

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = new StorageTransport(PATIENT, null, this.timer);

	private @Nullable FaultServer server;

	@AfterEach
	void close() {
		assertThat(this.transport.leasedConnections()).isZero();
		this.transport.close();
		if (this.server != null) {
			this.server.close();
		}
	}

	private FaultServer serve(FaultServer.Handler handler) {
		FaultServer started = new FaultServer(handler);
		this.server = started;
		return started;
	}

	private StorageResponse get(URI url) {
		return this.transport.get(url, null, null, UrlValidator.acceptAll(), 5, deadline());
	}

	private Deadline deadline() {
		return Deadline.in(Duration.ofSeconds(60), this.timer::nanoTime);
	}

	private static byte[] readAll(StorageResponse response) {
		ByteArrayOutputStream all = new ByteArrayOutputStream();
		ByteBuffer buffer = ByteBuffer.allocateDirect(1000);
		while (response.read(buffer) >= 0) {
			buffer.flip();
			byte[] piece = new byte[buffer.remaining()];
			buffer.get(piece);
			all.writeBytes(piece);
			buffer.clear();
		}
		return all.toByteArray();
	}

	private static byte[] bytes(int length) {
		byte[] bytes = new byte[length];
		for (int i = 0; i < length; i++) {
			bytes[i] = (byte) (i * 31 + i / 251);
		}
		return bytes;
	}

	private static RequestBody body(byte[] bytes) {
		return new RequestBody() {

			@Override
			public long length() {
				return bytes.length;
			}

			@Override
			public void writeTo(WritableByteChannel channel) throws IOException {
				channel.write(ByteBuffer.wrap(bytes));
			}

		};
	}

	@Test
	void getReadsTheWholeBodyAndReusesTheConnection() {
		byte[] content = bytes(300_000);
		FaultServer server = serve(FaultServer.object(content));
		for (int i = 0; i < 3; i++) {
			try (StorageResponse response = get(server.url("/a%20b?q=%2F"))) {
				assertThat(response.status()).isEqualTo(200);
				assertThat(response.contentLength()).isEqualTo(content.length);
				assertThat(readAll(response)).isEqualTo(content);
				assertThat(response.requests()).isEqualTo(1);
			}
		}
		assertThat(server.connections()).isEqualTo(1);
		FaultServer.Request request = server.requests().get(0);
		assertThat(request.target()).isEqualTo("/a%20b?q=%2F");
		assertThat(request.headers()).containsOnlyKeys("Host", "User-Agent");
		assertThat(request.header("Host")).isEqualTo("localhost:" + server.port());
	}

	@Test
	void getAsksForARangeOfOneVersion() {
		byte[] content = bytes(1000);
		FaultServer server = serve(FaultServer.object(content));
		try (StorageResponse response = this.transport.get(server.url("/x"), new ByteRange(10, 19), "\"v1\"",
				UrlValidator.acceptAll(), 0, deadline())) {
			assertThat(response.status()).isEqualTo(206);
			assertThat(readAll(response)).hasSize(10);
		}
		assertThat(server.requests().get(0).header("Range")).isEqualTo("bytes=10-19");
		assertThat(server.requests().get(0).header("If-Match")).isEqualTo("\"v1\"");
	}

	@Test
	void headHasNoBody() {
		FaultServer server = serve(FaultServer.object(bytes(1000)));
		try (StorageResponse response = this.transport.head(server.url("/x"), UrlValidator.acceptAll(), 0, deadline(),
				new TransferRequest(PacedTransfer.own(), false))) {
			assertThat(response.contentLength()).isEqualTo(1000);
			assertThat(readAll(response)).isEmpty();
		}
	}

	@Test
	void putSendsTheExactLength() {
		FaultServer server = serve((request, reply) -> {
			request.body();
			reply.empty(200);
		});
		byte[] content = bytes(200_001);
		try (StorageResponse response = this.transport.put(server.url("/x?" + SECRET), body(content),
				Map.of("Content-Type", "text/plain"), UrlValidator.acceptAll(), deadline())) {
			assertThat(response.status()).isEqualTo(200);
		}
		FaultServer.Request request = server.requests().get(0);
		assertThat(request.method()).isEqualTo("PUT");
		assertThat(request.body()).isEqualTo(content);
		assertThat(request.headers()).containsOnlyKeys("Host", "User-Agent", "Content-Type", "Content-Length");
	}

	@Test
	void putReportsAnAnswerThatCameBeforeTheBodyWasRead() {
		FaultServer server = serve((request, reply) -> {
			reply.empty(403, "Connection: close");
			reply.stall();
		});
		try (StorageResponse response = this.transport.put(server.url("/x"), body(bytes(10_000)), Map.of(),
				UrlValidator.acceptAll(), deadline())) {
			assertThat(response.status()).isEqualTo(403);
		}
	}

	@Test
	void chunkedBodyIsReadToItsEnd() {
		FaultServer server = serve((request, reply) -> {
			reply.head(200, "Transfer-Encoding: chunked");
			reply.raw("4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n".getBytes(StandardCharsets.ISO_8859_1));
		});
		for (int i = 0; i < 2; i++) {
			try (StorageResponse response = get(server.url("/x"))) {
				assertThat(response.contentLength()).isEqualTo(-1);
				assertThat(new String(readAll(response), StandardCharsets.ISO_8859_1)).isEqualTo("abcdef");
			}
		}
		assertThat(server.connections()).isEqualTo(1);
	}

	@Test
	void whenBodyIsTruncatedFails() {
		FaultServer server = serve((request, reply) -> {
			reply.head(200, "Content-Length: 100");
			reply.raw(bytes(10));
			reply.hangUp();
		});
		try (StorageResponse response = get(server.url("/x?" + SECRET))) {
			assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> readAll(response))
				.withMessageContaining("10 of 100")
				.withMessageNotContaining("AKIA");
		}
	}

	@Test
	void whenPooledConnectionIsStaleTriesOnceMore() {
		FaultServer server = serve((request, reply) -> {
			reply.empty(200);
			reply.hangUp();
		});
		get(server.url("/x")).close();
		try (StorageResponse response = get(server.url("/x"))) {
			assertThat(response.status()).isEqualTo(200);
		}
		assertThat(server.connections()).isEqualTo(2);
	}

	@Test
	void whenFreshConnectionBreaksDoesNotTryAgain() {
		FaultServer server = serve((request, reply) -> reply.reset());
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> get(server.url("/x?" + SECRET)))
			.withMessageNotContaining("AKIA")
			.withNoCause();
		assertThat(server.requests()).hasSize(1);
	}

	@Test
	void everyHopIsValidatedBeforeItIsRequested() {
		FaultServer other = new FaultServer(FaultServer.object(bytes(10)));
		try (other) {
			FaultServer server = serve((request, reply) -> reply.empty(302,
					"Location: http://127.0.0.1:" + other.port() + "/elsewhere?" + SECRET));
			UrlValidator onlyLocalhost = (url) -> {
				if (!"localhost".equals(url.getHost())) {
					throw new IllegalArgumentException("no way to " + url);
				}
			};
			assertThatExceptionOfType(UrlRejectedException.class)
				.isThrownBy(() -> this.transport.get(server.url("/x"), null, null, onlyLocalhost, 5, deadline()))
				.withMessageContaining("URL rejected")
				.withMessageNotContaining("AKIA")
				.withNoCause();
			assertThat(other.requests()).isEmpty();
			try (StorageResponse response = get(server.url("/x"))) {
				assertThat(readAll(response)).hasSize(10);
				assertThat(response.requests()).isEqualTo(2);
			}
			assertThat(other.requests().get(0).target()).isEqualTo("/elsewhere?" + SECRET);
		}
	}

	@Test
	void relativeRedirectsAreResolved() {
		FaultServer server = serve((request, reply) -> {
			switch (request.target()) {
				case "/a/b?1" -> reply.empty(307, "Location: c?2");
				case "/a/c?2" -> reply.empty(301, "Location: ?3");
				case "/a/c?3" -> reply.empty(308, "Location: /d#part");
				default -> reply.object(bytes(3));
			}
		});
		try (StorageResponse response = get(server.url("/a/b?1"))) {
			assertThat(response.status()).isEqualTo(200);
			assertThat(response.requests()).isEqualTo(4);
		}
		assertThat(server.requests().get(3).target()).isEqualTo("/d");
		assertThat(server.connections()).isEqualTo(1);
	}

	@Test
	void whenRedirectsLoopStopsAtTheLimit() {
		FaultServer server = serve((request, reply) -> reply.empty(302, "Location: /again?" + SECRET));
		assertThatExceptionOfType(RedirectLimitException.class).isThrownBy(() -> get(server.url("/x")))
			.withMessageContaining("redirect limit")
			.withMessageNotContaining("AKIA");
		assertThat(server.requests()).hasSize(6);
		assertThatExceptionOfType(RedirectLimitException.class).isThrownBy(
				() -> this.transport.get(server.url("/x"), null, null, UrlValidator.acceptAll(), 0, deadline()));
		assertThat(server.requests()).hasSize(7);
	}

	@Test
	void whenLocationIsMissingOrNoUrlFails() {
		FaultServer server = serve((request, reply) -> {
			if (request.index() == 0) {
				reply.empty(302);
			}
			else {
				reply.empty(302, "Location: " + new String[] { "ht tp://x", "mailto:a@b", "http://[", "//",
						"http://a.example:65536/" }[request.index() - 1]);
			}
		});
		for (int i = 0; i < 6; i++) {
			assertThatExceptionOfType(RedirectLimitException.class).isThrownBy(() -> get(server.url("/x")));
		}
	}

	@Test
	void whenAddressIsRefusedRejectsTheUrl() {
		UrlValidator publicOnly = new UrlValidator() {

			@Override
			public void validate(URI url) {
				// Names are fine: the addresses are not.
			}

			@Override
			public boolean admitsPrivateAddresses(URI url) {
				return false;
			}

		};
		FaultServer server = serve(FaultServer.object(bytes(10)));
		try (StorageTransport strict = new StorageTransport(TransportSettings.defaults(), null, this.timer)) {
			// A connection that another policy left open must not help.
			strict.get(server.url("/x"), null, null, UrlValidator.acceptAll(), 0, deadline()).close();
			for (String host : List.of("localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433")) {
				assertThatExceptionOfType(UrlRejectedException.class)
					.isThrownBy(() -> strict.get(URI.create("http://" + host + ":" + server.port() + "/x?" + SECRET),
							null, null, publicOnly, 0, deadline()))
					.withMessageContaining("no public address");
			}
		}
		assertThat(server.connections()).isOne();
	}

	@Test
	void connectsToWhatTheResolverSaid() throws Exception {
		InetAddress loopback = InetAddress.getByAddress(new byte[] { 127, 0, 0, 1 });
		FaultServer server = serve(FaultServer.object(bytes(10)));
		HostResolver resolver = (host) -> new InetAddress[] { loopback };
		try (StorageTransport other = new StorageTransport(TransportSettings.defaults(), resolver, this.timer);
				StorageResponse response = other.get(URI.create("http://bucket.invalid:" + server.port() + "/x"), null,
						null, UrlValidator.acceptAll(), 0, deadline())) {
			assertThat(readAll(response)).hasSize(10);
		}
		assertThat(server.requests().get(0).header("Host")).isEqualTo("bucket.invalid:" + server.port());
	}

	@Test
	void deadlineCoversTheWaitForTheHead() throws Exception {
		CountDownLatch asked = new CountDownLatch(1);
		FaultServer server = serve((request, reply) -> {
			asked.countDown();
			reply.stall();
		});
		CompletableFuture<StorageResponse> call = CompletableFuture.supplyAsync(() -> get(server.url("/x?" + SECRET)));
		asked.await();
		this.timer.advance(Duration.ofSeconds(59));
		assertThat(call).isNotDone();
		this.timer.advance(Duration.ofSeconds(1));
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> call.get(20, TimeUnit.SECONDS))
			.withCauseInstanceOf(TransferTimeoutException.class)
			.withMessageNotContaining("AKIA");
		assertThat(this.timer.alarms()).isZero();
	}

	@Test
	void deadlineCoversTheBody() {
		FaultServer server = serve((request, reply) -> {
			reply.head(200, "Content-Length: 100");
			reply.raw(bytes(10));
			reply.stall();
		});
		try (StorageResponse response = get(server.url("/x"))) {
			ByteBuffer buffer = ByteBuffer.allocate(100);
			while (buffer.position() < 10) {
				response.read(buffer);
			}
			CompletableFuture<Integer> read = CompletableFuture.supplyAsync(() -> response.read(buffer));
			this.timer.advance(Duration.ofSeconds(60));
			assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> read.get(20, TimeUnit.SECONDS))
				.withCauseInstanceOf(TransferTimeoutException.class);
		}
	}

	@Test
	void deadlineCoversTheWaitForAConnection() throws Exception {
		FaultServer server = serve(FaultServer.object(bytes(1_000_000)));
		TransportSettings one = new TransportSettings(Duration.ofSeconds(10), Duration.ofSeconds(30), 1, null, null,
				null, null);
		try (StorageTransport narrow = new StorageTransport(one, null, this.timer);
				StorageResponse first = narrow.get(server.url("/x"), null, null, UrlValidator.acceptAll(), 0,
						Deadline.in(Duration.ofSeconds(90), this.timer::nanoTime))) {
			CompletableFuture<StorageResponse> second = CompletableFuture
				.supplyAsync(() -> narrow.get(server.url("/x"), null, null, UrlValidator.acceptAll(), 0, deadline()));
			this.timer.awaitAlarmIn(Duration.ofSeconds(60));
			this.timer.advance(Duration.ofSeconds(60));
			assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> second.get(20, TimeUnit.SECONDS))
				.withCauseInstanceOf(TransferTimeoutException.class)
				.withMessageContaining("'vgi.external.http.max-connections'");
			assertThat(narrow.leasedConnections()).isEqualTo(1);
			assertThat(readAll(first)).hasSize(1_000_000);
			narrow.get(server.url("/x"), null, null, UrlValidator.acceptAll(), 0, deadline()).close();
			assertThat(narrow.leasedConnections()).isZero();
		}
	}

	@Test
	void interruptEndsTheExchange() throws Exception {
		CountDownLatch asked = new CountDownLatch(1);
		FaultServer server = serve((request, reply) -> {
			asked.countDown();
			reply.stall();
		});
		List<Throwable> failures = new ArrayList<>();
		Thread caller = new Thread(() -> {
			try {
				get(server.url("/x"));
			}
			catch (RuntimeException ex) {
				failures.add(ex);
				failures.add(Thread.currentThread().isInterrupted() ? new Throwable("flag") : ex);
			}
		});
		caller.start();
		asked.await();
		caller.interrupt();
		caller.join(20_000);
		assertThat(failures).hasSize(2);
		assertThat(failures.get(0)).isInstanceOf(StorageUnavailableException.class).hasMessageContaining("Interrupted");
		assertThat(failures.get(1)).hasMessage("flag");
	}

	@Test
	void closingTheResponseWakesItsReader() throws Exception {
		FaultServer server = serve((request, reply) -> {
			reply.head(200, "Content-Length: 100");
			reply.stall();
		});
		StorageResponse response = get(server.url("/x"));
		CompletableFuture<Integer> read = CompletableFuture.supplyAsync(() -> response.read(ByteBuffer.allocate(1)));
		response.close();
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> read.get(20, TimeUnit.SECONDS))
			.withCauseInstanceOf(StorageUnavailableException.class);
	}

	@Test
	void closingTheTransportEndsItsExchanges() throws Exception {
		CountDownLatch asked = new CountDownLatch(1);
		FaultServer server = serve((request, reply) -> {
			asked.countDown();
			reply.stall();
		});
		CompletableFuture<StorageResponse> call = CompletableFuture.supplyAsync(() -> get(server.url("/x")));
		asked.await();
		this.transport.close();
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> call.get(20, TimeUnit.SECONDS))
			.withCauseInstanceOf(StorageUnavailableException.class);
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> get(server.url("/x")));
	}

	@Test
	void proxyForwardsPlainRequestsWithItsCredentials() {
		FaultServer proxy = serve(FaultServer.object(bytes(10)));
		TransportSettings settings = new TransportSettings(Duration.ofSeconds(10), Duration.ofSeconds(30), 4,
				new InetSocketAddress("127.0.0.1", proxy.port()), "user", "pass", null);
		try (StorageTransport proxied = new StorageTransport(settings, null, this.timer);
				StorageResponse response = proxied.get(URI.create("http://bucket.invalid/x?q"), null, null,
						UrlValidator.acceptAll(), 0, deadline())) {
			assertThat(readAll(response)).hasSize(10);
		}
		FaultServer.Request request = proxy.requests().get(0);
		assertThat(request.target()).isEqualTo("http://bucket.invalid/x?q");
		assertThat(request.header("Host")).isEqualTo("bucket.invalid");
		assertThat(request.header("Proxy-Authorization")).isEqualTo("Basic dXNlcjpwYXNz");
	}

	@Test
	void proxyThatRefusesATunnelIsReported() {
		FaultServer proxy = serve((request, reply) -> reply.empty(407));
		TransportSettings settings = new TransportSettings(Duration.ofSeconds(10), Duration.ofSeconds(30), 4,
				new InetSocketAddress("127.0.0.1", proxy.port()), "user", "pass", null);
		try (StorageTransport proxied = new StorageTransport(settings, null, this.timer)) {
			assertThatExceptionOfType(StorageUnavailableException.class)
				.isThrownBy(() -> proxied.get(URI.create("https://bucket.invalid/x?" + SECRET), null, null,
						UrlValidator.acceptAll(), 0, deadline()))
				.withMessageContaining("proxy answered 407");
		}
		FaultServer.Request request = proxy.requests().get(0);
		assertThat(request.method() + " " + request.target()).isEqualTo("CONNECT bucket.invalid:443");
		assertThat(request.header("Proxy-Authorization")).isEqualTo("Basic dXNlcjpwYXNz");
	}

	@Test
	void noLoggerEverShowsASignedQuery() {
		Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
		Level before = root.getLevel();
		ListAppender<ILoggingEvent> log = new ListAppender<>();
		log.start();
		root.addAppender(log);
		root.setLevel(Level.TRACE);
		try {
			LoggerFactory.getLogger("org.apache.hc").trace("listening");
			FaultServer server = serve((request, reply) -> {
				if (request.index() == 0) {
					reply.empty(302, "Location: /there?" + SECRET);
				}
				else {
					reply.object(bytes(10));
				}
			});
			try (StorageResponse response = get(server.url("/x?" + SECRET))) {
				readAll(response);
			}
			this.transport
				.put(server.url("/x?" + SECRET), body(bytes(10)), Map.of(), UrlValidator.acceptAll(), deadline())
				.close();
			assertThat(server.requests().get(0).target()).contains("AKIASECRET");
			assertThat(log.list).extracting(ILoggingEvent::getFormattedMessage)
				.contains("listening")
				.noneMatch((line) -> line.contains("AKIASECRET") || line.contains("5ec4e7"));
		}
		finally {
			root.setLevel(before);
			root.detachAppender(log);
		}
	}

	@Test
	void silenceInTheBodyIsNotWaitedOut() throws Exception {
		FaultServer silent = serve((request, reply) -> {
			reply.head(200, "Content-Length: 100000");
			reply.raw(new byte[50000]);
			reply.stall();
		});
		Deadline deadline = Deadline.in(Duration.ofHours(10), this.timer::nanoTime);
		try (StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null, this.timer);
				StorageResponse response = transport.get(silent.url("/x?secret"), null, null, UrlValidator.acceptAll(),
						0, deadline)) {
			// Whoever does not read is not kept waiting.
			this.timer.advance(Duration.ofSeconds(31));
			ByteBuffer target = ByteBuffer.allocateDirect(100_000);
			while (target.position() < 50_000) {
				response.read(target);
			}
			CompletableFuture<Integer> read = CompletableFuture.supplyAsync(() -> response.read(target));
			assertThat(awaitWhileTimePasses(read)).isTrue();
			assertThatExceptionOfType(ExecutionException.class).isThrownBy(read::get)
				.withCauseInstanceOf(StorageUnavailableException.class)
				.withMessageContaining("silent")
				.withMessageNotContaining("secret");
			assertThat(transport.leasedConnections()).isZero();
		}
	}

	@Test
	void endedTransfersLeaveOnlyCleaningUp() throws Exception {
		CountDownLatch asked = new CountDownLatch(1);
		FaultServer server = serve((request, reply) -> {
			if ("DELETE".equals(request.method())) {
				reply.empty(204);
			}
			else {
				asked.countDown();
				reply.stall();
			}
		});
		URI url = server.url("/x?secret");
		CompletableFuture<Void> call = CompletableFuture
			.runAsync(() -> this.transport.get(url, null, null, UrlValidator.acceptAll(), 0, deadline()).close());
		asked.await();
		this.transport.endTransfers();
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(call::get)
			.withCauseInstanceOf(TransportClosedException.class)
			.withMessageNotContaining("secret");
		assertThatExceptionOfType(TransportClosedException.class)
			.isThrownBy(() -> this.transport.get(url, null, null, UrlValidator.acceptAll(), 0, deadline()));
		try (StorageResponse response = this.transport.send("DELETE", url, body(new byte[0]), Map.of(),
				UrlValidator.acceptAll(), deadline(), new TransferRequest(PacedTransfer.own(), false))) {
			assertThat(response.status()).isEqualTo(204);
		}
	}

	private boolean awaitWhileTimePasses(CompletableFuture<?> call) throws Exception {
		// Nothing tells when a thread is blocked, so several silences may pass.
		for (int i = 0; i < 100 && !call.isDone(); i++) {
			this.timer.advance(Duration.ofSeconds(31));
			try {
				call.get(100, TimeUnit.MILLISECONDS);
			}
			catch (TimeoutException | ExecutionException ex) {
				// Looked at by the caller.
			}
		}
		return call.isDone();
	}

}
