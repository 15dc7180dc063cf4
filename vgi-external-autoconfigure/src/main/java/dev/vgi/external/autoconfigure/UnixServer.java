package dev.vgi.external.autoconfigure;

import java.util.function.Supplier;

import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.rpc.pipe.server.UnixListener;
import dev.vgi.external.rpc.pipe.server.UnusableSocketException;
import org.jspecify.annotations.Nullable;

import org.springframework.context.SmartLifecycle;

/**
 * Listens on a Unix socket while the application runs; it may be stopped and started
 * again. A running call may take as long as
 * {@code spring.lifecycle.timeout-per-shutdown-phase} to finish.
 */
final class UnixServer implements SmartLifecycle, AutoCloseable {

	private final Supplier<UnixListener> listeners;

	private @Nullable UnixListener listener;

	UnixServer(Supplier<UnixListener> listeners) {
		this.listeners = listeners;
	}

	@Override
	public int getPhase() {
		// The one in which Boot's web server waits for its requests.
		return DEFAULT_PHASE - 1024;
	}

	@Override
	public synchronized void start() {
		close();
		UnixListener next = this.listeners.get();
		this.listener = next;
		try {
			next.open();
		}
		catch (UnusableSocketException ex) {
			throw new StartRefusedException(String.valueOf(ex.getMessage()), ex.remedy(), ex);
		}
	}

	@Override
	public synchronized boolean isRunning() {
		return this.listener != null && this.listener.isRunning();
	}

	@Override
	public void stop(Runnable callback) {
		UnixListener running = current();
		if (running != null) {
			running.drain(callback);
		}
		else {
			callback.run();
		}
	}

	private synchronized @Nullable UnixListener current() {
		return this.listener;
	}

	@Override
	public void stop() {
		close();
	}

	@Override
	public void close() {
		UnixListener running = current();
		if (running != null) {
			running.close();
		}
	}

}
