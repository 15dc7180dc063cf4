package dev.vgi.external.transport;

import java.io.Closeable;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NoRouteToHostException;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.channels.UnsupportedAddressTypeException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * Connects to that address of a host which answers first (RFC 8305, section 5). Each
 * attempt has a head start before the next one; one that fails hands its turn on at once.
 * All sockets belong to the thread that runs the race. Any thread may close the race,
 * which wakes that thread, and it then closes them.
 */
final class AddressRace implements Closeable {

	static final Duration HEAD_START = Duration.ofMillis(250);

	/** The least that RFC 8305 allows. */
	private static final Duration LEAST_HEAD_START = Duration.ofMillis(10);

	/** The oldest attempt makes room for one more; by then it has had seconds. */
	static final int MOST_AT_ONCE = 16;

	private final List<InetAddress> addresses;

	private final int port;

	private final Deadline limit;

	private final TransferTimer timer;

	/** The attempts that have not failed, the oldest first. */
	private final Deque<Attempt> open = new ArrayDeque<>();

	private int tried;

	private int failed;

	private @Nullable IOException failure;

	private volatile @Nullable Selector selector;

	private volatile boolean ended;

	/**
	 * Prepare a race.
	 * @param addresses the addresses in the order in which they are tried
	 * @param port the port of each of them
	 * @param limit ends the race, on the clock of the timer
	 * @param timer wakes the thread that runs the race
	 */
	AddressRace(List<InetAddress> addresses, int port, Deadline limit, TransferTimer timer) {
		this.addresses = addresses;
		this.port = port;
		this.limit = limit;
		this.timer = timer;
	}

	/**
	 * Run the race on this thread, once.
	 * @param memory learns who was overtaken
	 * @return the connected socket, in blocking mode; the caller closes it
	 * @throws IOException if no address can be connected to within the limit, or the
	 * thread is interrupted or the race closed before
	 */
	Socket run(AddressMemory memory) throws IOException {
		try {
			Attempt winner;
			try (Selector opened = Selector.open()) {
				this.selector = opened;
				winner = race(opened);
			}
			// Only a channel that no selector knows can be blocking again.
			winner.channel.configureBlocking(true);
			memory.won(winner.address, olderThan(winner));
			this.open.remove(winner);
			return winner.channel.socket();
		}
		finally {
			this.open.forEach((attempt) -> Connector.closeQuietly(attempt.channel));
		}
	}

	private List<InetAddress> olderThan(Attempt winner) {
		List<InetAddress> older = new ArrayList<>();
		for (Attempt attempt : this.open) {
			if (attempt == winner) {
				break;
			}
			older.add(attempt.address);
		}
		return older;
	}

	private Attempt race(Selector opened) throws IOException {
		Iterator<InetAddress> waiting = this.addresses.iterator();
		long headStart = headStart();
		long turn = this.timer.nanoTime();
		while (true) {
			requireWanted();
			int failedBefore = this.failed;
			if (waiting.hasNext() && turn - this.timer.nanoTime() <= 0) {
				start(waiting.next(), opened);
				turn = this.timer.nanoTime() + headStart;
			}
			Attempt winner = connected();
			if (winner != null) {
				return winner;
			}
			if (this.open.isEmpty() && !waiting.hasNext()) {
				throw allFailed();
			}
			if (this.failed > failedBefore) {
				turn = this.timer.nanoTime();
			}
			else {
				long left = this.limit.remaining().toNanos();
				await(opened, waiting.hasNext() ? Math.min(left, turn - this.timer.nanoTime()) : left);
			}
		}
	}

	// Each address has its turn, even if the limit is short.
	private long headStart() {
		long share = this.limit.timeout().toNanos() / Math.max(1, this.addresses.size());
		return Math.max(LEAST_HEAD_START.toNanos(), Math.min(HEAD_START.toNanos(), share));
	}

	private void requireWanted() throws IOException {
		if (this.ended) {
			throw new IOException("ended while connecting");
		}
		if (Thread.currentThread().isInterrupted()) {
			throw new ClosedByInterruptException();
		}
		if (this.limit.hasPassed()) {
			throw outOfTime();
		}
	}

	private void start(InetAddress address, Selector opened) {
		if (this.open.size() == MOST_AT_ONCE) {
			Connector.closeQuietly(this.open.removeFirst().channel);
		}
		this.tried++;
		SocketChannel channel = null;
		try {
			channel = SocketChannel.open();
			channel.configureBlocking(false);
			if (!channel.connect(new InetSocketAddress(address, this.port))) {
				channel.register(opened, SelectionKey.OP_CONNECT);
			}
			this.open.add(new Attempt(address, channel));
		}
		catch (IOException ex) {
			fail(channel, ex);
		}
		catch (UnsupportedAddressTypeException ex) {
			// This JVM knows IPv4 only.
			fail(channel, new NoRouteToHostException());
		}
	}

	private @Nullable Attempt connected() {
		for (Iterator<Attempt> attempts = this.open.iterator(); attempts.hasNext();) {
			Attempt attempt = attempts.next();
			try {
				if (attempt.channel.finishConnect()) {
					return attempt;
				}
			}
			catch (IOException ex) {
				fail(attempt.channel, ex);
				attempts.remove();
			}
		}
		return null;
	}

	private void fail(@Nullable SocketChannel channel, IOException reason) {
		if (channel != null) {
			Connector.closeQuietly(channel);
		}
		this.failed++;
		// A machine that refuses says more than a network without a route.
		if (this.failure == null || reason instanceof ConnectException) {
			this.failure = reason;
		}
	}

	private void await(Selector opened, long nanos) throws IOException {
		if (nanos <= 0) {
			return;
		}
		TransferTimer.Alarm alarm = this.timer.schedule(Duration.ofNanos(nanos), opened::wakeup);
		try {
			opened.select();
			opened.selectedKeys().clear();
		}
		finally {
			alarm.cancel();
		}
	}

	private IOException allFailed() {
		if (this.failure == null) {
			return new UnknownHostException("no address");
		}
		Duration taken = this.limit.timeout().minus(this.limit.remaining());
		return new ExplainedException(
				FailureReason.of(this.failure) + " (" + tried() + " in " + taken.toMillis() + " ms)");
	}

	private IOException outOfTime() {
		return new ExplainedException("no connection came about within " + this.limit.timeout().toMillis()
				+ " ms (vgi.external.http.connect-timeout; " + tried()
				+ ((this.failure != null) ? ", one of them: " + FailureReason.of(this.failure) : "") + ")");
	}

	private String tried() {
		int all = this.addresses.size();
		return ((this.tried < all) ? this.tried + " of " : "") + all + ((all == 1) ? " address" : " addresses")
				+ " tried";
	}

	/**
	 * End the race: {@link #run} closes all sockets and fails. Idempotent.
	 */
	@Override
	public void close() {
		this.ended = true;
		Selector opened = this.selector;
		if (opened != null) {
			opened.wakeup();
		}
	}

	/**
	 * The attempt to connect to an address.
	 */
	private static final class Attempt {

		private final InetAddress address;

		private final SocketChannel channel;

		Attempt(InetAddress address, SocketChannel channel) {
			this.address = address;
			this.channel = channel;
		}

	}

}
