package dev.vgi.external.storage.gcs;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;

import com.google.auth.Credentials;
import com.google.cloud.storage.StorageOptions;
import dev.vgi.external.storage.ArrowMediaType;
import dev.vgi.external.storage.BoundedCall;
import dev.vgi.external.storage.Confirmation;
import dev.vgi.external.storage.ErrorDocument;
import dev.vgi.external.storage.TextBody;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadRequests;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;

/**
 * The requests to a bucket, through the {@link StorageTransport}: to signed URLs, and
 * with access tokens to the JSON API. Each method makes one attempt. Thread-safe.
 */
final class GcsBucket {

	/** The object must not exist, so no attempt needs permission to replace objects. */
	private static final Map<String, String> NEW_OBJECT = Map.of("x-goog-if-generation-match", "0");

	private final GcsSigner signer;

	private final StorageTransport transport;

	private final GcsStorageSettings settings;

	private final Clock clock;

	private final String host;

	/** Supply access tokens, which they cache until the tokens expire. */
	private final @Nullable Credentials scopedCredentials;

	GcsBucket(StorageOptions options, GcsSigner signer, StorageTransport transport, GcsStorageSettings settings,
			Clock clock) {
		this.signer = signer;
		this.transport = transport;
		this.settings = settings;
		this.clock = clock;
		this.host = host(options);
		this.scopedCredentials = options.getScopedCredentials();
	}

	static String host(StorageOptions options) {
		return options.getHost().replaceFirst("/+$", "");
	}

	/**
	 * Sign the URL for {@link #put}.
	 * @param key the object's name
	 * @param deadline the URL works as long
	 * @return the URL
	 */
	URI uploadUrl(String key, Deadline deadline) {
		return this.signer.put(key, forAsLongAs(deadline), NEW_OBJECT, deadline);
	}

	/**
	 * Store a whole new object, and make sure that it is stored.
	 * @param url its signed URL
	 * @param key its name
	 * @param coding its coding, or {@code null}
	 * @param body its bytes
	 * @param failures how many attempts have failed
	 * @param deadline covers all requests
	 * @param requests the requests of the upload
	 */
	void put(URI url, String key, @Nullable String coding, RequestBody body, int failures, Deadline deadline,
			UploadRequests requests) {
		String operation = "store an object";
		Map<String, String> headers = new LinkedHashMap<>(NEW_OBJECT);
		headers.put("Content-Type", ArrowMediaType.NAME);
		if (coding != null) {
			headers.put("Content-Encoding", coding);
		}
		if ("gzip".equals(coding)) {
			// Without this, GCS decompresses gzip for callers that do not accept it.
			headers.put("Cache-Control", "no-transform");
		}
		try (StorageResponse response = this.transport.put(url, body, headers, UrlValidator.acceptAll(), deadline,
				requests.object(body.length()))) {
			// The name is unique, so an earlier attempt has succeeded although it seemed
			// to fail.
			boolean exists = response.status() == 412 && failures > 0;
			if (response.status() / 100 != 2 && !exists) {
				throw GcsFailures.of(operation, response, this.clock.instant());
			}
			response.discard();
			if (!exists && Confirmation.isGivenBy(response.header("ETag"))) {
				return;
			}
		}
		catch (StorageUnavailableException ex) {
			throw GcsFailures.explained(operation, ex);
		}
		Confirmation.ask(this.transport, this.signer.get(key, forAsLongAs(deadline), deadline), body.length(),
				UrlValidator.acceptAll(), deadline, requests.other(Purpose.CONFIRMATION));
	}

	private static Duration forAsLongAs(Deadline deadline) {
		// The storage's clock may be slightly ahead.
		Duration expiry = deadline.timeout().plusMinutes(1);
		return (expiry.compareTo(GcsStorageSettings.LONGEST) < 0) ? expiry : GcsStorageSettings.LONGEST;
	}

	/**
	 * Sign the download URL of an object.
	 * @param key its name
	 * @param deadline limits the wait for IAM
	 * @return the URL
	 */
	URI downloadUrl(String key, Deadline deadline) {
		return this.signer.get(key, this.signer.trimmed(this.settings.presignExpiry()), deadline);
	}

