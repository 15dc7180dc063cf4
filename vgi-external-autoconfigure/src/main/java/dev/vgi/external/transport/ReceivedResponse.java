package dev.vgi.external.transport;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

import dev.vgi.external.time.TransferTimer;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.impl.DefaultConnectionReuseStrategy;
import org.apache.hc.core5.util.TimeValue;
import org.jspecify.annotations.Nullable;

/**
 * A response as it comes off its connection: first the head, then the body up to the end
 * that the head announces. Belongs to one thread, except {@link #stopWatching} and the
 * check for silence, which the timer runs.
 */
final class ReceivedResponse {

	/** What storages call their identifier of a request: S3, GCS, Azure, others. */
	private static final List<String> REQUEST_IDS = List.of("x-amz-request-id", "x-guploader-uploadid",
			"x-ms-request-id", "x-request-id");

	private static final long NOT_READING = Long.MIN_VALUE;

	private static final TimeValue KEEP_ALIVE = TimeValue.ofSeconds(30);

	private final StorageConnection connection;

	private final TransferTimer timer;

	private final Duration longestSilence;

	final ClassicHttpResponse head;

	/** Bytes of the body as {@code Content-Length} says, or -1. */
	final long contentLength;

	private final boolean reusable;

	private final @Nullable InputStream body;

	/** The source of the body without a copy; its first bytes are in the stream. */
	private final @Nullable SocketChannel channel;

	/** Whether reading has moved from the stream to the channel. */
	private boolean beyondStream;

	private long bytesRead;

	private boolean complete;

	/** When the current read began, or {@link #NOT_READING}. */
	private volatile long readingSince = NOT_READING;

	private volatile boolean silent;

	/** Guarded by this object's monitor. */
	private boolean watched;

	/** Guarded by this object's monitor. */
	private TransferTimer.@Nullable Alarm nextCheck;

	private ReceivedResponse(StorageConnection connection, TransferTimer timer, Duration longestSilence,
			ClassicHttpRequest request, ClassicHttpResponse head) throws IOException, HttpException {
		this.connection = connection;
		this.timer = timer;
		this.longestSilence = longestSilence;
		this.head = head;
		this.contentLength = parseLength(head);
		int status = head.getCode();
		this.reusable = isDelimited(head) && DefaultConnectionReuseStrategy.INSTANCE.keepAlive(request, head, null);
		if (!"HEAD".equals(request.getMethod()) && status != 204 && status != 304) {
			connection.receiveResponseEntity(head);
		}
		HttpEntity entity = head.getEntity();
		this.body = (entity != null) ? entity.getContent() : null;
		this.channel = (this.contentLength > 0) ? connection.channel : null;
		this.complete = this.body == null || this.contentLength == 0;
	}

	/**
	 * Receive the head of a response.
	 * @param connection the connection on which the request was sent
	 * @param request what was sent
	 * @param timer measures how long the peer is silent
	 * @param longestSilence longest time in which a read of the body may receive nothing
	 * @return the response, whose body can be read
	 * @throws IOException if the connection breaks before the end of the head
	 * @throws HttpException if what comes is not HTTP
	 */
	static ReceivedResponse receive(StorageConnection connection, ClassicHttpRequest request, TransferTimer timer,
			Duration longestSilence) throws IOException, HttpException {
		ClassicHttpResponse head = connection.receiveResponseHeader();
		for (int interim = 0; head.getCode() < 200; interim++) {
			if (head.getCode() == 101 || interim > 8) {
				throw new ExplainedException("it sends interim responses that nobody asked for");
			}
			head = connection.receiveResponseHeader();
		}
		return new ReceivedResponse(connection, timer, longestSilence, request, head);
	}

	// A message with two lengths, or with a length where none is allowed, may have
	// another end for its sender.
	private static boolean isDelimited(ClassicHttpResponse head) {
		int lengths = head.countHeaders("Content-Length") + head.countHeaders("Transfer-Encoding");
		return (head.getCode() == 204) ? lengths == 0 || parseLength(head) == 0 : lengths <= 1;
	}

	private static long parseLength(ClassicHttpResponse head) {
		Header header = head.getFirstHeader("Content-Length");
		if (header == null || head.containsHeader("Transfer-Encoding")) {
			return -1;
		}
		try {
			return Math.max(-1, Long.parseLong(header.getValue().strip()));
		}
		catch (NumberFormatException ex) {
			return -1;
		}
	}

