package dev.vgi.external.transport;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import javax.net.ssl.SSLContext;

import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests of which connections are used again: bytes behind a response's end must never be
 * taken for the answer to another request.
 */
class ConnectionReuseTests {

	private static final byte[] ANSWER = "the answer to another request".getBytes(StandardCharsets.UTF_8);

	private static final String PLANTED = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nplanted";

	private static @Nullable SSLContext tls;

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = new StorageTransport(
			new TransportSettings(Duration.ofSeconds(10), Duration.ofMinutes(5), 4, null, null, null, tls), null,
			this.timer);

	private @Nullable FaultServer server;

	@BeforeAll
	static void createKey(@TempDir Path folder) throws Exception {
		tls = StorageTransportTlsTests.trustingItself(folder);
	}

	@AfterEach
	void close() {
		assertThat(this.transport.leasedConnections()).isZero();
		this.transport.close();
		if (this.server != null) {
			this.server.close();
		}
	}

	private FaultServer serve(boolean secure, FaultServer.Handler first) {
		FaultServer started = new FaultServer((request, reply) -> {
			if (request.target().equals("/first")) {
				first.handle(request, reply);
			}
			else {
				reply.object(ANSWER);
			}
		}, secure ? tls : null);
		this.server = started;
		return started;
	}

	private Deadline deadline() {
		return Deadline.in(Duration.ofSeconds(60), this.timer::nanoTime);
	}

	private byte[] second(FaultServer server) {
		return readAll(this.transport.get(server.url("/second"), null, null, UrlValidator.acceptAll(), 0, deadline()));
	}

	private void send(String method, URI url) {
		StorageResponse response = switch (method) {
			case "HEAD" -> this.transport.head(url, UrlValidator.acceptAll(), 0, deadline(),
					new TransferRequest(PacedTransfer.own(), false));
			case "GET" -> this.transport.get(url, null, null, UrlValidator.acceptAll(), 1, deadline());
			default -> this.transport.send(method, url, new Body(), Map.of(), UrlValidator.acceptAll(), deadline(),
					new TransferRequest(PacedTransfer.own(), false));
		};
		readAll(response);
	}

	private static byte[] readAll(StorageResponse response) {
		try (response) {
			ByteArrayOutputStream all = new ByteArrayOutputStream();
			ByteBuffer buffer = ByteBuffer.allocateDirect(1000);
			while (response.read(buffer) >= 0) {
				buffer.flip();
				while (buffer.hasRemaining()) {
					all.write(buffer.get());
				}
				buffer.clear();
			}
			return all.toByteArray();
		}
	}

