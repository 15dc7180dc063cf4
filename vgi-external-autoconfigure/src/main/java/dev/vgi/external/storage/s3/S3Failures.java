package dev.vgi.external.storage.s3;

import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;

import javax.xml.stream.XMLStreamException;

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
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.transport.TransportClosedException;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.AbortedException;
import software.amazon.awssdk.core.exception.ApiCallAttemptTimeoutException;
import software.amazon.awssdk.core.exception.ApiCallTimeoutException;
import software.amazon.awssdk.http.SdkHttpResponse;

/**
 * Converts failures of S3 and its SDK to errors that name the key to change. Messages of
 * the SDK may contain signed URLs: only status, error code, request id and class names of
 * its exceptions are kept.
 */
final class S3Failures {

	private static final int MOVED = 301;

	private static final int REQUEST_TIMEOUT = 408;

	/** Error codes of transient failures, whatever the status. */
	private static final Set<String> TEMPORARY = Set.of("InternalError", "OperationAborted", "RequestTimeout",
			"ServiceUnavailable", "SlowDown");

	/** Error codes of a bucket or credentials that no permission and no wait mends. */
	private static final Set<String> MISCONFIGURED = Set.of("NoSuchBucket", "PermanentRedirect",
			"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "InvalidAccessKeyId",
			"SignatureDoesNotMatch");

