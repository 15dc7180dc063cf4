package dev.vgi.external.storage.s3;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;

import dev.vgi.external.storage.BoundedCall;
import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.VendedUrlMatcher;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.transport.StorageUnavailableException;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.awscore.presigner.PresignedRequest;
import software.amazon.awssdk.identity.spi.AwsCredentialsIdentity;
import software.amazon.awssdk.identity.spi.IdentityProvider;
import software.amazon.awssdk.identity.spi.ResolveIdentityRequest;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.UploadPartRequest;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

/**
 * Obtains credentials and signs URLs with them. Credentials are requested for each
 * signature, since only their provider knows when to renew them. Signed URLs expire with
 * their credentials, so the expiry is shortened if the SDK tells when that is.
 * <p>
 * Thread-safe. Sends no request to S3.
 */
final class S3Signer {

	private static final Log logger = LogFactory.getLog(S3Signer.class);

	/** A URL with a shorter lifetime would expire before anyone could use it. */
	private static final Duration SHORTEST_LINK = Duration.ofSeconds(10);

	/** Signs URLs that are never requested. */
	private static final AwsCredentialsIdentity NOBODY = AwsCredentialsIdentity.create("nobody", "nobody");

	private final S3Client client;

	private final S3Presigner presigner;

	private final S3StorageSettings settings;

	private final Clock clock;

	private final AtomicBoolean warnedOfLifetime = new AtomicBoolean();

	private volatile @Nullable VendedUrlMatcher vendedUrls;

	private volatile @Nullable Instant credentialsEnd;

	/**
	 * Create a signer.
	 * @param client has the credentials
	 * @param presigner signs for the endpoint that callers use
	 * @param settings the bucket and how long its URLs work
	 * @param clock compared with the credentials' lifetime
	 */
	S3Signer(S3Client client, S3Presigner presigner, S3StorageSettings settings, Clock clock) {
		this.client = client;
		this.presigner = presigner;
		this.settings = settings;
		this.clock = clock;
	}

	/**
	 * Request credentials once.
	 * @param operation the operation, in the words of an error
	 * @param deadline limits the wait
	 * @return the credentials, for one signature or for a pair
	 * @throws StorageUnavailableException if there are none at the moment
	 */
	AwsCredentialsIdentity credentials(String operation, Deadline deadline) {
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

	/**
	 * Let a call of the SDK use credentials that were requested before.
	 * @param credentials the credentials
	 * @return the configuration of the call
	 */
	static AwsRequestOverrideConfiguration.Builder override(AwsCredentialsIdentity credentials) {
		return AwsRequestOverrideConfiguration.builder().credentialsProvider(new Resolved(credentials));
	}

	PresignedRequest put(PutObjectRequest request, AwsCredentialsIdentity credentials) {
		return sign(
				(expiry, override) -> this.presigner.presignPutObject((put) -> put.signatureDuration(expiry)
					.putObjectRequest(request.toBuilder().overrideConfiguration(override).build())),
				this.settings.uploadUrlExpiry(), credentials);
	}

	PresignedRequest part(UploadPartRequest request, AwsCredentialsIdentity credentials) {
		return sign(
				(expiry, override) -> this.presigner.presignUploadPart((part) -> part.signatureDuration(expiry)
					.uploadPartRequest(request.toBuilder().overrideConfiguration(override).build())),
				this.settings.uploadUrlExpiry(), credentials);
	}

	PresignedRequest get(String key, Duration expiry, AwsCredentialsIdentity credentials) {
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
	 * Return how long a download URL signed now would work, as far as is known.
	 * @return the lifetime
	 */
	Duration effectiveExpiry() {
		return trimmed(this.settings.presignExpiry(), this.credentialsEnd);
	}

	/**
	 * Return the key in a URL that has the form of those that are signed here.
	 * @param url an absolute URL from anywhere
	 * @return the key; {@code null} for every other URL, or if nothing can be signed
	 */
	@Nullable String keyOf(URI url) {
		VendedUrlMatcher own = vendedUrls();
		return (own != null) ? own.key(url) : null;
	}

	/**
	 * Return whether a URL may be used for an owner.
	 * @param url an absolute URL from anywhere
	 * @param owner who sent it
	 * @return {@code false} if it leads to an object that was not stored for this owner
	 */
	boolean admits(URI url, ObjectOwner owner) {
		VendedUrlMatcher own = vendedUrls();
		return own == null || own.admits(url, owner);
	}

	private @Nullable VendedUrlMatcher vendedUrls() {
		VendedUrlMatcher own = this.vendedUrls;
		if (own == null) {
			String key = this.settings.prefix() + ObjectKey.OF_NO_OBJECT;
			try {
				// Any signature shows where the SDK puts bucket and key; this one needs
				// no credentials.
				own = VendedUrlMatcher.like(url(get(key, this.settings.presignExpiry(), NOBODY)),
						this.settings.bucket(), this.settings.prefix(), key, "X-Amz-Signature");
			}
			catch (UploadRefusedException ex) {
				return null;
			}
			this.vendedUrls = own;
		}
		return own;
	}

	static URI url(PresignedRequest signed) {
		try {
			return signed.url().toURI();
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
