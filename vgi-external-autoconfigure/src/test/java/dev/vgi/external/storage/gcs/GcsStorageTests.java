package dev.vgi.external.storage.gcs;

import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import com.google.auth.Credentials;
import com.google.auth.oauth2.ComputeEngineCredentials;
import com.google.cloud.NoCredentials;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.StorageOptions;
import dev.vgi.external.VgiExternalException;
import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.LifecycleVerifier.Finding;
import dev.vgi.external.storage.LifecycleVerifier.Verdict;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.gcs.GcsServer.Failure;
import dev.vgi.external.storage.gcs.GcsServer.Request;
import dev.vgi.external.storage.gcs.GcsServer.Stored;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests of {@link GcsStorage}: what exactly it sends, and what it does when that fails.
 */
class GcsStorageTests {

	private static final Schema SCHEMA = new Schema(List.of());

	private static final int CHUNK = 1 << 20;

	private static final GcsStorageSettings SETTINGS = GcsStorageSettings.of("batches")
		.withPartSize(CHUNK + 1)
		.withTimeout(Duration.ofSeconds(30));

	private final List<AutoCloseable> resources = new ArrayList<>();

	private final RecordedPauses pauses = new RecordedPauses();

	private GcsServer server;

	private StorageTransport transport;

	@BeforeEach
	void start() throws Exception {
		this.server = closed(new GcsServer());
		this.server.account(Accounts.EMAIL, Accounts.KEYS);
		this.server.bucket("batches");
		this.transport = closed(FixedPace.transport(TransportSettings.defaults()));
	}

	@AfterEach
	void stop() throws Exception {
		assertThat(this.transport.leasedConnections()).isZero();
		assertThat(Thread.getAllStackTraces().keySet())
			.noneMatch((thread) -> thread.getName().startsWith("vgi-external-upload"));
		for (AutoCloseable resource : this.resources) {
			resource.close();
		}
	}

	private <T extends AutoCloseable> T closed(T resource) {
		this.resources.add(resource);
		return resource;
	}

	private GcsStorage create() {
		return create(SETTINGS, Accounts.credentials(this.server, Accounts.KEYS));
	}

	private GcsStorage create(GcsStorageSettings settings, Credentials credentials) {
		return new GcsStorage(closed(Accounts.storage(credentials, this.server.url())), this.transport,
				TransferThreads.platform(), settings, Clock.systemUTC(), this.pauses.policy(settings.maxRetries()));
	}

	private Credentials machine() {
		this.server.machineAccount(Accounts.EMAIL);
		return ComputeEngineCredentials.newBuilder()
			.setHttpTransportFactory(Accounts.redirectedTo(this.server))
			.build();
	}

	private static Map<String, String> parameters(URI url) {
		Map<String, String> parameters = new TreeMap<>();
		for (String parameter : url.getQuery().split("&")) {
			parameters.put(parameter.replaceFirst("=.*", ""), parameter.replaceFirst("[^=]*=", ""));
		}
		return parameters;
	}

	private List<String> ranges() {
		return this.server.requests("PUT").stream().map(Request::contentRange).toList();
	}

	private Stored theObject() {
		assertThat(this.server.contents("batches")).hasSize(1);
		return this.server.objects("batches").values().iterator().next();
	}

	@Test
	void vendedUrlsSignOnlyMethodAndHost() {
		Instant now = Instant.parse("2026-01-01T00:00:00Z");
		GcsStorage storage = new GcsStorage(
				closed(Accounts.storage(Accounts.credentials(this.server, Accounts.KEYS), this.server.url())),
				this.transport, TransferThreads.platform(), SETTINGS, Clock.fixed(now, ZoneOffset.UTC));
		UploadUrl pair = storage.generateUploadUrl(SCHEMA);
		assertThat(pair.uploadUrl().getPath()).matches("/batches/vgi-rpc/[0-9a-f]{32}\\.arrow")
			.isEqualTo(pair.downloadUrl().getPath());
		assertThat(pair.expiresAt()).isEqualTo(now.plusSeconds(900));
		for (URI url : List.of(pair.uploadUrl(), pair.downloadUrl())) {
			assertThat(parameters(url))
				.containsOnlyKeys("X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-Date", "X-Goog-Expires",
						"X-Goog-SignedHeaders", "X-Goog-Signature")
				.containsEntry("X-Goog-SignedHeaders", "host")
				.containsEntry("X-Goog-Expires", "900");
		}
		assertThat(this.server.requests()).isEmpty();
	}

