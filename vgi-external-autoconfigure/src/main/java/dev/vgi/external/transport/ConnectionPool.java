package dev.vgi.external.transport;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import dev.vgi.external.pace.PaceSettings;
import dev.vgi.external.time.TransferTimer;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.io.CloseMode;
import org.apache.hc.core5.pool.PoolEntry;
import org.apache.hc.core5.pool.PoolReusePolicy;
import org.apache.hc.core5.pool.StrictConnPool;
import org.apache.hc.core5.util.TimeValue;
import org.apache.hc.core5.util.Timeout;
import org.jspecify.annotations.Nullable;

/**
 * The open connections to storage, each of which serves one exchange at a time.
 * Thread-safe.
 */
final class ConnectionPool {

	/** How long an unused connection is kept. */
	private static final Duration IDLE = Duration.ofSeconds(30);

	private final Connector connector;

	private final TransferTimer timer;

	private final StrictConnPool<Route, StorageConnection> connections;

	private final ForeignShare foreign;

	private boolean evictionScheduled;

	ConnectionPool(Connector connector, TransferTimer timer, PaceSettings bounds) {
		int maxConnections = bounds.maxInFlight();
		this.connector = connector;
		this.timer = timer;
		this.connections = new StrictConnPool<>(maxConnections, maxConnections, TimeValue.NEG_ONE_MILLISECOND,
				PoolReusePolicy.LIFO, null);
		this.foreign = new ForeignShare(bounds.forForeign().maxInFlight());
	}

	// How many connections are in use.
	int leased() {
		return this.connections.isShutdown() ? 0 : this.connections.getTotalStats().getLeased();
	}

	// Closes all connections. Later leases fail.
	void close() {
		this.connections.close(CloseMode.IMMEDIATE);
	}

	/** Peers close idle connections, which would otherwise stay half closed. */
	private synchronized void scheduleEviction() {
		if (!this.evictionScheduled && !this.connections.isShutdown()
				&& this.connections.getTotalStats().getAvailable() > 0) {
			this.evictionScheduled = true;
			this.timer.schedule(IDLE, this::evict);
		}
	}

	private void evict() {
		this.connections.closeIdle(TimeValue.ofMilliseconds(IDLE.toMillis()));
		this.connections.closeExpired();
		synchronized (this) {
			this.evictionScheduled = false;
		}
		scheduleEviction();
	}

	/**
	 * The key by which connections are shared: a connection to a private address must not
	 * serve an exchange that is restricted to public ones, nor one to the own storage an
	 * exchange with a host that somebody else named.
	 *
	 * @param host scheme, host and port
	 * @param publicOnly whether the host's address has to be public
	 * @param foreign whether somebody else named the host
	 */
	record Route(HttpHost host, boolean publicOnly, boolean foreign) {

	}

	/**
	 * The right of one exchange to a connection. One thread takes the connection; any
	 * thread may end the lease, which wakes that thread wherever it waits.
	 */
	final class Lease {

		private final Route route;

		/** Among the connections to foreign hosts. */
		private @Nullable Future<?> place;

		private @Nullable Future<PoolEntry<Route, StorageConnection>> waiting;

		private @Nullable Closeable opening;

		private @Nullable PoolEntry<Route, StorageConnection> entry;

		private boolean ended;

		Lease(Route route) {
			this.route = route;
		}

		/**
		 * Wait for a connection, and open one if none is unused.
		 * @return a connection on which a request may be sent; this lease releases it
		 * @throws IOException if there is none, or this lease has ended
		 * @throws HttpException if the response of the proxy is not HTTP
		 */
		StorageConnection take() throws IOException, HttpException {
			if (this.route.foreign()) {
				awaitPlace();
			}
			while (true) {
				PoolEntry<Route, StorageConnection> granted = await();
				boolean late;
				synchronized (this) {
					this.waiting = null;
					late = this.ended;
					this.entry = late ? null : granted;
				}
				if (late) {
					release(granted, null);
					throw new IOException("ended while waiting for a connection");
				}
				StorageConnection connection = granted.getConnection();
				if (connection == null) {
					return open(granted);
				}
				if (isUsable(connection)) {
					return connection;
				}
				if (!drop()) {
					throw new IOException("ended while checking a connection");
				}
			}
		}

