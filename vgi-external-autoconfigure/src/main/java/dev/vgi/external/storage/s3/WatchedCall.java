package dev.vgi.external.storage.s3;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.transport.RequestWatch;
import dev.vgi.external.transport.RequestWatch.End;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.http.SdkHttpResponse;
import software.amazon.awssdk.services.s3.model.S3Response;

/**
 * Reports a call of the SDK as if it were one request, although the SDK may repeat it.
 * Belongs to one thread.
 */
final class WatchedCall {

	private static final String REQUEST_ID = "x-amz-request-id";

	private static final int OK = 200;

	private static final int NOT_FOUND = 404;

	private final RequestWatch watch;

	private boolean answered;

	/**
	 * Report a call.
	 * @param watch receives the reports
	 */
	WatchedCall(RequestWatch watch) {
		this.watch = watch;
	}

	/**
	 * Report that the call has succeeded.
	 * @param <T> type of the answer
	 * @param answer the answer; {@code null} for one that says that there is nothing
	 * @return the same
	 */
	<T extends @Nullable Object> T answered(T answer) {
		if (answer instanceof S3Response response) {
			// A custom client may know nothing of HTTP.
			SdkHttpResponse http = response.sdkHttpResponse();
			this.watch.answered((http != null) ? http.statusCode() : OK,
					(http != null) ? http.firstMatchingHeader(REQUEST_ID).orElse(null) : null);
		}
		else if (answer == null) {
			this.watch.answered(NOT_FOUND, null);
		}
		this.watch.ended(End.COMPLETE, 0, null);
		return answer;
	}

	/**
	 * Report the answer of S3, if that is why the call has failed.
	 * @param ex the exception of the SDK
	 */
	void refused(RuntimeException ex) {
		if (ex instanceof AwsServiceException service && service.statusCode() > 0) {
			this.answered = true;
			this.watch.answered(service.statusCode(), service.requestId());
		}
	}

	/**
	 * Report that the call has failed.
	 * @param failure why
	 */
	void failed(VgiExternalException failure) {
		End end = switch (failure.kind()) {
			case TIMED_OUT -> End.TIMED_OUT;
			case CANCELLED -> End.CANCELLED;
			default -> End.FAILED;
		};
		this.watch.ended(this.answered ? End.COMPLETE : end, 0, this.answered ? null : failure.getMessage());
	}

}
