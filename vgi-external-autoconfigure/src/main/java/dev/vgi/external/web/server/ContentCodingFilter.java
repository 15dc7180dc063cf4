package dev.vgi.external.web.server;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.Capabilities;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpServletResponseWrapper;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.web.filter.OncePerRequestFilter;
import org.springframework.web.util.WebUtils;

/**
 * Decodes Arrow requests, encodes Arrow responses and holds the cap on request bytes,
 * encoded and decoded. The body of a request over the cap is read to its end, within
 * bounds: whoever is still sending sees the 413 and not a connection that breaks. Whether
 * the connection is used again is the container's decision; Tomcat ends it after a 413
 * and says so.
 */
public final class ContentCodingFilter extends OncePerRequestFilter {

	/** How much of a refused body is read away to keep its connection. */
	private static final long MAX_DRAIN = 64L << 20;

	private static final String RESPONSE_CODING = "X-VGI-Content-Encoding";

	private static final String ACCEPT_CODING = "X-VGI-Accept-Encoding";

	private final Predicate<HttpServletRequest> matcher;

	private final @Nullable Long maxRequestBytes;

	private final List<String> codings;

	/**
	 * Create a filter.
	 * @param matcher the requests to look at; among them only bodies of Arrow's media
	 * type count
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
			chain.doFilter(request, response);
			finish(request, response);
			return;
		}
		DecodedRequest decoded = null;
		HttpServletRequest inbound = request;
		if (isArrow(request.getContentType())) {
			String coding = request.getHeader(HttpHeaders.CONTENT_ENCODING);
			ContentCodec codec = codec(coding);
			if (codec == null && coding != null && !coding.isBlank() && !"identity".equalsIgnoreCase(coding.trim())) {
				refuse(request, response, HttpServletResponse.SC_UNSUPPORTED_MEDIA_TYPE,
						"Content-Encoding is not supported");
				return;
			}
			if (this.maxRequestBytes != null && request.getContentLengthLong() > this.maxRequestBytes) {
				refuse(request, response, HttpServletResponse.SC_REQUEST_ENTITY_TOO_LARGE,
						tooLarge(this.maxRequestBytes));
				return;
			}
			decoded = new DecodedRequest(request, codec, this.maxRequestBytes);
			inbound = decoded;
		}
		EncodedResponse outbound = new EncodedResponse(response, request, decoded);
		try {
			serve(request, response, inbound, decoded, outbound, chain);
		}
		finally {
			if (decoded != null) {
				closeAfter(request, decoded);
			}
		}
	}

	private void serve(HttpServletRequest request, HttpServletResponse response, HttpServletRequest inbound,
			@Nullable DecodedRequest decoded, EncodedResponse outbound, FilterChain chain)
			throws ServletException, IOException {
		try {
			chain.doFilter(inbound, outbound);
		}
		catch (IOException | ServletException | RuntimeException ex) {
			if (refusedAsTooLarge(request, response, decoded, outbound)) {
				return;
			}
			throw ex;
		}
		if (refusedAsTooLarge(request, response, decoded, outbound)) {
			return;
		}
		finish(inbound, outbound);
	}

	// Nobody else closes a request's body, and a decoder has memory outside of the heap.
	private static void closeAfter(HttpServletRequest request, DecodedRequest decoded) {
		if (request.isAsyncStarted()) {
			request.getAsyncContext().addListener(decoded);
		}
		else {
			decoded.closeDecoder();
		}
	}

	// Replace whatever the application made of a body that broke off at the cap.
	private boolean refusedAsTooLarge(HttpServletRequest request, HttpServletResponse response,
			@Nullable DecodedRequest decoded, EncodedResponse outbound) throws IOException {
		if (decoded == null || this.maxRequestBytes == null || response.isCommitted()) {
			return false;
		}
		if (!outbound.isReplaced()) {
			return false;
		}
		outbound.resetBuffer();
		refuse(request, response, HttpServletResponse.SC_REQUEST_ENTITY_TOO_LARGE, tooLarge(this.maxRequestBytes));
		return true;
	}

	private static void finish(HttpServletRequest request, HttpServletResponse response) throws IOException {
		EncodedResponse encoded = WebUtils.getNativeResponse(response, EncodedResponse.class);
		if (encoded != null && !request.isAsyncStarted()) {
			encoded.finish();
		}
	}

	private static boolean isArrow(@Nullable String contentType) {
		return contentType != null && contentType.toLowerCase(Locale.ROOT)
			.startsWith(ArrowStreamHttpMessageConverter.ARROW_STREAM.toString());
	}

	private @Nullable ContentCodec codec(@Nullable String coding) {
		ContentCodec codec = ContentCodec.forCoding(coding);
		return (codec != null && this.codings.contains(codec.coding())) ? codec : null;
	}

	private static String tooLarge(long maxRequestBytes) {
		return String.valueOf(new RequestTooLargeException(maxRequestBytes).getMessage());
	}

	private static void refuse(HttpServletRequest request, HttpServletResponse response, int status, String reason)
			throws IOException {
		// What an abandoned answer has left behind.
		response.setHeader(Capabilities.RPC_ERROR, null);
		response.setHeader(HttpHeaders.CONTENT_ENCODING, null);
		response.setHeader(RESPONSE_CODING, null);
		response.setStatus(status);
		byte[] text = (reason + "\n").getBytes(StandardCharsets.UTF_8);
		response.setContentType("text/plain;charset=UTF-8");
		response.setContentLength(text.length);
		drain(request.getInputStream());
		response.getOutputStream().write(text);
	}

	// Read away what is left, so that the next request finds its beginning. Beyond the
	// bound the container closes the connection, which costs less than reading on.
	private static void drain(InputStream body) throws IOException {
		byte[] step = new byte[16 * 1024];
		long drained = 0;
		int read;
		while (drained < MAX_DRAIN && (read = body.read(step)) >= 0) {
			drained += read;
		}
	}

	/**
	 * The request as it was before it was encoded, up to the cap.
	 */
	private static final class DecodedRequest extends HttpServletRequestWrapper implements AsyncListener {

