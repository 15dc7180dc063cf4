package dev.vgi.external.fuzz;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.fetch.FuzzedFetch;
import dev.vgi.external.storage.ArrowMediaType;
import dev.vgi.external.storage.Confirmation;
import dev.vgi.external.storage.ErrorDocument;
import dev.vgi.external.storage.gcs.FuzzedGcs;
import dev.vgi.external.storage.s3.FuzzedS3;
import dev.vgi.external.transport.ClockSkew;
import dev.vgi.external.transport.FuzzedTransport;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.server.FuzzedWeb;
import dev.vgi.external.web.server.RequestUrl;
import dev.vgi.external.web.server.ServedPaths;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;

/**
 * Headers and short documents of peers, storages and proxies: each is understood or
 * ignored, and what was understood does not contradict itself.
 */
public final class HeadersTarget {

	private static final List<String> NAMES = List.of("Content-Range", "Content-Length", "ETag", "Last-Modified",
			"Date", "Retry-After", "Content-Encoding", "x-amz-request-id", "x-amz-bucket-region", "x-goog-request-id",
			Capabilities.MAX_REQUEST_BYTES, Capabilities.SUPPORTED_ENCODINGS, Capabilities.MAX_UPLOAD_BYTES,
			Capabilities.UPLOAD_URL_SUPPORT, Capabilities.EXTERNALIZATION_ENABLED, Capabilities.POINTER_RENEWAL,
			Capabilities.MAX_RESPONSE_BYTES, "Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
			"X-Forwarded-Prefix", "X-Forwarded-For", "Accept-Encoding", "X-VGI-Accept-Encoding");

	private static final List<Integer> STATUSES = List.of(200, 206, 301, 307, 400, 401, 403, 404, 408, 409, 412, 416,
			429, 500, 502, 503, 308, 0, 999);

	private static final ServedPaths PATHS = new ServedPaths("/vgi", "/actuator", () -> null);

	private static final ServedPaths ROOT = new ServedPaths("", "", () -> null);

	private static final Guard GUARD = new Guard(HeadersTarget::run, Kind.CORRUPT_STREAM, Kind.STORAGE_UNAVAILABLE);

	private HeadersTarget() {
	}

	public static void fuzzerTestOneInput(byte[] input) {
		GUARD.run(input);
	}

	private static void run(Script script, BufferAllocator allocator) {
		switch (script.below(10)) {
			case 0 -> times(script);
			case 1 -> range(line(script));
			case 2 -> codings(script);
			case 3 -> answerCoding(script);
			case 4 -> capabilities(script);
			case 5 -> failure(script);
			case 6 -> forwarded(script);
			case 7 -> paths(script);
			case 8 -> error(script);
			default -> agreement(script);
		}
	}

	private static String line(Script script) {
		return script.line(StandardCharsets.ISO_8859_1);
	}

	private static @Nullable String lineOrNull(Script script) {
		String line = line(script);
		return line.isEmpty() ? null : line;
	}

	private static void times(Script script) {
		String value = line(script);
		String date = lineOrNull(script);
		Duration wait = FuzzedTransport.retryAfter(value, date);
		Guard.require(wait == null || !wait.isNegative(), "a negative pause");
		ClockSkew.note(date, Instant.EPOCH);
		String id = FuzzedTransport.requestId(value);
		Guard.require(id == null || id.length() <= 128, "a long identifier");
		ArrowMediaType.isNamedBy(value);
		Confirmation.isGivenBy(value);
	}

	private static void range(String header) {
		long[] range = FuzzedFetch.contentRange(header);
		if (range != null && range[0] >= 0) {
			Guard.require(range[0] <= range[1] && (range[2] < 0 || range[1] < range[2]), "a contradicting range");
			Guard.require(range[3] == range[1] - range[0] + 1 && range[3] > 0, "a wrong length");
		}
	}

	private static void codings(Script script) {
		int how = script.octet();
		String header = line(script);
		ContentCodec.forHead(header.getBytes(StandardCharsets.ISO_8859_1));
		ContentCodec.forCoding(header);
		ContentCodec codec = ((how & 1) != 0) ? ContentCodec.ofRequest(header) : ContentCodec.ofAnswer(header);
		if (codec != null) {
			Guard.require(header.toLowerCase(Locale.ROOT).contains(codec.coding()), "a coding that was not named");
		}
	}

