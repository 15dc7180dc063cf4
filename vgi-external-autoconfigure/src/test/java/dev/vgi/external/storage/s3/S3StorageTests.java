package dev.vgi.external.storage.s3;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.LifecycleVerifier.Finding;
import dev.vgi.external.storage.LifecycleVerifier.Verdict;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.local.SteppedClock;
import dev.vgi.external.storage.s3.RecordingS3.Request;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageBusyException;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests of {@link S3Storage}: what exactly it sends, and what it does when that fails.
 */
class S3StorageTests {

	private static final Schema SCHEMA = new Schema(List.of());

	private static final int PART = 5 << 20;

	private static final AwsCredentialsProvider CREDENTIALS = StaticCredentialsProvider
		.create(AwsBasicCredentials.create("access", "planted-secret"));

	private static final S3StorageSettings SETTINGS = S3StorageSettings.of("batches")
		.withPartSize(PART)
		.withMaxParallelParts(3)
		.withTimeout(Duration.ofSeconds(30));

	private final List<AutoCloseable> resources = new ArrayList<>();

	private final RecordedPauses pauses = new RecordedPauses();

	private int attemptsOfTheSdk = 1;

	private RecordingS3 server;

	private StorageTransport transport;

	@BeforeEach
	void start() throws Exception {
		this.server = closed(new RecordingS3());
		this.transport = closed(FixedPace.transport(TransportSettings.defaults()));
	}

	@AfterEach
	void stop() throws Exception {
		for (AutoCloseable resource : this.resources) {
			resource.close();
		}
	}

	private <T extends AutoCloseable> T closed(T resource) {
		this.resources.add(resource);
		return resource;
	}

	private S3Storage create(S3StorageSettings settings) {
		return create(settings, CREDENTIALS, Clock.systemUTC());
	}

	private S3Storage create(S3StorageSettings settings, AwsCredentialsProvider credentials, Clock clock) {
		// As an application's own client is: with the SDK's defaults.
		S3Client client = closed(S3Client.builder()
			.credentialsProvider(credentials)
			.region(Region.EU_CENTRAL_1)
			.endpointOverride(this.server.url())
			.forcePathStyle(true)
			.overrideConfiguration(
					(overrides) -> overrides.retryStrategy((retry) -> retry.maxAttempts(this.attemptsOfTheSdk)))
			.build());
		return new S3Storage(client, closed(S3Clients.presigner(credentials, "eu-central-1", this.server.url(), true)),
				this.transport, TransferThreads.platform(), settings, clock, this.pauses.policy(settings.maxRetries()));
	}

	private static Map<String, String> parameters(URI url) {
		Map<String, String> parameters = new TreeMap<>();
		for (String parameter : url.getQuery().split("&")) {
			parameters.put(parameter.replaceFirst("=.*", ""), parameter.replaceFirst("[^=]*=", ""));
		}
		return parameters;
	}

	@Test
	void vendedUrlsSignOnlyMethodAndHost() {
		UploadUrl pair = create(SETTINGS).generateUploadUrl(SCHEMA);
		assertThat(pair.uploadUrl().getPath()).matches("/batches/vgi-rpc/[0-9a-f]{32}\\.arrow")
			.isEqualTo(pair.downloadUrl().getPath());
		for (URI url : List.of(pair.uploadUrl(), pair.downloadUrl())) {
			assertThat(parameters(url))
				.containsOnlyKeys("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
						"X-Amz-SignedHeaders", "X-Amz-Signature")
				.containsEntry("X-Amz-SignedHeaders", "host")
				.containsEntry("X-Amz-Expires", "900");
		}
		assertThat(this.server.requests()).isEmpty();
	}

	@Test
	void smallUploadIsOnePutWithoutChecksums() {
		URI url = create(SETTINGS).upload(BytesPayload.random(PART, 1), SCHEMA, "zstd");
		assertThat(url.getPath()).matches("/batches/vgi-rpc/[0-9a-f]{32}\\.arrow\\.zst");
		assertThat(parameters(url)).containsEntry("X-Amz-Expires", "3600");
		assertThat(this.server.requests()).singleElement().satisfies((request) -> {
			assertThat(request.method()).isEqualTo("PUT");
			assertThat(request.headers()).containsEntry("content-type", "application/vnd.apache.arrow.stream")
				.containsEntry("content-encoding", "zstd")
				.containsEntry("content-length", Integer.toString(PART))
				.doesNotContainKey("transfer-encoding");
			assertThat(request.headers().keySet()).noneMatch((name) -> name.contains("checksum"));
			assertThat(request.query()).doesNotContainIgnoringCase("checksum");
		});
	}

	@Test
	void whatIsNotConfiguredIsNotSent() {
		S3Storage storage = create(SETTINGS);
		storage.upload(BytesPayload.random(10, 1), SCHEMA, null);
		storage.upload(BytesPayload.random(PART + 1, 1), SCHEMA, null);
		assertThat(this.server.requests())
			.allSatisfy((request) -> assertThat(request.headers()).doesNotContainKeys("x-amz-tagging",
					"x-amz-storage-class", "content-encoding", "x-amz-server-side-encryption",
					"x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-bucket-key-enabled"));
		assertThat(parameters(this.server.requests("PUT").get(0).uri())).containsEntry("X-Amz-SignedHeaders",
				"content-type;host");
	}