		private final @Nullable ContentCodec codec;

		private final @Nullable Long maxBytes;

		private @Nullable CappedInputStream body;

		DecodedRequest(HttpServletRequest request, @Nullable ContentCodec codec, @Nullable Long maxBytes) {
			super(request);
			this.codec = codec;
			this.maxBytes = maxBytes;
		}

		boolean isTooLarge() {
			return this.body != null && this.body.tooLarge;
		}

		void closeDecoder() {
			try {
				if (this.body != null) {
					this.body.close();
				}
			}
			catch (IOException ex) {
				// It would have been told to whoever reads.
			}
		}

		@Override
		public void onComplete(AsyncEvent event) {
			closeDecoder();
		}

		@Override
		public void onTimeout(AsyncEvent event) {
			// Completion follows.
		}

		@Override
		public void onError(AsyncEvent event) {
			// Completion follows.
		}

		@Override
		public void onStartAsync(AsyncEvent event) {
			event.getAsyncContext().addListener(this);
		}

		void readAway() {
			try {
				drain(getInputStream());
			}
			catch (VgiExternalException | IOException ex) {
				// Noted by the body, or nothing more to be read of it.
			}
		}

		@Override
		public ServletInputStream getInputStream() throws IOException {
			if (this.body == null) {
				long cap = (this.maxBytes != null) ? this.maxBytes : Long.MAX_VALUE;
				CappedInputStream encoded = new CappedInputStream(super.getInputStream(), cap, null);
				this.body = (this.codec == null) ? encoded
						: new CappedInputStream(new LazyDecoding(this.codec, encoded), cap, encoded);
			}
			return this.body;
		}

