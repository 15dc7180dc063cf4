package dev.vgi.external.storage.gcs;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLEncoder;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;

import com.google.api.gax.retrying.RetrySettings;
import com.google.auth.Credentials;
import com.google.auth.ServiceAccountSigner;
import com.google.auth.oauth2.ServiceAccountCredentials;
import com.google.cloud.http.HttpTransportOptions;
import com.google.cloud.storage.BlobInfo;
import com.google.cloud.storage.Bucket;
import com.google.cloud.storage.BucketInfo.LifecycleRule;
import com.google.cloud.storage.HttpMethod;
import com.google.cloud.storage.HttpStorageOptions;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.Storage.BucketField;
import com.google.cloud.storage.Storage.BucketGetOption;
import com.google.cloud.storage.Storage.SignUrlOption;
import com.google.cloud.storage.StorageException;
import com.google.cloud.storage.StorageOptions;
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
import dev.vgi.external.upload.PartWindow;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.SignedUrl;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
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
public final class GcsStorage implements ExternalStorage, UploadUrlProvider, LifecycleVerifier {

	private static final Log logger = LogFactory.getLog(GcsStorage.class);

	private static final String SIGNATURE = "X-Goog-Signature";

	/** Longest wait where no other limit applies: for health, rules and cancelling. */
	private static final Duration SHORT_TIMEOUT = Duration.ofSeconds(10);

	/** Shortest time for which Google keeps a key that IAM signs with. */
	private static final Duration LIFETIME_OF_IAM_KEYS = Duration.ofHours(12);

	private static final Pattern CODING = Pattern.compile("[a-z0-9-]{1,32}");

	private final Storage storage;

	private final StorageTransport transport;

	private final GcsStorageSettings settings;

	private final Clock clock;

	private final RetryPolicy attempts;

	private final PartWindow window;

	private final String host;

	/** Supply access tokens, which they cache until the tokens expire. */
	private final @Nullable Credentials scopedCredentials;

	private final boolean hasKey;

	private final boolean canSign;

	private final VendedUrlMatcher vendedUrls;

	private final AtomicBoolean warnedOfLifetime = new AtomicBoolean();

	/**
	 * Create a storage. Sends no request to the bucket yet.
	 * @param storage signs with its credentials, for its host
	 * @param transport sends the requests
	 * @param settings the bucket and its limits
	 * @param clock tells whether vended URLs have expired
	 */
	public GcsStorage(Storage storage, StorageTransport transport, GcsStorageSettings settings, Clock clock) {
		this(storage, transport, settings, clock,
				new RetryPolicy(settings.maxRetries(), settings.retryDelay(), transport));
	}

	GcsStorage(Storage storage, StorageTransport transport, GcsStorageSettings settings, Clock clock,
			RetryPolicy attempts) {
		Assert.notNull(storage, "'storage' must not be null");
		Assert.notNull(transport, "'transport' must not be null");
		Assert.notNull(settings, "'settings' must not be null");
		Assert.notNull(clock, "'clock' must not be null");
		StorageOptions options = storage.getOptions();
		this.storage = storage;
		this.transport = transport;
		this.settings = settings;
		this.clock = clock;
		this.attempts = attempts;
		this.window = PartWindow.inOrder(attempts);
		this.host = options.getHost().replaceFirst("/+$", "");
		this.scopedCredentials = options.getScopedCredentials();
		this.hasKey = options.getCredentials() instanceof ServiceAccountCredentials;
		this.canSign = options.getCredentials() instanceof ServiceAccountSigner;
		String key = settings.prefix() + ObjectKey.OF_NO_OBJECT;
		// Any signature shows where the SDK puts bucket and key; this one needs no call.
		this.vendedUrls = VendedUrlMatcher.like(
				sign(HttpMethod.GET, key, settings.presignExpiry(), Map.of(), new Nobody()), settings.bucket(),
				settings.prefix(), key, SIGNATURE);
	}

