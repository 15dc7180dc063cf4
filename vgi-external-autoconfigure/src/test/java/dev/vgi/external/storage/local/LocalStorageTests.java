package dev.vgi.external.storage.local;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.local.LocalAccessException.Reason;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.UrlRejectedException;
import org.apache.arrow.vector.types.pojo.Schema;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assumptions.assumeThat;

/**
 * Tests of {@link LocalStorage} without HTTP.
 */
class LocalStorageTests {

	private static final Schema SCHEMA = new Schema(List.of());

	private final SteppedClock clock = new SteppedClock();

	@TempDir
	private Path directory;

	private URI baseUrl = URI.create("https://example.com/app/");

	private String caller = "alice";

	private LocalStorage storage;

	@BeforeEach
	void create() {
		this.storage = create(10_000, 10_000);
	}

	private LocalStorage create(long maxTotalSize, long maxUploadSize) {
		return new LocalStorage(
				new LocalStorageSettings(this.directory, false, Duration.ofHours(1), Duration.ofMinutes(15),
						Duration.ofMinutes(70), maxTotalSize, maxUploadSize),
				() -> this.baseUrl, () -> this.caller, this.clock);
	}

	private List<String> files() throws IOException {
		try (Stream<Path> files = Files.list(this.directory)) {
			return files.map((file) -> file.getFileName().toString())
				.filter((name) -> !name.equals(UrlSigner.KEY_FILE))
				.toList();
		}
	}