	@ParameterizedTest
	@EnumSource
	void bytesBehindAResponseEndItsConnection(Leftover leftover) {
		for (boolean secure : new boolean[] { false, true }) {
			FaultServer server = serve(secure, (request, reply) -> reply.raw(leftover.bytes()));
			send(leftover.method, server.url("/first"));
			assertThat(second(server)).isEqualTo(ANSWER);
			// Not even sent: it would have been answered by what was left.
			assertThat(server.requests()).hasSize(2);
			assertThat(server.connections()).isEqualTo(2);
			server.close();
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { PLANTED, "\r\n", "H", "HTTP/1.1 100 Continue\r\n\r\n" })
	void bytesThatComeLaterEndTheConnectionToo(String late) throws Exception {
		for (boolean secure : new boolean[] { false, true }) {
			CountDownLatch read = new CountDownLatch(1);
			CountDownLatch sent = new CountDownLatch(1);
			FaultServer server = serve(secure, (request, reply) -> {
				reply.object(new byte[10]);
				reply.await(read);
				reply.raw(late.getBytes(StandardCharsets.ISO_8859_1));
				sent.countDown();
			});
			send("GET", server.url("/first"));
			read.countDown();
			assertThat(sent.await(20, TimeUnit.SECONDS)).isTrue();
			assertThat(second(server)).isEqualTo(ANSWER);
			assertThat(server.requests()).hasSize(2);
			assertThat(server.connections()).isEqualTo(2);
			server.close();
		}
	}

	@Test
	void connectionThatThePeerClosedIsNotTried() throws Exception {
		CountDownLatch read = new CountDownLatch(1);
		CountDownLatch closed = new CountDownLatch(1);
		FaultServer server = serve(false, (request, reply) -> {
			reply.object(new byte[10]);
			reply.await(read);
			reply.hangUp();
			closed.countDown();
		});
		send("GET", server.url("/first"));
		read.countDown();
		assertThat(closed.await(20, TimeUnit.SECONDS)).isTrue();
		StorageResponse response = this.transport.get(server.url("/second"), null, null, UrlValidator.acceptAll(), 0,
				deadline());
		assertThat(response.requests()).isOne();
		assertThat(readAll(response)).isEqualTo(ANSWER);
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void silentConnectionIsUsedAgain(boolean secure) {
		FaultServer server = serve(secure, (request, reply) -> reply.object(new byte[300_000]));
		for (int i = 0; i < 3; i++) {
			send("GET", server.url("/first"));
			send("HEAD", server.url("/first"));
			assertThat(second(server)).isEqualTo(ANSWER);
			// However long it was unused.
			this.timer.advance(Duration.ofSeconds(5));
		}
		assertThat(server.connections()).isOne();
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void bodyThatIsGivenUpEndsItsConnection(boolean secure) {
		FaultServer server = serve(secure, (request, reply) -> reply.object(new byte[300_000]));
		for (int size : new int[] { 0, 1, 299_999 }) {
			try (StorageResponse response = this.transport.get(server.url("/first"), null, null,
					UrlValidator.acceptAll(), 0, deadline())) {
				ByteBuffer some = ByteBuffer.allocate(size);
				while (some.hasRemaining()) {
					response.read(some);
				}
			}
			assertThat(second(server)).isEqualTo(ANSWER);
		}
		assertThat(server.connections()).isEqualTo(4);
	}

	@Test
	void bodyThatACancellationEndsEndsItsConnection() {
		FaultServer server = serve(false, (request, reply) -> reply.object(new byte[300_000]));
		TransferRequest cancellation = new TransferRequest(PacedTransfer.own(), false);
		try (StorageResponse response = this.transport.get(server.url("/first"), null, null, UrlValidator.acceptAll(),
				0, deadline(), cancellation)) {
			response.read(ByteBuffer.allocate(1));
			cancellation.cancel();
			assertThat(second(server)).isEqualTo(ANSWER);
		}
		assertThat(server.connections()).isEqualTo(2);
	}

	@Test
	void bytesBehindARedirectAreNoResponseOfItsTarget() {
		FaultServer server = serve(false,
				(request, reply) -> reply
					.raw(("HTTP/1.1 302 Found\r\nLocation: /second\r\nContent-Length: 4\r\n\r\nmove" + PLANTED)
						.getBytes(StandardCharsets.ISO_8859_1)));
		assertThat(
				readAll(this.transport.get(server.url("/first"), null, null, UrlValidator.acceptAll(), 1, deadline())))
			.isEqualTo(ANSWER);
		assertThat(server.connections()).isEqualTo(2);
	}

	@Test
	void bodyOfAnInterimResponseIsNoResponse() {
		FaultServer server = serve(false, (request, reply) -> {
			reply.raw("HTTP/1.1 103 Early\r\nContent-Length: 3\r\n\r\nabc".getBytes(StandardCharsets.ISO_8859_1));
			reply.object(new byte[10]);
		});
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> send("GET", server.url("/first")));
		assertThat(second(server)).isEqualTo(ANSWER);
		assertThat(server.connections()).isEqualTo(2);
	}

	@Test
	void bytesBehindTheAnswerOfAProxyEndTheTunnel() {
		try (FaultServer proxy = new FaultServer((request,
				reply) -> reply.raw(("HTTP/1.1 200 OK\r\n\r\n" + PLANTED).getBytes(StandardCharsets.ISO_8859_1)));
				StorageTransport proxied = new StorageTransport(
						new TransportSettings(Duration.ofSeconds(10), Duration.ofMinutes(5), 4,
								new InetSocketAddress("127.0.0.1", proxy.url("").getPort()), null, null, tls),
						null, this.timer)) {
			assertThatExceptionOfType(StorageUnavailableException.class)
				.isThrownBy(() -> proxied.get(URI.create("https://bucket.invalid/x"), null, null,
						UrlValidator.acceptAll(), 0, deadline()))
				.withMessageContaining("behind its answer");
		}
	}

	/**
	 * What a request is answered with, more than a response.
	 */
	enum Leftover {

		SHORT_BODY("GET", "200 OK", "Content-Length: 4", "good" + PLANTED),

		LONG_BODY("GET", "200 OK", "Content-Length: 300000", "x".repeat(300_000) + PLANTED),

		EMPTY_LINE("GET", "200 OK", "Content-Length: 4", "good\r\n"),

		LENGTH_TOO_SMALL("GET", "200 OK", "Content-Length: 4", "good and more"),

		EMPTY_BODY("GET", "200 OK", "Content-Length: 0", PLANTED),

		CHUNKS("GET", "200 OK", "Transfer-Encoding: chunked", "4\r\ngood\r\n0\r\n\r\n" + PLANTED),

		CHUNKS_WITH_TRAILER("GET", "200 OK", "Transfer-Encoding: chunked",
				"4\r\ngood\r\n0\r\nX-A: b\r\n\r\n" + PLANTED),

		CHUNKS_AND_LENGTH("GET", "200 OK", "Transfer-Encoding: chunked\r\nContent-Length: 4", "4\r\ngood\r\n0\r\n\r\n"),

		HEAD("HEAD", "200 OK", "Content-Length: " + PLANTED.length(), PLANTED),

		NO_CONTENT("GET", "204 No Content", "X-A: b", PLANTED),

		NO_CONTENT_OF_A_LENGTH("GET", "204 No Content", "Content-Length: 4", ""),

		NOT_MODIFIED("GET", "304 Not Modified", "Content-Length: " + PLANTED.length(), PLANTED),

		NOT_SATISFIABLE("GET", "416 Range", "Content-Range: bytes */9\r\nContent-Length: 4", "nope" + PLANTED),

		FORBIDDEN("GET", "403 Forbidden", "Content-Length: 4", "nope" + PLANTED),

		UNAVAILABLE("GET", "503 Unavailable", "Content-Length: 0", PLANTED),

		INTERIM_BEHIND("GET", "200 OK", "Content-Length: 4", "goodHTTP/1.1 100 Continue\r\n\r\n"),

		UPLOAD("PUT", "200 OK", "Content-Length: 0", PLANTED),

		SESSION("POST", "201 Created", "Content-Length: 4", "good" + PLANTED),

		REMOVAL("DELETE", "204 No Content", "X-A: b", PLANTED);

		private final String method;

		private final String response;

		Leftover(String method, String status, String headers, String body) {
			this.method = method;
			this.response = "HTTP/1.1 " + status + "\r\n" + headers + "\r\n\r\n" + body;
		}

		private byte[] bytes() {
			return this.response.getBytes(StandardCharsets.ISO_8859_1);
		}

	}

	/**
	 * A request body of some bytes.
	 */
	private static final class Body implements RequestBody {

		@Override
		public long length() {
			return 100;
		}

		@Override
		public void writeTo(WritableByteChannel channel) throws IOException {
			channel.write(ByteBuffer.allocate(100));
		}

	}

}