		@Override
		public @Nullable String getHeader(String name) {
			return isDecoded(name) ? null : super.getHeader(name);
		}

		@Override
		public Enumeration<String> getHeaders(String name) {
			return isDecoded(name) ? Collections.emptyEnumeration() : super.getHeaders(name);
		}

		@Override
		public int getContentLength() {
			return (this.codec != null) ? -1 : super.getContentLength();
		}

		@Override
		public long getContentLengthLong() {
			return (this.codec != null) ? -1 : super.getContentLengthLong();
		}

		private boolean isDecoded(String header) {
			return this.codec != null && (HttpHeaders.CONTENT_ENCODING.equalsIgnoreCase(header)
					|| HttpHeaders.CONTENT_LENGTH.equalsIgnoreCase(header));
		}

	}

	/**
	 * Opens the decoder with the first read: some read the first bytes when they are
	 * made.
	 */
	private static final class LazyDecoding extends InputStream {

		private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

		private final ContentCodec codec;

		private final InputStream encoded;

		private @Nullable InputStream decoded;

		private long count;

		private long charged;

		LazyDecoding(ContentCodec codec, InputStream encoded) {
			this.codec = codec;
			this.encoded = encoded;
		}

		@Override
		public int read() throws IOException {
			byte[] one = new byte[1];
			return (read(one, 0, 1) < 0) ? -1 : one[0] & 0xFF;
		}

		@Override
		public int read(byte[] target, int offset, int length) throws IOException {
			if (this.decoded == null) {
				this.decoded = this.codec.decode(this.encoded, ContentCodec.HTTP_WINDOW);
			}
			chargeWindow(length);
			int read = this.decoded.read(target, offset, length);
			this.count += Math.max(0, read);
			return read;
		}

		// The decoder may hold as much of what it has decoded.
		private void chargeWindow(int length) {
			long most = this.codec.window(NOTHING);
			long held = Math.min(this.count + length, most);
			if (held > this.charged) {
				long charge = Math.min(Math.max(held, 2 * this.charged), most);
				RequestMemory.charge(charge - this.charged);
				this.charged = charge;
			}
		}

		@Override
		public void close() throws IOException {
			if (this.decoded != null) {
				this.decoded.close();
			}
		}

	}

	/**
	 * Counts what is read and refuses to read beyond the cap.
	 */
	private static final class CappedInputStream extends ServletInputStream {

		private final InputStream source;

		private final long cap;

		private final @Nullable CappedInputStream inner;

		private long count;

		private boolean finished;

		private boolean tooLarge;

		CappedInputStream(InputStream source, long cap, @Nullable CappedInputStream inner) {
			this.source = source;
			this.cap = cap;
			this.inner = inner;
		}

		@Override
		public int read() throws IOException {
			byte[] one = new byte[1];
			return (read(one, 0, 1) < 0) ? -1 : one[0] & 0xFF;
		}

		@Override
		public int read(byte[] target, int offset, int length) throws IOException {
			int read;
			try {
				read = this.source.read(target, offset, length);
			}
			catch (RequestTooLargeException ex) {
				this.tooLarge = true;
				throw ex;
			}
			if (read < 0) {
				this.finished = true;
				return read;
			}
			this.count += read;
			if (this.count > this.cap || (this.inner != null && this.inner.tooLarge)) {
				this.tooLarge = true;
				throw new RequestTooLargeException(this.cap);
			}
			return read;
		}

		@Override
		public boolean isFinished() {
			return this.finished;
		}

		@Override
		public boolean isReady() {
			return true;
		}

		@Override
		public void setReadListener(ReadListener listener) {
			throw new UnsupportedOperationException("Arrow bodies are read by blocking");
		}

		// The container's own stream stays open: a body that is too large has still to be
		// read away when its reader has given up.
		@Override
		public void close() throws IOException {
			if (this.inner != null) {
				this.source.close();
			}
		}

	}

