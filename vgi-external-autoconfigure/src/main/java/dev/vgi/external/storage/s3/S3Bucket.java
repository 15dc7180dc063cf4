package dev.vgi.external.storage.s3;

import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.function.BiFunction;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.storage.BoundedCall;
import dev.vgi.external.storage.Confirmation;
import dev.vgi.external.storage.UploadRequests;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.RequestWatch;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferRequest;
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.upload.NumberedPart;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.awscore.presigner.PresignedRequest;
import software.amazon.awssdk.identity.spi.AwsCredentialsIdentity;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.UploadPartRequest;

/**
 * The requests to a bucket: calls of the SDK, and bytes sent to signed URLs through the
 * {@link StorageTransport}. Converts every failure. Thread-safe.
 */
final class S3Bucket {

	private final S3Client client;

	private final S3Signer signer;

	private final StorageTransport transport;

	private final S3StorageSettings settings;

	private final Clock clock;

	private final RetryPolicy attempts;

	S3Bucket(S3Client client, S3Signer signer, StorageTransport transport, S3StorageSettings settings, Clock clock,
			RetryPolicy attempts) {
		this.client = client;
		this.signer = signer;
		this.transport = transport;
		this.settings = settings;
		this.clock = clock;
		this.attempts = attempts;
	}

	/**
	 * Call the SDK once.
	 * @param <T> type of the result
	 * @param operation the operation, in the words of an error
	 * @param deadline limits the call, and the attempts to obtain credentials for it
	 * @param call takes the client and the configuration of the call
	 * @return the result
	 */
	<T extends @Nullable Object> T call(String operation, Deadline deadline,
			BiFunction<S3Client, AwsRequestOverrideConfiguration, T> call) {
		return call(operation, deadline, RequestWatch.NONE, call);
	}

	/**
	 * Call the SDK once for an upload.
	 * @param <T> type of the result
	 * @param operation the operation, in the words of an error
	 * @param deadline limits the call, and the attempts to obtain credentials for it
	 * @param watch is told what becomes of the call
	 * @param call takes the client and the configuration of the call; may return
	 * {@code null} if what it is about is not there
	 * @return the result
	 */
	<T extends @Nullable Object> T call(String operation, Deadline deadline, RequestWatch watch,
			BiFunction<S3Client, AwsRequestOverrideConfiguration, T> call) {
		WatchedCall watched = new WatchedCall(watch);
		try {
			// The SDK would request credentials outside of its own limits, and only once.
			AwsCredentialsIdentity credentials = triedCredentials(operation, deadline);
			Duration timeout = deadline.remaining();
			if (timeout.isZero()) {
				throw new TransferTimeoutException("No time is left to " + operation, null);
			}
			watch.sent();
			AwsRequestOverrideConfiguration limits = S3Signer.override(credentials).apiCallTimeout(timeout).build();
			return watched.answered(call(operation, deadline, limits, watched, call));
		}
		catch (VgiExternalException ex) {
			watched.failed(ex);
			throw ex;
		}
	}

	private <T extends @Nullable Object> T call(String operation, Deadline deadline,
			AwsRequestOverrideConfiguration limits, WatchedCall watched,
			BiFunction<S3Client, AwsRequestOverrideConfiguration, T> call) {
		try {
			// The SDK does not heed an interrupt while it waits for an answer.
			return BoundedCall.request("S3, which was to " + operation + ",", deadline,
					() -> call.apply(this.client, limits));
		}
		catch (TransferTimeoutException ex) {
			throw S3Failures.late(operation);
		}
		catch (ExecutionException ex) {
			if (ex.getCause() instanceof RuntimeException thrown) {
				watched.refused(thrown);
				throw S3Failures.of(operation, thrown, this.clock.instant());
			}
			throw new IllegalStateException("The SDK throws no checked exception", ex.getCause());
		}
	}

	private AwsCredentialsIdentity triedCredentials(String operation, Deadline deadline) {
		return this.attempts.run(deadline, (failures) -> this.signer.credentials(operation, deadline));
	}

	/**
	 * Send a whole object, once, and make sure that it is stored.
	 * @param request describes the object
	 * @param body its bytes
	 * @param deadline covers all requests
	 * @param requests the requests of the upload
	 */
	void put(PutObjectRequest request, RequestBody body, Deadline deadline, UploadRequests requests) {
		String operation = "store an object";
		PresignedRequest signed = this.signer.put(request, this.signer.credentials(operation, deadline));
		String tag = send(operation, SignedRequest.of(signed), body, deadline, requests.object(body.length()));
		confirm(tag, request.key(), body.length(), deadline, requests);
	}

