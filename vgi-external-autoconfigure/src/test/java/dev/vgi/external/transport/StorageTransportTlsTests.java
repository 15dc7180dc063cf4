package dev.vgi.external.transport;

import java.io.InputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

@Timeout(60)
class StorageTransportTlsTests {

	private static @Nullable SSLContext trusting;

	private final ManualTimer timer = new ManualTimer();

	@BeforeAll
	static void makeKey(@TempDir Path folder) throws Exception {
		trusting = trustingItself(folder);
	}

	static SSLContext trustingItself(Path folder) throws Exception {
		Path file = folder.resolve("key.p12");
		Process keytool = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
				"-genkeypair", "-alias", "test", "-keyalg", "EC", "-dname", "CN=localhost", "-ext", "san=dns:localhost",
				"-storetype", "PKCS12", "-keystore", file.toString(), "-storepass", "changeit")
			.redirectErrorStream(true)
			.start();
		String output = new String(keytool.getInputStream().readAllBytes());
		assertThat(keytool.waitFor()).as(output).isZero();
		KeyStore keys = KeyStore.getInstance("PKCS12");
		try (InputStream in = Files.newInputStream(file)) {
			keys.load(in, "changeit".toCharArray());
		}
		KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		own.init(keys, "changeit".toCharArray());
		KeyStore trusted = KeyStore.getInstance("PKCS12");
		trusted.load(null, null);
		trusted.setCertificateEntry("test", keys.getCertificate("test"));
		TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
		trust.init(trusted);
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(own.getKeyManagers(), trust.getTrustManagers(), null);
		return context;
	}

	private StorageTransport transport(@Nullable SSLContext context) {
		return new StorageTransport(
				new TransportSettings(Duration.ofSeconds(10), Duration.ofSeconds(30), 4, null, null, null, context),
				null, this.timer);
	}

	private StorageResponse get(StorageTransport transport, URI url) {
		return transport.get(url, null, null, UrlValidator.acceptAll(), 0,
				Deadline.in(Duration.ofSeconds(60), this.timer::nanoTime));
	}

	@Test
	void readsOverTlsAndReusesTheConnection() {
		byte[] content = new byte[500_000];
		try (FaultServer server = new FaultServer(FaultServer.object(content), trusting);
				StorageTransport transport = transport(trusting)) {
			for (int i = 0; i < 2; i++) {
				try (StorageResponse response = get(transport, server.url("/x?q"))) {
					ByteBuffer target = ByteBuffer.allocateDirect(content.length);
					while (target.hasRemaining() && response.read(target) >= 0) {
						continue;
					}
					assertThat(target.hasRemaining()).isFalse();
				}
			}
			assertThat(server.connections()).isEqualTo(1);
			assertThat(transport.leasedConnections()).isZero();
		}
	}

	@Test
	void unknownCertificatesAndOtherNamesAreRefused() {
		try (FaultServer server = new FaultServer(FaultServer.object(new byte[10]), trusting);
				StorageTransport strict = transport(null);
				StorageTransport transport = transport(trusting)) {
			assertThatExceptionOfType(StorageUnavailableException.class)
				.isThrownBy(() -> get(strict, server.url("/x?s3cret")))
				.withMessageContaining("its certificate is not trusted")
				.withMessageNotContaining("s3cret");
			assertThatExceptionOfType(StorageUnavailableException.class)
				.isThrownBy(() -> get(transport, URI.create("https://127.0.0.1:" + server.port() + "/x?s3cret")))
				.withMessageContaining("is for another host");
			assertThat(server.requests()).isEmpty();
			assertThat(transport.leasedConnections()).isZero();
		}
	}

	@Test
	void deadlineAndInterruptWakeAReaderOverTls() throws Exception {
		CountDownLatch asked = new CountDownLatch(2);
		try (FaultServer server = new FaultServer((request, reply) -> {
			reply.head(200, "Content-Length: 100");
			asked.countDown();
			reply.stall();
		}, trusting); StorageTransport transport = transport(trusting)) {
			CompletableFuture<Integer> late = CompletableFuture.supplyAsync(() -> read(transport, server));
			CompletableFuture<Integer> interrupted = new CompletableFuture<>();
			Thread reader = new Thread(() -> {
				try {
					interrupted.complete(read(transport, server));
				}
				catch (RuntimeException ex) {
					interrupted.completeExceptionally(ex);
				}
			});
			reader.start();
			asked.await();
			reader.interrupt();
			assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> interrupted.get(20, TimeUnit.SECONDS))
				.withCauseInstanceOf(StorageUnavailableException.class)
				.withMessageContaining("Interrupted");
			this.timer.advance(Duration.ofSeconds(60));
			assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> late.get(20, TimeUnit.SECONDS))
				.withCauseInstanceOf(TransferTimeoutException.class);
			assertThat(transport.leasedConnections()).isZero();
		}
	}

	private int read(StorageTransport transport, FaultServer server) {
		try (StorageResponse response = get(transport, server.url("/x"))) {
			return response.read(ByteBuffer.allocate(1));
		}
	}

}
