package dev.vgi.external.storage.s3;

import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.storage.BoundStorage;
import dev.vgi.external.storage.Leftovers;
import dev.vgi.external.storage.LifecycleVerifier;
import dev.vgi.external.storage.ObjectGoneException;
import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.upload.PartWindow;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.SignedUrl;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ServiceClientConfiguration;
import software.amazon.awssdk.services.s3.model.S3Exception;
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
public final class S3Storage implements BoundStorage, LifecycleVerifier {

	/**
	 * Longest wait where no other limit applies: for vended URLs and health.
	 */
	static final Duration SHORT_TIMEOUT = Duration.ofSeconds(10);

	private final S3Client client;

	private final S3StorageSettings settings;

	private final RetryPolicy attempts;

	private final Leftovers leftovers;

	private final S3Signer signer;

	private final S3Bucket bucket;

	private final PartWindow window;

	/**
	 * Create a storage. Sends no request to the bucket yet.
	 * @param client creates, completes and aborts uploads; its credentials sign
	 * everything
	 * @param presigner signs, with the client's credentials, for the endpoint that
	 * callers use
	 * @param transport sends the requests
	 * @param threads creates the threads that send parts
	 * @param settings the bucket and its limits
	 * @param clock compared with the credentials' lifetime
	 */
	public S3Storage(S3Client client, S3Presigner presigner, StorageTransport transport, TransferThreads threads,
			S3StorageSettings settings, Clock clock) {
		this(client, presigner, transport, threads, settings, clock,
				new RetryPolicy(settings.maxRetries(), settings.retryDelay(), transport));
	}

	S3Storage(S3Client client, S3Presigner presigner, StorageTransport transport, TransferThreads threads,
			S3StorageSettings settings, Clock clock, RetryPolicy attempts) {
		Assert.notNull(client, "'client' must not be null");
		Assert.notNull(presigner, "'presigner' must not be null");
		Assert.notNull(transport, "'transport' must not be null");
		Assert.notNull(threads, "'threads' must not be null");
		Assert.notNull(settings, "'settings' must not be null");
		Assert.notNull(clock, "'clock' must not be null");
		this.client = client;
		this.settings = settings;
		this.attempts = attempts;
		this.leftovers = new Leftovers("s3://" + settings.bucket() + "/" + settings.prefix(),
				"a lifecycle rule with Expiration and AbortIncompleteMultipartUpload removes them, see"
						+ " docs/object-lifecycle.md",
				transport.timer(), threads);
		this.signer = new S3Signer(client, presigner, settings, clock);
		this.bucket = new S3Bucket(client, this.signer, transport, settings, clock, attempts);
		this.window = PartWindow.parallel(settings.maxParallelParts(), attempts, threads);
	}

	@Override
	public URI upload(Payload payload, Schema schema, @Nullable String contentCoding, ObjectOwner owner) {
		String coding = (contentCoding != null) ? contentCoding.trim().toLowerCase(Locale.ROOT) : null;
		return new S3Upload(this.bucket, this.settings, this.attempts, this.leftovers, this.window,
				newKey(coding, owner), coding)
			.run(payload, this.settings.partSize(payload.maxLength()));
	}

	@Override
	public boolean takesUnknownLength() {
		return true;
	}

	/**
	 * Vend URLs for a new object. Only method and host are signed: a peer may send the
	 * Arrow content type, another one or none. The bucket's defaults apply, such as its
	 * encryption.
	 */
	@Override
	public UploadUrl generateUploadUrl(Schema schema, ObjectOwner owner) {
		return this.bucket.pair(newKey(null, owner), Deadline.in(SHORT_TIMEOUT));
	}

	private String newKey(@Nullable String coding, ObjectOwner owner) {
		return this.settings.prefix() + ObjectKey.random(coding, owner);
	}

	/**
	 * Return how long a download URL signed now would work: the configured expiry or, if
	 * that is shorter, the remaining lifetime of the most recent credentials. Expired
	 * ones do not count: the next signature requests new ones. Does no I/O.
	 * @return the lifetime, for a metric
	 */
	public Duration effectiveExpiry() {
		return this.signer.effectiveExpiry();
	}

	@Override
	public boolean admits(URI url, ObjectOwner owner) {
		return this.signer.admits(url, owner);
	}

	@Override
	public boolean isOwn(URI url) {
		return this.signer.keyOf(url) != null;
	}

	@Override
	public boolean signsAgain() {
		return true;
	}

	@Override
	public @Nullable String renewableKey(URI url) {
		return this.signer.keyOf(url);
	}

	@Override
	public URI signAgain(String key) {
		if (!ObjectKey.matches(key, this.settings.prefix())) {
			throw new ObjectGoneException();
		}
		Deadline deadline = Deadline.in(SHORT_TIMEOUT);
		return this.attempts.run(deadline, (failures) -> this.bucket.downloadUrlOfStored(key, deadline));
	}

	@Override
	public @Nullable Instant expiresAt(URI url) {
		// URLs are not signed for longer than the credentials live.
		return SignedUrl.of(url).expiry();
	}

	@Override
	public Leftovers leftovers() {
		return this.leftovers;
	}

	@Override
	public void verifyReachable() {
		this.bucket.call("look at the bucket", Deadline.in(SHORT_TIMEOUT), (client, limits) -> client
			.headBucket((head) -> head.bucket(this.settings.bucket()).overrideConfiguration(limits)));
	}

	@Override
	public Finding verifyLifecycle(Duration expireAfter) {
		try {
			return this.bucket.call("read the lifecycle rules of the bucket", Deadline.in(SHORT_TIMEOUT),
					(client, limits) -> judgeLifecycle(client, limits, expireAfter));
		}
		catch (UploadRefusedException ex) {
			return new Finding(Verdict.MISCONFIGURED,
					"The bucket '" + this.settings.bucket() + "' cannot be used: " + ex.getMessage());
		}
		catch (VgiExternalException ex) {
			return new Finding(Verdict.UNKNOWN, String.valueOf(ex.getMessage()));
		}
	}

	private Finding judgeLifecycle(S3Client client, AwsRequestOverrideConfiguration limits, Duration expireAfter) {
		String prefix = this.settings.prefix();
		try {
			return LifecycleRules.judge(client
				.getBucketLifecycleConfiguration(
						(get) -> get.bucket(this.settings.bucket()).overrideConfiguration(limits))
				.rules(), prefix, expireAfter);
		}
		catch (S3Exception ex) {
			String code = (ex.awsErrorDetails() != null) ? ex.awsErrorDetails().errorCode() : null;
			if ("NoSuchLifecycleConfiguration".equals(code)) {
				return LifecycleRules.judge(List.of(), prefix, expireAfter);
			}
			if (S3Failures.isMisconfiguration(ex.statusCode(), code)) {
				throw ex;
			}
			String detail = (ex.statusCode() == 403)
					? "The lifecycle rules of the bucket cannot be read: s3:GetLifecycleConfiguration is not allowed"
					: "The lifecycle rules of the bucket cannot be read: status " + ex.statusCode();
			return new Finding(Verdict.UNKNOWN, detail);
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

}