	private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9+/=._-]{1,128}");

	private static final String REGION_HEADER = "x-amz-bucket-region";

	private S3Failures() {
	}

	/**
	 * Create the error for a failed call of the SDK.
	 * @param operation the operation, in the words of an error
	 * @param ex the exception of the SDK
	 * @param now the time by the clock of this machine
	 * @return the error
	 */
	static VgiExternalException of(String operation, RuntimeException ex, Instant now) {
		if (ex instanceof AbortedException || Thread.currentThread().isInterrupted()) {
			return new TransferCancelledException("Interrupted: S3 was to " + operation);
		}
		if (ex instanceof AwsServiceException service) {
			AwsErrorDetails details = service.awsErrorDetails();
			SdkHttpResponse response = (details != null) ? details.sdkHttpResponse() : null;
			return of(operation, service.statusCode(), (details != null) ? details.errorCode() : null,
					service.requestId(), (name) -> header(response, name),
					ClockSkew.note(header(response, "Date"), now));
		}
		if (ex instanceof ApiCallTimeoutException || ex instanceof ApiCallAttemptTimeoutException) {
			return late(operation);
		}
		List<Throwable> chain = FailureReason.chain(ex);
		Throwable root = chain.get(chain.size() - 1);
		if (root instanceof XMLStreamException) {
			return new StorageUnavailableException("S3 was to " + operation + ", but its answer cannot be read ("
					+ root.getClass().getSimpleName() + ")", 0, null);
		}
		return unreachable(operation, FailureReason.of(ex), null);
	}

	/**
	 * Create the error for a call that was not answered in time.
	 * @param operation the operation, in the words of an error
	 * @return the error
	 */
	static TransferTimeoutException late(String operation) {
		return new TransferTimeoutException(
				"S3 did not answer in time to " + operation + ": check 'vgi.external.s3.endpoint'", null);
	}

	/**
	 * Create the error for missing credentials. They do not come from S3: an invalid
	 * token or a refusal by their provider says nothing about the bucket, and both may be
	 * temporary.
	 * @param operation the operation, in the words of an error
	 * @param thrown the exception of the credentials provider
	 * @return the error
	 */
	static StorageUnavailableException credentials(String operation, Throwable thrown) {
		String why = thrown.getClass().getSimpleName();
		if (thrown instanceof AwsServiceException service && service.awsErrorDetails() != null) {
			String code = service.awsErrorDetails().errorCode();
			why += (code != null && TOKEN.matcher(code).matches()) ? " " + code : "";
		}
		else if (thrown.getCause() != null) {
			String reason = FailureReason.of(thrown.getCause());
			why += reason.equals(why) ? "" : ": " + reason;
		}
		boolean slowDown = thrown instanceof AwsServiceException service && service.isThrottlingException();
		return StorageUnavailableException.answered(
				"There are no credentials for S3 at the moment to " + operation + " (" + why
						+ "): check 'spring.cloud.aws.credentials' and where they come from",
				0, slowDown, (name) -> null);
	}

	private static @Nullable String header(@Nullable SdkHttpResponse response, String name) {
		return (response != null) ? response.firstMatchingHeader(name).orElse(null) : null;
	}

	/**
	 * Name the keys to check if S3 was not reached at all.
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
		return new StorageUnavailableException("S3 cannot be reached to " + operation + " (" + what
				+ "): check 'vgi.external.s3.endpoint' and 'vgi.external.s3.region'", 0, cause);
	}

	/**
	 * Create the error for an unsuccessful response.
	 * @param operation the operation, in the words of an error
	 * @param response the response, whose body was not read yet
	 * @param now the time by the clock of this machine
	 * @return the error
	 */
	static VgiExternalException of(String operation, StorageResponse response, Instant now) {
		return of(operation, response.status(), ErrorDocument.code(response), response.header("x-amz-request-id"),
				response::header, ClockSkew.note(response.header("Date"), now));
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
		String skew = ClockSkew.note(response.header("Date"), now);
		// S3 also denies access to a URL that is not valid yet.
		if (ErrorDocument.meansGone(response.status(), code) && (response.status() == 404 || skew == null)) {
			return new ObjectGoneException();
		}
		return of(operation, response.status(), code, response.header("x-amz-request-id"), response::header, skew);
	}

	private static VgiExternalException of(String operation, int status, @Nullable String errorCode,
			@Nullable String requestId, Function<String, @Nullable String> header, @Nullable String skew) {
		String code = (errorCode != null && TOKEN.matcher(errorCode).matches()) ? errorCode : "";
		StringBuilder message = new StringBuilder("S3 refused to ").append(operation)
			.append(" (status ")
			.append(status);
		if (!code.isEmpty() && !code.equals(Integer.toString(status))) {
			message.append(' ').append(code);
		}
		if (requestId != null && TOKEN.matcher(requestId).matches()) {
			message.append(", request ").append(requestId);
		}
		message.append(')');
		// The completion of a multipart upload may fail with status 200.
		if (status >= 500 || status == 429 || status == REQUEST_TIMEOUT || TEMPORARY.contains(code)) {
			return StorageUnavailableException.answered(message.toString(), status, code.equals("SlowDown"), header);
		}
		String region = header.apply(REGION_HEADER);
		return new UploadRefusedException(message.append(hint(status, code, region, skew)).toString(), null);
	}

	/**
	 * Return whether a response says that bucket, region or keys are wrong, whatever was
	 * asked of the bucket.
	 * @param status its status
	 * @param code its error code, or {@code null}
	 * @return {@code false} also if something is not allowed
	 */
	static boolean isMisconfiguration(int status, @Nullable String code) {
		return status == MOVED || (code != null && MISCONFIGURED.contains(code));
	}

	private static String hint(int status, String code, @Nullable String region, @Nullable String skew) {
		return switch (code) {
			case "NoSuchBucket" -> ": the bucket of 'vgi.external.s3.bucket' does not exist";
			case "ExpiredToken" -> ": the session of the credentials is over";
			case "RequestTimeTooSkewed" -> ": the clock of this machine is wrong" + ((skew != null) ? ", " + skew : "");
			case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException" ->
				otherRegion(region);
			case "InvalidAccessKeyId", "SignatureDoesNotMatch" -> ": the credentials of S3 are wrong";
			default -> switch (status) {
				case MOVED -> otherRegion(region);
				// The response to a request such as HEAD has no body, and hence no code.
				case 400 -> (code.isEmpty() || code.equals("400")) ? otherRegion(region) : "";
				case 404 -> ": check 'vgi.external.s3.bucket'";
				// S3 reports AccessDenied even if a request is not valid yet.
				case 401,
						403 ->
					(skew != null) ? ": the clock of this machine is wrong, or that of S3: " + skew
							: ": the credentials of S3 are wrong or lack permissions for 'vgi.external.s3.bucket'"
									+ " and 'vgi.external.s3.prefix'";
				default -> "";
			};
		};
	}

	private static String otherRegion(@Nullable String region) {
		return ": the bucket is "
				+ ((region != null && TOKEN.matcher(region).matches()) ? "in " + region : "probably in another region")
				+ ", check 'vgi.external.s3.region' or 'spring.cloud.aws.region.static'";
	}

}