	/**
	 * Sign the download URL of an object that was stored earlier, once, and make sure
	 * that the object is still there.
	 * @param key its name
	 * @param deadline covers all requests
	 * @return the URL
	 */
	URI downloadUrlOfStored(String key, Deadline deadline) {
		String operation = "look at an object";
		URI url = downloadUrl(key, deadline);
		try (StorageResponse response = this.transport.get(url, Confirmation.FIRST_BYTE, null, UrlValidator.acceptAll(),
				0, deadline)) {
			if (!Confirmation.isGivenBy(response)) {
				throw GcsFailures.missing(operation, response, this.clock.instant());
			}
			return url;
		}
		catch (StorageUnavailableException ex) {
			throw GcsFailures.explained(operation, ex);
		}
	}

	/**
	 * Open a session that stores an object in parts.
	 * @param key the object's name
	 * @param coding its coding, or {@code null}
	 * @param deadline covers the request
	 * @param requests the requests of the upload
	 * @return the session
	 */
	GcsSession openSession(String key, @Nullable String coding, Deadline deadline, UploadRequests requests) {
		String operation = "open an upload session";
		URI url = URI.create(this.host + "/upload/storage/v1/b/" + encoded(this.settings.bucket())
				+ "/o?uploadType=resumable&name=" + encoded(key));
		String metadata = "{\"contentType\": \"" + ArrowMediaType.NAME + "\""
				+ ((coding != null) ? ", \"contentEncoding\": \"" + coding + "\"" : "")
				+ ("gzip".equals(coding) ? ", \"cacheControl\": \"no-transform\"" : "") + "}";
		Map<String, String> headers = authorized(operation, url, deadline);
		headers.put("Content-Type", "application/json; charset=UTF-8");
		headers.put("X-Upload-Content-Type", ArrowMediaType.NAME);
		try (StorageResponse response = this.transport.send("POST", url, new TextBody(metadata), headers,
				UrlValidator.acceptAll(), deadline, requests.other(Purpose.SESSION))) {
			if (response.status() / 100 != 2) {
				throw GcsFailures.of(operation, response, this.clock.instant());
			}
			response.discard();
			return new GcsSession(this.transport, requests, session(response.header("Location")));
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

	/**
	 * Delete an object of a failed upload, if there is one.
	 * @param key its name
	 * @param deadline covers all requests
	 * @param requests the requests of the upload
	 */
	void delete(String key, Deadline deadline, UploadRequests requests) {
		String operation = "delete an object that nobody can be told of";
		URI url = URI.create(this.host + "/storage/v1/b/" + encoded(this.settings.bucket()) + "/o/" + encoded(key));
		try (StorageResponse response = this.transport.send("DELETE", url, TextBody.EMPTY,
				authorized(operation, url, deadline), UrlValidator.acceptAll(), deadline,
				requests.other(Purpose.REMOVAL))) {
			if (response.status() / 100 != 2 && response.status() != 404) {
				throw GcsFailures.of(operation, response, this.clock.instant());
			}
		}
	}

	/**
	 * Request an object that does not exist.
	 * @param url its signed URL
	 * @param deadline covers the request
	 */
	void look(URI url, Deadline deadline) {
		String operation = "look at the bucket";
		try (StorageResponse response = this.transport.get(url, null, null, UrlValidator.acceptAll(), 0, deadline)) {
			String code = ErrorDocument.code(response);
			if (response.status() / 100 != 2 && (response.status() != 404 || code.equals("NoSuchBucket"))) {
				throw GcsFailures.of(operation, response, code, this.clock.instant());
			}
		}
		catch (StorageUnavailableException ex) {
			throw GcsFailures.explained(operation, ex);
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
				throw GcsFailures.token(operation, (ex.getCause() != null) ? ex.getCause() : ex);
			}
		}
		return headers;
	}

	private static String encoded(String text) {
		return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
	}

}
