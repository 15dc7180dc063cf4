package dev.vgi.external.transport;

import java.io.IOException;
import java.net.Socket;
import java.nio.channels.SocketChannel;

import javax.net.ssl.SSLSocket;

import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.impl.io.DefaultBHttpClientConnection;
import org.apache.hc.core5.io.CloseMode;
import org.jspecify.annotations.Nullable;

/**
 * A connection of the pool. Built on the HTTP core alone: the connections, headers and
 * request lines of the client above it are logged with their query as soon as somebody
 * turns its loggers on, and a signed query must not be.
 */
final class StorageConnection extends DefaultBHttpClientConnection {

	/** Long reads and writes bypass this buffer: it is for heads. */
	private static final Http1Config CONFIG = Http1Config.custom()
		.setBufferSize(8192)
		.setMaxLineLength(32 * 1024)
		.setMaxHeaderCount(256)
		.setMaxEmptyLineCount(16)
		.build();

	/** Copy buffer between the socket and off-heap memory, used again and again. */
	final byte[] scratch = new byte[64 * 1024];

	private final Socket socket;

	/**
	 * Carries long bodies between the socket and off-heap memory without a copy; or
	 * {@code null} under TLS.
	 */
	final @Nullable SocketChannel channel;

	/** Whether requests carry the absolute URL, because a proxy forwards them. */
	final boolean forwarded;

	/** When it was given back to the pool, by the transport's clock. */
	long idleSince;

	StorageConnection(Socket socket, @Nullable SSLSocket sslSocket, boolean forwarded) throws IOException {
		super(CONFIG);
		this.socket = socket;
		this.channel = (sslSocket != null) ? null : socket.getChannel();
		this.forwarded = forwarded;
		if (sslSocket != null) {
			bind(sslSocket, socket);
		}
		else {
			bind(socket);
		}
	}

	// Bytes received so far: tells an unanswered request from a broken answer.
	long received() {
		return getEndpointDetails().getReceivedBytesCount();
	}

	/**
	 * Drop the connection at once, waking whoever reads from it or writes to it.
	 */
	void abort() {
		try {
			this.socket.close();
		}
		catch (IOException ex) {
			// It is being dropped.
		}
		close(CloseMode.IMMEDIATE);
	}

}
