package dev.vgi.external.web.server;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;

import dev.vgi.external.storage.ArrowMediaType;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpServletResponseWrapper;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.web.util.WebUtils;

/**
 * Encodes the answer if it turns out to be an Arrow stream, and is replaced by a 413 if
 * the request turns out to be too large. Both are known with the first byte of the body.
 * Any other answer is left to the container: every method then behaves as the
 * container's.
 */
final class CodedResponse extends HttpServletResponseWrapper {

	private final @Nullable AnswerCoding coding;

	private final @Nullable DecodedRequest decoded;

	private boolean plain;

	private @Nullable BodyStream body;

	/** The length that the application announced, or -1. */
	private long length = -1;

	/** Whether the length was passed on to the container. */
	private boolean announced;

	/**
	 * Create a response.
	 * @param response the container's
	 * @param coding how to encode an Arrow stream, or {@code null} to leave it plain
	 * @param decoded the request, if its body is an Arrow stream
	 */
	CodedResponse(HttpServletResponse response, @Nullable AnswerCoding coding, @Nullable DecodedRequest decoded) {
		super(response);
		this.coding = coding;
		this.decoded = decoded;
	}

	/**
	 * Let a response have no coding, because it is sent bit by bit: an encoder keeps its
	 * pending output.
	 * @param response the response, before its first byte
	 */
	static void requirePlain(HttpServletResponse response) {
		CodedResponse coded = WebUtils.getNativeResponse(response, CodedResponse.class);
		if (coded != null) {
			coded.plain = true;
		}
	}

	/**
	 * Return whether this answer is replaced by a 413. Call it before the first byte: a
	 * container closes request and response once the announced length is written.
	 * @return whether the request was too large
	 */
	boolean isReplaced() {
		return isReplaced(getStatus());
	}

	private boolean isReplaced(int status) {
		return this.decoded != null && this.decoded.isTooLarge(status);
	}

	// A partial response is not a stream of its own. An object that is served in ranges
	// has to have the same bytes in all of them.
	private @Nullable AnswerCoding coding() {
		boolean codable = !this.plain && ArrowMediaType.isNamedBy(getContentType()) && !isCommitted()
				&& getStatus() != SC_PARTIAL_CONTENT && getHeader(HttpHeaders.ACCEPT_RANGES) == null
				&& getHeader(HttpHeaders.CONTENT_ENCODING) == null && getHeader(AnswerCoding.LABEL) == null;
		return codable ? this.coding : null;
	}

	@Override
	public ServletOutputStream getOutputStream() throws IOException {
		ServletOutputStream plain = super.getOutputStream();
		if (this.body == null) {
			if (this.decoded == null && getContentType() != null && coding() == null) {
				return plain;
			}
			this.body = new BodyStream(plain);
		}
		this.body.plain = plain;
		return this.body;
	}

	@Override
	public void setContentLength(int length) {
		if (!withholds(length)) {
			super.setContentLength(length);
		}
	}

	@Override
	public void setContentLengthLong(long length) {
		if (!withholds(length)) {
			super.setContentLengthLong(length);
		}
	}

	@Override
	public void setHeader(String name, @Nullable String value) {
		if (!withholds(name, value)) {
			super.setHeader(name, value);
		}
	}

	@Override
	public void addHeader(String name, @Nullable String value) {
		if (!withholds(name, value)) {
			super.addHeader(name, value);
		}
	}

	@Override
	public void setIntHeader(String name, int value) {
		if (!withholds(name, String.valueOf(value))) {
			super.setIntHeader(name, value);
		}
	}

	@Override
	public void addIntHeader(String name, int value) {
		if (!withholds(name, String.valueOf(value))) {
			super.addIntHeader(name, value);
		}
	}

	private boolean withholds(String header, @Nullable String value) {
		if (!HttpHeaders.CONTENT_LENGTH.equalsIgnoreCase(header)) {
			return false;
		}
		try {
			return withholds((value != null) ? Long.parseLong(value) : -1);
		}
		catch (NumberFormatException ex) {
			return withholds(-1);
		}
	}

	// The length of a coded answer is unknown; the plain length is passed to the encoder.
	private boolean withholds(long length) {
		boolean coded = coding() != null || (this.body != null && this.body.coded != null);
		this.length = length;
		this.announced = !coded && length >= 0;
		return coded;
	}

	@Override
	public void sendError(int status) throws IOException {
		if (!isReplaced(status)) {
			abandon();
			super.sendError(status);
		}
	}

