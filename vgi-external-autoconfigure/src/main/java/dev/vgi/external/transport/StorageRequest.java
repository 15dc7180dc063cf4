package dev.vgi.external.transport;

import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.util.Locale;
import java.util.Map;

import dev.vgi.external.url.RedactedUrl;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.io.entity.EntityTemplate;
import org.apache.hc.core5.http.message.BasicClassicHttpRequest;
import org.jspecify.annotations.Nullable;

/**
 * A request to one address. It can be sent again on another connection.
 *
 * @param method the method
 * @param url an absolute http or https URL
 * @param publicOnly whether the address of its host has to be public
 * @param foreign whether somebody else named the host
 * @param headers headers besides those that HTTP itself requires
 * @param body the bytes to send, or {@code null} for none
 */
record StorageRequest(String method, URI url, boolean publicOnly, boolean foreign, Map<String, String> headers,
		@Nullable RequestBody body) {

	// Whether this discards something, which is allowed when transfers have been ended.
	boolean cleansUp() {
		return "DELETE".equals(this.method);
	}

	/**
	 * Return how many bytes of a body were carried: of the request's, if it has one.
	 * @param answer the response, or {@code null} if there was none
	 * @return bytes
	 */
	long carried(@Nullable ReceivedResponse answer) {
		RequestBody sent = this.body;
		if (answer == null) {
			return 0;
		}
		return (sent != null) ? sent.length() : answer.bytesRead();
	}

	ConnectionPool.Route route() {
		return new ConnectionPool.Route(host(), this.publicOnly, this.foreign);
	}

	private HttpHost host() {
		String host = this.url.getHost();
		if (host.startsWith("[")) {
			host = host.substring(1, host.length() - 1);
		}
		String scheme = this.url.getScheme().toLowerCase(Locale.ROOT);
		int port = (this.url.getPort() >= 0) ? this.url.getPort() : ("https".equals(scheme) ? 443 : 80);
		return new HttpHost(scheme, host, port);
	}

	/**
	 * Send this request.
	 * @param connection a connection to the host, or to the proxy that forwards to it
	 * @return what was sent
	 * @throws IOException if the connection breaks before there is a response
	 * @throws HttpException if the connection is out of step
	 */
	ClassicHttpRequest send(StorageConnection connection) throws IOException, HttpException {
		HttpHost host = host();
		String authority = (this.url.getPort() >= 0) ? host.toHostString() : withoutPort(host);
		String path = this.url.getRawPath();
		String target = ((path == null || path.isEmpty()) ? "/" : path)
				+ ((this.url.getRawQuery() != null) ? "?" + this.url.getRawQuery() : "");
		ClassicHttpRequest request = new TargetedRequest(this.method,
				connection.forwarded ? host.getSchemeName() + "://" + authority + target : target);
		request.setHeader("Host", authority);
		request.setHeader("User-Agent", "vgi-external");
		if (connection.forwarded && connection.proxyAuthorization != null) {
			request.setHeader("Proxy-Authorization", connection.proxyAuthorization);
		}
		this.headers.forEach(request::setHeader);
		RequestBody content = this.body;
		if (content != null) {
			long length = content.length();
			request.setHeader("Content-Length", Long.toString(length));
			request.setEntity(new EntityTemplate(length, null, null,
					(out) -> write(content, new BodyChannel(out, connection, length))));
		}
		connection.send(request);
		return request;
	}

	private static void write(RequestBody body, BodyChannel channel) throws IOException {
		// The head is still in the connection's buffer.
		channel.out.flush();
		body.writeTo(channel);
		if (channel.left != 0) {
			throw new ExplainedException("the request body ended " + channel.left + " bytes early");
		}
	}

	// Asks a proxy for a tunnel to the target.
	static ClassicHttpRequest tunnel(HttpHost target, @Nullable String proxyAuthorization) {
		String authority = target.toHostString();
		ClassicHttpRequest request = new TargetedRequest("CONNECT", authority);
		request.setHeader("Host", authority);
		if (proxyAuthorization != null) {
			request.setHeader("Proxy-Authorization", proxyAuthorization);
		}
		return request;
	}

	@Override
	public String toString() {
		return this.method + " " + RedactedUrl.of(this.url);
	}

	private static String withoutPort(HttpHost host) {
		String name = host.getHostName();
		return (name.indexOf(':') >= 0) ? "[" + name + "]" : name;
	}

	/**
	 * A request whose target is sent exactly as given: a signature covers every byte of
	 * it, and a proxy requires other forms of it.
	 */
	private static final class TargetedRequest extends BasicClassicHttpRequest {

		private static final long serialVersionUID = 1L;

		private final String target;

		TargetedRequest(String method, String target) {
			super(method, "/");
			this.target = target;
		}

		@Override
		public String getRequestUri() {
			return this.target;
		}

		@Override
		public String toString() {
			return getMethod();
		}

	}

	/**
	 * Writes a body to the socket; under TLS, in pieces of the connection's copy buffer.
	 */
	private static final class BodyChannel implements WritableByteChannel {

		private final OutputStream out;

		private final StorageConnection connection;

		private long left;

		BodyChannel(OutputStream out, StorageConnection connection, long length) {
			this.out = out;
			this.connection = connection;
			this.left = length;
		}

		@Override
		public int write(ByteBuffer source) throws IOException {
			int length = source.remaining();
			if (length > this.left) {
				throw new ExplainedException("the request body is longer than announced");
			}
			SocketChannel direct = this.connection.channel;
			if (direct != null && source.isDirect()) {
				while (source.hasRemaining()) {
					direct.write(source);
				}
			}
			else {
				byte[] scratch = this.connection.scratch;
				while (source.hasRemaining()) {
					int piece = Math.min(scratch.length, source.remaining());
					source.get(scratch, 0, piece);
					this.out.write(scratch, 0, piece);
				}
				this.out.flush();
			}
			this.left -= length;
			return length;
		}

		@Override
		public boolean isOpen() {
			return true;
		}

		@Override
		public void close() {
		}

	}

}
