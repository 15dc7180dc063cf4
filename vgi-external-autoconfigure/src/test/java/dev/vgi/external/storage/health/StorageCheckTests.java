package dev.vgi.external.storage.health;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.stream.Stream;

import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.LifecycleVerifier;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link StorageCheck}.
 */
class StorageCheckTests {

	private final StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null);

	private HttpServer server;

	private int status = 404;

	private String answer = "";

	private byte[] stored = new byte[0];

	private Instant now = Instant.now();

	@TempDir
	private Path folder;

	@BeforeEach
	void start() throws IOException {
		this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 10);
		this.server.createContext("/", (exchange) -> {
			byte[] body = this.answer.isEmpty() ? this.stored : this.answer.getBytes(StandardCharsets.UTF_8);
			exchange.sendResponseHeaders(this.status, (body.length > 0) ? body.length : -1);
			exchange.getResponseBody().write(body);
			exchange.close();
		});
		this.server.start();
	}

	@AfterEach
	void stop() {
		assertThat(this.transport.leasedConnections()).isZero();
		this.transport.close();
		this.server.stop(0);
	}

	private StorageReport check(ExternalStorage storage, boolean writeProbe, @Nullable LifecycleMonitor lifecycle) {
		return new StorageCheck(storage, this.transport, lifecycle, writeProbe, Duration.ofSeconds(5),
				Clock.fixed(this.now, ZoneOffset.UTC))
			.run();
	}

	@Test
	void whenASignedUrlOfNoObjectIsNotFoundItIsAccepted() {
		StorageReport report = check(new SigningStorage(), false, null);
		assertThat(report.up()).isTrue();
		assertThat(report.details()).containsEntry("storage", "test")
			.containsEntry("signedUrls", "accepted")
			.containsKey("clockSkew")
			.doesNotContainKeys("writeProbe", "lifecycle");
	}

	@ParameterizedTest
	@CsvSource({ "403,<Error><Code>SignatureDoesNotMatch</Code></Error>,status 403 SignatureDoesNotMatch",
			"403,<Error><Code>RequestTimeTooSkewed</Code></Error>,status 403 RequestTimeTooSkewed",
			"400,nothing to parse,status 400", "503,<Code>SlowDown</Code>,status 503 SlowDown",
			"407,proxy,status 407" })
	void whenTheSignatureIsRefusedIsDown(int status, String answer, String reason) {
		this.status = status;
		this.answer = answer;
		StorageReport report = check(new SigningStorage(), false, null);
		assertThat(report.up()).isFalse();
		assertThat(report.details()).containsEntry("reason", "The storage refuses a signed URL (" + reason + ")")
			.containsEntry("kind", "storage-unavailable");
	}

	@Test
	void whenListingIsNotAllowedThatIsADetail() {
		this.status = 403;
		this.answer = "<Error><Code>AccessDenied</Code></Error>";
		StorageReport report = check(new SigningStorage(), false, null);
		assertThat(report.up()).isTrue();
		assertThat(String.valueOf(report.details().get("signedUrls"))).contains("403 AccessDenied")
			.doesNotContain("clock");
		this.now = Instant.now().minusSeconds(1200);
		assertThat(String.valueOf(check(new SigningStorage(), false, null).details().get("signedUrls")))
			.contains("403 AccessDenied")
			.contains("a clock is wrong: its clock says 20");
	}

	@ParameterizedTest
	@ValueSource(longs = { 1000, -1000 })
	void whenTheClocksDifferSaysByHowMuch(long seconds) {
		this.now = Instant.now().plusSeconds(seconds);
		Duration skew = (Duration) check(new SigningStorage(), false, null).details().get("clockSkew");
		assertThat(skew).isNotNull().isCloseTo(Duration.ofSeconds(seconds), Duration.ofSeconds(20));
	}

	@Test
	void whenTheBytesHaveNoWayToTheStorageIsDown() {
		SigningStorage storage = new SigningStorage();
		URI gone = URI.create("http://127.0.0.1:1/object?signature=planted");
		storage.url = gone;
		StorageReport report = check(storage, false, null);
		assertThat(report.up()).isFalse();
		assertThat(report.details().toString()).doesNotContain("planted");
	}

	@Test
	void whenAskedToStoresATinyArrowStreamAndFetchesIt() throws Exception {
		this.status = 200;
		SigningStorage storage = new SigningStorage();
		assertThat(check(storage, true, null).details()).containsEntry("writeProbe", "stored and fetched");
		assertThat(storage.uploads).isOne();
		assertThat(this.stored).startsWith(0xff, 0xff, 0xff, 0xff).endsWith(0, 0, 0, 0).hasSizeLessThan(1000);
		this.answer = "other bytes";
		assertThat(check(storage, true, null).details()).containsEntry("reason",
				"What was stored is not what is fetched");
		this.status = 404;
		assertThat(check(storage, true, null).details()).containsEntry("reason",
				"What was stored cannot be fetched (status 404)");
	}

	@Test
	void whenNotAskedToStoresNothing() {
		SigningStorage storage = new SigningStorage();
		check(storage, false, null);
		assertThat(storage.uploads).isZero();
	}

	@Test
	void folderIsProbedWithoutHttp() throws Exception {
		LocalStorage storage = new LocalStorage(LocalStorageSettings.of(this.folder), () -> URI.create("http://gone"),
				Clock.systemUTC());
		assertThat(check(storage, false, null).up()).isTrue();
		assertThat(objects()).isZero();
		assertThat(check(storage, true, null).details()).containsEntry("writeProbe", "stored and fetched");
		assertThat(objects()).isOne();
	}

	private long objects() throws IOException {
		try (Stream<Path> files = Files.list(this.folder)) {
			return files.filter((file) -> file.toString().endsWith(".arrow")).count();
		}
	}

	@Test
	void missingRuleIsADetailAlsoWhenDown() {
		LifecycleMonitor lifecycle = new LifecycleMonitor(
				(expireAfter) -> new LifecycleVerifier.Finding(LifecycleVerifier.Verdict.MISSING, "add a rule"),
				Duration.ofDays(1), TransferThreads.platform(), System::nanoTime);
		SigningStorage storage = new SigningStorage();
		assertThat(check(storage, false, lifecycle).up()).isTrue();
		storage.reachable = false;
		StorageReport report = check(storage, false, lifecycle);
		assertThat(report.up()).isFalse();
		assertThat(report.details()).containsEntry("lifecycle", "missing").containsEntry("lifecycleRule", "add a rule");
	}

	/**
	 * A bucket whose objects are what the server of this test says.
	 */
	private final class SigningStorage implements ExternalStorage, UploadUrlProvider {

		private URI url = URI
			.create("http://127.0.0.1:" + StorageCheckTests.this.server.getAddress().getPort() + "/o?signature=x");

		private boolean reachable = true;

		private int uploads;

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			this.uploads++;
			ByteArrayOutputStream bytes = new ByteArrayOutputStream();
			try {
				payload.writeTo(Channels.newChannel(bytes));
			}
			catch (IOException ex) {
				throw new IllegalStateException(ex);
			}
			StorageCheckTests.this.stored = bytes.toByteArray();
			return this.url;
		}

		@Override
		public UploadUrl generateUploadUrl(Schema schema) {
			return new UploadUrl(this.url, this.url, Instant.MAX);
		}

		@Override
		public boolean isOwn(URI candidate) {
			return candidate.equals(this.url);
		}

		@Override
		public void verifyReachable() {
			if (!this.reachable) {
				throw new StorageUnavailableException("gone", 0, null);
			}
		}

		@Override
		public String name() {
			return "test";
		}

	}

}
