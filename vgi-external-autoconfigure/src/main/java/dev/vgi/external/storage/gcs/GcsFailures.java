package dev.vgi.external.storage.gcs;

import java.io.IOException;
import java.time.Instant;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import com.google.api.client.http.HttpResponseException;
import com.google.cloud.storage.StorageException;
import dev.vgi.external.VgiExternalException;
import dev.vgi.external.storage.ErrorDocument;
import dev.vgi.external.storage.ObjectGoneException;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.transport.ClockSkew;
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.transport.StorageBusyException;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportClosedException;
import org.jspecify.annotations.Nullable;

/**
 * Converts failures of GCS and its SDK to errors that name the key to change. Messages of
 * the SDK may contain tokens and signed URLs: only status, reason, request id and class
 * names of its exceptions are kept.
 */
final class GcsFailures {

	private static final int REQUEST_TIMEOUT = 408;

	private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9+/=._-]{1,256}");

	private static final Pattern STATUS = Pattern
		.compile("(?i)\\b(?:error code|response code:|status code:?|HTTP/1\\.[01]) ([45][0-9]{2})\\b");

	private GcsFailures() {
	}

	/**
	 * Create the error for an unsuccessful response to a request without a signature.
	 * @param operation the operation, in the words of an error
	 * @param response the response, whose body was not read yet
	 * @return the error
	 */
	static VgiExternalException of(String operation, StorageResponse response) {
		return of(operation, response.status(), ErrorDocument.code(response), response::header, null);
	}

	/**
	 * Create the error for an unsuccessful response.
	 * @param operation the operation, in the words of an error
	 * @param response the response, whose body was not read yet
	 * @param now the time by the clock of this machine
	 * @return the error
	 */
	static VgiExternalException of(String operation, StorageResponse response, Instant now) {
		return of(operation, response, ErrorDocument.code(response), now);
	}

	/**
	 * Create the error for an unsuccessful response.
	 * @param operation the operation, in the words of an error
	 * @param response the response
	 * @param code its error code, or an empty text
	 * @param now the time by the clock of this machine
	 * @return the error
	 */
	static VgiExternalException of(String operation, StorageResponse response, String code, Instant now) {
		return of(operation, response.status(), code, response::header, ClockSkew.note(response.header("Date"), now));
	}

	/**
	 * Create the error for an unsuccessful request for an object that was stored earlier.
	 * @param operation the operation, in the words of an error
	 * @param response the response, whose body was not read yet
	 * @param now the time by the clock of this machine
	 * @return the error
	 */
	static VgiExternalException missing(String operation, StorageResponse response, Instant now) {
		String code = ErrorDocument.code(response);
		boolean gone = ErrorDocument.meansGone(response.status(), code)
				&& (response.status() == 404 || ClockSkew.note(response.header("Date"), now) == null);
		return gone ? new ObjectGoneException() : of(operation, response, code, now);
	}

	static VgiExternalException of(String operation, StorageException ex) {
		if (ex.getCode() > 0) {
			return of(operation, ex.getCode(), String.valueOf(ex.getReason()), (name) -> null, null);
		}
		// The SDK obtains its access token within the same call.
		return (status(ex) > 0) ? token(operation, ex) : unreachable(operation, FailureReason.of(ex), null);
	}

	private static VgiExternalException of(String operation, int status, String errorCode,
			Function<String, @Nullable String> header, @Nullable String skew) {
		String code = TOKEN.matcher(errorCode).matches() ? errorCode : "";
		StringBuilder message = new StringBuilder("GCS refused to ").append(operation)
			.append(" (status ")
			.append(status);
		if (!code.isEmpty()) {
			message.append(' ').append(code);
		}
		String requestId = header.apply("x-guploader-uploadid");
		if (requestId != null && TOKEN.matcher(requestId).matches()) {
			message.append(", request ").append(requestId);
		}
		message.append(')');
		if (status >= 500 || status == 429 || status == REQUEST_TIMEOUT) {
			return StorageUnavailableException.answered(message.toString(), status, false, header);
		}
		return new UploadRefusedException(message.append(hint(status, code, skew)).toString(), null);
	}

	private static String hint(int status, String code, @Nullable String skew) {
		return switch (code) {
			case "NoSuchBucket" -> ": the bucket of 'vgi.external.gcs.bucket' does not exist";
			case "ExpiredToken", "RequestTimeTooSkewed" ->
				": the clock of this machine is wrong" + ((skew != null) ? ", " + skew : "");
			case "SignatureDoesNotMatch", "InvalidAccessKeyId", "AuthenticationRequired" ->
				": the credentials of GCS are wrong: check 'spring.cloud.gcp.credentials'";
			case "UserProjectMissing" -> ": the bucket of 'vgi.external.gcs.bucket' lets requesters pay, which signed"
					+ " URLs of this library do not";
			default -> switch (status) {
				case 401 -> ": the credentials of GCS are wrong: check 'spring.cloud.gcp.credentials'";
				case 403 -> (skew != null) ? ": the clock of this machine is wrong, or that of GCS: " + skew
						: ": the service account lacks permissions (roles/storage.objectUser) for"
								+ " 'vgi.external.gcs.bucket' and 'vgi.external.gcs.prefix'";
				case 404 -> ": the bucket of 'vgi.external.gcs.bucket' does not exist";
				default -> "";
			};
		};
	}

	/**
	 * Name the keys to check if GCS was not reached at all.
	 * @param operation the operation, in the words of an error
	 * @param ex the exception of the transport
	 * @return the error
	 */
	static StorageUnavailableException explained(String operation, StorageUnavailableException ex) {
		return (ex.status() != 0 || ex instanceof StorageBusyException || ex instanceof TransportClosedException
				|| ex instanceof TransferCancelledException) ? ex
						: unreachable(operation, String.valueOf(ex.getMessage()), ex);
	}

	private static StorageUnavailableException unreachable(String operation, String what,
			@Nullable VgiExternalException cause) {
		return new StorageUnavailableException("GCS cannot be reached to " + operation + " (" + what
				+ "): check 'spring.cloud.gcp.storage.host' and 'vgi.external.http.proxy.host'", 0, cause);
	}

	/**
	 * Create the error for a failed signature.
	 * @param ex the exception of the SDK, which asks IAM to sign if it has no key
	 * @param canSign whether the credentials are of a kind that can sign
	 * @return the error
	 */
	static VgiExternalException signing(Throwable ex, boolean canSign) {
		int status = status(ex);
		String message = "GCS URLs cannot be signed ("
				+ ((status > 0) ? "IAM answered " + status : FailureReason.of(ex)) + ")";
		if (status == 401 || status == 403 || status == 404) {
			return new UploadRefusedException(
					message + ": allow the service account iam.serviceAccounts.signBlob on itself"
							+ " (roles/iam.serviceAccountTokenCreator) and enable the IAM Service Account Credentials"
							+ " API, or set 'spring.cloud.gcp.credentials.location' to a service account's key",
					null);
		}
		if (!canSign && ex instanceof IllegalStateException) {
			return new UploadRefusedException(message + ": the credentials are not those of a service account: set"
					+ " 'spring.cloud.gcp.credentials.location' to a service account's key", null);
		}
		return StorageUnavailableException.answered(message, status, false, (name) -> null);
	}

	/**
	 * Create the error for a missing access token.
	 * @param operation the operation, in the words of an error
	 * @param ex the exception of the SDK
	 * @return the error
	 */
	static VgiExternalException token(String operation, Throwable ex) {
		int status = status(ex);
		if (status >= 400 && status < 500 && status != 429 && status != REQUEST_TIMEOUT) {
			return new UploadRefusedException("GCS gave no access token to " + operation + " (status " + status
					+ "): the credentials of GCS are wrong: check 'spring.cloud.gcp.credentials'", null);
		}
		return StorageUnavailableException.answered(
				"GCS gave no access token to " + operation + " (" + FailureReason.of(ex) + ")", status, false,
				(name) -> null);
	}

	private static int status(Throwable ex) {
		for (Throwable cause : FailureReason.chain(ex)) {
			if (cause instanceof HttpResponseException response) {
				return response.getStatusCode();
			}
		}
		for (Throwable cause : FailureReason.chain(ex)) {
			// The IAM signer includes the status only in its text.
			Matcher status = STATUS.matcher(String.valueOf(cause.getMessage()));
			if (cause instanceof IOException && status.find()) {
				return Integer.parseInt(status.group(1));
			}
		}
		return 0;
	}

}