	/**
	 * Encodes the response if it turns out to be an Arrow stream.
	 */
	private final class EncodedResponse extends HttpServletResponseWrapper {

		private final HttpServletRequest request;

		private @Nullable EncodingOutputStream body;

		private final @Nullable DecodedRequest decoded;

		private long length = -1;

		EncodedResponse(HttpServletResponse response, HttpServletRequest request, @Nullable DecodedRequest decoded) {
			super(response);
			this.request = request;
			this.decoded = decoded;
		}

		/**
		 * Return whether this answer gives way to a 413. Asked before its first byte: a
		 * container closes request and response once the announced length is written.
		 * @return whether the request was too large
		 */
		boolean isReplaced() {
			return isReplaced(getStatus());
		}

		private boolean isReplaced(int status) {
			if (this.decoded == null) {
				return false;
			}
			if (status >= SC_BAD_REQUEST) {
				// A body that broke a reader early may be too large all the same, and
				// that is what its sender has to know.
				this.decoded.readAway();
			}
			return this.decoded.isTooLarge();
		}

		@Override
		public void sendError(int status) throws IOException {
			if (!isReplaced(status)) {
				super.sendError(status);
			}
		}

		@Override
		public void sendError(int status, String message) throws IOException {
			if (!isReplaced(status)) {
				super.sendError(status, message);
			}
		}

		@Override
		public ServletOutputStream getOutputStream() throws IOException {
			if (this.body == null) {
				this.body = new EncodingOutputStream();
			}
			return this.body;
		}

		@Override
		public void setContentLength(int length) {
			setContentLengthLong(length);
		}

		@Override
		public void setContentLengthLong(long length) {
			this.length = length;
			if (!isReplaced() && chooseCoding() == null) {
				super.setContentLengthLong(length);
			}
		}

		@Override
		public void setHeader(String name, String value) {
			if (HttpHeaders.CONTENT_LENGTH.equalsIgnoreCase(name)) {
				setContentLengthLong(Long.parseLong(value));
			}
			else {
				super.setHeader(name, value);
			}
		}

		@Override
		public void addHeader(String name, String value) {
			if (HttpHeaders.CONTENT_LENGTH.equalsIgnoreCase(name)) {
				setContentLengthLong(Long.parseLong(value));
			}
			else {
				super.addHeader(name, value);
			}
		}

		@Override
		public void resetBuffer() {
			super.resetBuffer();
			discardBody();
		}

		@Override
		public void reset() {
			super.reset();
			discardBody();
			this.length = -1;
		}

		private void discardBody() {
			if (this.body != null) {
				this.body.discard();
				this.body = null;
			}
		}

		@Override
		public void flushBuffer() throws IOException {
			if (this.body != null) {
				this.body.flush();
			}
			if (!isReplaced()) {
				super.flushBuffer();
			}
		}

		void finish() throws IOException {
			if (this.body != null) {
				this.body.finish();
			}
		}

		private @Nullable Choice chooseCoding() {
			if (!isArrow(getContentType()) || getHeader(HttpHeaders.CONTENT_ENCODING) != null
					|| HttpMethod.HEAD.matches(this.request.getMethod())) {
				return null;
			}
			Choice choice = choose(this.request.getHeaders(ACCEPT_CODING), RESPONSE_CODING);
			Choice standard = choose(this.request.getHeaders(HttpHeaders.ACCEPT_ENCODING),
					HttpHeaders.CONTENT_ENCODING);
			if (choice == null) {
				choice = standard;
			}
			if (choice == null || choice.codec() == null) {
				return null;
			}
			// A codec that the caller's HTTP client knows of too gets the standard label.
			return offers(HttpHeaders.ACCEPT_ENCODING, choice.codec().coding())
					? new Choice(choice.codec(), HttpHeaders.CONTENT_ENCODING) : choice;
		}