	@Test
	void smallUploadIsOnePut() {
		BytesPayload payload = BytesPayload.random(CHUNK, 1);
		URI url = create().upload(payload, SCHEMA, "zstd");
		assertThat(url.getPath()).matches("/batches/vgi-rpc/[0-9a-f]{32}\\.arrow\\.zst");
		assertThat(parameters(url)).containsEntry("X-Goog-Expires", "3600")
			.containsEntry("X-Goog-SignedHeaders", "host");
		assertThat(this.server.requests()).singleElement().satisfies((request) -> {
			assertThat(request.method()).isEqualTo("PUT");
			assertThat(request.headers()).containsEntry("content-type", "application/vnd.apache.arrow.stream")
				.containsEntry("content-encoding", "zstd")
				.containsEntry("content-length", Integer.toString(CHUNK))
				.doesNotContainKeys("transfer-encoding", "authorization", "cache-control");
		});
		assertThat(theObject().bytes()).isEqualTo(payload.bytes());
	}

	@Test
	void largeUploadIsOneSessionOfChunks() {
		BytesPayload payload = BytesPayload.random(CHUNK * 2 + 1, 2);
		URI url = create().upload(payload, SCHEMA, "zstd");
		assertThat(url.getPath()).endsWith(".arrow.zst");
		assertThat(ranges()).containsExactly("bytes 0-1048575/*", "bytes 1048576-2097151/*",
				"bytes 2097152-2097152/2097153");
		assertThat(this.server.requests("PUT"))
			.allSatisfy((request) -> assertThat(request.headers()).doesNotContainKey("authorization"));
		assertThat(this.server.requests("POST")).hasSize(1);
		assertThat(this.server.requests("DELETE")).isEmpty();
		Stored stored = theObject();
		assertThat(stored.bytes()).isEqualTo(payload.bytes());
		assertThat(stored.type()).isEqualTo("application/vnd.apache.arrow.stream");
		assertThat(stored.coding()).isEqualTo("zstd");
		assertThat(payload.openParts()).isZero();
	}

	@Test
	void accessTokenIsAskedForOnce() {
		GcsStorage storage = create();
		storage.upload(BytesPayload.random(CHUNK + 1, 2), SCHEMA, null);
		storage.upload(BytesPayload.random(CHUNK + 1, 3), SCHEMA, null);
		assertThat(this.server.requests()).filteredOn((request) -> request.path().equals("/token")).hasSize(1);
	}

	@Test
	void uploadOfWholeChunksEndsWithTheLastOfThem() {
		BytesPayload payload = BytesPayload.random(CHUNK * 2, 2);
		create().upload(payload, SCHEMA, null);
		assertThat(ranges()).containsExactly("bytes 0-1048575/*", "bytes 1048576-2097151/2097152");
		assertThat(theObject().bytes()).isEqualTo(payload.bytes());
		assertThat(theObject().coding()).isNull();
	}

	@Test
	void onlyGzipIsKeptFromBeingDecompressedOnTheWay() {
		GcsStorage storage = create();
		storage.upload(BytesPayload.random(10, 1), SCHEMA, "gzip");
		assertThat(theObject().cacheControl()).isEqualTo("no-transform");
		this.server.bucket("batches");
		storage.upload(BytesPayload.random(CHUNK + 1, 1), SCHEMA, "gzip");
		assertThat(theObject().cacheControl()).isEqualTo("no-transform");
		this.server.bucket("batches");
		storage.upload(BytesPayload.random(CHUNK + 1, 1), SCHEMA, "zstd");
		assertThat(theObject().cacheControl()).isNull();
	}

