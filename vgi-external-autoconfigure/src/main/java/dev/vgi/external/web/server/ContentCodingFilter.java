package dev.vgi.external.web.server;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.function.Predicate;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.storage.ArrowMediaType;
import dev.vgi.external.web.Capabilities;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.web.filter.OncePerRequestFilter;
import org.springframework.web.util.WebUtils;

/**
 * Decodes Arrow requests, encodes Arrow responses and enforces the cap on request bytes,
 * encoded and decoded. The body of a request over the cap is read to its end, within
 * bounds, so that a caller who is still sending sees the 413 and not a broken connection.
 * The container decides whether to reuse the connection; Tomcat closes it after a 413 and
 * says so.
 */
public final class ContentCodingFilter extends OncePerRequestFilter {

	private final Predicate<HttpServletRequest> matcher;

	private final @Nullable Long maxRequestBytes;

	private final List<String> codings;

	/**
	 * Create a filter.
	 * @param matcher the requests to process; only bodies of Arrow's media type are
	 * affected
	 * @param maxRequestBytes most bytes of a request, or {@code null} for no limit
	 * @param codings the codings to decode and encode, best first; may be empty
	 */
	public ContentCodingFilter(Predicate<HttpServletRequest> matcher, @Nullable Long maxRequestBytes,
			List<String> codings) {
		this.matcher = matcher;
		this.maxRequestBytes = maxRequestBytes;
		this.codings = List.copyOf(codings);
	}

	@Override
	protected boolean shouldNotFilter(HttpServletRequest request) {
		return !this.matcher.test(request);
	}

	@Override
	protected boolean shouldNotFilterAsyncDispatch() {
		return false;
	}

	@Override
	protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
			throws ServletException, IOException {
		if (isAsyncDispatch(request)) {
			CodedResponse coded = WebUtils.getNativeResponse(response, CodedResponse.class);
			serve(request, response, coded, chain);
			return;
		}
		DecodedRequest decoded = null;
		if (ArrowMediaType.isNamedBy(request.getContentType())) {
			ContentCodec codec;
			try {
				codec = codec(request);
			}
			catch (CorruptStreamException ex) {
				refuse(request, response, HttpServletResponse.SC_UNSUPPORTED_MEDIA_TYPE,
						String.valueOf(ex.getMessage()));
				return;
			}
			if (this.maxRequestBytes != null && request.getContentLengthLong() > this.maxRequestBytes) {
				refuse(request, response, HttpServletResponse.SC_REQUEST_ENTITY_TOO_LARGE,
						tooLarge(this.maxRequestBytes));
				return;
			}
			decoded = new DecodedRequest(request, codec, this.maxRequestBytes);
		}
		AnswerCoding coding = HttpMethod.HEAD.matches(request.getMethod()) ? null
				: AnswerCoding.of(request, this.codings);
		if (decoded == null && coding == null) {
			chain.doFilter(request, response);
			return;
		}
		CodedResponse coded = new CodedResponse(response, coding, decoded);
		try {
			serve((decoded != null) ? decoded : request, coded, coded, chain);
			if (this.maxRequestBytes != null && isReplaced(request, coded)) {
				replace(request, response, coded, tooLarge(this.maxRequestBytes));
			}
		}
		catch (IOException | ServletException | RuntimeException ex) {
			if (this.maxRequestBytes == null || !isReplaced(request, coded)) {
				throw ex;
			}
			replace(request, response, coded, tooLarge(this.maxRequestBytes));
		}
		finally {
			new Release(decoded, coded).after(request);
		}
	}

	private static void serve(HttpServletRequest request, HttpServletResponse response, @Nullable CodedResponse coded,
			FilterChain chain) throws ServletException, IOException {
		boolean served = false;
		try {
			chain.doFilter(request, response);
			served = true;
		}
		finally {
			if (coded != null && !request.isAsyncStarted()) {
				if (served && (coded.isCommitted() || !coded.isReplaced())) {
					coded.finish();
				}
				else {
					// The error page is not an Arrow stream.
					coded.abandon();
				}
			}
		}
	}

	// If the body broke off at the cap, the application's answer is replaced.
	private static boolean isReplaced(HttpServletRequest request, CodedResponse coded) {
		return !request.isAsyncStarted() && !coded.isCommitted() && coded.isReplaced();
	}

	private static void replace(HttpServletRequest request, HttpServletResponse response, CodedResponse coded,
			String reason) throws IOException {
		coded.resetBuffer();
		refuse(request, response, HttpServletResponse.SC_REQUEST_ENTITY_TOO_LARGE, reason);
	}

	private @Nullable ContentCodec codec(HttpServletRequest request) {
		ContentCodec codec = ContentCodec.ofRequest(coding(request));
		if (codec != null && !this.codings.contains(codec.coding())) {
			throw new CorruptStreamException("The Content-Encoding '" + codec.coding() + "' is not supported here");
		}
		return codec;
	}

	/**
	 * Return the codings of a body, from all headers that may name them.
	 * @param request the request
	 * @return a list as in {@code Content-Encoding}; empty for none
	 */
	static String coding(HttpServletRequest request) {
		return String.join(",", Collections.list(request.getHeaders(HttpHeaders.CONTENT_ENCODING)));
	}

	private static String tooLarge(long maxRequestBytes) {
		return String.valueOf(new RequestTooLargeException(maxRequestBytes).getMessage());
	}

	private static void refuse(HttpServletRequest request, HttpServletResponse response, int status, String reason)
			throws IOException {
		// Headers that a discarded answer has left behind.
		response.setHeader(Capabilities.RPC_ERROR, null);
		response.setHeader(HttpHeaders.CONTENT_ENCODING, null);
		response.setHeader(AnswerCoding.LABEL, null);
		response.setStatus(status);
		byte[] text = (reason + "\n").getBytes(StandardCharsets.UTF_8);
		response.setContentType("text/plain;charset=UTF-8");
		response.setContentLength(text.length);
		DecodedRequest.drain(request.getInputStream());
		response.getOutputStream().write(text);
	}

	/**
	 * Releases off-heap memory when the request is complete.
	 *
	 * @param request the request, if it is decoded
	 * @param response the response
	 */
	private record Release(@Nullable DecodedRequest request, CodedResponse response) implements AsyncListener {

		void after(HttpServletRequest served) {
			if (served.isAsyncStarted()) {
				served.getAsyncContext().addListener(this);
			}
			else {
				release();
			}
		}

		private void release() {
			this.response.release();
			if (this.request != null) {
				this.request.release();
			}
		}

		@Override
		public void onComplete(AsyncEvent event) {
			release();
		}

		@Override
		public void onTimeout(AsyncEvent event) {
			// onComplete follows.
		}

		@Override
		public void onError(AsyncEvent event) {
			// onComplete follows.
		}

		@Override
		public void onStartAsync(AsyncEvent event) {
			event.getAsyncContext().addListener(this);
		}

	}

}
