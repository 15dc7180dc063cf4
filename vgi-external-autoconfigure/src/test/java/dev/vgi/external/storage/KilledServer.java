package dev.vgi.external.storage;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntFunction;

import org.jspecify.annotations.Nullable;

/**
 * A server in a process of its own that is killed and started again, at the same port.
 */
public final class KilledServer implements AutoCloseable {

	private static final Duration PATIENCE = Duration.ofSeconds(60);

	private final IntFunction<List<String>> command;

	private final Map<String, String> environment;

	private final Path log;

	private final int port;

	private @Nullable Process process;

	private CompletableFuture<Void> up = new CompletableFuture<>();

	/**
	 * Start a server.
	 * @param command what starts it at a port
	 * @param environment added to that of this process
	 * @param log takes what it writes
	 * @throws IOException if it cannot be started
	 */
	public KilledServer(IntFunction<List<String>> command, Map<String, String> environment, Path log)
			throws IOException {
		this.command = command;
		this.environment = environment;
		this.log = log;
		try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
			this.port = free.getLocalPort();
		}
		start();
	}

	public URI url() {
		return URI.create("http://127.0.0.1:" + this.port);
	}

	/**
	 * Kill the server, so that it has no chance to put anything in order, and start it
	 * again later.
	 * @param downtime how long there is none
	 */
	public synchronized void kill(Duration downtime) {
		Process killed = this.process;
		if (killed == null) {
			return;
		}
		this.process = null;
		this.up = new CompletableFuture<>();
		killed.destroyForcibly();
		killed.onExit().join();
		CompletableFuture.delayedExecutor(downtime.toMillis(), TimeUnit.MILLISECONDS).execute(() -> {
			try {
				start();
			}
			catch (IOException ex) {
				this.up.completeExceptionally(ex);
			}
		});
	}

	private synchronized void start() throws IOException {
		ProcessBuilder builder = new ProcessBuilder(this.command.apply(this.port)).redirectErrorStream(true)
			.redirectOutput(ProcessBuilder.Redirect.appendTo(this.log.toFile()));
		builder.environment().putAll(this.environment);
		Process started = builder.start();
		this.process = started;
		CompletableFuture<Void> listening = this.up;
		Thread watch = new Thread(() -> watch(started, listening), "killed-server");
		watch.setDaemon(true);
		watch.start();
	}

	private void watch(Process started, CompletableFuture<Void> listening) {
		while (started.isAlive()) {
			try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), this.port)) {
				listening.complete(null);
				return;
			}
			catch (IOException ex) {
				LockSupport.parkNanos(20_000_000);
			}
		}
		listening.completeExceptionally(new IllegalStateException("The server has ended: see " + this.log));
	}

	/**
	 * Wait until the server is there.
	 */
	public void awaitUp() {
		CompletableFuture<Void> listening;
		synchronized (this) {
			listening = this.up;
		}
		listening.orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).join();
	}

	@Override
	public synchronized void close() {
		if (this.process != null) {
			this.process.destroyForcibly();
			this.process.onExit().join();
			this.process = null;
		}
	}

}