	@Test
	void nextPartIsTakenWhileOneIsSent() {
		CountDownLatch takenTwice = new CountDownLatch(2);
		BytesPayload bytes = BytesPayload.random(CHUNK + 1, 2);
		Payload payload = new Payload() {

			@Override
			public long maxLength() {
				return bytes.maxLength();
			}

			@Override
			public @Nullable Part next(int size) {
				Part part = bytes.next(size);
				takenTwice.countDown();
				return part;
			}

		};
		this.server.failing((request) -> {
			try {
				return (!request.isChunk() || takenTwice.await(10, TimeUnit.SECONDS)) ? null
						: Failure.of(400, "NotTaken");
			}
			catch (InterruptedException ex) {
				return Failure.of(400, "Interrupted");
			}
		});
		create().upload(payload, SCHEMA, null);
		assertThat(theObject().bytes()).isEqualTo(bytes.bytes());
	}

	@Test
	void brokenChunkGoesOnWhereTheSessionIs() {
		AtomicInteger broken = new AtomicInteger();
		// The first time, the connection had been used before and is taken for stale.
		this.server
			.failing((request) -> (request.contentRange().startsWith("bytes 1048576-") && broken.incrementAndGet() <= 2)
					? Failure.brokenAfter(600_000) : null);
		BytesPayload payload = BytesPayload.random(CHUNK * 2 + 1, 3);
		create().upload(payload, SCHEMA, null);
		// 600,000 bytes are two whole units of 256 KiB and a bit.
		assertThat(ranges()).endsWith("bytes */*", "bytes 1572864-2097151/*", "bytes 2097152-2097152/2097153");
		assertThat(theObject().bytes()).isEqualTo(payload.bytes());
		assertThat(this.server.requests("DELETE")).isEmpty();
	}

	@Test
	void whenTheLastAnswerIsLostNothingIsSentTwice() {
		AtomicInteger lost = new AtomicInteger();
		// The first time, the connection had been used before and is taken for stale.
		this.server.failing((request) -> (request.contentRange().endsWith("/1048577") && request.isChunk()
				&& lost.incrementAndGet() <= 2) ? Failure.unheard() : null);
		BytesPayload payload = BytesPayload.random(CHUNK + 1, 3);
		create().upload(payload, SCHEMA, null);
		assertThat(ranges()).last().isEqualTo("bytes */1048577");
		assertThat(theObject().bytes()).isEqualTo(payload.bytes());
	}

	@Test
	void whenTheAnswerToAPutIsLostTheObjectIsThere() {
		AtomicInteger lost = new AtomicInteger();
		this.server.failing((request) -> (lost.incrementAndGet() == 1) ? Failure.unheard() : null);
		create().upload(BytesPayload.random(100, 3), SCHEMA, null);
		assertThat(this.server.requests("PUT")).hasSize(2)
			.allSatisfy((request) -> assertThat(request.headers()).containsEntry("x-goog-if-generation-match", "0"));
		theObject();
	}

	@Test
	void eachChunkIsRetriedAlone() {
		AtomicInteger failures = new AtomicInteger();
		this.server
			.failing((request) -> (request.contentRange().startsWith("bytes 0-") && failures.incrementAndGet() <= 2)
					? Failure.of(503, "backendError") : null);
		create().upload(BytesPayload.random(CHUNK * 2, 3), SCHEMA, null);
		assertThat(ranges()).containsExactly("bytes 0-1048575/*", "bytes */*", "bytes 0-1048575/*", "bytes */*",
				"bytes 0-1048575/*", "bytes 1048576-2097151/2097152");
		assertThat(this.pauses.pauses()).containsExactly(Duration.ofMillis(100), Duration.ofMillis(200));
	}

