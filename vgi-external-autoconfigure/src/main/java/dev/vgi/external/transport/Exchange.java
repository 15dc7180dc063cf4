package dev.vgi.external.transport;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.UrlRejectedException;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.impl.DefaultConnectionReuseStrategy;
import org.apache.hc.core5.http.io.entity.AbstractHttpEntity;
import org.apache.hc.core5.io.CloseMode;
import org.apache.hc.core5.pool.PoolEntry;
import org.apache.hc.core5.util.TimeValue;
import org.apache.hc.core5.util.Timeout;
import org.jspecify.annotations.Nullable;

/**
 * One request and its response. Ends exactly once: read to its end, closed by its owner,
 * or cancelled by the deadline, another thread or the closing transport. The one that
 * ends it also releases the connection.
 */
final class Exchange implements StorageResponse {

	private static final long NOT_READING = Long.MIN_VALUE;

	private static final TimeValue KEEP_ALIVE = TimeValue.ofSeconds(30);

	private final StorageTransport transport;

	private final String method;

	private final URI url;

	private final boolean publicOnly;

	private final Map<String, String> headers;

	private final @Nullable RequestBody requestBody;

	private final Deadline deadline;

	private State state = State.RUNNING;

	private TransferTimer.@Nullable Alarm alarm;

	private @Nullable Future<?> waiting;

	private @Nullable Socket opening;

	private @Nullable PoolEntry<Route, StorageConnection> entry;

	private int requests;

	private @Nullable ClassicHttpResponse response;

	private @Nullable InputStream body;

	/** The source of the body without a copy, once its first bytes were read. */
	private @Nullable SocketChannel channel;

	/** Whether reading has moved from the stream to the channel. */
	private boolean beyondStream;

	private TransferTimer.@Nullable Alarm silence;

	/** When the current read began, or {@link #NOT_READING}. */
	private volatile long readingSince = NOT_READING;

	private byte[] scratch = new byte[0];

	private long contentLength = -1;

	private long bytesRead;

	private boolean answeredEarly;

	private boolean reusable;

	Exchange(StorageTransport transport, String method, URI url, boolean publicOnly, Map<String, String> headers,
			@Nullable RequestBody requestBody, Deadline deadline) {
		this.transport = transport;
		this.method = method;
		this.url = url;
		this.publicOnly = publicOnly;
		this.headers = headers;
		this.requestBody = requestBody;
		this.deadline = deadline;
	}

	boolean cleansUp() {
		return "DELETE".equals(this.method);
	}

	/**
	 * Send the request and receive the head of the response.
	 * @param before number of requests sent for earlier hops
	 * @param cancellation may cancel this exchange; or {@code null}
	 * @return this exchange, which the caller closes; on failure it has ended
	 */
	Exchange execute(int before, @Nullable Cancellation cancellation) {
		this.requests = before;
		Duration remaining = this.deadline.remaining();
		if (remaining.isZero()) {
			this.state = State.TIMED_OUT;
			throw timedOut();
		}
		this.transport.started(this);
		if (cancellation != null) {
			cancellation.watch(this);
		}
		try {
			synchronized (this) {
				if (this.state == State.RUNNING) {
					this.alarm = this.transport.timer().schedule(remaining, () -> end(State.TIMED_OUT, false));
				}
			}
			open();
			return this;
		}
		catch (IOException | HttpException ex) {
			VgiExternalException failure = failure((this.requests > before) ? "No answer from" : "Cannot reach", ex);
			end(State.CANCELLED, false);
			throw failure;
		}
		catch (RuntimeException | Error ex) {
			end(State.CANCELLED, false);
			throw ex;
		}
	}

	private void open() throws IOException, HttpException {
		while (true) {
			PoolEntry<Route, StorageConnection> leased = lease();
			StorageConnection connection = leased.getConnection();
			boolean reused = connection != null;
			if (connection == null) {
				connection = connect(leased);
			}
			long receivedBefore = connection.received();
			try {
				this.requests++;
				receive(connection, send(connection));
				return;
			}
			catch (IOException ex) {
				// The peer may have closed the idle connection just when it was reused.
				// If there was no response yet, the request is sent again.
				if (!reused || connection.received() != receivedBefore || !giveUp(leased)) {
					throw ex;
				}
			}
		}
	}

	private PoolEntry<Route, StorageConnection> lease() throws IOException {
		Route route = new Route(StorageTransport.route(this.url), this.publicOnly);
		while (true) {
			PoolEntry<Route, StorageConnection> leased = await(this.transport.lease(route));
			synchronized (this) {
				this.waiting = null;
				if (this.state != State.RUNNING) {
					release(leased, false);
					throw new IOException("ended while waiting for a connection");
				}
				this.entry = leased;
			}
			StorageConnection connection = leased.getConnection();
			if (connection == null || isUsable(connection)) {
				return leased;
			}
			if (!giveUp(leased)) {
				throw new IOException("ended while checking a connection");
			}
		}
	}

