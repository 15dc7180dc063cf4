package dev.vgi.external.rpc.pipe.client;

import java.time.Duration;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.rpc.pipe.client.IdleConnections.Pooled;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.time.Uninterruptibles;
import dev.vgi.external.transport.TransferCancelledException;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * The connections to one worker, each of which serves one call at a time. Calls that find
 * none wait in order. Connections are opened and ended by threads of their own, so that
 * neither a caller's interrupt nor its deadline breaks off the start of a worker that the
 * next call needs. Thread-safe.
 */
final class WorkerPool implements ConnectionSource, AutoCloseable {

	private static final Log logger = LogFactory.getLog(WorkerPool.class);

	/** Enough for all connections to end, which they do side by side. */
	private static final Duration PATIENCE = Duration.ofMinutes(1);

	/** Enough for calls to notice that their connection has ended. */
	private static final Duration CALLS_PATIENCE = Duration.ofSeconds(1);

	private final Peer peer;

	private final PoolSettings settings;

	private final ThreadFactory threads;

	/** Guards all fields below. */
	private final ReentrantLock lock = new ReentrantLock();

	private final Condition changed = this.lock.newCondition();

	private final IdleConnections idle;

	private final Map<PipeConnection, Pooled> busy = new IdentityHashMap<>();

	private final WaitingCalls waiting;

	private final Set<Thread> opening = new HashSet<>();

	private final StartPauses pauses;

	/** Connections, including those that are being opened or ended. */
	private int places;

	private long failedStarts;

	private long lost;

	private @Nullable RuntimeException lastFailure;

	private boolean closed;

	/**
	 * Create a pool without connections.
	 * @param peer opens the connections
	 * @param settings how many there are, and how long they and their callers wait
	 * @param timer measures all waiting
	 * @param threads creates the threads that open and end connections
	 */
	WorkerPool(Peer peer, PoolSettings settings, TransferTimer timer, ThreadFactory threads) {
		this.peer = peer;
		this.settings = settings;
		this.threads = threads;
		this.idle = new IdleConnections(this.lock, timer, settings.idleTimeout(), this::end);
		this.pauses = new StartPauses(timer, () -> locked(this::openWanted));
		this.waiting = new WaitingCalls(this.lock, timer, settings.callTimeout(), this::tooLate);
	}

	@Override
	public String transport() {
		return this.peer.transport();
	}

