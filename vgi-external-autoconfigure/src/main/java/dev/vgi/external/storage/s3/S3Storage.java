package dev.vgi.external.storage.s3;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.ArrowMediaType;
import dev.vgi.external.storage.BoundedCall;
import dev.vgi.external.storage.Confirmation;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.LifecycleVerifier;
import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.storage.VendedUrlMatcher;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transport.Deadline;
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.upload.PartWindow;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.SignedUrl;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.awscore.presigner.PresignedRequest;
import software.amazon.awssdk.identity.spi.AwsCredentialsIdentity;
import software.amazon.awssdk.identity.spi.IdentityProvider;
import software.amazon.awssdk.identity.spi.ResolveIdentityRequest;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ServiceClientConfiguration;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.CreateMultipartUploadRequest;
import software.amazon.awssdk.services.s3.model.NoSuchUploadException;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.Tag;
import software.amazon.awssdk.services.s3.model.Tagging;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

import org.springframework.util.Assert;

/**
 * A bucket of Amazon S3 or of a compatible store. The SDK signs, and creates, completes
 * and aborts multipart uploads; the bytes go through the {@link StorageTransport}. No
 * request carries a checksum unless S3 requires one, even with a client that has the
 * SDK's defaults, whose checksums compatible stores refuse: the SDK never sees the bytes.
 * <p>
 * Signed URLs expire with the credentials they were signed with: if the SDK tells the
 * credentials' lifetime, the expiry is shortened to it.
 * <p>
 * Thread-safe. Closes neither client, presigner nor transport.
 */
public final class S3Storage implements ExternalStorage, UploadUrlProvider, LifecycleVerifier {

	private static final Log logger = LogFactory.getLog(S3Storage.class);

	/** Longest wait where no other limit applies: for vended URLs, health and aborts. */
	private static final Duration SHORT_TIMEOUT = Duration.ofSeconds(10);

	/** A URL with a shorter lifetime would expire before anyone could use it. */
	private static final Duration SHORTEST_LINK = Duration.ofSeconds(10);

	/** Signs URLs that are never requested. */
	private static final AwsCredentialsIdentity NOBODY = AwsCredentialsIdentity.create("nobody", "nobody");

	private static final Duration ABORT_PAUSE = Duration.ofMillis(200);

	private final S3Client client;

	private final S3Presigner presigner;

	private final StorageTransport transport;

	private final S3StorageSettings settings;

	private final Clock clock;

	private final RetryPolicy attempts;

	private final PartWindow window;

	private final AtomicBoolean warnedOfLifetime = new AtomicBoolean();

	private volatile @Nullable VendedUrlMatcher vendedUrls;

	private volatile @Nullable Instant credentialsEnd;

	/**
	 * Create a storage. Sends no request to the bucket yet.
	 * @param client creates, completes and aborts uploads; its credentials sign
	 * everything
	 * @param presigner signs, with the client's credentials, for the endpoint that
	 * callers use
	 * @param transport sends the requests
	 * @param settings the bucket and its limits
	 * @param clock compared with the credentials' lifetime
	 */
	public S3Storage(S3Client client, S3Presigner presigner, StorageTransport transport, S3StorageSettings settings,
			Clock clock) {
		this(client, presigner, transport, settings, clock,
				new RetryPolicy(settings.maxRetries(), settings.retryDelay(), transport));
	}

	S3Storage(S3Client client, S3Presigner presigner, StorageTransport transport, S3StorageSettings settings,
			Clock clock, RetryPolicy attempts) {
		Assert.notNull(client, "'client' must not be null");
		Assert.notNull(presigner, "'presigner' must not be null");
		Assert.notNull(transport, "'transport' must not be null");
		Assert.notNull(settings, "'settings' must not be null");
		Assert.notNull(clock, "'clock' must not be null");
		this.client = client;
		this.presigner = presigner;
		this.transport = transport;
		this.settings = settings;
		this.clock = clock;
		this.attempts = attempts;
		this.window = PartWindow.parallel(settings.maxParallelParts(), attempts);
	}