	@Test
	void payloadThatTurnsOutSmallIsOnePutWhateverItsBound() {
		create(SETTINGS).upload(new BoundedPayload(BytesPayload.random(PART, 1), 100L * PART), SCHEMA, "zstd");
		assertThat(this.server.requests()).singleElement()
			.satisfies((request) -> assertThat(request.body()).hasSize(PART));
	}

	@Test
	void partsGrowWithTheBoundOfThePayload() {
		create(SETTINGS).upload(new BoundedPayload(BytesPayload.random(PART * 2 + 1, 1), 10_001L * PART), SCHEMA,
				"zstd");
		assertThat(this.server.requests("PUT")).extracting((request) -> request.body().length)
			.containsExactlyInAnyOrder(PART + PART / 10_000 + 1, PART - PART / 10_000);
	}

	@Test
	void encryptionClassAndTagsAreSent() {
		S3StorageSettings settings = SETTINGS.withPrefix("")
			.withEncryption(S3Encryption.of("aws:kms").withKmsKeyId("key-1").withBucketKey(true))
			.withStorageClass("ONEZONE_IA")
			.withTags(Map.of("team", "a b"));
		create(settings).upload(BytesPayload.random(10, 1), SCHEMA, null);
		create(settings).upload(BytesPayload.random(PART + 1, 1), SCHEMA, null);
		List<Request> requests = new ArrayList<>(this.server.requests("PUT").subList(0, 1));
		requests.add(this.server.requests("POST").get(0));
		assertThat(requests).allSatisfy(
				(request) -> assertThat(request.headers()).containsEntry("x-amz-server-side-encryption", "aws:kms")
					.containsEntry("x-amz-server-side-encryption-aws-kms-key-id", "key-1")
					.containsEntry("x-amz-server-side-encryption-bucket-key-enabled", "true")
					.containsEntry("x-amz-storage-class", "ONEZONE_IA")
					.containsEntry("x-amz-tagging", "team=a%20b"));
	}

	@Test
	void largeUploadGoesInPartsWithoutChecksums() {
		BytesPayload payload = BytesPayload.random(PART * 3 + 1, 2);
		create(SETTINGS).upload(payload, SCHEMA, "zstd");
		assertThat(this.server.requests()).allSatisfy((request) -> {
			assertThat(request.headers().keySet()).noneMatch((name) -> name.contains("checksum"));
			assertThat(request.query()).doesNotContainIgnoringCase("checksum");
		});
		ByteArrayOutputStream joined = new ByteArrayOutputStream();
		this.server.requests("PUT")
			.stream()
			.sorted(Comparator.comparing((request) -> parameters(request.uri()).get("partNumber")))
			.forEach((request) -> joined.writeBytes(request.body()));
		assertThat(joined.toByteArray()).isEqualTo(payload.bytes());
		assertThat(new String(this.server.requests("POST").get(1).body())).contains("<PartNumber>4</PartNumber>",
				"tag-" + PART, "tag-1");
		assertThat(this.server.requests("DELETE")).isEmpty();
	}

	@Test
	void partsGoInParallelButNotAllAtOnce() {
		CyclicBarrier three = new CyclicBarrier(3);
		AtomicInteger parts = new AtomicInteger();
		this.server.failing((request) -> {
			if (request.method().equals("PUT") && parts.incrementAndGet() <= 6) {
				try {
					three.await(10, TimeUnit.SECONDS);
				}
				catch (Exception ex) {
					return "400 NotParallel";
				}
			}
			return null;
		});
		create(SETTINGS).upload(BytesPayload.random(PART * 6 + 1, 2), SCHEMA, null);
		assertThat(this.server.mostRunning()).isEqualTo(3);
		assertThat(Thread.getAllStackTraces().keySet())
			.noneMatch((thread) -> thread.getName().startsWith("vgi-external-upload"));
	}

	@Test
	void eachPartIsRetriedAlone() {
		AtomicInteger failures = new AtomicInteger();
		this.server
			.failing((request) -> (request.isPart(2) && failures.incrementAndGet() <= 2) ? "503 SlowDown" : null);
		create(SETTINGS).upload(BytesPayload.random(PART * 3, 3), SCHEMA, null);
		assertThat(this.server.requests("PUT")).hasSize(5);
		assertThat(this.pauses.pauses()).containsExactly(Duration.ofMillis(100), Duration.ofMillis(200));
	}

	@ParameterizedTest
	@ValueSource(strings = { "503 SlowDown", "400 SlowDown", "503 ServiceUnavailable", "429 TooManyRequests" })
	void busyStorageIsWaitedFor(String answer) {
		AtomicInteger failures = new AtomicInteger();
		this.server.failing((request) -> (failures.incrementAndGet() <= 9) ? answer : null);
		create(SETTINGS).upload(BytesPayload.random(10, 3), SCHEMA, null);
		assertThat(this.server.requests("PUT")).hasSize(10);
		assertThat(this.pauses.pauses()).startsWith(Duration.ofMillis(100), Duration.ofMillis(200),
				Duration.ofMillis(400));
	}