		private void awaitPlace() throws IOException {
			Future<?> asked;
			synchronized (this) {
				if (this.ended) {
					throw new IOException("ended while waiting for a connection");
				}
				asked = (this.place != null) ? this.place : ConnectionPool.this.foreign.ask();
				this.place = asked;
			}
			try {
				asked.get();
			}
			catch (CancellationException | ExecutionException ex) {
				throw new IOException("ended while waiting for a connection");
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
				throw new ClosedByInterruptException();
			}
		}

		/**
		 * Return whether this lease waits for others to end.
		 * @return {@code false} if it has, or opens, a connection
		 */
		synchronized boolean isWaiting() {
			return (this.place != null && !this.place.isDone()) || this.waiting != null;
		}

		private PoolEntry<Route, StorageConnection> await() throws IOException {
			Future<PoolEntry<Route, StorageConnection>> future = request();
			synchronized (this) {
				this.waiting = future;
				if (this.ended) {
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
					release(grantedMeanwhile(future), null);
				}
				throw new ClosedByInterruptException();
			}
			catch (ExecutionException ex) {
				throw new ExplainedException("no connection is to be had");
			}
		}

		private Future<PoolEntry<Route, StorageConnection>> request() throws IOException {
			try {
				return ConnectionPool.this.connections.lease(this.route, null, Timeout.DISABLED, null);
			}
			catch (IllegalStateException ex) {
				throw new IOException("the storage transport is closed");
			}
		}

		private static @Nullable PoolEntry<Route, StorageConnection> grantedMeanwhile(
				Future<PoolEntry<Route, StorageConnection>> future) {
			try {
				return future.get(0, TimeUnit.NANOSECONDS);
			}
			catch (InterruptedException | ExecutionException | TimeoutException | CancellationException ex) {
				return null;
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

		private StorageConnection open(PoolEntry<Route, StorageConnection> granted) throws IOException, HttpException {
			StorageConnection connection = ConnectionPool.this.connector.connect(this.route, this::opening);
			synchronized (this) {
				this.opening = null;
				if (!this.ended) {
					granted.assignConnection(connection);
					return connection;
				}
			}
			connection.abort();
			throw new IOException("ended while connecting");
		}

		private synchronized void opening(Closeable part) {
			this.opening = part;
			if (this.ended) {
				Connector.closeQuietly(part);
			}
		}

		/**
		 * Close the connection that was taken. Another one may be taken instead.
		 * @return whether this lease continues
		 */
		boolean drop() {
			PoolEntry<Route, StorageConnection> dropped;
			synchronized (this) {
				dropped = this.entry;
				this.entry = null;
			}
			release(dropped, null);
			return dropped != null;
		}

		/**
		 * End this lease. Idempotent.
		 * @param keepAlive for how long the connection may be used again, or {@code null}
		 * to close it
		 */
		void end(@Nullable TimeValue keepAlive) {
			PoolEntry<Route, StorageConnection> held;
			Future<?> left;
			synchronized (this) {
				this.ended = true;
				held = this.entry;
				this.entry = null;
				left = this.place;
				if (this.waiting != null) {
					this.waiting.cancel(true);
				}
				if (this.opening != null) {
					Connector.closeQuietly(this.opening);
				}
			}
			release(held, keepAlive);
			if (left != null) {
				ConnectionPool.this.foreign.end(left);
			}
		}

		private void release(@Nullable PoolEntry<Route, StorageConnection> held, @Nullable TimeValue keepAlive) {
			if (held == null) {
				return;
			}
			StrictConnPool<Route, StorageConnection> connections = ConnectionPool.this.connections;
			StorageConnection connection = held.getConnection();
			boolean kept = keepAlive != null && connection != null && connection.isReusable()
					&& !connections.isShutdown();
			if (kept) {
				held.updateExpiry(keepAlive);
			}
			else if (connection != null) {
				connection.abort();
				held.discardConnection(CloseMode.IMMEDIATE);
			}
			try {
				connections.release(held, kept);
			}
			catch (IllegalStateException ex) {
				// The pool was closed meanwhile, and has closed the connection.
				if (!connections.isShutdown()) {
					throw ex;
				}
			}
			if (kept) {
				scheduleEviction();
			}
		}

	}

}