	@Test
	void whenAChunkFailsForGoodTheSessionIsCancelled() {
		this.server.failing((request) -> request.contentRange().startsWith("bytes 1048576-")
				? Failure.of(500, "backendError") : null);
		BytesPayload payload = BytesPayload.random(CHUNK * 3, 3);
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> create().upload(payload, SCHEMA, null))
			.satisfies((ex) -> {
				assertThat(ex.status()).isEqualTo(500);
				assertThat(ex.getSuppressed()).hasSize(2);
			})
			.withMessageContaining("500 backendError, request REQUEST1")
			.satisfies(GcsStorageTests::showsNothingPlanted);
		assertThat(this.server.requests("DELETE")).hasSize(1);
		assertThat(this.server.contents("batches")).isEmpty();
		assertThat(payload.openParts()).isZero();
	}

	@Test
	void brokenConnectionsShowNoSession() {
		this.server.failing((request) -> request.isChunk() ? Failure.brokenAfter(10) : null);
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> create().upload(BytesPayload.random(CHUNK * 3, 3), SCHEMA, null))
			.withMessageContaining("'spring.cloud.gcp.storage.host'")
			.satisfies(GcsStorageTests::showsNothingPlanted);
	}

	private static void showsNothingPlanted(Throwable error) {
		for (Throwable shown = error; shown != null; shown = shown.getCause()) {
			assertThat(String.valueOf(shown.getMessage())).doesNotContain("planted")
				.doesNotContainIgnoringCase("signature=")
				.doesNotContain("upload_id");
			for (Throwable suppressed : shown.getSuppressed()) {
				showsNothingPlanted(suppressed);
			}
		}
	}

	@Test
	void whenThePayloadFailsNothingIsLeft() {
		BytesPayload payload = BytesPayload.random(CHUNK * 3, 3).failingAt(CHUNK + 7);
		assertThatExceptionOfType(VgiExternalException.class).isThrownBy(() -> create().upload(payload, SCHEMA, null));
		assertThat(this.server.requests("DELETE")).hasSize(1);
		assertThat(this.server.contents("batches")).isEmpty();
		assertThat(payload.openParts()).isZero();
		assertThat(Thread.interrupted()).isFalse();
	}

	@Test
	void whenThePartsCannotBeTakenTheSessionIsCancelled() {
		BytesPayload bytes = BytesPayload.random(CHUNK * 3, 3);
		AtomicInteger taken = new AtomicInteger();
		Payload payload = new Payload() {

			@Override
			public long maxLength() {
				return bytes.maxLength();
			}

			@Override
			public @Nullable Part next(int size) {
				if (taken.incrementAndGet() == 3) {
					throw new StorageUnavailableException("No part is to be had", 0, null);
				}
				return bytes.next(size);
			}

		};
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> create().upload(payload, SCHEMA, null))
			.withMessage("No part is to be had");
		assertThat(this.server.requests("DELETE")).hasSize(1);
		assertThat(bytes.openParts()).isZero();
	}

	@Test
	void whenTheCallerIsInterruptedTheSessionIsCancelled() {
		Thread caller = Thread.currentThread();
		AtomicBoolean interrupted = new AtomicBoolean();
		this.server.failing((request) -> {
			if (request.isChunk() && interrupted.compareAndSet(false, true)) {
				caller.interrupt();
			}
			return null;
		});
		BytesPayload payload = BytesPayload.random(CHUNK * 20, 3);
		assertThatExceptionOfType(TransferCancelledException.class)
			.isThrownBy(() -> create().upload(payload, SCHEMA, null));
		assertThat(Thread.interrupted()).isTrue();
		assertThat(this.server.requests("DELETE")).hasSize(1);
		assertThat(this.server.requests("PUT")).hasSizeLessThan(20);
		assertThat(payload.openParts()).isZero();
	}

	@Test
	void whenTheCancellationFailsTooTheFirstFailureIsToldFirst() {
		this.server.failing((request) -> request.method().equals("DELETE") ? Failure.of(503, "backendError")
				: (request.isChunk() ? Failure.of(403, "forbidden") : null));
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> create().upload(BytesPayload.random(CHUNK * 2, 3), SCHEMA, null))
			.satisfies((ex) -> assertThat(ex.getSuppressed()).singleElement()
				.isInstanceOf(StorageUnavailableException.class))
			.withMessageContaining("store a chunk")
			.withMessageContaining("403 forbidden");
	}

	@Test
	void lostSessionIsTold() {
		this.server
			.failing((request) -> request.contentRange().startsWith("bytes 1048576-") ? Failure.of(410, "gone") : null);
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> create().upload(BytesPayload.random(CHUNK * 3, 3), SCHEMA, null))
			.withMessageContaining("ended the upload session");
	}

	@ParameterizedTest
	@ValueSource(strings = { "bytes 0-", "bytes 1048576-", "bytes 2097152-" })
	void chunkWhoseAnswerSaysNothingIsAskedFor(String chunk) {
		AtomicInteger dropped = new AtomicInteger();
		this.server.failing((request) -> (request.contentRange().startsWith(chunk) && dropped.incrementAndGet() == 1)
				? Failure.of(308, "dropped") : null);
		BytesPayload payload = BytesPayload.random(CHUNK * 2 + 1, 3);
		create().upload(payload, SCHEMA, null);
		assertThat(ranges()).hasSize(5).filteredOn((range) -> range.startsWith("bytes */")).hasSize(1);
		assertThat(theObject().bytes()).isEqualTo(payload.bytes());
		assertThat(this.server.requests("DELETE")).isEmpty();
	}

	@Test
	void objectThatExistsAlreadyHasToBeTheRightOne() {
		AtomicInteger puts = new AtomicInteger();
		this.server.failing((request) -> switch (request.method()) {
			case "PUT" -> Failure.of((puts.incrementAndGet() % 2 == 1) ? 503 : 412, "Planted");
			default -> null;
		});
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> create().upload(BytesPayload.random(100, 3), SCHEMA, null))
			.satisfies(GcsStorageTests::showsNothingPlanted);
		assertThat(this.server.contents("batches")).isEmpty();
	}

	@Test
	void sessionThatForgetsOrStoresNothingIsNotTrusted() {
		this.server.failing((request) -> {
			String range = request.contentRange();
			return (range.startsWith("bytes 1048576-") || range.startsWith("bytes */")) ? Failure.of(308, "forgotten")
					: null;
		});
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> create().upload(BytesPayload.random(CHUNK * 3, 3), SCHEMA, null))
			.withMessageContaining("do not agree");
		this.server.failing((request) -> request.isChunk() ? Failure.of(308, "nothing") : null);
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> create().upload(BytesPayload.random(CHUNK * 3, 3), SCHEMA, null))
			.withMessageContaining("stored nothing");
		assertThat(this.server.contents("batches")).isEmpty();
	}

	@Test
	void refusalsAreNotRetried() {
		Map<String, String> hints = Map.of("403 SignatureDoesNotMatch", "'spring.cloud.gcp.credentials'",
				"403 AccessDenied", "roles/storage.objectUser", "404 NoSuchBucket", "'vgi.external.gcs.bucket'",
				"400 ExpiredToken", "clock of this machine", "400 UserProjectMissing", "'vgi.external.gcs.bucket'",
				"401 AuthenticationRequired", "'spring.cloud.gcp.credentials'");
		hints.forEach((refusal, hint) -> {
			this.server.requests().clear();
			this.server
				.failing((request) -> Failure.of(Integer.parseInt(refusal.substring(0, 3)), refusal.substring(4)));
			assertThatExceptionOfType(UploadRefusedException.class).as(refusal)
				.isThrownBy(() -> create().upload(BytesPayload.random(10, 3), SCHEMA, null))
				.withMessageContaining(refusal)
				.withMessageContaining(hint)
				.satisfies(GcsStorageTests::showsNothingPlanted);
			assertThat(this.server.requests()).hasSize(1);
		});
		assertThat(this.pauses.pauses()).isEmpty();
	}

	@Test
	void wrongClockIsNotBlamedOnTheCredentials() {
		Clock late = Clock.offset(Clock.systemUTC(), Duration.ofMinutes(-20));
		GcsStorage storage = new GcsStorage(
				closed(Accounts.storage(Accounts.credentials(this.server, Accounts.KEYS), this.server.url())),
				this.transport, TransferThreads.platform(), SETTINGS, late, this.pauses.policy(0));
		this.server.failing((request) -> request.path().equals("/token") ? null : Failure.of(403, "AccessDenied"));
		for (int size : new int[] { 10, CHUNK + 1 }) {
			assertThatExceptionOfType(UploadRefusedException.class)
				.isThrownBy(() -> storage.upload(BytesPayload.random(size, 3), SCHEMA, null))
				.withMessageContaining("the clock of this machine is wrong")
				.withMessageContaining("its clock says 20")
				.withMessageNotContaining("roles/");
		}
	}

	@Test
	void withoutAKeyIamSigns() throws Exception {
		GcsStorage storage = create(SETTINGS, machine());
		BytesPayload payload = BytesPayload.random(CHUNK + 1, 3);
		URI small = storage.upload(BytesPayload.random(10, 3), SCHEMA, null);
		URI large = storage.upload(payload, SCHEMA, null);
		assertThat(this.server.objects("batches")).hasSize(2)
			.containsValue(this.server.objects("batches").get(large.getPath().substring("/batches/".length())));
		UploadUrl pair = storage.generateUploadUrl(SCHEMA);
		// One of a small upload's two, one of a large upload's, two of a pair.
		assertThat(signatures()).isEqualTo(2 + 1 + 2);
		assertThat(storage.isOwn(small)).isTrue();
		assertThat(storage.isOwn(pair.downloadUrl())).isTrue();
		storage.verifyReachable();
		assertThat(signatures()).isEqualTo(6);
	}

	private long signatures() {
		return this.server.requests().stream().filter((request) -> request.path().endsWith(":signBlob")).count();
	}

	@Test
	void whenIamRefusesToSignTheRoleIsNamed() {
		GcsStorage storage = create(SETTINGS, machine());
		this.server.failing((request) -> request.path().endsWith(":signBlob") ? Failure.of(403, "forbidden") : null);
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> storage.upload(BytesPayload.random(10, 3), SCHEMA, null))
			.withMessageContaining("iam.serviceAccounts.signBlob")
			.withMessageContaining("roles/iam.serviceAccountTokenCreator")
			.satisfies(GcsStorageTests::showsNothingPlanted);
		assertThat(this.server.contents("batches")).isEmpty();
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> storage.upload(BytesPayload.random(CHUNK * 2, 3), SCHEMA, null))
			.withMessageContaining("iam.serviceAccounts.signBlob");
		assertThat(this.server.requests("DELETE")).hasSize(1);
		assertThat(this.server.contents("batches")).isEmpty();
		assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(storage::verifyReachable)
			.withMessageContaining("iam.serviceAccounts.signBlob");
	}

	@Test
	void expiryIsTrimmedToTheLifetimeOfIamsKeys() {
		GcsStorageSettings week = SETTINGS.withPrefix("")
			.withPresignExpiry(Duration.ofDays(7))
			.withUploadUrlExpiry(Duration.ofDays(1));
		GcsStorage storage = create(week, machine());
		assertThat(storage.effectiveExpiry()).isEqualTo(Duration.ofHours(12));
		assertThat(parameters(storage.generateUploadUrl(SCHEMA).uploadUrl())).containsEntry("X-Goog-Expires", "43200");
		GcsStorage withKey = create(week, Accounts.credentials(this.server, Accounts.KEYS));
		assertThat(withKey.effectiveExpiry()).isEqualTo(Duration.ofDays(7));
		assertThat(parameters(withKey.upload(BytesPayload.random(10, 3), SCHEMA, null))).containsEntry("X-Goog-Expires",
				"604800");
	}

	@Test
	void credentialsThatCannotSignAreAClearError() {
		GcsStorage storage = create(SETTINGS, NoCredentials.getInstance());
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> storage.upload(BytesPayload.random(10, 3), SCHEMA, null))
			.withMessageContaining("'spring.cloud.gcp.credentials.location'");
		assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(() -> storage.generateUploadUrl(SCHEMA))
			.withMessageContaining("'spring.cloud.gcp.credentials.location'");
	}

	@Test
	void googlesUrlsAreOwnInBothStyles() {
		Storage google = closed(StorageOptions.newBuilder()
			.setCredentials(Accounts.credentials(this.server, Accounts.KEYS))
			.build()
			.getService());
		GcsStorage storage = new GcsStorage(google, this.transport, TransferThreads.platform(), SETTINGS,
				Clock.systemUTC());
		assertThat(storage.generateUploadUrl(SCHEMA).downloadUrl().toString())
			.startsWith("https://storage.googleapis.com/batches/vgi-rpc/");
		String object = "vgi-rpc/0123456789abcdef0123456789abcdef.arrow?X-Goog-Signature=00ff";
		assertThat(List.of("https://storage.googleapis.com/batches/", "https://BATCHES.storage.googleapis.com/",
				"https://batches.storage.googleapis.com:443/"))
			.allMatch((base) -> storage.isOwn(URI.create(base + object)));
		assertThat(List.of("http://storage.googleapis.com/batches/", "https://storage.googleapis.com/other/",
				"https://other.storage.googleapis.com/", "https://storage.googleapis.com/",
				"https://batches.storage.googleapis.com.example.com/", "https://batches.storage.googleapis.com:8443/",
				"https://storage.cloud.google.com/batches/"))
			.noneMatch((base) -> storage.isOwn(URI.create(base + object)));
	}

	@Test
	void missingLifecycleRulesAreNamed() {
		GcsStorage storage = create();
		List<String> missing = List.of(rule("Delete", "\"age\": 1, \"matchesPrefix\": [\"other/\", \"vgi-rpc/x\"]"),
				rule("AbortIncompleteMultipartUpload", "\"age\": 1"),
				rule("SetStorageClass\", \"storageClass\": \"COLDLINE", "\"age\": 1"),
				rule("Delete", "\"age\": 1, \"isLive\": false"), rule("Delete", "\"age\": 1, \"numNewerVersions\": 3"),
				rule("Delete", "\"age\": 1, \"matchesStorageClass\": [\"NEARLINE\"]"),
				rule("Delete", "\"age\": 1, \"matchesSuffix\": [\".arrow\"]"),
				rule("Delete", "\"createdBefore\": \"2020-01-01\""), "{\"rule\": []}");
		for (String rules : missing) {
			this.server.lifecycle("batches", rules);
			Finding finding = storage.verifyLifecycle(Duration.ofHours(25));
			assertThat(finding.verdict()).as(rules).isEqualTo(Verdict.MISSING);
			assertThat(finding.detail()).contains("{\"action\": {\"type\": \"Delete\"}, \"condition\": {\"age\": 2,"
					+ " \"matchesPrefix\": [\"vgi-rpc/\"]}}");
		}
	}

	@Test
	void lifecycleRulesMayBeWider() {
		GcsStorage storage = create();
		for (String condition : List.of("\"age\": 1", "\"age\": 3, \"matchesPrefix\": [\"a\", \"vgi\"]",
				"\"age\": 1, \"isLive\": true", "\"age\": 1, \"matchesSuffix\": [\".zst\", \".arrow\"]")) {
			this.server.lifecycle("batches", rule("Delete", condition));
			assertThat(storage.verifyLifecycle(Duration.ofDays(1)).verdict()).as(condition).isEqualTo(Verdict.COVERED);
		}
	}

	private static String rule(String action, String condition) {
		return "{\"rule\": [{\"action\": {\"type\": \"" + action + "\"}, \"condition\": {" + condition + "}}]}";
	}

	@Test
	void unreadableLifecycleRulesAreNoFailure() {
		GcsStorage storage = create();
		this.server.failing((request) -> request.path().equals("/token") ? null : Failure.of(403, "forbidden"));
		Finding finding = storage.verifyLifecycle(Duration.ofDays(1));
		assertThat(finding.verdict()).isEqualTo(Verdict.UNKNOWN);
		assertThat(finding.detail()).contains("storage.buckets.get").doesNotContain("planted");
		this.server.failing((request) -> Failure.of(503, "backendError"));
		assertThat(create().verifyLifecycle(Duration.ofDays(1)).verdict()).isEqualTo(Verdict.UNKNOWN);
		this.server.failing((request) -> null);
		GcsStorage elsewhere = create(GcsStorageSettings.of("no-such-bucket"),
				Accounts.credentials(this.server, Accounts.KEYS));
		finding = elsewhere.verifyLifecycle(Duration.ofDays(1));
		assertThat(finding.verdict()).isEqualTo(Verdict.MISCONFIGURED);
		assertThat(finding.detail()).contains("'no-such-bucket' of 'vgi.external.gcs.bucket'");
		this.server.failing((request) -> request.path().equals("/token") ? null : Failure.of(401, "authError"));
		finding = create().verifyLifecycle(Duration.ofDays(1));
		assertThat(finding.verdict()).isEqualTo(Verdict.MISCONFIGURED);
		assertThat(finding.detail()).contains("'batches'", "'spring.cloud.gcp.credentials'").doesNotContain("planted");
		this.server.failing((request) -> request.path().equals("/token") ? Failure.of(400, "invalid_grant") : null);
		finding = create().verifyLifecycle(Duration.ofDays(1));
		assertThat(finding.detail()).contains("'batches'", "'spring.cloud.gcp.credentials'").doesNotContain("planted");
		assertThat(finding.verdict()).isEqualTo(Verdict.MISCONFIGURED);
		this.server.close();
		assertThat(storage.verifyLifecycle(Duration.ofDays(1)).verdict()).isEqualTo(Verdict.UNKNOWN);
	}

	@Test
	void settingsAreChecked() {
		GcsStorageSettings defaults = GcsStorageSettings.of("batches");
		assertThat(defaults.prefix()).isEqualTo("vgi-rpc/");
		assertThat(SETTINGS.chunkSize()).isEqualTo(CHUNK);
		for (String prefix : List.of("/", "/a", "a//b", "a/../b", "./a", "../", "a/./", "a\nb")) {
			assertThatIllegalArgumentException().as(prefix).isThrownBy(() -> with(prefix, CHUNK, Duration.ofHours(1)));
		}
		assertThat(with("..a", CHUNK, Duration.ofDays(7)).prefix()).isEqualTo("..a");
		assertThatIllegalArgumentException().isThrownBy(() -> with("", (256 << 10) - 1, Duration.ofHours(1)));
		assertThatIllegalArgumentException().isThrownBy(() -> with("", CHUNK, Duration.ofDays(8)));
		assertThatIllegalArgumentException().isThrownBy(() -> GcsStorageSettings.of("gs://batches"));
	}

	private static GcsStorageSettings with(String prefix, long partSize, Duration expiry) {
		return GcsStorageSettings.of("batches").withPrefix(prefix).withPresignExpiry(expiry).withPartSize(partSize);
	}

}