	/**
	 * Open all connections that are missing, side by side.
	 * @throws RuntimeException the first failure; others may be open, or being opened
	 */
	void openAll() {
		this.lock.lock();
		try {
			this.lastFailure = null;
			while (!this.closed && this.places < this.settings.size()) {
				open();
			}
			while (!this.closed && !this.opening.isEmpty() && this.lastFailure == null) {
				this.changed.await();
			}
			requireOpen();
			if (this.lastFailure != null) {
				throw this.lastFailure;
			}
		}
		catch (InterruptedException ex) {
			throw interrupted();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Wait for a connection; one is opened if none is unused.
	 * @return a connection that nobody else uses until it is given back
	 * @throws ServiceUnavailableException if there is none: too many calls wait, the
	 * worker cannot be started, or the pool is closed
	 * @throws CallTimeoutException if there was none in time
	 * @throws TransferCancelledException if interrupted
	 */
	@Override
	public PipeConnection take() {
		this.lock.lock();
		try {
			requireOpen();
			Pooled unused = (this.waiting.size() == 0) ? this.idle.poll() : null;
			return (unused != null) ? use(unused) : this.waiting.await(this::joined);
		}
		catch (InterruptedException ex) {
			throw interrupted();
		}
		finally {
			this.lock.unlock();
		}
	}

	private PipeConnection use(Pooled unused) {
		this.busy.put(unused.connection(), unused);
		return unused.connection();
	}

	private void joined() {
		openWanted();
		// Calls for which a connection is being opened are in nobody's way.
		if (this.waiting.size() - this.opening.size() > this.settings.maxWaiting()) {
			throw new ServiceUnavailableException("All connections to " + this.peer.describe() + " are in use, and "
					+ (this.waiting.size() - 1) + " calls wait for one. Raise " + this.settings.key("size") + " or "
					+ this.settings.key("max-waiting"));
		}
		if (this.places == 0 && this.pauses.remaining().compareTo(this.settings.callTimeout()) > 0) {
			throw tooLate();
		}
	}

	/**
	 * Take a connection back. If it can no longer be used, another one takes its place:
	 * at once if it has answered a call, otherwise after a pause, since a broken worker
	 * may end with every call.
	 * @param connection a connection that was taken
	 */
	@Override
	public void giveBack(PipeConnection connection) {
		boolean usable = connection.isUsable();
		this.lock.lock();
		try {
			Pooled used = this.busy.remove(connection);
			if (used == null || this.closed) {
				this.changed.signalAll();
			}
			else {
				if (usable || connection.hasServed()) {
					this.pauses.succeeded();
					this.lastFailure = null;
				}
				else {
					this.pauses.failed(used.failuresBefore());
				}
				if (usable) {
					hand(used);
					openWanted();
				}
				else {
					this.lost++;
					end(used);
				}
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	private void hand(Pooled connection) {
		if (this.waiting.hand(connection.connection())) {
			use(connection);
		}
		else {
			this.idle.push(connection);
		}
	}

	private void openWanted() {
		while (!this.closed && this.places < this.settings.size() && this.opening.size() < this.waiting.size()
				&& this.pauses.mayStart(this.opening.size())) {
			open();
		}
	}

	private void open() {
		int failuresBefore = this.pauses.failures();
		Thread thread = this.threads.newThread(() -> open(failuresBefore));
		thread.start();
		this.opening.add(thread);
		this.places++;
	}

	private void open(int failuresBefore) {
		PipeConnection opened = null;
		RuntimeException failure = null;
		try {
			opened = this.peer.open();
		}
		catch (RuntimeException ex) {
			failure = ex;
		}
		catch (Error ex) {
			failure = new ServiceUnavailableException("Cannot connect to " + this.peer.describe() + ": " + ex);
		}
		this.lock.lock();
		try {
			this.opening.remove(Thread.currentThread());
			if (opened == null) {
				failed(failuresBefore, Objects.requireNonNull(failure));
			}
			else if (this.closed) {
				end(new Pooled(opened, failuresBefore));
			}
			else {
				hand(new Pooled(opened, failuresBefore));
			}
			this.changed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
	}

	private void failed(int failuresBefore, RuntimeException failure) {
		this.places--;
		this.failedStarts += this.closed ? 0 : 1;
		this.lastFailure = failure;
		if (!this.closed) {
			this.pauses.failed(failuresBefore);
		}
		if (this.places == 0) {
			// Nobody has to try again what has just been tried for all.
			this.waiting.failAll(() -> again(failure));
		}
	}

	// Every caller has an exception of its own.
	private static RuntimeException again(RuntimeException failure) {
		return (failure instanceof WorkerFailedException failed)
				? new WorkerFailedException(String.valueOf(failed.getMessage()), failed.exitCode()) : failure;
	}

	private void locked(Runnable work) {
		this.lock.lock();
		try {
			work.run();
		}
		finally {
			this.lock.unlock();
		}
	}

	private void end(Pooled connection) {
		Runnable work = () -> {
			try {
				connection.connection().close();
			}
			finally {
				locked(this::ended);
			}
		};
		try {
			this.threads.newThread(work).start();
		}
		catch (OutOfMemoryError ex) {
			// There is no thread to be had.
			work.run();
		}
	}

	private void ended() {
		this.places--;
		openWanted();
		this.changed.signalAll();
	}

	private void requireOpen() {
		if (this.closed) {
			throw closedException();
		}
	}

	private RuntimeException closedException() {
		return new ServiceUnavailableException("The connection to " + this.peer.describe() + " is closed");
	}

	private RuntimeException interrupted() {
		Thread.currentThread().interrupt();
		return new TransferCancelledException(
				"Waiting for a connection to " + this.peer.describe() + " was interrupted");
	}

	private RuntimeException tooLate() {
		if (this.places == 0 && this.lastFailure != null) {
			return again(this.lastFailure);
		}
		String why = this.opening.isEmpty() ? "all are in use" : "one is still being opened";
		return new CallTimeoutException("No connection to " + this.peer.describe() + " was free within "
				+ this.settings.callTimeout().toMillis() + " ms: " + why + ". Raise " + this.settings.key("size")
				+ " or " + this.settings.key("call-timeout"));
	}

	/**
	 * Return what happens at the moment, and what has happened so far.
	 * @return the numbers, which belong together
	 */
	WorkerStatistics statistics() {
		this.lock.lock();
		try {
			return new WorkerStatistics(this.idle.size() + this.busy.size(), this.busy.size(), this.waiting.size(),
					this.failedStarts, this.lost);
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Refuse further calls and begin to end all connections, those of running calls too.
	 * Idempotent.
	 */
	void shutDown() {
		this.lock.lock();
		try {
			if (!this.closed) {
				this.closed = true;
				this.pauses.cancel();
				this.waiting.failAll(this::closedException);
				this.opening.forEach(Thread::interrupt);
				List<Pooled> all = this.idle.removeAll();
				all.addAll(this.busy.values());
				all.forEach(this::end);
				this.changed.signalAll();
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * {@linkplain #shutDown() Shut down} and wait until nothing is left: no connection,
	 * no thread, no running call. Only a stream that nobody closes is not waited for.
	 * Idempotent.
	 */
	@Override
	public void close() {
		shutDown();
		this.lock.lock();
		try {
			if (!Uninterruptibles.await(PATIENCE, () -> this.places == 0, this.changed::awaitNanos)) {
				logger.warn(this.places + " connections to " + this.peer.describe() + " did not end");
			}
			Uninterruptibles.await(CALLS_PATIENCE, this.busy::isEmpty, this.changed::awaitNanos);
		}
		finally {
			this.lock.unlock();
		}
	}

}