	@Override
	public void sendError(int status, String message) throws IOException {
		if (!isReplaced(status)) {
			abandon();
			super.sendError(status, message);
		}
	}

	@Override
	public void sendRedirect(String location) throws IOException {
		abandon();
		super.sendRedirect(location);
	}

	@Override
	public void sendRedirect(String location, boolean clearBuffer) throws IOException {
		if (clearBuffer) {
			abandon();
		}
		super.sendRedirect(location, clearBuffer);
	}

	@Override
	public void sendRedirect(String location, int status) throws IOException {
		abandon();
		super.sendRedirect(location, status);
	}

	@Override
	public void sendRedirect(String location, int status, boolean clearBuffer) throws IOException {
		if (clearBuffer) {
			abandon();
		}
		super.sendRedirect(location, status, clearBuffer);
	}

	@Override
	public void resetBuffer() {
		super.resetBuffer();
		abandon();
	}

	@Override
	public void reset() {
		super.reset();
		abandon();
		this.length = -1;
		this.announced = false;
	}

	@Override
	public void flushBuffer() throws IOException {
		if (this.body != null) {
			this.body.target();
		}
		if (!isReplaced()) {
			super.flushBuffer();
		}
	}

	/**
	 * Discard a coded body, unless the response is committed: another answer follows,
	 * which may have a coding and a label of its own.
	 */
	void abandon() {
		if (this.body != null && !isCommitted()) {
			AnswerCoding coding = this.body.release();
			if (coding != null) {
				super.setHeader(coding.label(), null);
			}
		}
	}

	/**
	 * Free an encoder that was not finished.
	 */
	void release() {
		if (this.body != null) {
			this.body.release();
		}
	}

	/**
	 * Write the end of a coded body.
	 * @throws IOException if it cannot be written
	 */
	void finish() throws IOException {
		if (this.body != null) {
			this.body.finish();
		}
	}

	/**
	 * Decides with the first byte whether and how to encode.
	 */
	private final class BodyStream extends ServletOutputStream {

		private ServletOutputStream plain;

		private @Nullable OutputStream target;

		private @Nullable CodedBody coded;

		BodyStream(ServletOutputStream plain) {
			this.plain = plain;
		}

		private OutputStream target() throws IOException {
			if (this.target == null) {
				this.target = isReplaced() ? OutputStream.nullOutputStream() : choose();
			}
			return this.target;
		}

		private OutputStream choose() throws IOException {
			AnswerCoding coding = coding();
			if (coding == null) {
				return this.plain;
			}
			CodedResponse response = CodedResponse.this;
			if (response.announced) {
				response.announced = false;
				CodedResponse.super.setContentLengthLong(-1);
			}
			CodedBody coded = new CodedBody(this.plain, coding, response.length);
			CodedResponse.super.setHeader(coding.label(), coding.codec().coding());
			CodedResponse.super.addHeader(HttpHeaders.VARY, HttpHeaders.ACCEPT_ENCODING);
			this.coded = coded;
			return coded.encoder();
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
		public void write(ByteBuffer buffer) throws IOException {
			if (target() == this.plain) {
				this.plain.write(buffer);
				return;
			}
			byte[] bytes = new byte[buffer.remaining()];
			buffer.get(bytes);
			write(bytes);
		}

		@Override
		public void print(String text) throws IOException {
			// Containers differ in how they encode text.
			if (target() == this.plain) {
				this.plain.print(text);
			}
			else {
				super.print(text);
			}
		}

		// The encoder keeps its pending output: flushing it in the middle would cost
		// compression.
		@Override
		public void flush() throws IOException {
			if (target() == this.plain) {
				this.plain.flush();
			}
		}

		@Override
		public void close() throws IOException {
			finish();
			if (this.target != null || !isReplaced()) {
				this.plain.close();
			}
		}

		void finish() throws IOException {
			if (this.coded != null) {
				this.coded.finish();
			}
		}

		/**
		 * Discard what was written.
		 * @return its coding, or {@code null} if it was plain
		 */
		@Nullable AnswerCoding release() {
			CodedBody coded = this.coded;
			this.coded = null;
			this.target = null;
			if (coded == null) {
				return null;
			}
			coded.release();
			return coded.coding();
		}

		@Override
		public boolean isReady() {
			return this.plain.isReady();
		}

		@Override
		public void setWriteListener(WriteListener listener) {
			// An encoder writes by blocking.
			if (this.coded != null) {
				throw new IllegalStateException("The Arrow answer is being coded");
			}
			this.target = this.plain;
			this.plain.setWriteListener(listener);
		}

	}

}