	private static boolean isUsable(StorageConnection connection) throws ClosedByInterruptException {
		try {
			return connection.isSilent();
		}
		catch (ClosedByInterruptException ex) {
			throw ex;
		}
		catch (IOException ex) {
			return false;
		}
	}

	private PoolEntry<Route, StorageConnection> await(Future<PoolEntry<Route, StorageConnection>> future)
			throws IOException {
		synchronized (this) {
			this.waiting = future;
			if (this.state != State.RUNNING) {
				future.cancel(true);
			}
		}
		try {
			return future.get();
		}
		catch (CancellationException ex) {
			throw new IOException("ended while waiting for a connection");
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			if (!future.cancel(true)) {
				release(granted(future), false);
			}
			throw new ClosedByInterruptException();
		}
		catch (ExecutionException ex) {
			throw new ExplainedException("no connection is to be had");
		}
	}

	private static @Nullable PoolEntry<Route, StorageConnection> granted(
			Future<PoolEntry<Route, StorageConnection>> future) {
		try {
			return future.get(0, TimeUnit.NANOSECONDS);
		}
		catch (InterruptedException | ExecutionException | TimeoutException | CancellationException ex) {
			return null;
		}
	}

	private StorageConnection connect(PoolEntry<Route, StorageConnection> leased) throws IOException, HttpException {
		StorageConnection connection = this.transport.connector().connect(leased.getRoute(), this::opening);
		synchronized (this) {
			this.opening = null;
			if (this.state != State.RUNNING) {
				connection.abort();
				throw new IOException("ended while connecting");
			}
			leased.assignConnection(connection);
		}
		return connection;
	}

	private synchronized void opening(Socket socket) {
		this.opening = socket;
		if (this.state != State.RUNNING) {
			Connector.closeQuietly(socket);
		}
	}

	private ClassicHttpRequest send(StorageConnection connection) throws IOException, HttpException {
		String path = this.url.getRawPath();
		String target = ((path == null || path.isEmpty()) ? "/" : path)
				+ ((this.url.getRawQuery() != null) ? "?" + this.url.getRawQuery() : "");
		HttpHost route = StorageTransport.route(this.url);
		String authority = (this.url.getPort() >= 0) ? route.toHostString() : withoutPort(route);
		if (connection.forwarded) {
			target = route.getSchemeName() + "://" + authority + target;
		}
		TargetedRequest request = new TargetedRequest(this.method, target);
		request.setHeader("Host", authority);
		request.setHeader("User-Agent", "vgi-external");
		String proxyAuthorization = this.transport.connector().proxyAuthorization();
		if (connection.forwarded && proxyAuthorization != null) {
			request.setHeader("Proxy-Authorization", proxyAuthorization);
		}
		this.headers.forEach(request::setHeader);
		connection.setSocketTimeout(Timeout.ofMilliseconds(Connector.millis(this.transport.settings().readTimeout())));
		if (this.requestBody != null) {
			request.setHeader("Content-Length", Long.toString(this.requestBody.length()));
			request.setEntity(new BodyEntity(this.requestBody, connection));
		}
		connection.sendRequestHeader(request);
		try {
			connection.sendRequestEntity(request);
			connection.flush();
		}
		catch (IOException ex) {
			// A storage that refuses a body may respond without reading all of it.
			if (this.requestBody == null || !connection.isOpen() || !connection.isDataAvailable(Timeout.ofSeconds(1))) {
				throw ex;
			}
			this.answeredEarly = true;
		}
		return request;
	}

	private static String withoutPort(HttpHost route) {
		String host = route.getHostName();
		return (host.indexOf(':') >= 0) ? "[" + host + "]" : host;
	}

	private void receive(StorageConnection connection, ClassicHttpRequest request) throws IOException, HttpException {
		ClassicHttpResponse received = connection.receiveResponseHeader();
		for (int interim = 0; received.getCode() < 200; interim++) {
			if (received.getCode() == 101 || interim > 8) {
				throw new ExplainedException("it sends interim responses that nobody asked for");
			}
			received = connection.receiveResponseHeader();
		}
		this.response = received;
		this.contentLength = parseLength(received);
		int status = received.getCode();
		this.reusable = !this.answeredEarly && isDelimited(received)
				&& DefaultConnectionReuseStrategy.INSTANCE.keepAlive(request, received, null);
		if ("HEAD".equals(this.method) || status == 204 || status == 304) {
			end(State.COMPLETE, this.reusable);
			return;
		}
		connection.receiveResponseEntity(received);
		HttpEntity entity = received.getEntity();
		this.body = (entity != null) ? entity.getContent() : null;
		this.scratch = connection.scratch;
		if (this.body == null || this.contentLength == 0) {
			end(State.COMPLETE, this.reusable);
		}
		else if (this.contentLength > 0 && connection.channel != null) {
			this.channel = connection.channel;
			watchSilence(this.transport.settings().readTimeout());
		}
	}

