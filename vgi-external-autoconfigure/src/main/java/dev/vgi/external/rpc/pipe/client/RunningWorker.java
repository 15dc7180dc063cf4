package dev.vgi.external.rpc.pipe.client;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.time.Uninterruptibles;
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

	/** Pause between two looks at processes of others, in nanoseconds. */
	private static final long LOOK = 5_000_000;

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
	 * @param action does not block; runs on a thread of its own, since an application may
	 * keep the pool busy on which Java tells the end of a process
	 */
	void whenEnded(Runnable action) {
		Thread thread = new Thread(() -> {
			await(Duration.ofNanos(Long.MAX_VALUE));
			action.run();
		}, "vgi-external-worker-end");
		thread.setDaemon(true);
		thread.start();
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
	public void awaitEnd(Pipe pipe, Duration most) throws IOException {
		// Before the input ends, since a worker may end faster than its family is found.
		List<ProcessHandle> family = family().toList();
		pipe.endOutput();
		await(most);
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
	public void wake(Pipe pipe) {
		// Without its pipe it may end by itself, but that is no reason of its own.
		this.ended |= this.process.isAlive();
		if (this.files != null) {
			pipe.close();
			return;
		}
		// Java's streams cannot even be closed while a thread is blocked in writing.
		Thread thread = new Thread(() -> {
			family().forEach(ProcessHandle::destroyForcibly);
			pipe.close();
		}, "vgi-external-worker-kill");
		thread.setDaemon(true);
		thread.start();
	}

	// children first, which a process that ends would lose
	private Stream<ProcessHandle> family() {
		ProcessHandle self = this.process.toHandle();
		return Stream.concat(self.descendants(), Stream.of(self));
	}

	private void end(List<ProcessHandle> family, Duration patience) {
		if (!this.process.isAlive() && !isAlive(family)) {
			return;
		}
		family.forEach(ProcessHandle::destroy);
		await(patience);
		await(family, patience);
		// a worker that was asked to end may have started others to help
		List<ProcessHandle> rest = new ArrayList<>(family().toList());
		rest.addAll(family);
		rest.forEach(ProcessHandle::destroyForcibly);
		await(KILLED);
		await(rest, KILLED);
	}

	private static boolean isAlive(List<ProcessHandle> processes) {
		return processes.stream().anyMatch((process) -> process.isAlive() && !isZombie(process));
	}

	// What has ended but was not waited for counts as alive to Java. In a container whose
	// first process is this one, nobody ever waits for what a worker has left.
	private static boolean isZombie(ProcessHandle process) {
		try {
			String stat = Files.readString(Path.of("/proc", String.valueOf(process.pid()), "stat"),
					StandardCharsets.ISO_8859_1);
			return stat.startsWith(" Z", stat.lastIndexOf(')') + 1);
		}
		catch (IOException ex) {
			return false;
		}
	}

	// Waits for the process, whatever interrupts.
	private void await(Duration most) {
		Uninterruptibles.await(most, () -> !this.process.isAlive(),
				(nanos) -> this.process.waitFor(nanos, TimeUnit.NANOSECONDS));
	}

	// Java tells the end of processes that others have started no sooner.
	private static void await(List<ProcessHandle> processes, Duration most) {
		Uninterruptibles.await(most, () -> !isAlive(processes),
				(nanos) -> TimeUnit.NANOSECONDS.sleep(Math.min(nanos, LOOK)));
	}

	@Override
	public WorkerFailedException failure(String problem, String words) {
		await(DYING);
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
