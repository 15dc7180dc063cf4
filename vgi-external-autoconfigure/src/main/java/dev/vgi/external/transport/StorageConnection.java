package dev.vgi.external.transport;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

import javax.net.ssl.SSLSocket;

import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.impl.io.DefaultBHttpClientConnection;
import org.apache.hc.core5.http.impl.io.DefaultHttpResponseParser;
import org.apache.hc.core5.http.io.SessionInputBuffer;
import org.apache.hc.core5.io.CloseMode;
import org.apache.hc.core5.util.Timeout;
import org.jspecify.annotations.Nullable;

/**
 * A connection of the pool. Built on the HTTP core alone: the client above it logs
 * connections, headers and request lines with their query if its loggers are enabled, and
 * a signed query must never be logged.
 */
final class StorageConnection extends DefaultBHttpClientConnection {

	/** This buffer is for heads; long reads and writes bypass it. */
	private static final Http1Config CONFIG = Http1Config.custom()
		.setBufferSize(8192)
		.setMaxLineLength(32 * 1024)
		.setMaxHeaderCount(256)
		.setMaxEmptyLineCount(16)
		.build();

	/** Reusable copy buffer between the socket and off-heap memory. */
	final byte[] scratch = new byte[64 * 1024];

	private final Socket socket;

	private final @Nullable SSLSocket sslSocket;

	private final HeadParser heads;

	/**
	 * Transfers long bodies between the socket and off-heap memory without a copy;
	 * {@code null} under TLS.
	 */
	final @Nullable SocketChannel channel;

	/** Whether requests carry the absolute URL, because a proxy forwards them. */
	final boolean forwarded;

	/** The credentials that a forwarding proxy requires, or {@code null}. */
	final @Nullable String proxyAuthorization;

	/** Whether a request was answered before all of it was sent. */
	private boolean answeredEarly;

	StorageConnection(Socket socket, @Nullable SSLSocket sslSocket, boolean forwarded,
			@Nullable String proxyAuthorization) throws IOException {
		this(socket, sslSocket, forwarded, proxyAuthorization, new HeadParser());
	}

	private StorageConnection(Socket socket, @Nullable SSLSocket sslSocket, boolean forwarded,
			@Nullable String proxyAuthorization, HeadParser heads) throws IOException {
		super(CONFIG, null, null, null, null, null, (config) -> heads);
		this.socket = socket;
		this.sslSocket = sslSocket;
		this.heads = heads;
		this.channel = (sslSocket != null) ? null : socket.getChannel();
		this.forwarded = forwarded;
		this.proxyAuthorization = proxyAuthorization;
		if (sslSocket != null) {
			bind(sslSocket, socket);
		}
		else {
			bind(socket);
		}
	}

	// Bytes received so far, 0 before the first response: distinguishes an unanswered
	// request from a broken response.
	long received() {
		return getEndpointDetails().getReceivedBytesCount();
	}

	/**
	 * Send a request. A storage that refuses its body may respond without reading all of
	 * it; then the response can be received, and the connection is not used again.
	 * @param request the request
	 * @throws IOException if the connection breaks before there is a response
	 * @throws HttpException if the connection is out of step
	 */
	void send(ClassicHttpRequest request) throws IOException, HttpException {
		sendRequestHeader(request);
		try {
			sendRequestEntity(request);
			flush();
		}
		catch (IOException ex) {
			if (request.getEntity() == null || !isOpen() || !isDataAvailable(Timeout.ofSeconds(1))) {
				throw ex;
			}
			this.answeredEarly = true;
		}
	}

	// Whether another request may follow the last response. Bytes that are still in the
	// socket are noticed by isSilent later.
	boolean isReusable() {
		try {
			return !this.answeredEarly && !hasReadAhead();
		}
		catch (IOException ex) {
			return false;
		}
	}

	/**
	 * Return whether bytes were received after the end of the last response, which would
	 * be taken for the beginning of the next one. Needs no system call.
	 * @return {@code true} if the connection must not be used again
	 * @throws IOException if the connection is closed
	 */
	boolean hasReadAhead() throws IOException {
		return this.heads.hasReadAhead() || (this.sslSocket != null && this.sslSocket.getInputStream().available() > 0);
	}

	/**
	 * Return whether an unused connection is open and silent. It is not if its peer has
	 * closed it or has sent anything unexpectedly; under TLS, not even a record without
	 * data. Does not wait.
	 * @return whether a request may be sent
	 * @throws IOException if the connection is broken, or the thread was interrupted
	 */
	boolean isSilent() throws IOException {
		if (!isOpen() || hasReadAhead()) {
			return false;
		}
		SocketChannel raw = this.socket.getChannel();
		raw.configureBlocking(false);
		try {
			return raw.read(ByteBuffer.wrap(this.scratch, 0, 1)) == 0;
		}
		finally {
			raw.configureBlocking(true);
		}
	}

	/**
	 * Drop the connection at once, and wake threads that read from it or write to it.
	 */
	void abort() {
		try {
			this.socket.close();
		}
		catch (IOException ex) {
			// The connection is dropped anyway.
		}
		close(CloseMode.IMMEDIATE);
	}

	/**
	 * Reads heads. Thereby it gets access to the buffer, which may hold bytes beyond
	 * them.
	 */
	private static final class HeadParser extends DefaultHttpResponseParser {

		private @Nullable SessionInputBuffer buffer;

		HeadParser() {
			super(CONFIG);
		}

		@Override
		public ClassicHttpResponse parse(SessionInputBuffer buffer, InputStream in) throws IOException, HttpException {
			this.buffer = buffer;
			return super.parse(buffer, in);
		}

		boolean hasReadAhead() {
			return this.buffer != null && this.buffer.length() > 0;
		}

	}

}