	// A message with two lengths, or with a length where none is allowed, may have
	// another end for its sender.
	private static boolean isDelimited(ClassicHttpResponse response) {
		int lengths = response.countHeaders("Content-Length") + response.countHeaders("Transfer-Encoding");
		return (response.getCode() == 204) ? lengths == 0 || parseLength(response) == 0 : lengths <= 1;
	}

	// Reads of a channel have no time-out of their own.
	private synchronized void watchSilence(Duration delay) {
		if (this.state == State.RUNNING) {
			this.silence = this.transport.timer().schedule(delay, this::checkSilence);
		}
	}

	private void checkSilence() {
		Duration longest = this.transport.settings().readTimeout();
		long since = this.readingSince;
		long now = this.transport.timer().nanoTime();
		if (since != NOT_READING && now - since >= longest.toNanos()) {
			end(State.SILENT, false);
			return;
		}
		watchSilence((since != NOT_READING) ? longest.minusNanos(now - since) : longest);
	}

	private static long parseLength(ClassicHttpResponse response) {
		Header header = response.getFirstHeader("Content-Length");
		if (header == null || response.containsHeader("Transfer-Encoding")) {
			return -1;
		}
		try {
			return Math.max(-1, Long.parseLong(header.getValue().strip()));
		}
		catch (NumberFormatException ex) {
			return -1;
		}
	}

	@Override
	public int status() {
		return response().getCode();
	}

	@Override
	public @Nullable String header(String name) {
		Header header = response().getFirstHeader(name);
		return (header != null) ? header.getValue() : null;
	}

	@Override
	public @Nullable String contentEncoding() {
		Header[] headers = response().getHeaders("Content-Encoding");
		return (headers.length > 0) ? Arrays.stream(headers).map(Header::getValue).collect(Collectors.joining(","))
				: null;
	}

	private ClassicHttpResponse response() {
		if (this.response == null) {
			throw new IllegalStateException("no response yet");
		}
		return this.response;
	}

	@Override
	public long contentLength() {
		return this.contentLength;
	}

	@Override
	public int requests() {
		return this.requests;
	}

	@Override
	public int read(ByteBuffer target) {
		InputStream in = this.body;
		State now = state();
		if (now == State.COMPLETE || in == null) {
			return -1;
		}
		if (now != State.RUNNING) {
			throw failure("Cannot read", new IOException("ended"));
		}
		try {
			int read = read(in, target);
			this.bytesRead += Math.max(0, read);
			if (read < 0 || this.bytesRead == this.contentLength) {
				end(State.COMPLETE, this.reusable);
			}
			return read;
		}
		catch (IOException ex) {
			VgiExternalException failure = failure("Broke off after " + this.bytesRead
					+ ((this.contentLength >= 0) ? " of " + this.contentLength : "") + " bytes of", ex);
			end(State.CANCELLED, false);
			throw failure;
		}
	}

	private int read(InputStream in, ByteBuffer target) throws IOException {
		SocketChannel direct = this.channel;
		// The connection has buffered a few bytes beyond the head, which come first.
		if (direct != null && (this.beyondStream || in.available() == 0)) {
			this.beyondStream = true;
			return read(direct, target);
		}
		if (target.hasArray()) {
			int read = in.read(target.array(), target.arrayOffset() + target.position(), target.remaining());
			target.position(target.position() + Math.max(0, read));
			return read;
		}
		int read = in.read(this.scratch, 0, Math.min(target.remaining(), this.scratch.length));
		if (read > 0) {
			target.put(this.scratch, 0, read);
		}
		return read;
	}

	private int read(SocketChannel direct, ByteBuffer target) throws IOException {
		int limit = target.limit();
		target.limit((int) Math.min(limit, target.position() + this.contentLength - this.bytesRead));
		this.readingSince = this.transport.timer().nanoTime();
		try {
			int read = direct.read(target);
			if (read < 0) {
				throw new EOFException("the connection was closed");
			}
			return read;
		}
		finally {
			this.readingSince = NOT_READING;
			target.limit(limit);
		}
	}

	/**
	 * Finish a response whose body is not needed, and keep the connection if that is
	 * cheap.
	 */
	void discard() {
		if (this.contentLength > 0 && this.contentLength <= 16 * 1024) {
			ByteBuffer sink = ByteBuffer.allocate((int) this.contentLength);
			try {
				while (sink.hasRemaining() && read(sink) >= 0) {
					continue;
				}
			}
			catch (VgiExternalException ex) {
				// Only the connection is lost.
			}
		}
		close();
	}

