package dev.vgi.external.web.server;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.StreamTooLongException;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.url.RedactedUrl;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.web.servlet.HandlerExceptionResolver;
import org.springframework.web.servlet.ModelAndView;

/**
 * Answers the errors of this library in ordinary handlers as problem details with their
 * HTTP status: bad input 400, a body beyond the announced cap 413, storage failed 502,
 * budget exhausted 503, storage too slow 504. Unlike Boot's error page it includes the
 * messages, which are written for callers and contain no signed URL.
 */
final class ExternalErrorResolver implements HandlerExceptionResolver {

	/** About as long as a transfer takes. */
	private static final String RETRY_AFTER_SECONDS = "1";

	private static final Log logger = LogFactory.getLog(ExternalErrorResolver.class);

	@Override
	public @Nullable ModelAndView resolveException(HttpServletRequest request, HttpServletResponse response,
			@Nullable Object handler, Exception ex) {
		VgiExternalException error = find(ex);
		if (error == null || response.isCommitted()) {
			return null;
		}
		try {
			write(error, request, response);
			return new ModelAndView();
		}
		catch (IOException sendFailure) {
			logger.debug("The error could not be sent", sendFailure);
			return null;
		}
	}

	private static void write(VgiExternalException error, HttpServletRequest request, HttpServletResponse response)
			throws IOException {
		int status = status(error);
		Map<String, Object> problem = new LinkedHashMap<>();
		problem.put("type", "about:blank");
		problem.put("title", HttpStatus.valueOf(status).getReasonPhrase());
		problem.put("status", status);
		problem.put("detail", RedactedUrl.scrub(error.getMessage()));
		problem.put("instance", request.getRequestURI());
		problem.put("kind", error.kind().code());
		byte[] body = JsonMapper.shared().writeValueAsBytes(problem);
		response.resetBuffer();
		response.setStatus(status);
		if (error instanceof BudgetExhaustedException exhausted && exhausted.isPassing()) {
			response.setHeader(HttpHeaders.RETRY_AFTER, RETRY_AFTER_SECONDS);
		}
		response.setContentType(MediaType.APPLICATION_PROBLEM_JSON_VALUE);
		response.setContentLength(body.length);
		response.getOutputStream().write(body);
	}

	private static @Nullable VgiExternalException find(Throwable failure) {
		for (Throwable cause : FailureReason.chain(failure)) {
			if (cause instanceof VgiExternalException error) {
				return error;
			}
		}
		return null;
	}

	/**
	 * Return the status for an error.
	 * @param error what went wrong
	 * @return the HTTP status
	 */
	static int status(VgiExternalException error) {
		// Peers react to a 413 by storing the same data. The status is therefore used for
		// the body only, and not for the target of a pointer in it.
		if (error instanceof RequestTooLargeException || error instanceof StreamTooLongException) {
			return HttpServletResponse.SC_REQUEST_ENTITY_TOO_LARGE;
		}
		return switch (error.kind()) {
			case STORAGE_UNAVAILABLE, SERVICE_UNAVAILABLE, UPLOAD_REFUSED, REMOTE_ERROR ->
				HttpServletResponse.SC_BAD_GATEWAY;
			case BUDGET_EXHAUSTED, CANCELLED -> HttpServletResponse.SC_SERVICE_UNAVAILABLE;
			case TIMED_OUT -> HttpServletResponse.SC_GATEWAY_TIMEOUT;
			case URL_REJECTED, CHECKSUM_MISMATCH, CORRUPT_STREAM, UNSUPPORTED, SCHEMA_MISMATCH, REDIRECT_LOOP,
					LINK_EXPIRED, OBJECT_GONE, LIMIT_EXCEEDED, BAD_REQUEST, TOO_LARGE ->
				HttpServletResponse.SC_BAD_REQUEST;
		};
	}

}
