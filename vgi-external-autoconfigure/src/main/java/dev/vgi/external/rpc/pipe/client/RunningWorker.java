package dev.vgi.external.rpc.pipe.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

import org.springframework.util.StringUtils;

/**
 * A process that was started as a worker, together with everything that it has started.
 */
final class RunningWorker implements Lifeline {

	/** Time for a worker that has closed its output to end. */
	private static final Duration DYING = Duration.ofMillis(500);

	/** Time for the system to end what was killed. */
	private static final Duration KILLED = Duration.ofSeconds(5);

	/** Time for the end of the standard error, in milliseconds. */
	private static final long LAST_LINES = 200;

	/** A worker that is ended because it fails gets no more time than this. */
	private static final Duration SHORT = Duration.ofMillis(500);

	private final String description;

	private final Process process;

	private final @Nullable ProcessFiles files;

	private final StandardError errors;

	private final Duration grace;

	/** Whether the process was ended by this one. */
	private volatile boolean ended;

	/**
	 * Take over a process.
	 * @param description how messages name it
	 * @param process the process
	 * @param files its streams as files, or {@code null}; closed with it
	 * @param errors reads its standard error
	 * @param grace time for it to end once it was asked to
	 */
	RunningWorker(String description, Process process, @Nullable ProcessFiles files, StandardError errors,
			Duration grace) {
		this.description = description;
		this.process = process;
		this.files = files;
		this.errors = errors;
		this.grace = grace;
	}

	/**
	 * Set what happens as soon as the process has ended, whoever holds its streams.
	 * @param action runs on any thread
	 */
	void whenEnded(Runnable action) {
		this.process.onExit().thenRun(action);
	}

	@Override
	public String describe() {
		return this.description;
	}

	@Override
	public boolean isAlive() {
		return this.process.isAlive();
	}

	@Override
	public void awaitEnd(Duration most) {
		List<ProcessHandle> family = family().toList();
		await(Stream.of(this.process.toHandle()), most);
		this.ended |= this.process.isAlive();
		end(family, this.grace);
	}

	@Override
	public void destroy() {
		endSoon();
		closeFiles();
	}

	private void endSoon() {
		this.ended |= this.process.isAlive();
		end(family().toList(), (this.grace.compareTo(SHORT) < 0) ? this.grace : SHORT);
	}

	private void closeFiles() {
		this.errors.close();
		if (this.files != null) {
			this.files.close();
		}
	}

	@Override
	public void wake() {
		if (this.files == null) {
			this.ended |= this.process.isAlive();
			family().forEach(ProcessHandle::destroyForcibly);
		}
	}

	// children first, which a process that ends would lose
	private Stream<ProcessHandle> family() {
		ProcessHandle self = this.process.toHandle();
		return Stream.concat(self.descendants(), Stream.of(self));
	}

	private void end(List<ProcessHandle> family, Duration patience) {
		if (family.stream().noneMatch(ProcessHandle::isAlive)) {
			return;
		}
		family.forEach(ProcessHandle::destroy);
		await(family.stream(), patience);
		// a worker that was asked to end may have started others to help
		List<ProcessHandle> rest = new ArrayList<>(family().toList());
		rest.addAll(family);
		rest.forEach(ProcessHandle::destroyForcibly);
		await(rest.stream(), KILLED);
	}

	/**
	 * Wait for processes, whatever interrupts: the wait is short.
	 * @param processes the processes
	 * @param most how long
	 */
	private static void await(Stream<ProcessHandle> processes, Duration most) {
		CompletableFuture<Void> all = CompletableFuture
			.allOf(processes.map(ProcessHandle::onExit).toArray(CompletableFuture[]::new));
		long end = System.nanoTime() + most.toNanos();
		boolean interrupted = false;
		try {
			while (!all.isDone()) {
				try {
					all.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
				}
				catch (InterruptedException ex) {
					interrupted = true;
				}
			}
		}
		catch (TimeoutException | ExecutionException ex) {
			// The caller looks what is left.
		}
		finally {
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

	@Override
	public WorkerFailedException failure(String problem, String words) {
		await(Stream.of(this.process.toHandle()), DYING);
		int exitCode = (this.ended || this.process.isAlive()) ? -1 : this.process.exitValue();
		endSoon();
		List<String> lines = this.errors.last(LAST_LINES);
		closeFiles();
		StringBuilder message = new StringBuilder(StringUtils.capitalize(this.description)).append(' ')
			.append((exitCode >= 0) ? "ended with exit code " + exitCode : problem);
		if (!words.isEmpty()) {
			message.append("; the worker wrote to its standard output: ").append(words);
		}
		if (!lines.isEmpty()) {
			message.append("; its standard error ends with:\n").append(String.join("\n", lines));
		}
		return new WorkerFailedException(message.toString(), exitCode);
	}

}