	/**
	 * Return the URLs of the parts of an upload.
	 * @param request identifies the upload
	 * @return its URLs
	 */
	S3PartUrls partUrls(UploadPartRequest request) {
		return new S3PartUrls(this.signer, this.clock, request);
	}

	/**
	 * Send a part, once.
	 * @param urls signs its URL
	 * @param part the part
	 * @param deadline covers the request
	 * @param requests the requests of the upload
	 * @return its entity tag
	 */
	String putPart(S3PartUrls urls, NumberedPart part, Deadline deadline, UploadRequests requests) {
		String operation = "store a part";
		String tag = send(operation, urls.sign(part.number(), this.signer.credentials(operation, deadline)), part,
				deadline, requests.part(part, 0));
		if (tag == null || !Confirmation.isGivenBy(tag)) {
			throw new StorageUnavailableException("S3 was to " + operation + ", and answered without its entity tag", 0,
					null);
		}
		return tag;
	}

	private @Nullable String send(String operation, SignedRequest signed, RequestBody body, Deadline deadline,
			TransferRequest request) {
		try (StorageResponse response = this.transport.put(signed.url(), body, signed.headers(),
				UrlValidator.acceptAll(), deadline, request)) {
			if (response.status() / 100 != 2) {
				throw S3Failures.of(operation, response, this.clock.instant());
			}
			response.discard();
			return response.header("ETag");
		}
		catch (StorageUnavailableException ex) {
			throw S3Failures.explained(operation, ex);
		}
	}

	/**
	 * Make sure that an object is stored.
	 * @param entityTag the entity tag in the response to its upload, or {@code null}
	 * @param key its key
	 * @param length its length
	 * @param deadline covers the request
	 * @param requests the requests of the upload
	 */
	void confirm(@Nullable String entityTag, String key, long length, Deadline deadline, UploadRequests requests) {
		if (!Confirmation.isGivenBy(entityTag)) {
			URI url = url("look at an object", key, this.settings.uploadUrlExpiry(), deadline);
			Confirmation.ask(this.transport, url, length, UrlValidator.acceptAll(), deadline,
					requests.other(Purpose.CONFIRMATION));
		}
	}

	/**
	 * Sign the download URL of an object, once.
	 * @param key its key
	 * @param deadline limits the wait for credentials
	 * @return the URL
	 */
	URI downloadUrl(String key, Deadline deadline) {
		return url("sign a download URL", key, this.settings.presignExpiry(), deadline);
	}

	/**
	 * Sign the download URL of an object that was stored earlier, once, and make sure
	 * that the object is still there.
	 * @param key its key
	 * @param deadline covers all requests
	 * @return the URL
	 */
	URI downloadUrlOfStored(String key, Deadline deadline) {
		String operation = "look at an object";
		URI url = downloadUrl(key, deadline);
		try (StorageResponse response = this.transport.get(url, Confirmation.FIRST_BYTE, null, UrlValidator.acceptAll(),
				0, deadline)) {
			if (!Confirmation.isGivenBy(response)) {
				throw S3Failures.missing(operation, response, this.clock.instant());
			}
			return url;
		}
		catch (StorageUnavailableException ex) {
			throw S3Failures.explained(operation, ex);
		}
	}

	private URI url(String operation, String key, Duration expiry, Deadline deadline) {
		return S3Signer.url(this.signer.get(key, expiry, this.signer.credentials(operation, deadline)));
	}

	/**
	 * Sign the URLs of a new object with the same credentials.
	 * @param key its key
	 * @param deadline limits the wait for credentials
	 * @return the pair
	 */
	UploadUrl pair(String key, Deadline deadline) {
		AwsCredentialsIdentity credentials = triedCredentials("sign an upload URL", deadline);
		PresignedRequest put = this.signer
			.put(PutObjectRequest.builder().bucket(this.settings.bucket()).key(key).build(), credentials);
		PresignedRequest get = this.signer.get(key, this.settings.uploadUrlExpiry(), credentials);
		return new UploadUrl(S3Signer.url(put), S3Signer.url(get),
				put.expiration().isBefore(get.expiration()) ? put.expiration() : get.expiration());
	}

}