	@Override
	public void close() {
		end(State.CANCELLED, false);
	}

	private synchronized State state() {
		return this.state;
	}

	private void end(State end, boolean keep) {
		PoolEntry<Route, StorageConnection> leased;
		synchronized (this) {
			if (this.state != State.RUNNING) {
				return;
			}
			this.state = end;
			leased = this.entry;
			this.entry = null;
			if (this.waiting != null) {
				this.waiting.cancel(true);
			}
			if (this.opening != null) {
				Connector.closeQuietly(this.opening);
			}
			if (this.alarm != null) {
				this.alarm.cancel();
			}
			if (this.silence != null) {
				this.silence.cancel();
			}
		}
		release(leased, keep);
		this.transport.ended(this);
	}

	// Drops a stale connection. Returns whether this exchange continues.
	private boolean giveUp(PoolEntry<Route, StorageConnection> leased) {
		synchronized (this) {
			if (this.state != State.RUNNING) {
				return false;
			}
			this.entry = null;
		}
		release(leased, false);
		return true;
	}

	private void release(@Nullable PoolEntry<Route, StorageConnection> leased, boolean keep) {
		if (leased == null) {
			return;
		}
		StorageConnection connection = leased.getConnection();
		boolean kept = keep && connection != null && isClean(connection) && !this.transport.pool().isShutdown();
		if (kept) {
			leased.updateExpiry(keepAlive());
		}
		else if (connection != null) {
			connection.abort();
			leased.discardConnection(CloseMode.IMMEDIATE);
		}
		this.transport.pool().release(leased, kept);
	}

	// Bytes still in the socket are noticed when the connection is reused.
	private static boolean isClean(StorageConnection connection) {
		try {
			return !connection.hasReadAhead();
		}
		catch (IOException ex) {
			return false;
		}
	}

	private TimeValue keepAlive() {
		String hint = (this.response != null) ? header("Keep-Alive") : null;
		if (hint != null) {
			for (String part : hint.split(",")) {
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

	private TransferTimeoutException timedOut() {
		return new TransferTimeoutException("Transfer of " + RedactedUrl.of(this.url) + " did not finish within "
				+ this.deadline.timeout().toMillis() + " ms", null);
	}

	private VgiExternalException failure(String what, Exception cause) {
		if (state() == State.TIMED_OUT || this.deadline.hasPassed()) {
			return timedOut();
		}
		if (cause instanceof AddressRejectedException) {
			return new UrlRejectedException(this.url, String.valueOf(cause.getMessage()));
		}
		if (Thread.currentThread().isInterrupted()) {
			return new TransferCancelledException("Interrupted during the transfer of " + RedactedUrl.of(this.url));
		}
		if (this.transport.hasEnded()) {
			return new TransportClosedException(
					"The storage transport was closed during the transfer of " + RedactedUrl.of(this.url));
		}
		if (state() == State.CANCELLED) {
			return new StorageUnavailableException("Transfer of " + RedactedUrl.of(this.url) + " was cancelled", 0,
					null);
		}
		if (cause instanceof SocketTimeoutException || state() == State.SILENT) {
			return new StorageUnavailableException(
					what + " " + RedactedUrl.of(this.url) + ": it was silent for too long", 0, null);
		}
		return StorageTransport.unreachable(this.url, what, cause);
	}

	private enum State {

		RUNNING, COMPLETE, TIMED_OUT, SILENT, CANCELLED

	}

	/**
	 * A request body that is being written to the socket; under TLS, in pieces of the
	 * connection's copy buffer.
	 */
	private static final class BodyEntity extends AbstractHttpEntity {

		private final RequestBody body;

		private final StorageConnection connection;

		BodyEntity(RequestBody body, StorageConnection connection) {
			super((String) null, null, false);
			this.body = body;
			this.connection = connection;
		}

		@Override
		public long getContentLength() {
			return this.body.length();
		}

		@Override
		public boolean isRepeatable() {
			return true;
		}

		@Override
		public boolean isStreaming() {
			return false;
		}

		@Override
		public InputStream getContent() {
			throw new UnsupportedOperationException();
		}

		@Override
		public void writeTo(OutputStream out) throws IOException {
			// The head is still in the connection's buffer.
			out.flush();
			BodyChannel channel = new BodyChannel(out, this.connection, this.body.length());
			this.body.writeTo(channel);
			if (channel.left != 0) {
				throw new ExplainedException("the request body ended " + channel.left + " bytes early");
			}
		}

		@Override
		public void close() {
		}

	}

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