	@Test
	void fullDiskAndMissingFolderAreNamed() throws Exception {
		Path full = Path.of("/dev/full");
		assumeThat(Files.exists(full)).isTrue();
		BytesPayload bytes = BytesPayload.random(10, 1);
		Payload payload = new Payload() {

			@Override
			public long maxLength() {
				return bytes.maxLength();
			}

			@Override
			public @Nullable Part next(int size) {
				return bytes.next(size);
			}

			@Override
			public void writeTo(WritableByteChannel channel) throws IOException {
				try (FileChannel disk = FileChannel.open(full, StandardOpenOption.WRITE)) {
					disk.write(ByteBuffer.allocate(10));
				}
			}

		};
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> this.storage.upload(payload, SCHEMA, null))
			.withMessageContaining("'vgi.external.local.directory': the disk is full");
		assertThat(files()).isEmpty();
		LocalStorage gone = new LocalStorage(LocalStorageSettings.of(this.directory.resolve("gone")),
				() -> this.baseUrl, this.clock);
		Files.delete(this.directory.resolve("gone").resolve(UrlSigner.KEY_FILE));
		Files.delete(this.directory.resolve("gone"));
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(gone::verifyReachable)
			.withMessageContaining("is gone");
		Files.createFile(this.directory.resolve("gone"));
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(gone::verifyReachable)
			.withMessageContaining("is no folder");
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> gone.upload(BytesPayload.random(10, 1), SCHEMA, null))
			.withMessageContaining("'vgi.external.local.directory': it is no folder");
	}

	private static byte[] content(StoredObject object) throws IOException {
		try (object) {
			ByteBuffer bytes = ByteBuffer.allocate((int) object.length());
			object.channel().read(bytes);
			return bytes.array();
		}
	}

	private static String key(URI url) {
		return url.getPath().substring(url.getPath().lastIndexOf('/') + 1);
	}

	private static @Nullable String parameter(URI url, String name) {
		for (String parameter : url.getQuery().split("&")) {
			if (parameter.startsWith(name + "=")) {
				return parameter.substring(name.length() + 1);
			}
		}
		return null;
	}

	private StoredObject read(URI url) {
		return this.storage.read(key(url), parameter(url, "expires"), parameter(url, "Signature"));
	}

	private String receive(URI url, byte[] bytes, @Nullable String coding) {
		return receive(url, new ByteArrayInputStream(bytes), bytes.length, coding);
	}

	private String receive(URI url, InputStream body, long length, @Nullable String coding) {
		return this.storage.receive(key(url), parameter(url, "expires"), parameter(url, "Signature"), body, length,
				coding);
	}

	private static void assertRefused(Reason reason, ThrowingCallable call) {
		assertThatExceptionOfType(LocalAccessException.class).isThrownBy(call)
			.satisfies((ex) -> assertThat(ex.reason()).isEqualTo(reason))
			.withMessageNotContaining("Signature=");
	}

	@Test
	void urlsAreBelowTheBaseUrl() {
		assertThat(this.storage.upload(BytesPayload.random(10, 1), SCHEMA, null).toString())
			.matches("https://example\\.com/app/_vgi/objects/[0-9a-f]{32}\\.arrow"
					+ "\\?expires=[0-9]+&Signature=[A-Za-z0-9_-]{43}");
		assertThat(this.storage.upload(BytesPayload.random(10, 1), SCHEMA, "zstd").getPath()).endsWith(".arrow.zst");
	}

	@Test
	void baseUrlIsAskedEveryTime() {
		this.baseUrl = URI.create("http://[::1]:8080");
		assertThat(this.storage.generateUploadUrl(SCHEMA).uploadUrl().toString())
			.startsWith("http://[::1]:8080/_vgi/objects/");
		this.baseUrl = URI.create("relative");
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> this.storage.upload(BytesPayload.random(10, 1), SCHEMA, null))
			.withMessageContaining("'vgi.external.local.base-url'");
		this.baseUrl = URI.create("http://my_service:8080");
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> this.storage.upload(BytesPayload.random(10, 1), SCHEMA, null))
			.withMessageContaining("must not have an underscore: correct 'vgi.external.local.base-url'");
	}

	@Test
	void urlsAndCodingsSurviveARestart() throws Exception {
		byte[] bytes = BytesPayload.random(100, 2).bytes();
		URI uploaded = this.storage.upload(BytesPayload.of(bytes), SCHEMA, "zstd");
		UploadUrl pair = this.storage.generateUploadUrl(SCHEMA);
		receive(pair.uploadUrl(), bytes, "gzip");
		this.storage = create(10_000, 10_000);
		assertThat(this.storage.isOwn(uploaded)).isTrue();
		StoredObject object = this.storage.open(uploaded);
		assertThat(object.contentCoding()).isEqualTo("zstd");
		assertThat(content(object)).isEqualTo(bytes);
		StoredObject vended = this.storage.open(pair.downloadUrl());
		assertThat(vended.contentCoding()).isEqualTo("gzip");
		assertThat(content(vended)).isEqualTo(bytes);
		assertRefused(Reason.ALREADY_STORED, () -> receive(pair.uploadUrl(), bytes, "gzip"));
	}

	@Test
	void whenTheSigningKeyIsNoneFailsAtStart() throws Exception {
		Files.writeString(this.directory.resolve(UrlSigner.KEY_FILE), "short");
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> create(10_000, 10_000))
			.withMessageContaining("'vgi.external.local.directory'");
	}

	@Test
	void whenTheFolderIsAFileFailsAtStart() throws Exception {
		Path file = Files.createFile(this.directory.resolve("file"));
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> new LocalStorage(LocalStorageSettings.of(file), () -> this.baseUrl, this.clock))
			.withMessageContaining("'vgi.external.local.directory'");
	}

	@Nested
	class Open {

		@Test
		void whenExpiredIsALinkExpiredError() {
			URI url = LocalStorageTests.this.storage.upload(BytesPayload.random(10, 3), SCHEMA, null);
			LocalStorageTests.this.clock.step(Duration.ofMinutes(59));
			assertThat(LocalStorageTests.this.storage.open(url)).satisfies(LocalStorageTests::content);
			LocalStorageTests.this.clock.step(Duration.ofMinutes(1));
			assertThatExceptionOfType(LinkExpiredException.class)
				.isThrownBy(() -> LocalStorageTests.this.storage.open(url));
			assertThat(LocalStorageTests.this.storage.isOwn(url)).isTrue();
		}

		@Test
		void whenThereIsNoObjectIsAnErrorWithStatus404() {
			URI url = LocalStorageTests.this.storage.generateUploadUrl(SCHEMA).downloadUrl();
			assertThatExceptionOfType(StorageUnavailableException.class)
				.isThrownBy(() -> LocalStorageTests.this.storage.open(url))
				.satisfies((ex) -> assertThat(ex.status()).isEqualTo(404));
		}

		@Test
		void whenSignedForPutIsRefused() {
			URI url = LocalStorageTests.this.storage.generateUploadUrl(SCHEMA).uploadUrl();
			assertThatExceptionOfType(UrlRejectedException.class)
				.isThrownBy(() -> LocalStorageTests.this.storage.open(url));
			assertThatExceptionOfType(UrlRejectedException.class)
				.isThrownBy(() -> LocalStorageTests.this.storage.open(URI.create("https://example.com/other")));
		}

	}

	@Nested
	class Read {

		@ParameterizedTest
		@ValueSource(strings = { "", ".", "..", "../x", ".signing-key", "0123456789abcdef0123456789abcdef",
				"0123456789abcdef0123456789abcdef.arrow/..", "0123456789ABCDEF0123456789ABCDEF.arrow",
				"0123456789abcdef0123456789abcdef.arrow.gz", "0123456789abcdef0123456789abcdef.arrow\n",
				"..\\0123456789abcdef0123456789abcdef.arrow" })
		void whenTheKeyIsNoneIsRefusedThoughSigned(String key) {
			LocalStorage storage = LocalStorageTests.this.storage;
			assertRefused(Reason.BAD_SIGNATURE, () -> storage.read(key, "4000000000", signed(key)));
		}

		private String signed(String key) {
			try {
				return UrlSigner.of(StoreDirectory.of(LocalStorageTests.this.directory, false), new SecureRandom())
					.sign("GET", key, 4000000000L);
			}
			catch (IOException ex) {
				throw new IllegalStateException(ex);
			}
		}

		@Test
		void theSignatureCountsNotTheKey() throws Exception {
			String key = "0123456789abcdef0123456789abcdef.arrow";
			LocalStorage storage = LocalStorageTests.this.storage;
			assertRefused(Reason.NOT_FOUND, () -> storage.read(key, "4000000000", signed(key)));
			assertRefused(Reason.BAD_SIGNATURE, () -> storage.read(key, "4000000001", signed(key)));
			assertRefused(Reason.BAD_SIGNATURE, () -> storage.read(key, "04000000000", signed(key)));
			assertRefused(Reason.BAD_SIGNATURE, () -> storage.read(key, null, signed(key)));
			assertRefused(Reason.BAD_SIGNATURE, () -> storage.read(key, "4000000000", null));
			assertRefused(Reason.BAD_SIGNATURE, () -> storage.read(key, "99999999999999999999", signed(key)));
		}

	}

	@Nested
	class Receive {

		private final byte[] bytes = BytesPayload.random(1000, 4).bytes();

		private URI url;

		@BeforeEach
		void vend() {
			this.url = LocalStorageTests.this.storage.generateUploadUrl(SCHEMA).uploadUrl();
		}

		@Test
		void whenLengthIsMissingIsRefused() throws Exception {
			assertRefused(Reason.LENGTH_REQUIRED,
					() -> receive(this.url, new ByteArrayInputStream(this.bytes), -1, null));
			assertThat(files()).isEmpty();
		}

		@Test
		void whenTooLargeIsRefusedUnread() throws Exception {
			LocalStorageTests.this.storage = create(10_000, 999);
			InputStream body = new ByteArrayInputStream(this.bytes);
			assertRefused(Reason.TOO_LARGE, () -> receive(this.url, body, 1000, null));
			assertThat(body.available()).isEqualTo(1000);
			assertThat(receive(this.url, new byte[999], null)).startsWith("\"");
		}

		@Test
		void whenShorterThanAnnouncedIsRefused() throws Exception {
			assertRefused(Reason.INCOMPLETE, () -> receive(this.url, new ByteArrayInputStream(this.bytes), 1001, null));
			assertThat(files()).isEmpty();
		}

		@Test
		void whenLongerThanAnnouncedIsRefused() throws Exception {
			assertRefused(Reason.INCOMPLETE, () -> receive(this.url, new ByteArrayInputStream(this.bytes), 999, null));
			assertThat(files()).isEmpty();
		}

		@Test
		void whenTheBodyFailsIsRefused() throws Exception {
			InputStream broken = new InputStream() {

				@Override
				public int read() throws IOException {
					throw new IOException("https://example.com?signature=planted");
				}

			};
			assertRefused(Reason.INCOMPLETE, () -> receive(this.url, broken, 10, null));
			assertThat(files()).isEmpty();
		}

		@Test
		void whenTheCodingIsUnknownIsRefused() throws Exception {
			assertRefused(Reason.UNSUPPORTED_CODING, () -> receive(this.url, this.bytes, "br"));
			assertRefused(Reason.UNSUPPORTED_CODING, () -> receive(this.url, this.bytes, "gzip, zstd"));
			assertRefused(Reason.UNSUPPORTED_CODING, () -> receive(this.url, this.bytes, "../x"));
			assertThat(receive(this.url, this.bytes, " ZSTD ")).startsWith("\"");
		}

		@Test
		void whenExpiredIsRefused() {
			LocalStorageTests.this.clock.step(Duration.ofMinutes(15));
			assertRefused(Reason.EXPIRED, () -> receive(this.url, this.bytes, null));
		}

		@Test
		void whenThereIsAnObjectIsRefusedUnread() throws Exception {
			receive(this.url, this.bytes, null);
			InputStream others = new ByteArrayInputStream(BytesPayload.random(1000, 5).bytes());
			assertRefused(Reason.ALREADY_STORED, () -> receive(this.url, others, 1000, null));
			assertRefused(Reason.ALREADY_STORED, () -> receive(this.url, others, 1000, "zstd"));
			assertThat(others.available()).isEqualTo(1000);
			// Not even by the same bytes: nobody compares.
			assertRefused(Reason.ALREADY_STORED, () -> receive(this.url, this.bytes, null));
			assertThat(files()).hasSize(1);
			LocalStorageTests.this.clock.step(Duration.ofMinutes(14));
			assertRefused(Reason.ALREADY_STORED, () -> receive(this.url, this.bytes, null));
		}

		@Test
		void whenOneAttemptBreaksOffTheNextMaySucceed() throws Exception {
			assertRefused(Reason.INCOMPLETE, () -> receive(this.url, new ByteArrayInputStream(this.bytes), 1001, null));
			assertThat(receive(this.url, this.bytes, null)).startsWith("\"");
		}

		@Test
		void whenAnotherIsFasterIsRefused() throws Exception {
			// Also one of another process and with another coding.
			LocalStorage other = create(10_000, 10_000);
			byte[] faster = BytesPayload.random(900, 5).bytes();
			Script body = new Script(LocalStorageTests.this.clock).bytes(500).then(() -> {
				assertThat(files()).hasSize(1).first().asString().startsWith(".incoming-");
				other.receive(key(this.url), parameter(this.url, "expires"), parameter(this.url, "Signature"),
						new ByteArrayInputStream(faster), faster.length, "gzip");
			}).bytes(500);
			assertRefused(Reason.ALREADY_STORED, () -> receive(this.url, body, 1000, null));
			assertThat(files()).singleElement().asString().endsWith(".arrow.gz");
			assertThat(Files.readAllBytes(LocalStorageTests.this.directory.resolve(files().get(0)))).isEqualTo(faster);
		}

		@Test
		void whenAnotherProcessIsAboutToPublishIsRefused() throws Exception {
			String id = key(this.url).replace(".arrow", "");
			Path claim = Files.createFile(LocalStorageTests.this.directory.resolve(".incoming-" + id + ".tmp"));
			assertRefused(Reason.ALREADY_STORED, () -> receive(this.url, this.bytes, null));
			Files.delete(claim);
			assertThat(receive(this.url, this.bytes, null)).startsWith("\"");
		}

		@Test
		void whenSlowIsEnded() throws Exception {
			// A byte every ten seconds, as long as anybody listens.
			Script drip = new Script(LocalStorageTests.this.clock);
			for (int i = 0; i < 100; i++) {
				drip.bytes(1).pause(Duration.ofSeconds(10));
			}
			assertRefused(Reason.TOO_SLOW, () -> receive(this.url, drip, 2000, null));
			assertThat(drip.elapsed()).isLessThanOrEqualTo(Duration.ofSeconds(20));
			assertThat(files()).isEmpty();
			// A good beginning is no credit for later.
			Script late = new Script(LocalStorageTests.this.clock).bytes(1500).pause(Duration.ofSeconds(10));
			for (int i = 0; i < 100; i++) {
				late.bytes(1).pause(Duration.ofSeconds(1));
			}
			assertRefused(Reason.TOO_SLOW, () -> receive(this.url, late, 2000, null));
			assertThat(late.elapsed()).isLessThanOrEqualTo(Duration.ofSeconds(21));
		}

		@Test
		void whenAsFastAsHasToBeIsKept() throws Exception {
			LocalStorageTests.this.storage = create(1 << 20, 1 << 20);
			Script steady = new Script(LocalStorageTests.this.clock);
			for (int i = 0; i < 60; i++) {
				steady.pause(Duration.ofSeconds(1)).bytes(1024);
			}
			assertThat(receive(this.url, steady, 60 * 1024, null)).startsWith("\"");
			// What is complete is not slow.
			URI url = LocalStorageTests.this.storage.generateUploadUrl(SCHEMA).uploadUrl();
			Script end = new Script(LocalStorageTests.this.clock).pause(Duration.ofMinutes(5)).bytes(10);
			assertThat(receive(url, end, 10, null)).startsWith("\"");
		}

		@Test
		void whenSeveralUploadAtOnceOneObjectStays() throws Exception {
			int count = 8;
			byte[] others = BytesPayload.random(1000, 5).bytes();
			CyclicBarrier together = new CyclicBarrier(count);
			ExecutorService executor = Executors.newFixedThreadPool(count);
			List<byte[]> kept = Collections.synchronizedList(new ArrayList<>());
			try {
				List<Future<?>> calls = new ArrayList<>();
				for (int i = 0; i < count; i++) {
					byte[] mine = (i % 2 == 0) ? this.bytes : others;
					calls.add(executor.submit(() -> {
						together.await(10, TimeUnit.SECONDS);
						try {
							receive(this.url, mine, null);
							return kept.add(mine);
						}
						catch (LocalAccessException ex) {
							// All of them together are more than one caller's part of the
							// room.
							return assertThat(ex.reason()).isIn(Reason.ALREADY_STORED, Reason.FULL);
						}
					}));
				}
				for (Future<?> call : calls) {
					call.get();
				}
			}
			finally {
				executor.shutdownNow();
			}
			assertThat(kept).hasSize(1);
			assertThat(Files.readAllBytes(LocalStorageTests.this.directory.resolve(files().get(0))))
				.isEqualTo(kept.get(0));
			assertThat(files()).hasSize(1);
		}

		@Test
		void emptyObjectIsKept() throws Exception {
			UploadUrl pair = LocalStorageTests.this.storage.generateUploadUrl(SCHEMA);
			receive(pair.uploadUrl(), new byte[0], null);
			assertThat(content(read(pair.downloadUrl()))).isEmpty();
		}

		@Test
		void whenTheFolderIsFullIsRefused() {
			LocalStorageTests.this.storage.upload(BytesPayload.random(9500, 6), SCHEMA, null);
			assertRefused(Reason.FULL, () -> receive(this.url, this.bytes, null));
		}

		@Test
		void everyReasonHasAStatus() {
			assertThat(Stream.of(Reason.values()).map(Reason::status)).allMatch((status) -> status >= 400);
			assertThat(new LocalAccessException(Reason.EXPIRED, "", null).kind()).isEqualTo(Kind.LINK_EXPIRED);
		}

	}

	@Nested
	@ExtendWith(OutputCaptureExtension.class)
	class Limits {

		@Test
		void whenFullRefusesUntilObjectsAreDue() throws Exception {
			LocalStorage storage = LocalStorageTests.this.storage;
			storage.upload(BytesPayload.random(6000, 7), SCHEMA, null);
			assertThatExceptionOfType(UploadRefusedException.class)
				.isThrownBy(() -> storage.upload(BytesPayload.random(6000, 8), SCHEMA, null))
				.withMessageContaining("'vgi.external.local.max-total-size'");
			LocalStorageTests.this.clock.step(Duration.ofMinutes(71));
			storage.upload(BytesPayload.random(6000, 8), SCHEMA, null);
			assertThat(files()).hasSize(1);
		}

		@Test
		void whenFullObjectsMakeRoomOnceTheirLinksHaveEnded(CapturedOutput output) throws Exception {
			LocalStorage storage = LocalStorageTests.this.storage;
			URI vended = LocalStorageTests.this.storage.generateUploadUrl(SCHEMA).uploadUrl();
			receive(vended, new byte[2000], null);
			URI older = storage.upload(BytesPayload.random(3000, 7), SCHEMA, "zstd");
			LocalStorageTests.this.clock.step(Duration.ofMinutes(14));
			URI old = storage.upload(BytesPayload.random(3000, 7), SCHEMA, null);
			LocalStorageTests.this.clock.step(Duration.ofSeconds(59));
			assertThatExceptionOfType(UploadRefusedException.class)
				.isThrownBy(() -> storage.upload(BytesPayload.random(3000, 8), SCHEMA, null))
				.withMessageContaining("'vgi.external.local.max-total-size'");
			assertThat(storage.refusedObjects()).isOne();
			assertThat(output).containsOnlyOnce("The local store has no room left");
			assertThat(files()).hasSize(3);
			// Those of a vended pair end first.
			LocalStorageTests.this.clock.step(Duration.ofSeconds(1));
			URI fresh = storage.upload(BytesPayload.random(3000, 8), SCHEMA, null);
			assertThat(files()).containsExactlyInAnyOrder(key(older), key(old), key(fresh));
			assertThat(storage.storedBytes()).isEqualTo(9000);
			// Up to its last moment a link leads to its object, and whoever reads then
			// reads on.
			LocalStorageTests.this.clock.step(Duration.ofMinutes(44));
			try (StoredObject reading = storage.open(older)) {
				assertThatExceptionOfType(UploadRefusedException.class)
					.isThrownBy(() -> storage.upload(BytesPayload.random(3000, 8), SCHEMA, null));
				LocalStorageTests.this.clock.step(Duration.ofMinutes(1));
				storage.upload(BytesPayload.random(3000, 8), SCHEMA, null);
				assertThat(content(reading)).hasSize(3000);
			}
			assertThat(files()).hasSize(3).doesNotContain(key(older)).contains(key(old), key(fresh));
			assertThat(storage.refusedObjects()).isEqualTo(2);
		}

		@Test
		void whenALookTakesLongTheNextOneIsLater() throws Exception {
			LocalStorage storage = LocalStorageTests.this.storage;
			URI old = storage.upload(BytesPayload.random(9000, 7), SCHEMA, null);
			LocalStorageTests.this.clock.goesOn(Duration.ofSeconds(1));
			assertThatExceptionOfType(UploadRefusedException.class)
				.isThrownBy(() -> storage.upload(BytesPayload.random(3000, 8), SCHEMA, null));
			LocalStorageTests.this.clock.goesOn(Duration.ZERO);
			Path file = LocalStorageTests.this.directory.resolve(key(old));
			Files.setLastModifiedTime(file,
					FileTime.from(LocalStorageTests.this.clock.instant().minus(Duration.ofHours(1))));
			LocalStorageTests.this.clock.step(Duration.ofSeconds(15));
			assertThatExceptionOfType(UploadRefusedException.class)
				.isThrownBy(() -> storage.upload(BytesPayload.random(3000, 8), SCHEMA, null));
			// But not much later.
			LocalStorageTests.this.clock.step(Duration.ofSeconds(45));
			assertThat(storage.upload(BytesPayload.random(3000, 8), SCHEMA, null)).isNotNull();
		}

		@Test
		void warnsOnceAMinuteAtMost(CapturedOutput output) {
			LocalStorage storage = LocalStorageTests.this.storage;
			for (int i = 0; i < 3; i++) {
				assertThatExceptionOfType(UploadRefusedException.class)
					.isThrownBy(() -> storage.upload(BytesPayload.random(10_001, 7), SCHEMA, null));
			}
			assertThat(output).containsOnlyOnce("The local store has no room left");
			assertThat(storage.refusedObjects()).isEqualTo(3);
		}

		@Test
		void whatIsOnlyAnnouncedTakesNoRoom() throws Exception {
			LocalStorage storage = LocalStorageTests.this.storage;
			URI result = storage.upload(BytesPayload.random(7000, 7), SCHEMA, null);
			LocalStorageTests.this.clock.step(Duration.ofMinutes(10));
			URI url = storage.generateUploadUrl(SCHEMA).uploadUrl();
			// More than there is.
			InputStream unread = new ByteArrayInputStream(new byte[10]);
			assertRefused(Reason.FULL, () -> receive(url, unread, 9000, null));
			assertThat(unread.available()).isEqualTo(10);
			assertThat(content(storage.open(result))).hasSize(7000);
			// While 2,500 are announced, 100 of them have arrived, and that is what
			// counts.
			Script body = new Script(LocalStorageTests.this.clock).bytes(100).then(() -> {
				storage.upload(BytesPayload.random(2800, 8), SCHEMA, null);
				assertThatExceptionOfType(UploadRefusedException.class)
					.isThrownBy(() -> storage.upload(BytesPayload.random(1, 8), SCHEMA, null));
			}).bytes(2400);
			assertRefused(Reason.FULL, () -> receive(url, body, 2500, null));
			assertThat(files()).hasSize(2);
			assertThat(storage.upload(BytesPayload.random(100, 8), SCHEMA, null)).isNotNull();
		}

		@Test
		void uploadsTakeHalfAndThoseOfOneCallerAQuarter() throws Exception {
			LocalStorage storage = LocalStorageTests.this.storage;
			receive(storage.generateUploadUrl(SCHEMA).uploadUrl(), new byte[2000], null);
			URI another = storage.generateUploadUrl(SCHEMA).uploadUrl();
			assertRefused(Reason.FULL, () -> receive(another, new byte[501], null));
			LocalStorageTests.this.caller = "bob";
			receive(storage.generateUploadUrl(SCHEMA).uploadUrl(), new byte[2500], null);
			// Who asked for the URL counts, not who sends.
			receive(another, new byte[500], null);
			LocalStorageTests.this.caller = "carol";
			URI third = storage.generateUploadUrl(SCHEMA).uploadUrl();
			assertRefused(Reason.FULL, () -> receive(third, new byte[1], null));
			// Results find the other half, also after a restart.
			LocalStorage restarted = create(10_000, 10_000);
			LocalStorageTests.this.storage = restarted;
			assertRefused(Reason.FULL, () -> receive(third, new byte[1], null));
			restarted.upload(BytesPayload.random(4900, 8), SCHEMA, null);
			// What has gone is free for everybody.
			LocalStorageTests.this.clock.step(Duration.ofMinutes(15));
			URI fourth = restarted.generateUploadUrl(SCHEMA).uploadUrl();
			receive(fourth, new byte[2500], null);
			assertThat(files()).hasSize(2);
		}

		@Test
		void emptyObjectsTakeRoomToo() {
			// A millionth of the room each, so that no number of them fills the disk with
			// names.
			Room room = new Room(4_000_000);
			assertThat(room.footprint(0)).isEqualTo(4);
			assertThat(room.footprint(5)).isEqualTo(5);
			room.stored("0000000a", 1_000_000);
			assertThat(room.refusal("0000000a", 4)).isNotNull();
			assertThat(room.refusal("0000000b", 4)).isNull();
		}

		@Test
		void idsTellCallersApartAndNothingElse() {
			String first = key(LocalStorageTests.this.storage.generateUploadUrl(SCHEMA).uploadUrl());
			String second = key(LocalStorageTests.this.storage.generateUploadUrl(SCHEMA).uploadUrl());
			LocalStorageTests.this.caller = "bob";
			String other = key(LocalStorageTests.this.storage.generateUploadUrl(SCHEMA).uploadUrl());
			assertThat(first.substring(0, 8)).isEqualTo(second.substring(0, 8))
				.isNotEqualTo(other.substring(0, 8))
				.isNotEqualTo("00000000");
			assertThat(first).isNotEqualTo(second);
			assertThat(key(LocalStorageTests.this.storage.upload(BytesPayload.random(1, 1), SCHEMA, null)))
				.startsWith("00000000");
		}

		@Test
		void failedUploadsTakeNoRoom() {
			LocalStorage storage = LocalStorageTests.this.storage;
			for (int i = 0; i < 10; i++) {
				assertThatExceptionOfType(StorageUnavailableException.class)
					.isThrownBy(() -> storage.upload(BytesPayload.random(6000, 7).failingAt(10), SCHEMA, null));
			}
			assertThat(storage.upload(BytesPayload.random(9900, 7), SCHEMA, null)).isNotNull();
		}

		@Test
		void whatIsThereAtStartCounts() {
			LocalStorageTests.this.storage.upload(BytesPayload.random(6000, 7), SCHEMA, null);
			LocalStorage restarted = create(10_000, 10_000);
			assertThatExceptionOfType(UploadRefusedException.class)
				.isThrownBy(() -> restarted.upload(BytesPayload.random(6000, 8), SCHEMA, null));
		}

		@Test
		void sweepDeletesWhatIsDueAndNothingElse() throws Exception {
			LocalStorage storage = LocalStorageTests.this.storage;
			Path abandoned = LocalStorageTests.this.directory.resolve(".incoming-1.tmp");
			Path stranger = LocalStorageTests.this.directory.resolve("README");
			for (Path file : List.of(abandoned, stranger)) {
				Files.createFile(file);
				Files.setLastModifiedTime(file, FileTime.from(LocalStorageTests.this.clock.instant()));
			}
			URI old = storage.upload(BytesPayload.random(10, 9), SCHEMA, "zstd");
			LocalStorageTests.this.clock.step(Duration.ofMinutes(60));
			assertThat(storage.sweep()).isZero();
			storage.upload(BytesPayload.random(10, 9), SCHEMA, null);
			LocalStorageTests.this.clock.step(Duration.ofMinutes(11));
			assertThat(storage.sweep()).isEqualTo(2);
			assertThat(files()).hasSize(2).contains("README").doesNotContain(key(old));
			assertThat(Files.exists(LocalStorageTests.this.directory.resolve(UrlSigner.KEY_FILE))).isTrue();
		}

		@Test
		void settingsAreChecked() {
			LocalStorageSettings settings = LocalStorageSettings.of(LocalStorageTests.this.directory);
			assertThat(settings.retention()).isEqualTo(Duration.ofMinutes(70));
			Duration hour = Duration.ofHours(1);
			Map<String, Runnable> wrong = Map.of("'retention'",
					() -> new LocalStorageSettings(settings.directory(), false, Duration.ofHours(2), hour, hour, 1, 1),
					"'maxTotalSize'",
					() -> new LocalStorageSettings(settings.directory(), false, hour, hour, hour, 0, 1),
					"'maxUploadSize'",
					() -> new LocalStorageSettings(settings.directory(), false, hour, hour, hour, 1, 0), "'urlExpiry'",
					() -> new LocalStorageSettings(settings.directory(), false, Duration.ZERO, hour, hour, 1, 1));
			wrong.forEach((name, call) -> assertThatIllegalArgumentException().isThrownBy(call::run)
				.withMessageContaining(name));
		}

	}

	/**
	 * A body that comes as a script says.
	 */
	private static final class Script extends InputStream {

		private final SteppedClock clock;

		private final Deque<Step> steps = new ArrayDeque<>();

		private Duration elapsed = Duration.ZERO;

		Script(SteppedClock clock) {
			this.clock = clock;
		}

		Script bytes(int count) {
			this.steps.add(() -> count);
			return this;
		}

		Script pause(Duration duration) {
			return then(() -> {
				this.clock.step(duration);
				this.elapsed = this.elapsed.plus(duration);
			});
		}

		Script then(ThrowingCallable event) {
			this.steps.add(() -> {
				event.call();
				return 0;
			});
			return this;
		}

		Duration elapsed() {
			return this.elapsed;
		}

		@Override
		public int read() {
			throw new UnsupportedOperationException();
		}

		@Override
		public int read(byte[] buffer, int offset, int length) {
			int count = 0;
			while (count == 0) {
				Step step = this.steps.poll();
				if (step == null) {
					return -1;
				}
				try {
					count = step.run();
				}
				catch (Throwable ex) {
					throw new AssertionError(ex);
				}
			}
			assertThat(count).isLessThanOrEqualTo(length);
			return count;
		}

		/**
		 * What happens next.
		 */
		private interface Step {

			int run() throws Throwable;

		}

	}

}
