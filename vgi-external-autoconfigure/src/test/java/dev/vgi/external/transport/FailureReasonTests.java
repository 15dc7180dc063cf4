package dev.vgi.external.transport;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.url.UrlValidator;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

/**
 * Tests for {@link FailureReason}: what real sockets and files fail with is told in
 * words.
 */
class FailureReasonTests {

	@TempDir
	private Path folder;

	private static StorageTransport transport(@Nullable InetSocketAddress proxy, @Nullable HostResolver resolver) {
		return new StorageTransport(
				new TransportSettings(Duration.ofSeconds(10), Duration.ofMillis(200), 4, proxy, null, null, null),
				resolver);
	}

	private static void assertFails(URI url, String reason) {
		assertFails(url, null, null, reason);
	}

	private static void assertFails(URI url, @Nullable InetSocketAddress proxy, @Nullable HostResolver resolver,
			String reason) {
		try (StorageTransport transport = transport(proxy, resolver)) {
			assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> {
				try (StorageResponse response = transport.get(url, null, null, UrlValidator.acceptAll(), 0,
						Deadline.in(Duration.ofSeconds(30)))) {
					ByteBuffer body = ByteBuffer.allocate(1000);
					while (response.read(body) >= 0) {
						continue;
					}
				}
			})
				.withMessageContaining(reason)
				.withMessageNotContaining("Exception")
				.withMessageNotContaining("s3cret")
				.withMessageMatching("[^\\n]*")
				.withNoCause();
		}
	}

	private static int unusedPort() throws IOException {
		try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
			return socket.getLocalPort();
		}
	}

	@Test
	void refusedConnection() throws IOException {
		int port = unusedPort();
		assertFails(URI.create("http://127.0.0.1:" + port + "/o?s3cret"),
				"Cannot reach http://127.0.0.1:" + port + "/o: the connection was refused");
	}

	@Test
	void hostWithoutAnAddress() {
		assertFails(URI.create("http://storage.invalid/o?s3cret"), null, (host) -> {
			throw new UnknownHostException("unreachable.invalid: Name or service not known");
		}, "its host has no address");
		assertFails(URI.create("http://storage.invalid/o?s3cret"), "its host has no address");
	}

	@Test
	void proxyIsNotTheStorage() throws IOException {
		int port = unusedPort();
		assertFails(URI.create("http://storage.invalid/o?s3cret"), new InetSocketAddress("127.0.0.1", port), null,
				"the proxy at 127.0.0.1:" + port + " cannot be reached: the connection was refused");
		assertFails(URI.create("http://127.0.0.1/o?s3cret"), InetSocketAddress.createUnresolved("proxy.invalid", 1),
				null, "the proxy at proxy.invalid:1 cannot be reached: its host has no address");
	}

	@Test
	void answerThatIsCutOff() {
		for (String answer : new String[] { "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n",
				"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
				"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc" }) {
			try (FaultServer server = new FaultServer((request, reply) -> {
				reply.raw(answer.getBytes());
				reply.hangUp();
			})) {
				assertFails(server.url("/o?s3cret"), "the connection was closed before its end");
			}
		}
	}

	@Test
	void answerThatIsCutOffInsideOfALine() {
		try (FaultServer server = new FaultServer((request, reply) -> {
			reply.raw("HTTP/1.1 200 OK\r\nContent-Le".getBytes());
			reply.hangUp();
		})) {
			assertFails(server.url("/o?s3cret"), "was cut off");
		}
	}

	@Test
	void connectionThatIsReset() {
		try (FaultServer server = new FaultServer((request, reply) -> reply.reset())) {
			assertFails(server.url("/o?s3cret"), "the connection was closed before its end");
		}
	}

	@Test
	void silence() {
		try (FaultServer server = new FaultServer((request, reply) -> reply.stall())) {
			assertFails(server.url("/o?s3cret"),
					"No answer from http://localhost:" + server.port() + "/o: it was silent for too long");
		}
	}

	@Test
	void whatIsNoHttp() {
		try (FaultServer server = new FaultServer((request, reply) -> {
			reply.raw("SSH-2.0-s3cret\r\n\r\n".repeat(3).getBytes());
			reply.hangUp();
		})) {
			assertFails(server.url("/o?s3cret"), "what it answers is no HTTP");
		}
	}

	@Test
	void plainServerBehindHttps() {
		try (FaultServer server = new FaultServer(FaultServer.object(new byte[10]))) {
			assertFails(URI.create("https://127.0.0.1:" + server.port() + "/o?s3cret"), "no TLS connection came about");
		}
	}

	@Test
	void closedTransport() {
		StorageTransport transport = transport(null, null);
		transport.close();
		assertThatExceptionOfType(TransportClosedException.class)
			.isThrownBy(() -> transport.get(URI.create("http://127.0.0.1/o?s3cret"), null, null,
					UrlValidator.acceptAll(), 0, Deadline.in(Duration.ofSeconds(30))))
			.withMessage("The storage transport is closed");
	}

	@Test
	void files() throws IOException {
		assertThat(reason(() -> FileChannel.open(this.folder.resolve("No space left on device"))))
			.isEqualTo("the file or its folder does not exist");
		Path full = Path.of("/dev/full");
		assumeThat(Files.exists(full)).isTrue();
		try (FileChannel channel = FileChannel.open(full, StandardOpenOption.WRITE)) {
			assertThat(reason(() -> channel.write(ByteBuffer.allocate(10)))).isEqualTo("the disk is full");
		}
	}

	@Test
	void whatNobodyKnowsIsNamedByItsRoot() {
		assertThat(FailureReason.of(new IllegalStateException("https://x/?s3cret", new ArithmeticException("s3cret"))))
			.isEqualTo("ArithmeticException");
		assertThat(FailureReason.of(new ExplainedException("our own words"))).isEqualTo("our own words");
	}

	private static String reason(ThrowingCallable call) {
		try {
			call.call();
		}
		catch (Throwable ex) {
			return FailureReason.of(ex);
		}
		return "nothing failed";
	}

}
