package dev.vgi.external.storage.gcs;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

import com.google.auth.ServiceAccountSigner;
import com.google.auth.oauth2.ServiceAccountCredentials;
import com.google.cloud.storage.BlobInfo;
import com.google.cloud.storage.HttpMethod;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.Storage.SignUrlOption;
import com.google.cloud.storage.StorageOptions;
import dev.vgi.external.VgiExternalException;
import dev.vgi.external.storage.BoundedCall;
import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.VendedUrlMatcher;
import dev.vgi.external.time.Deadline;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Signs URLs with the key of a service account or, without one, by asking IAM. URLs that
 * IAM signs work no longer than it keeps its keys, so their expiry is shortened.
 * Thread-safe.
 */
final class GcsSigner {

	private static final Log logger = LogFactory.getLog(GcsSigner.class);

	/** Shortest time for which Google keeps a key that IAM signs with. */
	private static final Duration LIFETIME_OF_IAM_KEYS = Duration.ofHours(12);

	private final Storage storage;

	private final GcsStorageSettings settings;

	private final String host;

	private final boolean hasKey;

	private final boolean canSign;

	private final VendedUrlMatcher vendedUrls;

	private final AtomicBoolean warnedOfLifetime = new AtomicBoolean();

	GcsSigner(Storage storage, GcsStorageSettings settings) {
		StorageOptions options = storage.getOptions();
		this.storage = storage;
		this.settings = settings;
		this.host = GcsBucket.host(options);
		this.hasKey = options.getCredentials() instanceof ServiceAccountCredentials;
		this.canSign = options.getCredentials() instanceof ServiceAccountSigner;
		String key = settings.prefix() + ObjectKey.OF_NO_OBJECT;
		// Any signature shows where the SDK puts bucket and key; this one needs no call.
		this.vendedUrls = VendedUrlMatcher.like(
				sign(HttpMethod.GET, key, settings.presignExpiry(), Map.of(), new Nobody()), settings.bucket(),
				settings.prefix(), key, "X-Goog-Signature");
	}

	/**
	 * Sign a download URL, once.
	 * @param key the object's name
	 * @param expiry how long it works
	 * @param deadline limits the wait for IAM
	 * @return the URL
	 */
	URI get(String key, Duration expiry, Deadline deadline) {
		return sign(HttpMethod.GET, key, expiry, Map.of(), deadline);
	}

	/**
	 * Sign an upload URL, once.
	 * @param key the object's name
	 * @param expiry how long it works
	 * @param headers headers that have to be sent with the upload
	 * @param deadline limits the wait for IAM
	 * @return the URL
	 */
	URI put(String key, Duration expiry, Map<String, String> headers, Deadline deadline) {
		return sign(HttpMethod.PUT, key, expiry, headers, deadline);
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
					: GcsFailures.signing((ex.getCause() != null) ? ex.getCause() : ex, this.canSign);
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

	/**
	 * Shorten a lifetime to that of the keys that sign.
	 * @param expiry how long a URL should work
	 * @return how long it will work
	 */
	Duration trimmed(Duration expiry) {
		Duration effective = effective(expiry);
		if (effective.compareTo(expiry) < 0 && this.warnedOfLifetime.compareAndSet(false, true)) {
			logger.warn("Signed URLs shall work for " + expiry.toSeconds() + " s, but IAM signs them and its"
					+ " keys are sure to be kept for " + effective.toSeconds() + " s only: use the key of a service"
					+ " account, or lower 'vgi.external.gcs.presign-expiry'. This is said once.");
		}
		return effective;
	}

	/**
	 * Return how long a URL will work.
	 * @param expiry how long it should work
	 * @return the same or a shorter time
	 */
	Duration effective(Duration expiry) {
		return (this.hasKey || expiry.compareTo(LIFETIME_OF_IAM_KEYS) <= 0) ? expiry : LIFETIME_OF_IAM_KEYS;
	}

	/**
	 * Return the key in a URL that has the form of those that are signed here.
	 * @param url an absolute URL from anywhere
	 * @return the key, or {@code null} for every other URL
	 */
	@Nullable String keyOf(URI url) {
		return this.vendedUrls.key(url);
	}

	boolean admits(URI url, ObjectOwner owner) {
		return this.vendedUrls.admits(url, owner);
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
