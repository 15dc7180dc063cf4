package dev.vgi.external.web.server;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.memory.RequestMemory;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;

/**
 * A request with a decoded Arrow body, up to the cap. The filter that creates it releases
 * it.
 */
final class DecodedRequest extends HttpServletRequestWrapper {

	/** How much of a refused body is drained to keep its connection. */
	private static final long MAX_DRAIN = 64L << 20;

	private final @Nullable ContentCodec codec;

	private final @Nullable Long maxBytes;

	private @Nullable CappedInputStream body;

	DecodedRequest(HttpServletRequest request, @Nullable ContentCodec codec, @Nullable Long maxBytes) {
		super(request);
		this.codec = codec;
		this.maxBytes = maxBytes;
	}

	/**
	 * Return whether the body is too large.
	 * @param status the status of the answer. A body that caused an early error may also
	 * be too large, which its sender has to know, so the rest is then read
	 * @return whether it is, as far as it was read
	 */
	boolean isTooLarge(int status) {
		if (status >= HttpServletResponse.SC_BAD_REQUEST) {
			readAway();
		}
		return this.body != null && this.body.tooLarge;
	}

	/**
	 * Close the decoder, which holds off-heap memory: a request's body is closed by no
	 * one else.
	 */
	void release() {
		try {
			if (this.body != null) {
				this.body.close();
			}
		}
		catch (IOException ex) {
			// Readers of the body have already seen this error.
		}
	}

	private void readAway() {
		try {
			drain(getInputStream());
		}
		catch (VgiExternalException | IOException ex) {
			// The body has recorded that it is too large, or cannot be read any further.
		}
	}

	/**
	 * Drain the rest, so that the next request is found on the connection. Beyond the
	 * bound the container closes the connection, which costs less than reading on.
	 * @param body the rest
	 * @throws IOException if the body breaks off
	 */
	static void drain(InputStream body) throws IOException {
		byte[] step = new byte[16 * 1024];
		long drained = 0;
		int read;
		while (drained < MAX_DRAIN && (read = body.read(step)) >= 0) {
			drained += read;
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
	public BufferedReader getReader() throws IOException {
		String charset = getCharacterEncoding();
		return new BufferedReader(new InputStreamReader(getInputStream(),
				(charset != null) ? Charset.forName(charset) : StandardCharsets.ISO_8859_1));
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
	public int getIntHeader(String name) {
		return isDecoded(name) ? -1 : super.getIntHeader(name);
	}

	@Override
	public Enumeration<String> getHeaderNames() {
		List<String> names = Collections.list(super.getHeaderNames());
		names.removeIf(this::isDecoded);
		return Collections.enumeration(names);
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

	/**
	 * Creates the decoder with the first read, since some decoders read their first bytes
	 * when they are created.
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

		@Override
		public int available() throws IOException {
			return (this.decoded != null) ? this.decoded.available() : 0;
		}

		// The decoder may hold that many decoded bytes.
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
	 * Counts the bytes read and refuses to read beyond the cap.
	 */
	private static final class CappedInputStream extends ServletInputStream {

		private final InputStream source;

		private final long cap;

		private final @Nullable CappedInputStream inner;

		private long count;

		private boolean finished;

		private boolean tooLarge;

		private @Nullable ReadListener listener;

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
		public int available() throws IOException {
			return this.source.available();
		}

		@Override
		public boolean isFinished() {
			return this.finished || (this.source instanceof ServletInputStream plain && plain.isFinished());
		}

		// A decoder reads by blocking.
		@Override
		public boolean isReady() {
			return this.listener == null || ((ServletInputStream) this.source).isReady();
		}

		@Override
		public void setReadListener(ReadListener listener) {
			if (!(this.source instanceof ServletInputStream plain)) {
				throw new IllegalStateException("A coded Arrow body is read by blocking");
			}
			plain.setReadListener(listener);
			this.listener = listener;
		}

		// The container's own stream stays open: a body that is too large must still be
		// drained after its reader has given up.
		@Override
		public void close() throws IOException {
			if (this.inner != null) {
				this.source.close();
			}
		}

	}

}