	@Override
	public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
		String coding = (contentCoding != null) ? contentCoding.trim().toLowerCase(Locale.ROOT) : null;
		Assert.isTrue(coding == null || CODING.matcher(coding).matches(), "'contentCoding' must be a name");
		String key = newKey(coding);
		Deadline deadline = this.attempts.newDeadline(this.settings.timeout());
		int chunkSize = this.settings.chunkSize();
		try (Payload.Part first = payload.next(chunkSize)) {
			Assert.isTrue(first != null, "'payload' must have bytes that nobody took");
			if (first.isLast()) {
				putAtOnce(key, first, coding, deadline);
			}
			else {
				sendInChunks(key, first, payload, chunkSize, coding, deadline);
			}
		}
		try {
			return this.attempts.run(deadline,
					(failures) -> signGet(key, trimmed(this.settings.presignExpiry()), deadline));
		}
		catch (VgiExternalException ex) {
			delete(key, ex);
			throw ex;
		}
	}

	/**
	 * Store an object with one request. The object must not exist yet, so that no attempt
	 * needs the permission to replace objects.
	 * @param key the object's name
	 * @param body the bytes
	 * @param coding their coding, or {@code null}
	 * @param deadline covers all attempts
	 */
	private void putAtOnce(String key, RequestBody body, @Nullable String coding, Deadline deadline) {
		String operation = "store an object";
		Map<String, String> signed = Map.of("x-goog-if-generation-match", "0");
		URI url = this.attempts.run(deadline,
				(failures) -> sign(HttpMethod.PUT, key, forAsLongAs(deadline), signed, deadline));
		Map<String, String> headers = new LinkedHashMap<>(signed);
		headers.put("Content-Type", ArrowMediaType.NAME);
		if (coding != null) {
			headers.put("Content-Encoding", coding);
		}
		if ("gzip".equals(coding)) {
			// Without this, GCS decompresses gzip for callers that do not accept it.
			headers.put("Cache-Control", "no-transform");
		}
		this.attempts.<@Nullable Void>run(deadline, (failures) -> {
			try (StorageResponse response = this.transport.put(url, body, headers, UrlValidator.acceptAll(),
					deadline)) {
				// The name is unique, so an earlier attempt has succeeded although it
				// seemed to fail.
				boolean exists = response.status() == 412 && failures > 0;
				if (response.status() / 100 != 2 && !exists) {
					throw GcsFailures.of(operation, response, this.clock.instant());
				}
				if (!exists && Confirmation.isGivenBy(response.header("ETag"))) {
					return null;
				}
			}
			catch (StorageUnavailableException ex) {
				throw GcsFailures.explained(operation, ex);
			}
			Confirmation.ask(this.transport, signGet(key, forAsLongAs(deadline), deadline), body.length(),
					UrlValidator.acceptAll(), deadline);
			return null;
		});
	}

	private void sendInChunks(String key, Payload.Part first, Payload payload, int chunkSize, @Nullable String coding,
			Deadline deadline) {
		URI session = this.attempts.run(deadline, (failures) -> openSession(key, coding, deadline));
		ResumableUpload upload = new ResumableUpload(this.transport, session, deadline);
		try {
			this.window.<@Nullable Void>send(first, payload, chunkSize, deadline, (part, failures) -> {
				upload.send(part, failures);
				return null;
			});
		}
		catch (RuntimeException | Error ex) {
			cancel(upload, ex);
			throw ex;
		}
	}

	private URI openSession(String key, @Nullable String coding, Deadline deadline) {
		String operation = "open an upload session";
		URI url = URI.create(this.host + "/upload/storage/v1/b/" + encoded(this.settings.bucket())
				+ "/o?uploadType=resumable&name=" + encoded(key));
		String metadata = "{\"contentType\": \"" + ArrowMediaType.NAME + "\""
				+ ((coding != null) ? ", \"contentEncoding\": \"" + coding + "\"" : "")
				+ ("gzip".equals(coding) ? ", \"cacheControl\": \"no-transform\"" : "") + "}";
		Map<String, String> headers = authorized(operation, url, deadline);
		headers.put("Content-Type", "application/json; charset=UTF-8");
		headers.put("X-Upload-Content-Type", ArrowMediaType.NAME);
		try (StorageResponse response = this.transport.send("POST", url, new Text(metadata), headers,
				UrlValidator.acceptAll(), deadline)) {
			if (response.status() / 100 != 2) {
				throw GcsFailures.of(operation, response, this.clock.instant());
			}
			return session(response.header("Location"));
		}
		catch (StorageUnavailableException ex) {
			throw GcsFailures.explained(operation, ex);
		}
	}

	private static URI session(@Nullable String location) {
		try {
			URI session = new URI(String.valueOf(location));
			if (session.isAbsolute() && session.getHost() != null) {
				return session;
			}
		}
		catch (URISyntaxException ex) {
			// The message of the exception contains the URI.
		}
		throw new UploadRefusedException("GCS opened an upload session without saying where", null);
	}

	private static void cancel(ResumableUpload upload, Throwable failure) {
		// An interrupted caller still cleans up.
		boolean interrupted = Thread.interrupted();
		try {
			upload.cancel(SHORT_TIMEOUT);
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

	private void delete(String key, Throwable failure) {
		String operation = "delete an object that nobody can be told of";
		// An interrupted caller still cleans up.
		boolean interrupted = Thread.interrupted();
		URI url = URI.create(this.host + "/storage/v1/b/" + encoded(this.settings.bucket()) + "/o/" + encoded(key));
		Deadline deadline = Deadline.in(SHORT_TIMEOUT);
		try (StorageResponse response = this.transport.send("DELETE", url, new Text(""),
				authorized(operation, url, deadline), UrlValidator.acceptAll(), deadline)) {
			if (response.status() / 100 != 2) {
				throw GcsFailures.of(operation, response, this.clock.instant());
			}
		}
		catch (VgiExternalException ex) {
			failure.addSuppressed(ex);
		}
		finally {
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

	private Map<String, String> authorized(String operation, URI url, Deadline deadline) {
		Map<String, String> headers = new LinkedHashMap<>();
		Credentials credentials = this.scopedCredentials;
		if (credentials != null) {
			try {
				BoundedCall.run("What gives access tokens for GCS", deadline, () -> credentials.getRequestMetadata(url))
					.forEach((name, values) -> headers.put(name, String.join(",", values)));
			}
			catch (ExecutionException ex) {
				throw GcsFailures.token(operation, cause(ex));
			}
		}
		return headers;
	}

	private static Throwable cause(ExecutionException ex) {
		return (ex.getCause() != null) ? ex.getCause() : ex;
	}

	private static Duration forAsLongAs(Deadline deadline) {
		// The storage's clock may be slightly ahead.
		Duration expiry = deadline.timeout().plusMinutes(1);
		return (expiry.compareTo(GcsStorageSettings.LONGEST) < 0) ? expiry : GcsStorageSettings.LONGEST;
	}

	/**
	 * Vend URLs for a new object. Only method and host are signed: a peer may send the
	 * Arrow content type, another one or none. The bucket's defaults apply, such as its
	 * encryption.
	 */
	@Override
	public UploadUrl generateUploadUrl(Schema schema) {
		String key = newKey(null);
		Duration expiry = trimmed(this.settings.uploadUrlExpiry());
		Instant expiresAt = this.clock.instant().plus(expiry);
		Deadline deadline = Deadline.in(SHORT_TIMEOUT);
		URI put = this.attempts.run(deadline, (failures) -> sign(HttpMethod.PUT, key, expiry, Map.of(), deadline));
		URI get = this.attempts.run(deadline, (failures) -> signGet(key, expiry, deadline));
		return new UploadUrl(put, get, expiresAt);
	}

	private URI signGet(String key, Duration expiry, Deadline deadline) {
		return sign(HttpMethod.GET, key, expiry, Map.of(), deadline);
	}

	private URI sign(HttpMethod method, String key, Duration expiry, Map<String, String> headers, Deadline deadline) {
		if (this.hasKey) {
			return sign(method, key, expiry, headers, (ServiceAccountSigner) null);
		}
		try {
			return BoundedCall.run("IAM, which signs the URLs of GCS,", deadline,
					() -> sign(method, key, expiry, headers, (ServiceAccountSigner) null));
		}
		catch (ExecutionException ex) {
			throw (ex.getCause() instanceof VgiExternalException known) ? known
					: GcsFailures.signing(cause(ex), this.canSign);
		}
	}

	private URI sign(HttpMethod method, String key, Duration expiry, Map<String, String> headers,
			@Nullable ServiceAccountSigner signer) {
		BlobInfo object = BlobInfo.newBuilder(this.settings.bucket(), key).build();
		List<SignUrlOption> options = new ArrayList<>(
				List.of(SignUrlOption.withV4Signature(), SignUrlOption.httpMethod(method),
						SignUrlOption.withPathStyle(), SignUrlOption.withHostName(this.host)));
		if (!headers.isEmpty()) {
			options.add(SignUrlOption.withExtHeaders(headers));
		}
		if (signer != null) {
			options.add(SignUrlOption.signWith(signer));
		}
		try {
			return this.storage
				.signUrl(object, expiry.toSeconds(), TimeUnit.SECONDS, options.toArray(SignUrlOption[]::new))
				.toURI();
		}
		catch (URISyntaxException ex) {
			// The message of the exception contains the URL.
			throw new UploadRefusedException("The SDK signed something that is not a URL", null);
		}
		catch (RuntimeException ex) {
			throw GcsFailures.signing(ex, this.canSign);
		}
	}

	private Duration trimmed(Duration expiry) {
		Duration effective = effective(expiry);
		if (effective.compareTo(expiry) < 0 && this.warnedOfLifetime.compareAndSet(false, true)) {
			logger.warn("Signed URLs shall work for " + expiry.toSeconds() + " s, but IAM signs them and its"
					+ " keys are sure to be kept for " + effective.toSeconds() + " s only: use the key of a service"
					+ " account, or lower 'vgi.external.gcs.presign-expiry'. This is said once.");
		}
		return effective;
	}

	private Duration effective(Duration expiry) {
		return (this.hasKey || expiry.compareTo(LIFETIME_OF_IAM_KEYS) <= 0) ? expiry : LIFETIME_OF_IAM_KEYS;
	}

	/**
	 * Return how long a download URL signed now works: the configured expiry or, if IAM
	 * signs and that is shorter, the minimum lifetime of its keys. Does no I/O.
	 * @return the lifetime, for a metric
	 */
	public Duration effectiveExpiry() {
		return effective(this.settings.presignExpiry());
	}

	@Override
	public boolean isOwn(URI url) {
		return this.vendedUrls.contains(url);
	}

	@Override
	public @Nullable Instant expiresAt(URI url) {
		return SignedUrl.of(url).expiry();
	}

	/**
	 * Check that an object could be fetched: signs a URL of a missing object and requests
	 * it.
	 */
	@Override
	public void verifyReachable() {
		String operation = "look at the bucket";
		Deadline deadline = Deadline.in(SHORT_TIMEOUT);
		URI url = this.attempts.run(deadline, (failures) -> signGet(newKey(null), Duration.ofMinutes(1), deadline));
		try (StorageResponse response = this.transport.get(url, null, null, UrlValidator.acceptAll(), 0, deadline)) {
			String code = GcsFailures.code(response);
			if (response.status() / 100 != 2 && (response.status() != 404 || code.equals("NoSuchBucket"))) {
				throw GcsFailures.of(operation, response, code, this.clock.instant());
			}
		}
		catch (StorageUnavailableException ex) {
			throw GcsFailures.explained(operation, ex);
		}
	}

	@Override
	public Finding verifyLifecycle(Duration expireAfter) {
		String operation = "read the lifecycle rules of the bucket";
		try (Storage limited = limited(this.storage.getOptions())) {
			Bucket bucket = limited.get(this.settings.bucket(), BucketGetOption.fields(BucketField.LIFECYCLE));
			if (bucket == null) {
				return new Finding(Verdict.UNKNOWN, "The bucket of 'vgi.external.gcs.bucket' does not exist");
			}
			List<? extends LifecycleRule> rules = bucket.getLifecycleRules();
			return LifecycleRules.judge((rules != null) ? rules : List.of(), this.settings.prefix(), expireAfter);
		}
		catch (StorageException ex) {
			return new Finding(Verdict.UNKNOWN,
					(ex.getCode() == 403)
							? "The lifecycle rules of the bucket cannot be read: storage.buckets.get is not allowed"
							: String.valueOf(GcsFailures.of(operation, ex).getMessage()));
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

	private String newKey(@Nullable String coding) {
		return this.settings.prefix() + ObjectKey.random(coding);
	}

	private static String encoded(String text) {
		return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
	}

	/**
	 * A short text body.
	 */
	private static final class Text implements RequestBody {

		private final byte[] bytes;

		Text(String text) {
			this.bytes = text.getBytes(StandardCharsets.UTF_8);
		}

		@Override
		public long length() {
			return this.bytes.length;
		}

		@Override
		public void writeTo(WritableByteChannel channel) throws IOException {
			ByteBuffer remaining = ByteBuffer.wrap(this.bytes);
			while (remaining.hasRemaining()) {
				channel.write(remaining);
			}
		}

	}

	/**
	 * Signs nothing, for a URL that is never requested.
	 */
	private static final class Nobody implements ServiceAccountSigner {

		@Override
		public String getAccount() {
			return "nobody";
		}

		@Override
		public byte[] sign(byte[] toSign) {
			return new byte[1];
		}

	}

}
