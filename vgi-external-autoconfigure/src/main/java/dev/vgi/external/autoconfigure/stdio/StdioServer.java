package dev.vgi.external.autoconfigure.stdio;

import java.util.function.BiConsumer;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.rpc.pipe.server.PipeServer;
import dev.vgi.external.rpc.pipe.server.ServedConnection;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.SmartLifecycle;

/**
 * Serves on the standard streams, from the moment the application is ready until the end
 * of the input, and then ends the application and the process.
 */
public final class StdioServer implements SmartLifecycle, AutoCloseable {

	private static final Log logger = LogFactory.getLog(StdioServer.class);

	/** The exit code of a process that fails. */
	private static final int FAILED = 1;

	private final BiConsumer<Pipe, PipeServer.Activity> handler;

	private final Supplier<Pipe> streams;

	private final IntConsumer exit;

	private @Nullable ServedConnection connection;

	private boolean stopping;

	private @Nullable Runnable drained;

	/**
	 * Create a server.
	 * @param handler serves the streams until their end
	 * @param streams opens them
	 * @param exit ends the process
	 */
	StdioServer(BiConsumer<Pipe, PipeServer.Activity> handler, Supplier<Pipe> streams, IntConsumer exit) {
		this.handler = handler;
		this.streams = streams;
		this.exit = exit;
	}

	/**
	 * Create a server of the process' own streams.
	 * @param handler serves the streams until their end
	 * @return the server
	 */
	public static StdioServer of(BiConsumer<Pipe, PipeServer.Activity> handler) {
		return new StdioServer(handler, StandardStreams::pipe, System::exit);
	}

	/**
	 * Serve from now on, on a thread that keeps the process alive. Only the first time
	 * counts.
	 * @param context the application, which is ready
	 */
	public synchronized void serve(ConfigurableApplicationContext context) {
		if (this.connection != null || this.stopping) {
			return;
		}
		Pipe pipe = this.streams.get();
		ServedConnection served = new ServedConnection(pipe);
		this.connection = served;
		new Thread(() -> serve(pipe, served, context), "vgi-external-stdio").start();
	}

	private void serve(Pipe pipe, ServedConnection served, ConfigurableApplicationContext context) {
		int code = FAILED;
		try (served) {
			this.handler.accept(pipe, served);
			code = 0;
		}
		catch (RuntimeException | Error ex) {
			logger.error("Serving on the standard streams has failed", ex);
		}
		if (!ended()) {
			int result = code;
			this.exit.accept(SpringApplication.exit(context, () -> result));
		}
	}

	// Whether somebody else ends the application.
	private boolean ended() {
		boolean stopped;
		Runnable callback;
		synchronized (this) {
			stopped = this.stopping;
			this.stopping = true;
			callback = this.drained;
			this.connection = null;
		}
		if (callback != null) {
			callback.run();
		}
		return stopped;
	}

	@Override
	public boolean isAutoStartup() {
		return false;
	}

	@Override
	public void start() {
		// Only once the application is ready.
	}

	@Override
	public synchronized boolean isRunning() {
		return this.connection != null;
	}

	/**
	 * Let a running call finish, and end.
	 */
	@Override
	public void stop(Runnable callback) {
		ServedConnection served;
		synchronized (this) {
			this.stopping = true;
			served = this.connection;
			this.drained = callback;
		}
		if (served != null) {
			served.drain();
		}
		else {
			callback.run();
		}
	}

	@Override
	public void stop() {
		close();
	}

	/**
	 * End, whatever runs.
	 */
	@Override
	public void close() {
		ServedConnection served;
		synchronized (this) {
			this.stopping = true;
			served = this.connection;
		}
		if (served != null) {
			served.close();
		}
	}

}