	private static void answerCoding(Script script) {
		MockHttpServletRequest request = new MockHttpServletRequest();
		for (int i = 0; i < 4 && !script.isAtEnd(); i++) {
			request.addHeader(script.flag() ? "Accept-Encoding" : "X-VGI-Accept-Encoding", line(script));
		}
		String coding = FuzzedWeb.answerCoding(request, List.of("zstd", "gzip"));
		Guard.require(coding == null || coding.matches("(zstd|gzip) (Content-Encoding|X-VGI-Content-Encoding)"),
				"an unknown coding: " + coding);
		coding = FuzzedWeb.answerCoding(request, List.of("gzip"));
		Guard.require(coding == null || coding.startsWith("gzip"), "a coding that is not supported: " + coding);
	}

	private static void capabilities(Script script) {
		HttpHeaders headers = new HttpHeaders();
		headers(script).forEach(headers::add);
		Capabilities read = Capabilities.from(headers);
		if (read != null) {
			HttpHeaders written = new HttpHeaders();
			read.writeTo(written::set);
			Capabilities again = Objects.requireNonNull(Capabilities.from(written));
			Guard.require(!read.uploadUrlSupport() || read.equals(again), "written and read: " + read + " " + again);
		}
	}

	private static Map<String, String> headers(Script script) {
		Map<String, String> headers = new LinkedHashMap<>();
		for (int i = script.below(6); i > 0 && !script.isAtEnd(); i--) {
			headers.put(script.of(NAMES), line(script));
		}
		return headers;
	}

	private static Answer answer(Script script) {
		int status = script.of(STATUSES);
		int piece = 1 + script.octet();
		Map<String, String> headers = headers(script);
		return new Answer(status, headers, script.line().getBytes(StandardCharsets.UTF_8), piece);
	}

	private static void failure(Script script) {
		int how = script.below(4);
		Answer answer = answer(script);
		String message = switch (how) {
			case 0 -> FuzzedS3.failure(answer, false).getMessage();
			case 1 -> FuzzedS3.failure(answer, true).getMessage();
			case 2 -> FuzzedGcs.failure(answer).getMessage();
			default -> ErrorDocument.code(answer);
		};
		Guard.require(message != null && message.length() < 1000, "a message as long as the answer");
		Guard.require(Objects.requireNonNull(message).chars().noneMatch((c) -> c < ' '), "control characters");
	}

	private static void agreement(Script script) {
		Answer head = answer(script);
		FuzzedFetch.agree(head, answer(script));
		Confirmation.isGivenBy(head);
	}

	private static void forwarded(Script script) {
		int how = script.octet();
		MockHttpServletRequest request = new MockHttpServletRequest("POST", "/app/vgi/method");
		request.setContextPath("/app");
		// A web server refuses a Content-Length that is no number.
		headers(script)
			.forEach((name, value) -> request.addHeader(name.startsWith("Content-") ? "Forwarded" : name, value));
		RequestContextHolder.setRequestAttributes(new ServletRequestAttributes(request));
		try {
			for (RequestUrl.ForwardedHeaders headers : RequestUrl.ForwardedHeaders.values()) {
				RequestUrl.path(request, headers, "/mvc");
				URI url = RequestUrl.current(headers, ((how & 1) != 0) ? "/mvc" : "");
				Guard.require(url != null && url.getHost() != null, "no host");
			}
		}
		finally {
			RequestContextHolder.resetRequestAttributes();
		}
	}

	private static void paths(Script script) {
		int how = script.octet();
		MockHttpServletRequest request = new MockHttpServletRequest("POST", line(script));
		request.setQueryString(lineOrNull(script));
		request.setContentType(lineOrNull(script));
		FuzzedWeb.signedQuery(request);
		ServedPaths paths = ((how & 1) != 0) ? PATHS : ROOT;
		paths.isProtocol(request);
		paths.bringsArrow(request);
		paths.isRenewals(request);
		paths.isUploadUrls(request);
		paths.isHealth(request);
		ServedPaths.text(ServedPaths.of(request));
	}

	private static void error(Script script) {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.LOG_LEVEL, script.line())
			.with(MetadataKeys.LOG_MESSAGE, script.line())
			.with(MetadataKeys.LOG_EXTRA, script.line())
			.with(MetadataKeys.ERROR_DETAILS, script.line())
			.with(MetadataKeys.ERROR_CODE, script.line())
			.with(MetadataKeys.ERROR_KIND, script.line());
		LogMessage message = LogMessage.from(metadata);
		if (message != null) {
			LogMessage again = LogMessage.from(message.toMetadata());
			Guard.require(again != null && again.extra().keySet().equals(message.extra().keySet()),
					"a message that does not read as it was written");
		}
		ErrorBatchException error = ErrorBatchException.from(metadata);
		error.isRetryable();
		Duration delay = error.retryDelay();
		Guard.require(delay == null || !delay.isNegative(), "a negative delay");
		RedactedUrl.scrub(error.getMessage());
	}

}
