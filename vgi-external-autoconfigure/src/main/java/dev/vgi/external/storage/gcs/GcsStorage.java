package dev.vgi.external.storage.gcs;

import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

import com.google.api.gax.retrying.RetrySettings;
import com.google.cloud.http.HttpTransportOptions;
import com.google.cloud.storage.Bucket;
import com.google.cloud.storage.BucketInfo.LifecycleRule;
import com.google.cloud.storage.HttpStorageOptions;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.Storage.BucketField;
import com.google.cloud.storage.Storage.BucketGetOption;
import com.google.cloud.storage.StorageException;
import com.google.cloud.storage.StorageOptions;
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
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.upload.PartWindow;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.SignedUrl;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A bucket of Google Cloud Storage. The SDK signs, with the key of a service account or,
 * without one, by asking IAM; it supplies access tokens and reads the bucket's rules. The
 * bytes go through the {@link StorageTransport}: an object that fits into one chunk with
 * one signed PUT, a larger one through a resumable session.
 * <p>
 * Thread-safe. Closes neither SDK client nor transport.
 */
public final class GcsStorage implements BoundStorage, LifecycleVerifier {

	/** Longest wait where no other limit applies: for health and rules. */
	static final Duration SHORT_TIMEOUT = Duration.ofSeconds(10);

	private static final Pattern CODING = Pattern.compile("[a-z0-9-]{1,32}");

	private final Storage storage;

	private final GcsStorageSettings settings;

	private final Clock clock;

	private final RetryPolicy attempts;

	private final Leftovers leftovers;

	private final GcsSigner signer;

	private final GcsBucket bucket;

	private final PartWindow window;

	/**
	 * Create a storage. Sends no request to the bucket yet.
	 * @param storage signs with its credentials, for its host
	 * @param transport sends the requests
	 * @param threads creates the threads that send parts
	 * @param settings the bucket and its limits
	 * @param clock tells whether vended URLs have expired
	 */
	public GcsStorage(Storage storage, StorageTransport transport, TransferThreads threads, GcsStorageSettings settings,
			Clock clock) {
		this(storage, transport, threads, settings, clock,
				new RetryPolicy(settings.maxRetries(), settings.retryDelay(), transport));
	}

	GcsStorage(Storage storage, StorageTransport transport, TransferThreads threads, GcsStorageSettings settings,
			Clock clock, RetryPolicy attempts) {
		Assert.notNull(storage, "'storage' must not be null");
		Assert.notNull(transport, "'transport' must not be null");
		Assert.notNull(threads, "'threads' must not be null");
		Assert.notNull(settings, "'settings' must not be null");
		Assert.notNull(clock, "'clock' must not be null");
		this.storage = storage;
		this.settings = settings;
		this.clock = clock;
		this.attempts = attempts;
		this.leftovers = new Leftovers(describe(),
				"a lifecycle rule that deletes objects by their age removes them, see docs/object-lifecycle.md",
				transport.timer(), threads);
		this.signer = new GcsSigner(storage, settings);
		this.bucket = new GcsBucket(storage.getOptions(), this.signer, transport, settings, clock);
		this.window = PartWindow.inOrder(attempts, threads);
	}

	@Override
	public URI upload(Payload payload, Schema schema, @Nullable String contentCoding, ObjectOwner owner) {
		String coding = (contentCoding != null) ? contentCoding.trim().toLowerCase(Locale.ROOT) : null;
		Assert.isTrue(coding == null || CODING.matcher(coding).matches(), "'contentCoding' must be a name");
		return new GcsUpload(this.bucket, this.settings, this.attempts, this.leftovers, this.window,
				newKey(coding, owner), coding)
			.run(payload, this.settings.chunkSize());
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
		String key = newKey(null, owner);
		Duration expiry = this.signer.trimmed(this.settings.uploadUrlExpiry());
		Instant expiresAt = this.clock.instant().plus(expiry);
		Deadline deadline = Deadline.in(SHORT_TIMEOUT);
		URI put = this.attempts.run(deadline, (failures) -> this.signer.put(key, expiry, Map.of(), deadline));
		URI get = this.attempts.run(deadline, (failures) -> this.signer.get(key, expiry, deadline));
		return new UploadUrl(put, get, expiresAt);
	}

