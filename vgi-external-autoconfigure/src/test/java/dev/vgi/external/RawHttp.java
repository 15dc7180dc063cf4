package dev.vgi.external;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

import org.jspecify.annotations.Nullable;

/**
 * HTTP on one plain connection to this machine: shows what is on the wire and logs
 * nothing.
 */
final class RawHttp implements AutoCloseable {

	private final Socket socket;

	private final InputStream in;

	RawHttp(int port) throws IOException {
		this.socket = new Socket("127.0.0.1", port);
		this.in = new BufferedInputStream(this.socket.getInputStream());
	}

	/**
	 * Make one request on a connection of its own.
	 * @param port where to
	 * @param method its method
	 * @param target path and query
	 * @param body its body, or {@code null}
	 * @param headers further headers, as {@code Name: value}
	 * @return the response
	 * @throws IOException if the server is gone
	 */
	static Response exchange(int port, String method, String target, byte @Nullable [] body, String... headers)
			throws IOException {
		try (RawHttp connection = new RawHttp(port)) {
			connection.send(method, target, body, false, headers);
			return connection.receive("HEAD".equals(method));
		}
	}

	void send(String method, String target, byte @Nullable [] body, boolean chunked, String... headers)
			throws IOException {
		StringBuilder head = new StringBuilder(method).append(' ')
			.append(target)
			.append(" HTTP/1.1\r\nHost: localhost:")
			.append(this.socket.getPort())
			.append("\r\n");
		for (String header : headers) {
			head.append(header).append("\r\n");
		}
		if (body != null) {
			head.append(chunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: " + body.length + "\r\n");
		}
		head.append("\r\n");
		if (chunked && body != null) {
			head.append(Integer.toHexString(body.length)).append("\r\n");
		}
		OutputStream out = this.socket.getOutputStream();
		out.write(head.toString().getBytes(StandardCharsets.US_ASCII));
		if (body != null) {
			out.write(body);
			out.write((chunked ? "\r\n0\r\n\r\n" : "").getBytes(StandardCharsets.US_ASCII));
		}
		out.flush();
	}

	void write(byte[] bytes) throws IOException {
		this.socket.getOutputStream().write(bytes);
	}

	Response receive() throws IOException {
		return receive(false);
	}

	private Response receive(boolean head) throws IOException {
		int status = Integer.parseInt(line().split(" ")[1]);
		Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
		for (String header = line(); !header.isEmpty(); header = line()) {
			int colon = header.indexOf(':');
			headers.put(header.substring(0, colon), header.substring(colon + 1).strip());
		}
		if (head || status == 100 || status == 204 || status == 304) {
			return new Response(status, headers, "");
		}
		if (!headers.containsKey("Transfer-Encoding")) {
			return new Response(status, headers, read(Integer.parseInt(headers.getOrDefault("Content-Length", "0"))));
		}
		StringBuilder body = new StringBuilder();
		for (int size = chunk(); size > 0; size = chunk()) {
			body.append(read(size));
			line();
		}
		line();
		return new Response(status, headers, body.toString());
	}

	private int chunk() throws IOException {
		return Integer.parseInt(line().strip(), 16);
	}

	private String read(int length) throws IOException {
		return new String(this.in.readNBytes(length), StandardCharsets.ISO_8859_1);
	}

	private String line() throws IOException {
		StringBuilder line = new StringBuilder();
		for (int c = this.in.read(); c != '\n'; c = this.in.read()) {
			if (c < 0) {
				throw new IOException("The connection was closed");
			}
			if (c != '\r') {
				line.append((char) c);
			}
		}
		return line.toString();
	}

	/**
	 * Wait for the server to end the connection.
	 * @return whether it did, without sending more
	 * @throws IOException if it broke the connection
	 */
	boolean isAtEnd() throws IOException {
		return this.in.read() < 0;
	}

	@Override
	public void close() throws IOException {
		this.socket.close();
	}

	/**
	 * A response.
	 *
	 * @param status its status
	 * @param headers its headers
	 * @param body its body, one character per byte
	 */
	record Response(int status, Map<String, String> headers, String body) {

		@Nullable String header(String name) {
			return this.headers.get(name);
		}

	}

}