	@Nullable String header(String name) {
		Header header = this.head.getFirstHeader(name);
		return (header != null) ? header.getValue() : null;
	}

	// All values of a header that may be repeated, or null.
	@Nullable String headers(String name) {
		Header[] headers = this.head.getHeaders(name);
		return (headers.length > 0) ? Arrays.stream(headers).map(Header::getValue).collect(Collectors.joining(","))
				: null;
	}

	@Nullable String requestId() {
		for (String name : REQUEST_IDS) {
			String value = RequestWatch.identifier(header(name));
			if (value != null) {
				return value;
			}
		}
		return null;
	}

	long bytesRead() {
		return this.bytesRead;
	}

	// Whether there is no body or its end was read.
	boolean isComplete() {
		return this.complete;
	}

	// For how long the connection may be used again once the response is complete, or
	// null to close it.
	@Nullable TimeValue keepAlive() {
		if (!this.reusable) {
			return null;
		}
		Header hint = this.head.getFirstHeader("Keep-Alive");
		if (hint != null) {
			for (String part : hint.getValue().split(",")) {
				String[] pair = part.strip().split("=", 2);
				if (pair.length == 2 && "timeout".equalsIgnoreCase(pair[0].strip())
						&& pair[1].strip().matches("[0-9]{1,6}")) {
					// One second less, since the peer's clock decides.
					return TimeValue.ofSeconds(Math.max(0, Long.parseLong(pair[1].strip()) - 1));
				}
			}
		}
		return KEEP_ALIVE;
	}

	/**
	 * Read available bytes of the body, at least one.
	 * @param target the buffer to read into, with room
	 * @return how many bytes were read, or -1 at the end
	 * @throws IOException if the connection breaks or the peer was silent for too long
	 */
	int read(ByteBuffer target) throws IOException {
		InputStream in = this.body;
		if (this.complete || in == null) {
			return -1;
		}
		int read;
		// The connection has buffered a few bytes beyond the head, which come first.
		if (this.channel != null && (this.beyondStream || in.available() == 0)) {
			this.beyondStream = true;
			read = read(this.channel, target);
		}
		else {
			read = read(in, target);
		}
		this.bytesRead += Math.max(0, read);
		this.complete = read < 0 || this.bytesRead == this.contentLength;
		return read;
	}

	private int read(InputStream in, ByteBuffer target) throws IOException {
		if (target.hasArray()) {
			int read = in.read(target.array(), target.arrayOffset() + target.position(), target.remaining());
			target.position(target.position() + Math.max(0, read));
			return read;
		}
		byte[] scratch = this.connection.scratch;
		int read = in.read(scratch, 0, Math.min(target.remaining(), scratch.length));
		if (read > 0) {
			target.put(scratch, 0, read);
		}
		return read;
	}

	private int read(SocketChannel direct, ByteBuffer target) throws IOException {
		int limit = target.limit();
		target.limit((int) Math.min(limit, target.position() + this.contentLength - this.bytesRead));
		this.readingSince = this.timer.nanoTime();
		try {
			int read = direct.read(target);
			if (read < 0) {
				throw new EOFException("the connection was closed");
			}
			return read;
		}
		catch (IOException ex) {
			if (this.silent) {
				throw new SocketTimeoutException();
			}
			throw ex;
		}
		finally {
			this.readingSince = NOT_READING;
			target.limit(limit);
		}
	}

	/**
	 * Break the connection if the peer is silent for too long, which ends the read. Only
	 * reads without a copy need this: the others have a time-out of their own.
	 */
	synchronized void watchSilence() {
		if (this.channel != null && !this.complete) {
			this.watched = true;
			this.nextCheck = this.timer.schedule(this.longestSilence, this::checkSilence);
		}
	}

	private synchronized void checkSilence() {
		if (!this.watched) {
			return;
		}
		long since = this.readingSince;
		Duration rest = this.longestSilence;
		if (since != NOT_READING) {
			rest = rest.minusNanos(this.timer.nanoTime() - since);
			if (rest.isNegative() || rest.isZero()) {
				this.silent = true;
				this.connection.abort();
				return;
			}
		}
		this.nextCheck = this.timer.schedule(rest, this::checkSilence);
	}

	synchronized void stopWatching() {
		this.watched = false;
		if (this.nextCheck != null) {
			this.nextCheck.cancel();
		}
	}

}
