package dev.vgi.external.web;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;

/**
 * The capabilities that a server announces in every response.
 *
 * @param maxRequestBytes most bytes of a request, or {@code null} for no limit
 * @param maxResponseBytes most bytes of a response, or {@code null} for no limit
 * @param maxExternalizedResponseBytes most bytes a response may put into storage, or
 * {@code null} for no limit
 * @param externalizationEnabled whether the server stores large results
 * @param supportedEncodings content codings a request may have, best first; never
 * {@code identity}
 * @param uploadUrlSupport whether the server vends upload URLs
 * @param maxUploadBytes most bytes of a vended upload, or {@code null} for no limit
 * @param pointerRenewal whether the links of pointers may be renewed
 */
public record Capabilities(@Nullable Long maxRequestBytes, @Nullable Long maxResponseBytes,
		@Nullable Long maxExternalizedResponseBytes, boolean externalizationEnabled, List<String> supportedEncodings,
		boolean uploadUrlSupport, @Nullable Long maxUploadBytes, boolean pointerRenewal) {

	/** Header: most bytes of a request. */
	public static final String MAX_REQUEST_BYTES = "VGI-Max-Request-Bytes";

	/** Header: most bytes of a response. */
	public static final String MAX_RESPONSE_BYTES = "VGI-Max-Response-Bytes";

	/** Header: most bytes a response may put into storage. */
	public static final String MAX_EXTERNALIZED_RESPONSE_BYTES = "VGI-Max-Externalized-Response-Bytes";

	/** Header: whether large results are stored. */
	public static final String EXTERNALIZATION_ENABLED = "VGI-Externalization-Enabled";

	/** Header: content codings a request may have. */
	public static final String SUPPORTED_ENCODINGS = "VGI-Supported-Encodings";

	/** Header: whether upload URLs are vended. */
	public static final String UPLOAD_URL_SUPPORT = "VGI-Upload-URL-Support";

	/** Header: most bytes of a vended upload. */
	public static final String MAX_UPLOAD_BYTES = "VGI-Max-Upload-Bytes";

	/** Header: whether the links of pointers may be renewed. */
	public static final String POINTER_RENEWAL = "VGI-Pointer-Renewal";

	/** Header: the server understands a caller's own response limit. */
	public static final String ACCEPT_MAX_RESPONSE_BYTES_SUPPORT = "VGI-Accept-Max-Response-Bytes-Support";

	/** Request header: most bytes of a response that the caller accepts. */
	public static final String ACCEPT_MAX_RESPONSE_BYTES = "VGI-Accept-Max-Response-Bytes";

	/**
	 * Request header by which our clients announce whether they resolve pointers:
	 * {@code true}, or {@link #WHERE_NAMED}.
	 */
	public static final String ACCEPT_POINTERS = "VGI-Accept-Pointers";

	/**
	 * Value of {@link #ACCEPT_POINTERS}: pointers are resolved if {@code Accept} names
	 * Arrow. If it does not, the caller reads the raw bytes and gets all of them inline:
	 * an HTTP client would follow a redirect to storage with the credentials of the
	 * request, or not at all.
	 */
	public static final String WHERE_NAMED = "where-named";

	/** Header: identifies a request and its response. */
	public static final String REQUEST_ID = "X-Request-ID";

	/** Header: the status is 200 but the body holds an error. */
	public static final String RPC_ERROR = "X-VGI-RPC-Error";

	/** Header: why a caller was refused. */
	public static final String AUTH_REASON = "VGI-Auth-Reason";

	private static final List<String> RESPONSE_HEADERS = List.of(MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES,
			MAX_EXTERNALIZED_RESPONSE_BYTES, EXTERNALIZATION_ENABLED, SUPPORTED_ENCODINGS, UPLOAD_URL_SUPPORT,
			MAX_UPLOAD_BYTES, POINTER_RENEWAL, ACCEPT_MAX_RESPONSE_BYTES_SUPPORT, REQUEST_ID, RPC_ERROR, AUTH_REASON,
			"X-VGI-Content-Encoding", HttpHeaders.WWW_AUTHENTICATE, HttpHeaders.RETRY_AFTER, HttpHeaders.ETAG,
			HttpHeaders.ACCEPT_RANGES, HttpHeaders.CONTENT_RANGE);

	public Capabilities {
		supportedEncodings = List.copyOf(supportedEncodings);
	}

	/**
	 * Return every header that a browser's script has to see, in a response and in a
	 * stored object: CORS must expose these.
	 * @return the names
	 */
	public static List<String> responseHeaders() {
		return RESPONSE_HEADERS;
	}

	/**
	 * Write the headers of these capabilities.
	 * @param headers receives them, each once
	 */
	public void writeTo(HeaderWriter headers) {
		write(headers, MAX_REQUEST_BYTES, this.maxRequestBytes);
		write(headers, MAX_RESPONSE_BYTES, this.maxResponseBytes);
		write(headers, MAX_EXTERNALIZED_RESPONSE_BYTES, this.maxExternalizedResponseBytes);
		headers.set(EXTERNALIZATION_ENABLED, String.valueOf(this.externalizationEnabled));
		headers.set(SUPPORTED_ENCODINGS, String.join(", ", this.supportedEncodings));
		if (this.uploadUrlSupport) {
			headers.set(UPLOAD_URL_SUPPORT, "true");
			write(headers, MAX_UPLOAD_BYTES, this.maxUploadBytes);
		}
		if (this.pointerRenewal) {
			headers.set(POINTER_RENEWAL, "true");
		}
		headers.set(ACCEPT_MAX_RESPONSE_BYTES_SUPPORT, "true");
	}

	private static void write(HeaderWriter headers, String name, @Nullable Long value) {
		if (value != null) {
			headers.set(name, value.toString());
		}
	}

	/**
	 * Read the capabilities of a response.
	 * @param headers the response's headers
	 * @return the capabilities, or {@code null} if the response carries none
	 */
	public static @Nullable Capabilities from(HttpHeaders headers) {
		if (!headers.containsHeader(EXTERNALIZATION_ENABLED) && !headers.containsHeader(SUPPORTED_ENCODINGS)
				&& !headers.containsHeader(UPLOAD_URL_SUPPORT) && !headers.containsHeader(MAX_REQUEST_BYTES)) {
			return null;
		}
		String encodings = headers.getFirst(SUPPORTED_ENCODINGS);
		return new Capabilities(bytes(headers, MAX_REQUEST_BYTES), bytes(headers, MAX_RESPONSE_BYTES),
				bytes(headers, MAX_EXTERNALIZED_RESPONSE_BYTES), isTrue(headers, EXTERNALIZATION_ENABLED),
				// An absent header means an old server. All of those decode zstd.
				(encodings != null) ? split(encodings) : List.of("zstd"), isTrue(headers, UPLOAD_URL_SUPPORT),
				bytes(headers, MAX_UPLOAD_BYTES), isTrue(headers, POINTER_RENEWAL));
	}

	private static List<String> split(String encodings) {
		return Arrays.stream(encodings.split(","))
			.map((coding) -> coding.trim().toLowerCase(Locale.ROOT))
			.filter((coding) -> !coding.isEmpty())
			.toList();
	}

	private static boolean isTrue(HttpHeaders headers, String name) {
		return "true".equalsIgnoreCase(headers.getFirst(name));
	}

	private static @Nullable Long bytes(HttpHeaders headers, String name) {
		String value = headers.getFirst(name);
		try {
			return (value != null) ? Long.valueOf(value.trim()) : null;
		}
		catch (NumberFormatException ex) {
			return null;
		}
	}

	/**
	 * Receives headers.
	 */
	@FunctionalInterface
	public interface HeaderWriter {

		/**
		 * Set a header, replacing earlier values.
		 * @param name the name
		 * @param value the value
		 */
		void set(String name, String value);

	}

}
