package dev.vgi.external.rpc.pipe.client;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;

import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transport.TransferCancelledException;
import org.apache.arrow.memory.BufferAllocator;

import org.springframework.util.Assert;
import org.springframework.util.StringUtils;

/**
 * A service behind a Unix socket, which may come up later than this process.
 */
final class UnixPeer implements Peer {

	private static final Duration FIRST_PAUSE = Duration.ofMillis(10);

	private static final Duration LONGEST_PAUSE = Duration.ofSeconds(1);

	/** Longest path that the systems' addresses have room for. */
	private static final int MOST_BYTES = 107;

	private final Path path;

	private final PeerSettings settings;

	private final BufferAllocator allocator;

	private final TransferTimer timer;

	/**
	 * Create a peer; nothing is connected yet.
	 * @param path the socket
	 * @param settings timeouts and limits
	 * @param allocator the owner of the memory of answers
	 * @param timer rings when an answer is late
	 */
	UnixPeer(Path path, PeerSettings settings, BufferAllocator allocator, TransferTimer timer) {
		Assert.notNull(path, "'path' must not be null");
		this.path = path;
		this.settings = settings;
		this.allocator = allocator;
		this.timer = timer;
	}

	@Override
	public PipeConnection open() {
		Deadline deadline = Deadline.in(this.settings.startTimeout(), this.timer::nanoTime);
		SocketChannel socket = connect(deadline);
		// A socket knows no count of waiting bytes: one is fetched ahead.
		Ahead ahead = new Ahead(socket);
		PeerInput input = new PeerInput(ahead, ahead::isReady);
		PipeConnection connection = new PipeConnection(input, Pipe.of(input, socket), new Socket(), this.settings,
				this.allocator, this.timer);
		connection.greet(deadline.remaining());
		return connection;
	}

	private SocketChannel connect(Deadline deadline) {
		Duration pause = FIRST_PAUSE;
		while (true) {
			try {
				return tryToConnect(deadline.remaining());
			}
			catch (IOException ex) {
				if (Thread.currentThread().isInterrupted()) {
					throw new TransferCancelledException("The connection was interrupted");
				}
				if (deadline.remaining().compareTo(pause) <= 0 || isTooLong()) {
					throw new WorkerFailedException(
							"The socket " + this.path + " cannot be connected to: " + Words.shown(ex.getMessage()), -1);
				}
			}
			await(pause);
			pause = (pause.compareTo(LONGEST_PAUSE) < 0) ? pause.multipliedBy(2) : LONGEST_PAUSE;
		}
	}

	private boolean isTooLong() {
		return this.path.toString().getBytes(StandardCharsets.UTF_8).length > MOST_BYTES;
	}

	private SocketChannel tryToConnect(Duration most) throws IOException {
		SocketChannel socket = SocketChannel.open(StandardProtocolFamily.UNIX);
		boolean connected = false;
		// a peer that does not accept its connections lets further ones wait
		Watchdog watchdog = new Watchdog(this.timer, () -> closeQuietly(socket));
		watchdog.begin(most);
		try {
			socket.connect(UnixDomainSocketAddress.of(this.path));
			connected = true;
			return socket;
		}
		catch (AsynchronousCloseException ex) {
			throw new IOException("nobody accepts the connection", ex);
		}
		finally {
			watchdog.close();
			if (!connected) {
				socket.close();
			}
		}
	}

	private static void closeQuietly(SocketChannel socket) {
		try {
			socket.close();
		}
		catch (IOException ex) {
			// It is not used any more.
		}
	}

	private void await(Duration pause) {
		CountDownLatch over = new CountDownLatch(1);
		TransferTimer.Alarm alarm = this.timer.schedule(pause, over::countDown);
		try {
			over.await();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new TransferCancelledException("The connection was interrupted");
		}
		finally {
			alarm.cancel();
		}
	}

	@Override
	public String describe() {
		return "the service at " + this.path;
	}

	@Override
	public String transport() {
		return "unix";
	}

	/**
	 * The service, which lives on without the connection.
	 */
	private final class Socket implements Lifeline {

		@Override
		public String describe() {
			return UnixPeer.this.describe();
		}

		@Override
		public boolean isAlive() {
			return true;
		}

		@Override
		public void awaitEnd(Pipe pipe, Duration most) throws IOException {
			pipe.endOutput();
		}

		@Override
		public void destroy() {
			// The connection is everything.
		}

		@Override
		public void wake(Pipe pipe) {
			pipe.close();
		}

		@Override
		public WorkerFailedException failure(String problem, String words) {
			return new WorkerFailedException(StringUtils.capitalize(describe()) + " " + problem
					+ (words.isEmpty() ? "" : ". It has sent: " + words), -1);
		}

	}

	/**
	 * A socket from which one byte may have been read ahead.
	 */
	private static final class Ahead implements ReadableByteChannel {

		private final SocketChannel socket;

		private final ByteBuffer first = ByteBuffer.allocate(1).limit(0);

		private boolean ended;

		Ahead(SocketChannel socket) {
			this.socket = socket;
		}

		boolean isReady() throws IOException {
			if (this.first.hasRemaining() || this.ended) {
				return true;
			}
			this.socket.configureBlocking(false);
			this.first.clear();
			try {
				this.ended = this.socket.read(this.first) < 0;
			}
			finally {
				this.first.flip();
				this.socket.configureBlocking(true);
			}
			return this.first.hasRemaining() || this.ended;
		}

		@Override
		public int read(ByteBuffer target) throws IOException {
			if (this.ended) {
				return -1;
			}
			if (this.first.hasRemaining() && target.hasRemaining()) {
				target.put(this.first);
				return 1;
			}
			return this.socket.read(target);
		}

		@Override
		public boolean isOpen() {
			return this.socket.isOpen();
		}

		@Override
		public void close() throws IOException {
			this.socket.close();
		}

	}

}