	private String newKey(@Nullable String coding, ObjectOwner owner) {
		return this.settings.prefix() + ObjectKey.random(coding, owner);
	}

	/**
	 * Return how long a download URL signed now works: the configured expiry or, if IAM
	 * signs and that is shorter, the minimum lifetime of its keys. Does no I/O.
	 * @return the lifetime, for a metric
	 */
	public Duration effectiveExpiry() {
		return this.signer.effective(this.settings.presignExpiry());
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
		return SignedUrl.of(url).expiry();
	}

	@Override
	public Leftovers leftovers() {
		return this.leftovers;
	}

	/**
	 * Check that an object could be fetched: signs a URL of a missing object and requests
	 * it.
	 */
	@Override
	public void verifyReachable() {
		Deadline deadline = Deadline.in(SHORT_TIMEOUT);
		URI url = this.attempts.run(deadline,
				(failures) -> this.signer.get(newKey(null, ObjectOwner.nobody()), Duration.ofMinutes(1), deadline));
		this.bucket.look(url, deadline);
	}

	@Override
	public Finding verifyLifecycle(Duration expireAfter) {
		String operation = "read the lifecycle rules of the bucket";
		try (Storage limited = limited(this.storage.getOptions())) {
			Bucket bucket = limited.get(this.settings.bucket(), BucketGetOption.fields(BucketField.LIFECYCLE));
			if (bucket == null) {
				return new Finding(Verdict.MISCONFIGURED,
						"The bucket '" + this.settings.bucket() + "' of 'vgi.external.gcs.bucket' does not exist");
			}
			List<? extends LifecycleRule> rules = bucket.getLifecycleRules();
			return LifecycleRules.judge((rules != null) ? rules : List.of(), this.settings.prefix(), expireAfter);
		}
		catch (StorageException ex) {
			if (ex.getCode() == 403) {
				return new Finding(Verdict.UNKNOWN,
						"The lifecycle rules of the bucket cannot be read: storage.buckets.get is not allowed");
			}
			VgiExternalException failure = GcsFailures.of(operation, ex);
			// Without a status of the bucket's there was no access token.
			boolean refused = ex.getCode() == 401 || (ex.getCode() <= 0 && failure instanceof UploadRefusedException);
			return refused
					? new Finding(Verdict.MISCONFIGURED,
							"The bucket '" + this.settings.bucket() + "' cannot be used: " + failure.getMessage())
					: new Finding(Verdict.UNKNOWN, String.valueOf(failure.getMessage()));
		}
		catch (Exception ex) {
			return new Finding(Verdict.UNKNOWN,
					"The lifecycle rules of the bucket cannot be read: " + FailureReason.of(ex));
		}
	}

	/**
	 * Create a client that gives up soon: the SDK itself retries for a minute.
	 * @param options the application's options
	 * @return a client that is cheap to make and to close
	 */
	private static Storage limited(StorageOptions options) {
		int millis = (int) SHORT_TIMEOUT.toMillis();
		StorageOptions.Builder limited = options.toBuilder()
			.setRetrySettings(
					RetrySettings.newBuilder().setMaxAttempts(1).setTotalTimeoutDuration(SHORT_TIMEOUT).build());
		if (options instanceof HttpStorageOptions
				&& options.getTransportOptions() instanceof HttpTransportOptions http) {
			limited.setTransportOptions(http.toBuilder().setConnectTimeout(millis).setReadTimeout(millis).build());
		}
		return limited.build().getService();
	}

	@Override
	public String describe() {
		return "gs://" + this.settings.bucket() + "/" + this.settings.prefix();
	}

	@Override
	public String name() {
		return "gcs";
	}

}