	@ParameterizedTest
	@ValueSource(strings = { "uploads", "uploadId=upload-1" })
	void callOfTheSdkIsTriedAgain(String query) {
		this.server.storing();
		for (int status : new int[] { 500, 503 }) {
			this.server.requests().clear();
			AtomicInteger failures = new AtomicInteger();
			this.server.failing((request) -> (request.method().equals("POST") && request.query().equals(query)
					&& failures.incrementAndGet() <= ((status == 503) ? 5 : 2)) ? status + " Busy" : null);
			create(SETTINGS).upload(BytesPayload.random(PART * 2, 3), SCHEMA, null);
			assertThat(this.server.requests("PUT")).hasSize(2);
			assertThat(this.server.requests("DELETE")).isEmpty();
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 2 })
	void completionThatSeemedToFailMayNotHave(int attemptsOfTheSdk) {
		this.attemptsOfTheSdk = attemptsOfTheSdk;
		AtomicInteger calls = new AtomicInteger();
		this.server
			.failing((request) -> (request.method().equals("POST") && request.query().equals("uploadId=upload-1"))
					? ((calls.incrementAndGet() == 1) ? "500 InternalError" : "404 NoSuchUpload") : null);
		// This server stores nothing.
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(PART * 2, 3), SCHEMA, null))
			.withMessageContaining("does not show an object of " + PART * 2 + " bytes");
	}

	// versitygw says so if it was killed while it put the parts together
	@Test
	void furtherCompletionThatSeemsToSucceedMayHaveFailed() {
		AtomicInteger calls = new AtomicInteger();
		this.server.failing((request) -> (request.query().equals("uploadId=upload-1") && request.method().equals("POST")
				&& calls.incrementAndGet() == 1) ? "500 InternalError" : null);
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(PART * 2, 3), SCHEMA, null))
			.withMessageContaining("does not show an object of " + PART * 2 + " bytes");
		assertThat(calls).hasValue(2);
	}

	@Test
	void whenAPartFailsForGoodTheUploadIsAborted() {
		this.server.failing((request) -> request.isPart(2) ? "500 InternalError" : null);
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(PART * 3, 3), SCHEMA, null))
			.satisfies((ex) -> {
				assertThat(ex.status()).isEqualTo(500);
				assertThat(ex.getSuppressed()).hasSize(2);
			})
			.withMessageContaining("500 InternalError, request REQUEST1")
			.withMessageNotContaining("planted");
		assertThat(this.server.requests("DELETE")).hasSize(2)
			.allSatisfy((request) -> assertThat(request.query()).isEqualTo("uploadId=upload-1"));
	}

	@Test
	void whenThePayloadFailsNothingIsLeft() {
		BytesPayload payload = BytesPayload.random(PART * 3, 3).failingAt(PART + 7);
		assertThatExceptionOfType(VgiExternalException.class)
			.isThrownBy(() -> create(SETTINGS).upload(payload, SCHEMA, null));
		assertThat(this.server.requests("DELETE")).hasSize(2);
		assertThat(Thread.interrupted()).isFalse();
	}

	@Test
	void whenTheCallerIsInterruptedTheUploadIsAborted() {
		Thread caller = Thread.currentThread();
		AtomicBoolean interrupted = new AtomicBoolean();
		this.server.failing((request) -> {
			if (request.method().equals("PUT") && interrupted.compareAndSet(false, true)) {
				caller.interrupt();
			}
			return null;
		});
		assertThatExceptionOfType(TransferCancelledException.class)
			.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(PART * 20, 3), SCHEMA, null));
		assertThat(Thread.interrupted()).isTrue();
		assertThat(this.server.requests("DELETE")).hasSize(2);
		assertThat(this.server.requests("PUT")).hasSizeLessThan(20);
	}

	@ParameterizedTest
	@ValueSource(strings = { "uploads", "uploadId=upload-1" })
	void interruptDuringACallOfTheSdkCancels(String query) {
		Thread caller = Thread.currentThread();
		this.server.failing((request) -> {
			if (request.method().equals("POST") && request.query().equals(query)) {
				caller.interrupt();
			}
			return null;
		});
		assertThatExceptionOfType(TransferCancelledException.class)
			.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(PART * 2, 3), SCHEMA, null));
		assertThat(Thread.interrupted()).isTrue();
	}

	@Test
	void interruptInThePauseBetweenAttemptsCancels() {
		S3Storage storage = new S3Storage(
				closed(S3Clients.client(CREDENTIALS, "eu-central-1", this.server.url(), true)),
				closed(S3Clients.presigner(CREDENTIALS, "eu-central-1", this.server.url(), true)), this.transport,
				TransferThreads.platform(), SETTINGS, Clock.systemUTC(),
				new RecordedPauses((pause) -> Thread.currentThread().interrupt()).policy(2));
		this.server.failing((request) -> "503 SlowDown");
		assertThatExceptionOfType(TransferCancelledException.class)
			.isThrownBy(() -> storage.upload(BytesPayload.random(10, 3), SCHEMA, null))
			.satisfies((ex) -> assertThat(ex.getSuppressed()).singleElement()
				.isInstanceOf(StorageUnavailableException.class));
		assertThat(Thread.interrupted()).isTrue();
		assertThat(this.server.requests()).hasSize(1);
	}

	@Test
	void partWithoutAnEntityTagIsNotStored() {
		this.server.untagged();
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(PART * 2, 3), SCHEMA, null))
			.withMessageContaining("without its entity tag");
		assertThat(this.server.requests("DELETE")).hasSize(2);
	}

	@Test
	void completionWithoutAnEntityTagHasToBeConfirmed() {
		for (String answer : List.of("", "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")) {
			this.server.requests().clear();
			this.server.completion(answer);
			// This server stores nothing.
			assertThatExceptionOfType(StorageUnavailableException.class)
				.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(PART * 2, 3), SCHEMA, null))
				.withMessageContaining("does not show an object of " + PART * 2 + " bytes");
			assertThat(this.server.requests("GET")).hasSize(3)
				.allSatisfy((request) -> assertThat(request.headers()).containsEntry("range", "bytes=0-0"));
			assertThat(this.server.requests("DELETE")).hasSize(2);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "InternalError", "SlowDown", "ServiceUnavailable", "OperationAborted" })
	void completionThatFailsWithASuccessfulStatusIsAnOutage(String code) {
		this.server.completion("<Error><Code>" + code + "</Code><Message>again</Message></Error>");
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(PART * 2, 3), SCHEMA, null))
			.withMessageContaining("complete a multipart upload")
			.withMessageContaining(code);
		assertThat(this.server.requests("DELETE")).hasSize(2);
	}

	@Test
	void completionThatCannotBeReadIsNotBlamedOnTheEndpoint() {
		this.server.completion("<CompleteMultipartUploadResult><ETag>\"a");
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(PART * 2, 3), SCHEMA, null))
			.withMessageContaining("cannot be read")
			.withMessageNotContaining("endpoint");
	}

	@Test
	void whenTheAbortFailsTooTheFirstFailureIsToldFirst() {
		this.server.failing((request) -> {
			if (request.method().equals("DELETE")) {
				return "503 SlowDown";
			}
			return (request.query().equals("uploadId=upload-1")) ? "403 AccessDenied" : null;
		});
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(PART * 2, 3), SCHEMA, null))
			.satisfies((ex) -> assertThat(ex.getSuppressed()).singleElement()
				.isInstanceOf(StorageUnavailableException.class))
			.withMessageContaining("complete a multipart upload")
			.withMessageContaining("AccessDenied");
	}

	@Test
	void objectWhoseUrlCannotBeSignedIsDeleted() {
		AtomicInteger asked = new AtomicInteger();
		AwsCredentialsProvider gone = () -> {
			// The first one signs the PUT, the next three are for the download URL.
			if (asked.incrementAndGet() > 1 && asked.get() <= 4) {
				throw SdkClientException.create("planted");
			}
			return CREDENTIALS.resolveCredentials();
		};
		S3Storage storage = create(SETTINGS, gone, Clock.systemUTC());
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> storage.upload(BytesPayload.random(10, 3), SCHEMA, null))
			.withMessageContaining("to sign a download URL");
		assertThat(this.server.requests()).extracting(Request::method).containsExactly("PUT", "DELETE");
		assertThat(this.server.requests("DELETE").get(0).uri().getPath())
			.isEqualTo(this.server.requests("PUT").get(0).uri().getPath());
	}

	@Test
	void whenTheDeletionFailsTooTheFirstFailureIsToldFirst() {
		this.server.failing((request) -> request.method().equals("DELETE") ? "403 AccessDenied" : null);
		AtomicInteger asked = new AtomicInteger();
		AwsCredentialsProvider gone = () -> {
			if (asked.incrementAndGet() > 1 && asked.get() <= 4) {
				throw SdkClientException.create("planted");
			}
			return CREDENTIALS.resolveCredentials();
		};
		S3Storage storage = create(SETTINGS, gone, Clock.systemUTC());
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> storage.upload(BytesPayload.random(10, 3), SCHEMA, null))
			.withMessageContaining("to sign a download URL")
			.satisfies((ex) -> assertThat(List.of(ex.getSuppressed())).last()
				.asInstanceOf(InstanceOfAssertFactories.THROWABLE)
				.isInstanceOf(UploadRefusedException.class)
				.hasMessageContaining("delete an object"));
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 2 })
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void uploadWhoseCreationWasNotAnsweredIsAbortedLater(int attemptsOfTheSdk) {
		this.attemptsOfTheSdk = attemptsOfTheSdk;
		ManualTimer timer = new ManualTimer();
		this.transport = closed(FixedPace.transport(TransportSettings.defaults(), timer));
		AtomicInteger creations = new AtomicInteger();
		this.server.failing((request) -> (request.query().equals("uploads") && creations.incrementAndGet() == 1)
				? "500 InternalError" : null);
		create(SETTINGS).upload(BytesPayload.random(PART * 2, 3), SCHEMA, null);
		assertThat(this.server.requests("DELETE")).isEmpty();
		String key = this.server.requests("PUT").get(0).uri().getPath().substring("/batches/".length());
		timer.advance(Duration.ofSeconds(1));
		Awaitility.await().until(() -> !this.server.requests("DELETE").isEmpty());
		assertThat(this.server.requests("GET")).singleElement()
			.satisfies((request) -> assertThat(parameters(request.uri())).containsEntry("prefix", key));
		assertThat(this.server.requests("DELETE")).extracting(Request::query).containsExactly("uploadId=upload-0");
	}

	@Test
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void objectWhoseCompletionWasNotAnsweredIsDeletedLater() {
		ManualTimer timer = new ManualTimer();
		this.transport = closed(FixedPace.transport(TransportSettings.defaults(), timer));
		this.server.failing((request) -> switch (request.method()) {
			case "POST" -> request.query().equals("uploads") ? null : "500 InternalError";
			case "DELETE" -> request.query().isEmpty() ? null : "404 NoSuchUpload";
			default -> null;
		});
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(PART * 2, 3), SCHEMA, null));
		assertThat(this.server.requests("DELETE")).extracting(Request::query).containsExactly("uploadId=upload-1");
		timer.advance(Duration.ofSeconds(1));
		Awaitility.await().until(() -> this.server.requests("DELETE").size() == 2);
		assertThat(this.server.requests("DELETE").get(1).query()).isEmpty();
		assertThat(this.server.requests("DELETE")).extracting((request) -> request.uri().getPath())
			.containsOnly(this.server.requests("PUT").get(0).uri().getPath());
	}

	@Test
	void refusalsAreNotRetried() {
		for (String refusal : List.of("403 SignatureDoesNotMatch", "403 AccessDenied", "404 NoSuchBucket",
				"400 AuthorizationHeaderMalformed", "301 PermanentRedirect", "403 RequestTimeTooSkewed")) {
			this.server.requests().clear();
			this.server.failing((request) -> refusal);
			assertThatExceptionOfType(UploadRefusedException.class).as(refusal)
				.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(10, 3), SCHEMA, null))
				.withMessageContaining(refusal)
				.withMessageNotContaining("planted");
			assertThat(this.server.requests()).hasSize(1);
		}
		assertThat(this.pauses.pauses()).isEmpty();
	}

	@Test
	void requestThatHadNoTurnIsNoReasonToCheckTheEndpoint() {
		StorageBusyException busy = new StorageBusyException("it had no turn", 0, Duration.ofSeconds(30));
		assertThat(S3Failures.explained("store an object", busy)).isSameAs(busy);
	}

	@Test
	void wrongRegionIsNamed() {
		this.server.failing((request) -> "301 PermanentRedirect");
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> create(SETTINGS).upload(BytesPayload.random(10, 3), SCHEMA, null))
			.withMessageContaining("'vgi.external.s3.region'");
		assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(() -> create(SETTINGS).verifyReachable())
			.withMessageContaining("'vgi.external.s3.region'");
	}

	@Test
	void wrongRegionIsNamedWhereTheAnswerHasNoCode() {
		// The answer to HEAD is a status, and on the whole a header.
		this.server.failing((request) -> "400 BadRequest");
		assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(() -> create(SETTINGS).verifyReachable())
			.withMessageContaining("probably in another region, check 'vgi.external.s3.region'");
		this.server.inRegion("ap-south-2");
		assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(() -> create(SETTINGS).verifyReachable())
			.withMessageContaining("the bucket is in ap-south-2, check 'vgi.external.s3.region'");
	}

	@Test
	void expiryIsTrimmedToTheLifetimeOfTheCredentials() {
		Instant now = Instant.now();
		AwsCredentialsProvider session = StaticCredentialsProvider.create(AwsSessionCredentials.builder()
			.accessKeyId("access")
			.secretAccessKey("planted-secret")
			.sessionToken("token")
			.expirationTime(now.plusSeconds(600))
			.build());
		S3Storage storage = create(SETTINGS, session, Clock.fixed(now, ZoneOffset.UTC));
		UploadUrl pair = storage.generateUploadUrl(SCHEMA);
		assertThat(parameters(pair.uploadUrl())).containsEntry("X-Amz-Expires", "600");
		assertThat(parameters(pair.downloadUrl())).containsEntry("X-Amz-Expires", "600");
		assertThat(pair.expiresAt()).isBefore(now.plusSeconds(660));
		assertThat(storage.effectiveExpiry()).isEqualTo(Duration.ofSeconds(600));
		assertThat(storage.isOwn(pair.downloadUrl())).isTrue();
	}

	@Test
	void credentialsThatHaveEndedDoNotCount() {
		SteppedClock clock = new SteppedClock();
		AwsCredentialsProvider session = StaticCredentialsProvider.create(AwsSessionCredentials.builder()
			.accessKeyId("access")
			.secretAccessKey("planted-secret")
			.sessionToken("token")
			.expirationTime(clock.instant().plusSeconds(600))
			.build());
		S3Storage storage = create(SETTINGS, session, clock);
		assertThat(storage.effectiveExpiry()).isEqualTo(Duration.ofHours(1));
		storage.generateUploadUrl(SCHEMA);
		clock.step(Duration.ofSeconds(599));
		assertThat(storage.effectiveExpiry()).isEqualTo(Duration.ofSeconds(1));
		clock.step(Duration.ofSeconds(1));
		assertThat(storage.effectiveExpiry()).isEqualTo(Duration.ofHours(1));
	}

	private static AwsCredentialsProvider endingAt(Instant end) {
		return StaticCredentialsProvider.create(AwsSessionCredentials.builder()
			.accessKeyId("access")
			.secretAccessKey("planted-secret")
			.sessionToken("token")
			.expirationTime(end)
			.build());
	}

	@Test
	void linkThatNobodyCouldUseIsNotMade() {
		Instant now = Instant.now();
		S3Storage storage = create(SETTINGS, endingAt(now.plusSeconds(9)), Clock.fixed(now, ZoneOffset.UTC));
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> storage.upload(BytesPayload.random(10, 3), SCHEMA, null))
			.withMessageContaining("credentials of S3 end in 9 s");
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> storage.generateUploadUrl(SCHEMA))
			.withMessageContaining("credentials of S3 end in 9 s");
		assertThat(this.server.requests()).isEmpty();
		S3StorageSettings brief = SETTINGS.withPrefix("")
			.withPresignExpiry(Duration.ofSeconds(2))
			.withUploadUrlExpiry(Duration.ofSeconds(2));
		URI asConfigured = create(brief, endingAt(now.plusSeconds(9)), Clock.fixed(now, ZoneOffset.UTC))
			.generateUploadUrl(SCHEMA)
			.downloadUrl();
		assertThat(parameters(asConfigured)).containsEntry("X-Amz-Expires", "2");
	}

	@Test
	void whetherCredentialsThatHaveEndedStillWorkIsForS3ToSay() {
		Instant now = Instant.now();
		S3Storage storage = create(SETTINGS, endingAt(now.minusSeconds(600)), Clock.fixed(now, ZoneOffset.UTC));
		URI url = storage.upload(BytesPayload.random(10, 3), SCHEMA, null);
		assertThat(parameters(url)).containsEntry("X-Amz-Expires", "3600");
		assertThat(parameters(this.server.requests("PUT").get(0).uri())).containsEntry("X-Amz-Expires", "900");
	}

	@Test
	void whatRefusesCredentialsIsNotTakenForS3() {
		AwsCredentialsProvider refused = () -> {
			throw AwsServiceException.builder()
				.message("planted")
				.statusCode(403)
				.awsErrorDetails(AwsErrorDetails.builder().errorCode("AccessDenied").serviceName("Sts").build())
				.build();
		};
		S3Storage storage = create(SETTINGS, refused, Clock.systemUTC());
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> storage.upload(BytesPayload.random(10, 3), SCHEMA, null))
			.withMessageContaining("no credentials for S3 at the moment")
			.withMessageContaining("AwsServiceException AccessDenied")
			.withMessageNotContaining("planted")
			.withMessageNotContaining("permissions");
		assertThat(this.pauses.pauses()).hasSize(2);
	}

	@Test
	void wrongClockIsNotBlamedOnTheCredentials() {
		Clock late = Clock.offset(Clock.systemUTC(), Duration.ofMinutes(-20));
		S3Storage storage = create(SETTINGS, CREDENTIALS, late);
		this.server.failing((request) -> "403 AccessDenied");
		for (int size : new int[] { 10, PART + 1 }) {
			assertThatExceptionOfType(UploadRefusedException.class)
				.isThrownBy(() -> storage.upload(BytesPayload.random(size, 3), SCHEMA, null))
				.withMessageContaining("403 AccessDenied")
				.withMessageContaining("the clock of this machine is wrong")
				.withMessageContaining("its clock says 20")
				.withMessageNotContaining("credentials");
		}
	}

	@Test
	void closedClientIsNamed() {
		S3Client client = S3Clients.client(CREDENTIALS, "eu-central-1", this.server.url(), true);
		S3Storage storage = new S3Storage(client,
				closed(S3Clients.presigner(CREDENTIALS, "eu-central-1", this.server.url(), true)), this.transport,
				TransferThreads.platform(), SETTINGS, Clock.systemUTC(), this.pauses.policy(0));
		client.close();
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(storage::verifyReachable)
			.withMessageContaining("its client was closed");
	}

	@Test
	void endpointWithoutAHostIsRefused() {
		for (String endpoint : List.of("http://minio_server:9000", "minio:9000", "/minio")) {
			assertThatIllegalArgumentException().as(endpoint)
				.isThrownBy(() -> S3Clients.client(CREDENTIALS, "us-east-1", URI.create(endpoint), true))
				.withMessageContaining("must not have an underscore");
			assertThatIllegalArgumentException().as(endpoint)
				.isThrownBy(() -> S3Clients.presigner(CREDENTIALS, "us-east-1", URI.create(endpoint), true))
				.withMessageContaining("must not have an underscore");
		}
	}

	@Test
	void endpointOfAnotherPresignerWithoutAHostIsNamed() {
		S3Presigner presigner = closed(S3Presigner.builder()
			.credentialsProvider(CREDENTIALS)
			.region(Region.EU_CENTRAL_1)
			.endpointOverride(URI.create("http://minio_server:9000"))
			.build());
		S3Storage storage = new S3Storage(
				closed(S3Clients.client(CREDENTIALS, "eu-central-1", this.server.url(), true)), presigner,
				this.transport, TransferThreads.platform(), SETTINGS, Clock.systemUTC(), this.pauses.policy(0));
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> storage.upload(BytesPayload.random(10, 3), SCHEMA, null))
			.withMessageContaining("must not have an underscore");
		assertThat(storage.isOwn(URI.create("https://elsewhere.example/x?X-Amz-Signature=00"))).isFalse();
	}

	@Test
	void withoutCredentialsIsAClearError() {
		AwsCredentialsProvider none = () -> {
			throw SdkClientException.create("Unable to load credentials from any of the providers");
		};
		S3Storage storage = create(SETTINGS, none, Clock.systemUTC());
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> storage.upload(BytesPayload.random(10, 3), SCHEMA, null))
			.withMessageContaining("'spring.cloud.aws.credentials'");
		assertThatExceptionOfType(VgiExternalException.class).isThrownBy(storage::verifyReachable)
			.withMessageContaining("'spring.cloud.aws.credentials'");
		assertThat(storage.isOwn(URI.create("https://batches.s3.amazonaws.com/vgi-rpc/x?X-Amz-Signature=00")))
			.isFalse();
	}

	@Test
	void amazonsUrlsAreOwnInBothStyles() {
		for (boolean pathStyle : List.of(true, false)) {
			S3Storage storage = new S3Storage(closed(S3Clients.client(CREDENTIALS, "us-west-2", null, pathStyle)),
					closed(S3Clients.presigner(CREDENTIALS, "us-west-2", null, pathStyle)), this.transport,
					TransferThreads.platform(), SETTINGS, Clock.systemUTC());
			String object = "vgi-rpc/0123456789abcdef0123456789abcdef.arrow?X-Amz-Signature=00ff";
			assertThat(List.of("https://s3.us-west-2.amazonaws.com/batches/",
					"https://BATCHES.s3.us-west-2.amazonaws.com/", "https://batches.s3.us-west-2.amazonaws.com:443/"))
				.allMatch((base) -> storage.isOwn(URI.create(base + object)));
			assertThat(List.of("http://s3.us-west-2.amazonaws.com/batches/",
					"https://s3.us-west-2.amazonaws.com/other/", "https://other.s3.us-west-2.amazonaws.com/",
					"https://s3.us-west-2.amazonaws.com/", "https://batches.s3.us-west-2.amazonaws.com.example.com/",
					"https://batches.s3.us-west-2.amazonaws.com:8443/", "https://s3.us-east-1.amazonaws.com/batches/"))
				.noneMatch((base) -> storage.isOwn(URI.create(base + object)));
		}
	}

	@Test
	void missingLifecycleRulesAreNamed() {
		Map<String, String> missing = Map.of("", "\"Days\": 2", rule("Enabled", "<Prefix>other/</Prefix>", 1, 1),
				"\"Expiration\": {\"Days\": 2}", rule("Disabled", "<Prefix></Prefix>", 1, 1),
				"\"AbortIncompleteMultipartUpload\": {\"DaysAfterInitiation\": 2}",
				rule("Enabled", "<Prefix>vgi-rpc/</Prefix>", 1, 0),
				"{\"ID\": \"vgi-external\", \"Status\": \"Enabled\", \"Filter\": {\"Prefix\": \"vgi-rpc/\"}, "
						+ "\"AbortIncompleteMultipartUpload\": {\"DaysAfterInitiation\": 2}}",
				rule("Enabled", "<Tag><Key>a</Key><Value>b</Value></Tag>", 1, 0), "\"Expiration\"");
		S3Storage storage = create(SETTINGS);
		missing.forEach((rules, detail) -> {
			this.server.lifecycle(rules);
			Finding finding = storage.verifyLifecycle(Duration.ofHours(25));
			assertThat(finding.verdict()).as(rules).isEqualTo(Verdict.MISSING);
			assertThat(finding.detail()).as(rules).contains(detail);
		});
		this.server.failing((request) -> "404 NoSuchLifecycleConfiguration");
		assertThat(storage.verifyLifecycle(Duration.ofDays(1)).verdict()).isEqualTo(Verdict.MISSING);
	}

	@Test
	void lifecycleRulesMayBeSpreadAndWider() {
		this.server.lifecycle(rule("Enabled", "<Prefix>vgi</Prefix>", 3, 0) + rule("Enabled", "", 0, 7));
		assertThat(create(SETTINGS).verifyLifecycle(Duration.ofDays(1)).verdict()).isEqualTo(Verdict.COVERED);
	}

	@Test
	void unreadableLifecycleRulesAreNoFailure() {
		this.server.failing((request) -> "403 AccessDenied");
		Finding finding = create(SETTINGS).verifyLifecycle(Duration.ofDays(1));
		assertThat(finding.verdict()).isEqualTo(Verdict.UNKNOWN);
		assertThat(finding.detail()).contains("s3:GetLifecycleConfiguration").doesNotContain("planted");
		this.server.failing((request) -> "501 NotImplemented");
		assertThat(create(SETTINGS).verifyLifecycle(Duration.ofDays(1)).verdict()).isEqualTo(Verdict.UNKNOWN);
		this.server.close();
		assertThat(create(SETTINGS).verifyLifecycle(Duration.ofDays(1)).verdict()).isEqualTo(Verdict.UNKNOWN);
	}

	@ParameterizedTest
	@CsvSource(textBlock = """
			404 NoSuchBucket, does not exist, vgi.external.s3.bucket
			403 InvalidAccessKeyId, credentials of S3 are wrong, status 403
			403 SignatureDoesNotMatch, credentials of S3 are wrong, status 403
			301 PermanentRedirect, in eu-west-7, vgi.external.s3.region
			400 AuthorizationHeaderMalformed, in eu-west-7, vgi.external.s3.region
			""")
	void misconfigurationIsFoundWithTheLifecycleRules(String failure, String reason, String key) {
		this.server.inRegion("eu-west-7");
		this.server.failing((request) -> failure);
		Finding finding = create(SETTINGS).verifyLifecycle(Duration.ofDays(1));
		assertThat(finding.verdict()).isEqualTo(Verdict.MISCONFIGURED);
		assertThat(finding.detail()).startsWith("The bucket 'batches' cannot be used: S3 refused")
			.contains(reason, key)
			.doesNotContain("planted");
	}

	private static String rule(String status, String filter, int expiration, int abort) {
		return "<Rule><Status>" + status + "</Status><Filter>" + filter + "</Filter>"
				+ ((expiration > 0) ? "<Expiration><Days>" + expiration + "</Days></Expiration>" : "")
				+ ((abort > 0) ? "<AbortIncompleteMultipartUpload><DaysAfterInitiation>" + abort
						+ "</DaysAfterInitiation></AbortIncompleteMultipartUpload>" : "")
				+ "</Rule>";
	}

	@Test
	void settingsAreChecked() {
		S3StorageSettings defaults = S3StorageSettings.of("batches");
		assertThat(defaults.prefix()).isEqualTo("vgi-rpc/");
		for (String prefix : List.of("/", "/a", "a//b", "a/../b", "./a", "../", "a/./")) {
			assertThatIllegalArgumentException().as(prefix).isThrownBy(() -> with(prefix, PART, Duration.ofHours(1)));
		}
		assertThat(with("..a", PART, Duration.ofDays(7)).prefix()).isEqualTo("..a");
		assertThatIllegalArgumentException().isThrownBy(() -> with("", PART - 1, Duration.ofHours(1)));
		assertThatIllegalArgumentException().isThrownBy(() -> with("", PART, Duration.ofDays(8)));
		assertThatIllegalArgumentException().isThrownBy(() -> S3Encryption.of("AES256").withKmsKeyId("key"));
		assertThatIllegalArgumentException().isThrownBy(() -> S3Encryption.of("rot13"));
	}

	@ParameterizedTest
	@CsvSource({ "8388608,0,8388608", "8388608,83886080000,8388608", "8388608,83886080001,8388609",
			"8388608,5497558138880,549755814", "1073741824,5497558138880,1073741824",
			"8388608,9223372036854775806,1073741824", "8388608,9223372036854775807,8388608",
			"5368709120,1,1073741824" })
	void partSizeGrowsSoThatThereAreNeverMoreThan10000Parts(long configured, long maxLength, int expected) {
		int size = with("", configured, Duration.ofHours(1)).partSize(maxLength);
		assertThat(size).isEqualTo(expected);
	}

	@ParameterizedTest
	@ValueSource(longs = { 1, 83_886_079_999L, 83_886_080_001L, 1L << 40, 5L << 40 })
	void whatFitsIntoABucketFitsIntoTheParts(long maxLength) {
		int size = S3StorageSettings.of("batches").partSize(maxLength);
		assertThat((maxLength + size - 1) / size).isLessThanOrEqualTo(10_000);
	}

	private static S3StorageSettings with(String prefix, long partSize, Duration expiry) {
		return S3StorageSettings.of("batches").withPrefix(prefix).withPresignExpiry(expiry).withPartSize(partSize);
	}

	/**
	 * Knows no more than a bound of its length, as a coded payload does.
	 *
	 * @param bytes the bytes
	 * @param maxLength the bound
	 */
	private record BoundedPayload(BytesPayload bytes, long maxLength) implements Payload {

		@Override
		public @Nullable Part next(int size) {
			return this.bytes.next(size);
		}

	}

}
