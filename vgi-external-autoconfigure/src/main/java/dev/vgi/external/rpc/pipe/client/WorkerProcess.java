package dev.vgi.external.rpc.pipe.client;

import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transport.TransferCancelledException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A service that is started as a process for each connection, and speaks on its standard
 * streams.
 */
final class WorkerProcess implements Peer {

	private static final String LOG = "dev.vgi.external.worker.";

	private final String name;

	private final List<String> command;

	private final @Nullable Path directory;

	private final Map<String, String> environment;

	private final PeerSettings settings;

	private final BufferAllocator allocator;

	private final TransferTimer timer;

	/**
	 * Create a peer; nothing is started yet.
	 * @param name the worker's name in messages and logs
	 * @param command the program and its arguments, which no shell interprets
	 * @param directory the working directory, or {@code null} for that of this process
	 * @param environment variables that are added to those of this process
	 * @param settings timeouts and limits
	 * @param allocator the owner of the memory of answers
	 * @param timer rings when an answer is late
	 */
	WorkerProcess(String name, List<String> command, @Nullable Path directory, Map<String, String> environment,
			PeerSettings settings, BufferAllocator allocator, TransferTimer timer) {
		Assert.hasText(name, "'name' must not be empty");
		Assert.notEmpty(command, "'command' must not be empty");
		this.name = name;
		this.command = List.copyOf(command);
		this.directory = directory;
		this.environment = Map.copyOf(environment);
		this.settings = settings;
		this.allocator = allocator;
		this.timer = timer;
	}

	@Override
	public PipeConnection open() {
		if (Thread.currentThread().isInterrupted()) {
			throw new TransferCancelledException("The start of " + describe() + " was interrupted");
		}
		PipeConnection connection = connect();
		connection.greet(this.settings.startTimeout());
		return connection;
	}

	private PipeConnection connect() {
		Process process = start();
		boolean connected = false;
		try {
			PipeConnection connection = connect(process, ProcessFiles.of(process));
			connected = true;
			return connection;
		}
		finally {
			if (!connected) {
				// Such as without memory for a thread.
				process.destroyForcibly();
			}
		}
	}

	/**
	 * Start the process.
	 * @return the process; the caller ends it
	 */
	Process start() {
		ProcessBuilder builder = new ProcessBuilder(this.command);
		if (this.directory != null) {
			builder.directory(this.directory.toFile());
		}
		this.environment.forEach((name, value) -> set(builder.environment(), name, value));
		try {
			return builder.start();
		}
		catch (IOException ex) {
			throw new WorkerFailedException("The worker '" + this.name + "' cannot be started with the command '"
					+ this.command.get(0) + "': " + Words.shown(ex.getMessage()), -1);
		}
	}

	// Java's own message shows the value.
	private void set(Map<String, String> variables, String name, String value) {
		try {
			variables.put(name, value);
		}
		catch (IllegalArgumentException ex) {
			throw new WorkerFailedException(
					"The worker '" + this.name + "' cannot be started: the environment variable '" + Words.shown(name)
							+ "' has a name or a value that the system does not take",
					-1);
		}
	}

	/**
	 * Connect to the process.
	 * @param process the process; taken over
	 * @param files its streams as files; taken over, or {@code null}
	 * @return the connection, on which nothing was said yet
	 */
	PipeConnection connect(Process process, @Nullable ProcessFiles files) {
		PeerInput input;
		Pipe pipe;
		StandardError errors;
		Log log = LogFactory.getLog(LOG + this.name);
		if (files != null) {
			input = files.output();
			pipe = Pipe.of(input, files.input());
			errors = StandardError.read(Channels.newInputStream(files.errors()), log, this.name);
		}
		else {
			input = new PlatformIo().input(process.getInputStream());
			pipe = Pipe.of(input, process.getOutputStream());
			errors = StandardError.read(process.getErrorStream(), log, this.name);
		}
		RunningWorker worker = new RunningWorker(describe(), process, files, errors, this.settings.closeGrace());
		PipeConnection connection = new PipeConnection(input, pipe, worker, this.settings, this.allocator, this.timer);
		worker.whenEnded(connection::peerEnded);
		return connection;
	}

	@Override
	public String describe() {
		return "the worker '" + this.name + "'";
	}

	@Override
	public String transport() {
		return "stdio";
	}

}