	@Override
	public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
		String coding = (contentCoding != null) ? contentCoding.trim().toLowerCase(Locale.ROOT) : null;
		String key = newKey(coding);
		Deadline deadline = this.attempts.newDeadline(this.settings.timeout());
		int partSize = this.settings.partSize(payload.maxLength());
		try (Payload.Part first = payload.next(partSize)) {
			Assert.isTrue(first != null, "'payload' must have bytes that nobody took");
			if (first.isLast()) {
				PutObjectRequest request = putRequest(key, coding);
				this.attempts.<@Nullable Void>run(deadline, (failures) -> {
					String operation = "store an object";
					String tag = send(operation, signPut(request, credentials(operation, deadline)), first, deadline);
					confirm(tag, key, first.length(), deadline);
					return null;
				});
			}
			else {
				uploadInParts(key, first, payload, partSize, coding, deadline);
			}
		}
		String operation = "sign a download URL";
		return this.attempts.run(deadline,
				(failures) -> url(signGet(key, this.settings.presignExpiry(), credentials(operation, deadline))));
	}

	private void uploadInParts(String key, Payload.Part first, Payload payload, int partSize, @Nullable String coding,
			Deadline deadline) {
		String uploadId = this.attempts.run(deadline,
				(failures) -> call("create a multipart upload", deadline,
						(limits) -> this.client.createMultipartUpload(multipartRequest(key, coding, limits)))
					.uploadId());
		try {
			AtomicLong length = new AtomicLong();
			List<CompletedPart> parts = this.window.send(first, payload, partSize, deadline, (part, failures) -> {
				String tag = sendPart(key, uploadId, part.number(), part, deadline);
				length.addAndGet(part.length());
				return CompletedPart.builder().partNumber(part.number()).eTag(tag).build();
			});
			String tag = this.attempts.<@Nullable String>run(deadline,
					(failures) -> complete(key, uploadId, parts, failures, deadline));
			this.attempts.<@Nullable Void>run(deadline, (failures) -> {
				confirm(tag, key, length.get(), deadline);
				return null;
			});
		}
		catch (RuntimeException | Error ex) {
			abort(key, uploadId, ex);
			throw ex;
		}
	}

	private @Nullable String complete(String key, String uploadId, List<CompletedPart> parts, int failures,
			Deadline deadline) {
		return this.<@Nullable String>call("complete a multipart upload", deadline, (limits) -> {
			try {
				return this.client
					.completeMultipartUpload((complete) -> complete.bucket(this.settings.bucket())
						.key(key)
						.uploadId(uploadId)
						.multipartUpload((upload) -> upload.parts(parts))
						.overrideConfiguration(limits))
					.eTag();
			}
			catch (NoSuchUploadException ex) {
				Integer attempts = ex.numAttempts();
				if (failures == 0 && (attempts == null || attempts <= 1)) {
					throw ex;
				}
				// An earlier attempt may have succeeded although it seemed to fail. The
				// confirmation will tell.
				return null;
			}
		});
	}

	private void abort(String key, String uploadId, Throwable failure) {
		// An interrupted caller still cleans up: the SDK would refuse to.
		boolean interrupted = Thread.interrupted();
		try {
			if (hasAborted(key, uploadId)) {
				// A part whose request was cut off after its last byte may be stored
				// after the abort. S3 then requires another abort.
				this.attempts.pause(ABORT_PAUSE);
				hasAborted(key, uploadId);
			}
		}
		catch (RuntimeException ex) {
			failure.addSuppressed(ex);
		}
		finally {
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

	private boolean hasAborted(String key, String uploadId) {
		return call("abort a multipart upload", Deadline.in(SHORT_TIMEOUT), (limits) -> {
			try {
				this.client.abortMultipartUpload((abort) -> abort.bucket(this.settings.bucket())
					.key(key)
					.uploadId(uploadId)
					.overrideConfiguration(limits));
				return true;
			}
			catch (NoSuchUploadException ex) {
				return false;
			}
		});
	}

	private void confirm(@Nullable String entityTag, String key, long length, Deadline deadline) {
		if (!Confirmation.isGivenBy(entityTag)) {
			PresignedRequest signed = signGet(key, this.settings.uploadUrlExpiry(),
					credentials("look at an object", deadline));
			Confirmation.ask(this.transport, url(signed), length, UrlValidator.acceptAll(), deadline);
		}
	}

	private String sendPart(String key, String uploadId, int number, RequestBody body, Deadline deadline) {
		String operation = "store a part";
		PresignedRequest signed = sign(
				(expiry, credentials) -> this.presigner.presignUploadPart((part) -> part.signatureDuration(expiry)
					.uploadPartRequest((upload) -> upload.bucket(this.settings.bucket())
						.key(key)
						.uploadId(uploadId)
						.partNumber(number)
						.overrideConfiguration(credentials))),
				this.settings.uploadUrlExpiry(), credentials(operation, deadline));
		String tag = send(operation, signed, body, deadline);
		if (tag == null || !Confirmation.isGivenBy(tag)) {
			throw new StorageUnavailableException("S3 was to " + operation + ", and answered without its entity tag", 0,
					null);
		}
		return tag;
	}

	/**
	 * Send a body to a signed URL, once.
	 * @param operation the operation, in the words of an error
	 * @param signed the URL and the headers to send with it
	 * @param body the bytes
	 * @param deadline covers the request
	 * @return the entity tag of the response, or {@code null}
	 */
	private @Nullable String send(String operation, PresignedRequest signed, RequestBody body, Deadline deadline) {
		Map<String, String> headers = new HashMap<>();
		signed.signedHeaders().forEach((name, values) -> {
			if (!name.equalsIgnoreCase("host")) {
				headers.put(name, String.join(",", values));
			}
		});
		try (StorageResponse response = this.transport.put(url(signed), body, headers, UrlValidator.acceptAll(),
				deadline)) {
			if (response.status() / 100 != 2) {
				throw S3Failures.of(operation, response, this.clock.instant());
			}
			return response.header("ETag");
		}
		catch (StorageUnavailableException ex) {
			throw S3Failures.explained(operation, ex);
		}
	}

	private PutObjectRequest putRequest(String key, @Nullable String coding) {
		PutObjectRequest.Builder request = PutObjectRequest.builder()
			.bucket(this.settings.bucket())
			.key(key)
			.contentType(ArrowMediaType.NAME)
			.contentEncoding(coding)
			.storageClass(this.settings.storageClass());
		Tagging tagging = tagging();
		if (tagging != null) {
			// The SDK turns null into an empty header, which some stores refuse.
			request.tagging(tagging);
		}
		S3Encryption encryption = this.settings.encryption();
		if (encryption != null) {
			request.serverSideEncryption(encryption.algorithm())
				.ssekmsKeyId(encryption.kmsKeyId())
				.bucketKeyEnabled(encryption.bucketKey() ? true : null);
		}
		return request.build();
	}

	private CreateMultipartUploadRequest multipartRequest(String key, @Nullable String coding,
			AwsRequestOverrideConfiguration limits) {
		CreateMultipartUploadRequest.Builder request = CreateMultipartUploadRequest.builder()
			.bucket(this.settings.bucket())
			.key(key)
			.contentType(ArrowMediaType.NAME)
			.contentEncoding(coding)
			.storageClass(this.settings.storageClass())
			.overrideConfiguration(limits);
		Tagging tagging = tagging();
		if (tagging != null) {
			request.tagging(tagging);
		}
		S3Encryption encryption = this.settings.encryption();
		if (encryption != null) {
			request.serverSideEncryption(encryption.algorithm())
				.ssekmsKeyId(encryption.kmsKeyId())
				.bucketKeyEnabled(encryption.bucketKey() ? true : null);
		}
		return request.build();
	}

	private @Nullable Tagging tagging() {
		if (this.settings.tags().isEmpty()) {
			return null;
		}
		List<Tag> tags = new ArrayList<>();
		this.settings.tags().forEach((key, value) -> tags.add(Tag.builder().key(key).value(value).build()));
		return Tagging.builder().tagSet(tags).build();
	}

	/**
	 * Vend URLs for a new object. Only method and host are signed: a peer may send the
	 * Arrow content type, another one or none. The bucket's defaults apply, such as its
	 * encryption.
	 */
	@Override
	public UploadUrl generateUploadUrl(Schema schema) {
		String key = newKey(null);
		AwsCredentialsIdentity credentials = triedCredentials("sign an upload URL", Deadline.in(SHORT_TIMEOUT));
		PresignedRequest put = signPut(PutObjectRequest.builder().bucket(this.settings.bucket()).key(key).build(),
				credentials);
		PresignedRequest get = signGet(key, this.settings.uploadUrlExpiry(), credentials);
		Instant expiresAt = put.expiration().isBefore(get.expiration()) ? put.expiration() : get.expiration();
		return new UploadUrl(url(put), url(get), expiresAt);
	}

	private PresignedRequest signPut(PutObjectRequest request, AwsCredentialsIdentity credentials) {
		return sign(
				(expiry, override) -> this.presigner.presignPutObject((put) -> put.signatureDuration(expiry)
					.putObjectRequest(request.toBuilder().overrideConfiguration(override).build())),
				this.settings.uploadUrlExpiry(), credentials);
	}

	private PresignedRequest signGet(String key, Duration expiry, AwsCredentialsIdentity credentials) {
		return sign(
				(effective, override) -> this.presigner.presignGetObject((get) -> get.signatureDuration(effective)
					.getObjectRequest((
							object) -> object.bucket(this.settings.bucket()).key(key).overrideConfiguration(override))),
				expiry, credentials);
	}

	private PresignedRequest sign(Presigning presigning, Duration expiry, AwsCredentialsIdentity credentials) {
		Instant end = credentials.expirationTime().orElse(null);
		Duration effective = trimmed(expiry, end);
		if (effective.compareTo(expiry) < 0) {
			if (effective.compareTo(SHORTEST_LINK) < 0) {
				throw new StorageUnavailableException(
						"The credentials of S3 end in " + effective.toSeconds()
								+ " s, and a URL that they sign would end with them: it would be of no use to anybody",
						0, null);
			}
			warnOfLifetime(expiry, effective);
		}
		try {
			return presigning.presign(effective, override(credentials).build());
		}
		catch (RuntimeException ex) {
			// No request was sent, so this is not a matter of availability.
			throw new UploadRefusedException("S3 URLs cannot be signed (" + FailureReason.of(ex)
					+ "): check 'vgi.external.s3.bucket' and 'vgi.external.s3.endpoint', whose host must not have an"
					+ " underscore", null);
		}
	}

	/**
	 * Request credentials once.
	 * @param operation the operation, in the words of an error
	 * @param deadline limits the wait
	 * @return the credentials for the next signature; not to be kept, since only their
	 * provider knows when to renew them
	 * @throws StorageUnavailableException if there are none at the moment
	 */
	private AwsCredentialsIdentity credentials(String operation, Deadline deadline) {
		try {
			AwsCredentialsIdentity credentials = BoundedCall.run("The provider of S3's credentials", deadline,
					() -> Objects.requireNonNull(
							this.client.serviceClientConfiguration().credentialsProvider().resolveIdentity().get()));
			this.credentialsEnd = credentials.expirationTime().orElse(null);
			return credentials;
		}
		catch (ExecutionException ex) {
			Throwable thrown = ex;
			while ((thrown instanceof ExecutionException || thrown instanceof CompletionException)
					&& thrown.getCause() != null) {
				thrown = thrown.getCause();
			}
			throw S3Failures.credentials(operation, thrown);
		}
	}

	private AwsCredentialsIdentity triedCredentials(String operation, Deadline deadline) {
		return this.attempts.run(deadline, (failures) -> credentials(operation, deadline));
	}

	private static AwsRequestOverrideConfiguration.Builder override(AwsCredentialsIdentity credentials) {
		return AwsRequestOverrideConfiguration.builder().credentialsProvider(new Resolved(credentials));
	}

	/**
	 * Shorten a lifetime to that of the credentials, with which URLs expire. Expired
	 * credentials do not shorten it: providers return them while they cannot renew them,
	 * and S3 may accept them for as long.
	 * @param expiry how long a URL should work
	 * @param end when the credentials expire, or {@code null} if that is unknown
	 * @return how long a URL will work
	 */
	private Duration trimmed(Duration expiry, @Nullable Instant end) {
		Duration remaining = (end != null) ? Duration.between(this.clock.instant(), end) : expiry;
		return (remaining.compareTo(Duration.ZERO) <= 0 || remaining.compareTo(expiry) >= 0) ? expiry
				: remaining.truncatedTo(ChronoUnit.SECONDS);
	}

	private void warnOfLifetime(Duration expiry, Duration effective) {
		if (this.warnedOfLifetime.compareAndSet(false, true)) {
			logger.warn("Signed URLs shall work for " + expiry.toSeconds() + " s, but the credentials of S3 end in "
					+ effective.toSeconds() + " s and the URLs with them: use credentials that live longer, or lower"
					+ " 'vgi.external.s3.presign-expiry'. This is said once.");
		}
	}

	/**
	 * Return how long a download URL signed now would work: the configured expiry or, if
	 * that is shorter, the remaining lifetime of the most recent credentials. Expired
	 * ones do not count: the next signature requests new ones. Does no I/O.
	 * @return the lifetime, for a metric
	 */
	public Duration effectiveExpiry() {
		return trimmed(this.settings.presignExpiry(), this.credentialsEnd);
	}

	@Override
	public boolean isOwn(URI url) {
		VendedUrlMatcher own = this.vendedUrls;
		if (own == null) {
			String key = this.settings.prefix() + ObjectKey.OF_NO_OBJECT;
			try {
				// Any signature shows where the SDK puts bucket and key; this one needs
				// no credentials.
				own = VendedUrlMatcher.like(url(signGet(key, this.settings.presignExpiry(), NOBODY)),
						this.settings.bucket(), this.settings.prefix(), key, "X-Amz-Signature");
			}
			catch (UploadRefusedException ex) {
				// If nothing can be signed, no URL is ours.
				return false;
			}
			this.vendedUrls = own;
		}
		return own.contains(url);
	}

	@Override
	public @Nullable Instant expiresAt(URI url) {
		// URLs are not signed for longer than the credentials live.
		return SignedUrl.of(url).expiry();
	}

	@Override
	public void verifyReachable() {
		call("look at the bucket", Deadline.in(SHORT_TIMEOUT), (limits) -> this.client
			.headBucket((head) -> head.bucket(this.settings.bucket()).overrideConfiguration(limits)));
	}

	@Override
	public Finding verifyLifecycle(Duration expireAfter) {
		String prefix = this.settings.prefix();
		String operation = "read the lifecycle rules of the bucket";
		try {
			AwsCredentialsIdentity credentials = triedCredentials(operation, Deadline.in(SHORT_TIMEOUT));
			return LifecycleRules.judge(this.client
				.getBucketLifecycleConfiguration((get) -> get.bucket(this.settings.bucket())
					.overrideConfiguration(override(credentials).apiCallTimeout(SHORT_TIMEOUT).build()))
				.rules(), prefix, expireAfter);
		}
		catch (VgiExternalException ex) {
			return new Finding(Verdict.UNKNOWN, String.valueOf(ex.getMessage()));
		}
		catch (S3Exception ex) {
			String code = (ex.awsErrorDetails() != null) ? ex.awsErrorDetails().errorCode() : null;
			if ("NoSuchLifecycleConfiguration".equals(code)) {
				return LifecycleRules.judge(List.of(), prefix, expireAfter);
			}
			String detail = (ex.statusCode() == 403)
					? "The lifecycle rules of the bucket cannot be read: s3:GetLifecycleConfiguration is not allowed"
					: "The lifecycle rules of the bucket cannot be read: status " + ex.statusCode();
			return new Finding(Verdict.UNKNOWN, detail);
		}
		catch (RuntimeException ex) {
			return new Finding(Verdict.UNKNOWN,
					String.valueOf(S3Failures.of(operation, ex, this.clock.instant()).getMessage()));
		}
	}

	@Override
	public String describe() {
		String place = "s3://" + this.settings.bucket() + "/" + this.settings.prefix();
		try {
			S3ServiceClientConfiguration configuration = this.client.serviceClientConfiguration();
			return place + configuration.endpointOverride()
				.map((endpoint) -> " at " + RedactedUrl.of(endpoint))
				.orElseGet(() -> " (" + configuration.region() + ")");
		}
		catch (UnsupportedOperationException ex) {
			// A custom client does not have to tell.
			return place;
		}
	}

	@Override
	public String name() {
		return "s3";
	}

	private <T extends @Nullable Object> T call(String operation, Deadline deadline,
			Function<AwsRequestOverrideConfiguration, T> call) {
		// The SDK would request credentials outside of its own limits, and only once.
		AwsCredentialsIdentity credentials = triedCredentials(operation, deadline);
		Duration timeout = deadline.remaining();
		if (timeout.isZero()) {
			throw new TransferTimeoutException("No time is left to " + operation, null);
		}
		try {
			return call.apply(override(credentials).apiCallTimeout(timeout).build());
		}
		catch (RuntimeException ex) {
			throw S3Failures.of(operation, ex, this.clock.instant());
		}
	}

	private String newKey(@Nullable String coding) {
		return this.settings.prefix() + ObjectKey.random(coding);
	}

	private static URI url(PresignedRequest signed) {
		URL url = signed.url();
		try {
			return url.toURI();
		}
		catch (URISyntaxException ex) {
			// The message of the exception contains the URL.
			throw new UploadRefusedException("The SDK signed something that is not a URL", null);
		}
	}

	/**
	 * Makes the SDK sign a URL.
	 */
	@FunctionalInterface
	private interface Presigning {

		PresignedRequest presign(Duration expiry, AwsRequestOverrideConfiguration override);

	}

	/**
	 * Credentials that were requested before.
	 *
	 * @param identity the credentials
	 */
	private record Resolved(AwsCredentialsIdentity identity) implements IdentityProvider<AwsCredentialsIdentity> {

		@Override
		public Class<AwsCredentialsIdentity> identityType() {
			return AwsCredentialsIdentity.class;
		}

		@Override
		public CompletableFuture<AwsCredentialsIdentity> resolveIdentity(ResolveIdentityRequest request) {
			return CompletableFuture.completedFuture(this.identity);
		}

	}

}
