package dev.vgi.external.rpc.pipe.server;

import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.BiConsumer;

import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transfer.TransferThreads;
import org.apache.arrow.util.AutoCloseables;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Serves a Unix socket: one thread for each connection, a limited number of connections,
 * and none whose peer lets wait for long. A connection beyond the limit waits in the
 * system's queue until another one ends. Thread-safe.
 */
public final class UnixListener implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(UnixListener.class);

	/** How long to wait for the threads of connections that were closed. */
	private static final Duration GRACE = Duration.ofSeconds(2);

	/** How long to wait if the system has no room for a connection. */
	private static final Duration PAUSE = Duration.ofMillis(100);

	private final UnixSettings settings;

	private final BiConsumer<Pipe, PipeServer.Activity> handler;

	private final TransferThreads threads;

	private final TransferTimer timer;

	private final Semaphore free;

	private final Map<ServedConnection, Thread> connections = new HashMap<>();

	private @Nullable SocketFile socket;

	private @Nullable Thread acceptor;

	private boolean stopping;

	private @Nullable Runnable drained;

	/**
	 * Create a listener that does not listen yet.
	 * @param settings how to serve
	 * @param handler serves a connection until its end
	 * @param threads creates the threads of connections
	 * @param timer ends connections whose peers let wait; taken over
	 */
	public UnixListener(UnixSettings settings, BiConsumer<Pipe, PipeServer.Activity> handler, TransferThreads threads,
			TransferTimer timer) {
		this.settings = settings;
		this.handler = handler;
		this.threads = threads;
		this.timer = timer;
		this.free = new Semaphore(settings.maxConnections());
	}

	/**
	 * Listen from now on, which keeps the process alive. No effect after the end.
	 * @throws UnusableSocketException if the path cannot be used
	 */
	public synchronized void open() throws UnusableSocketException {
		if (this.socket != null || this.stopping) {
			return;
		}
		SocketFile listening = SocketFile.listen(this.settings.path(), this.settings.mode());
		this.socket = listening;
		Thread thread = new Thread(() -> accept(listening.channel()), "vgi-external-unix-accept");
		this.acceptor = thread;
		thread.start();
		logger.info("RPC methods are served on the Unix socket " + listening + " ("
				+ PosixFilePermissions.toString(this.settings.mode()) + ")");
	}

	private void accept(ServerSocketChannel server) {
		try {
			while (true) {
				this.free.acquire();
				try {
					serve(server.accept());
				}
				catch (ClosedChannelException ex) {
					return;
				}
				catch (IOException | RuntimeException | OutOfMemoryError ex) {
					// Too many open files or threads: some of them may end.
					this.free.release();
					logger.warn("The Unix socket " + this.settings.path() + " cannot accept a connection", ex);
					Thread.sleep(PAUSE.toMillis());
				}
			}
		}
		catch (InterruptedException ex) {
			// The end.
		}
	}

	private void serve(SocketChannel channel) {
		PatientChannel patient = new PatientChannel(channel, this.timer, this.settings.idleTimeout());
		Pipe pipe = Pipe.of(patient, patient);
		ServedConnection connection = new ServedConnection(pipe);
		try {
			Thread thread = this.threads.named("unix").newThread(() -> serve(pipe, connection));
			synchronized (this) {
				this.connections.put(connection, thread);
				if (this.stopping) {
					connection.close();
				}
			}
			thread.start();
		}
		catch (RuntimeException | Error ex) {
			connection.close();
			synchronized (this) {
				this.connections.remove(connection);
			}
			throw ex;
		}
	}

	private void serve(Pipe pipe, ServedConnection connection) {
		try (connection) {
			this.handler.accept(pipe, connection);
		}
		finally {
			ended(connection);
		}
	}

	private void ended(ServedConnection connection) {
		Runnable callback = null;
		synchronized (this) {
			this.connections.remove(connection);
			if (this.connections.isEmpty()) {
				callback = this.drained;
				this.drained = null;
			}
			notifyAll();
		}
		this.free.release();
		if (callback != null) {
			callback.run();
		}
	}

	/**
	 * Return whether this listens or serves a connection.
	 * @return {@code false} before it is opened and after it has ended
	 */
	public synchronized boolean isRunning() {
		return this.socket != null || !this.connections.isEmpty();
	}

	/**
	 * Accept no more connections, remove the file and end idle connections; running calls
	 * may finish.
	 * @param callback is run once, when no connection is left
	 */
	public void drain(Runnable callback) {
		List<ServedConnection> draining;
		synchronized (this) {
			stopListening();
			draining = List.copyOf(this.connections.keySet());
			if (!draining.isEmpty()) {
				this.drained = callback;
			}
		}
		if (draining.isEmpty()) {
			callback.run();
		}
		draining.forEach(ServedConnection::drain);
	}

	private void stopListening() {
		this.stopping = true;
		SocketFile listening = this.socket;
		this.socket = null;
		if (listening != null) {
			try {
				AutoCloseables.close(listening::remove, listening.channel());
			}
			catch (Exception ex) {
				logger.warn("The Unix socket " + listening + " was not removed: " + ex);
			}
		}
		if (this.acceptor != null) {
			this.acceptor.interrupt();
		}
	}

	/**
	 * End everything at once, running calls too.
	 */
	@Override
	public void close() {
		Map<ServedConnection, Thread> closing;
		synchronized (this) {
			stopListening();
			closing = Map.copyOf(this.connections);
		}
		closing.forEach((connection, thread) -> {
			connection.close();
			thread.interrupt();
		});
		awaitConnections();
		this.timer.close();
	}

	private synchronized void awaitConnections() {
		long end = System.nanoTime() + GRACE.toNanos();
		try {
			for (long left = GRACE.toMillis(); left > 0
					&& !this.connections.isEmpty(); left = (end - System.nanoTime()) / 1_000_000) {
				wait(left);
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

}