		private @Nullable Choice choose(Enumeration<String> offers, String label) {
			while (offers.hasMoreElements()) {
				for (String offer : offers.nextElement().split(",")) {
					String coding = nameOf(offer);
					if (coding.equals("identity")) {
						return new Choice(null, label);
					}
					ContentCodec codec = codec(coding);
					if (codec != null) {
						return new Choice(codec, label);
					}
				}
			}
			return null;
		}

		private boolean offers(String header, String coding) {
			Enumeration<String> offers = this.request.getHeaders(header);
			while (offers.hasMoreElements()) {
				for (String offer : offers.nextElement().split(",")) {
					if (nameOf(offer).equals(coding)) {
						return true;
					}
				}
			}
			return false;
		}

		private static String nameOf(String offer) {
			int parameters = offer.indexOf(';');
			return ((parameters >= 0) ? offer.substring(0, parameters) : offer).trim().toLowerCase(Locale.ROOT);
		}

		/**
		 * Decides with the first byte whether and how to encode.
		 */
		private final class EncodingOutputStream extends ServletOutputStream {

			private @Nullable OutputStream target;

			private @Nullable Detachable encoded;

			private OutputStream target() throws IOException {
				if (this.target == null && isReplaced()) {
					this.target = OutputStream.nullOutputStream();
				}
				if (this.target == null) {
					ServletOutputStream plain = EncodedResponse.super.getOutputStream();
					Choice choice = chooseCoding();
					if (choice != null && choice.codec() != null) {
						EncodedResponse.super.setHeader(choice.label(), choice.codec().coding());
						EncodedResponse.super.addHeader(HttpHeaders.VARY, HttpHeaders.ACCEPT_ENCODING);
						this.encoded = new Detachable(plain, choice.label());
						this.target = choice.codec().encode(this.encoded, EncodedResponse.this.length);
					}
					else {
						this.target = plain;
					}
				}
				return this.target;
			}

			@Override
			public void write(int value) throws IOException {
				target().write(value);
			}

			@Override
			public void write(byte[] bytes, int offset, int length) throws IOException {
				target().write(bytes, offset, length);
			}

			@Override
			public void flush() throws IOException {
				if (this.target != null && this.encoded == null) {
					this.target.flush();
				}
			}

			@Override
			public void close() throws IOException {
				finish();
			}

			void finish() throws IOException {
				if (this.target != null) {
					this.target.close();
				}
			}

			/**
			 * Forget what was written: another answer follows, which may be coded anew.
			 */
			void discard() {
				if (this.target != null && this.encoded != null) {
					EncodedResponse.super.setHeader(this.encoded.label, null);
					this.encoded.detached = true;
					try {
						this.target.close();
					}
					catch (IOException ex) {
						// The coder misses the bytes that did not come.
					}
				}
			}

			@Override
			public boolean isReady() {
				return true;
			}

			@Override
			public void setWriteListener(WriteListener listener) {
				throw new UnsupportedOperationException("Arrow bodies are written by blocking");
			}

		}

	}

	/**
	 * Coded bytes on their way into a response, until they are not wanted any more.
	 */
	private static final class Detachable extends OutputStream {

		private final OutputStream target;

		private final String label;

		private boolean detached;

		Detachable(OutputStream target, String label) {
			this.target = target;
			this.label = label;
		}

		@Override
		public void write(int value) throws IOException {
			write(new byte[] { (byte) value }, 0, 1);
		}

		@Override
		public void write(byte[] bytes, int offset, int length) throws IOException {
			if (!this.detached) {
				this.target.write(bytes, offset, length);
			}
		}

		@Override
		public void flush() throws IOException {
			if (!this.detached) {
				this.target.flush();
			}
		}

		@Override
		public void close() throws IOException {
			if (!this.detached) {
				this.target.close();
			}
		}

	}

	/**
	 * How to encode and how to label it.
	 *
	 * @param codec the codec, or {@code null} for identity
	 * @param label the header that names it
	 */
	private record Choice(@Nullable ContentCodec codec, String label) {

	}

}
