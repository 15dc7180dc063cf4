package dev.vgi.external.benchmark;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A process with this JDK and class path that answers lines with lines. It ends when its
 * standard input does: with whoever started it.
 */
final class JavaProcess implements AutoCloseable {

	/** Tells an answer from anything else that is written. */
	private static final String ANSWER = "> ";

	private final String name;

	private final Process process;

	private final BufferedReader output;

	/**
	 * Start a process.
	 * @param main its class
	 * @param options of the JVM
	 * @param arguments of the class
	 * @throws IOException if it cannot be started
	 */
	JavaProcess(Class<?> main, List<String> options, List<String> arguments) throws IOException {
		this(command(main, options, arguments), main.getSimpleName());
	}

	private JavaProcess(List<String> command, String name) throws IOException {
		this.name = name;
		this.process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
		this.output = new BufferedReader(new InputStreamReader(this.process.getInputStream(), StandardCharsets.UTF_8));
	}

	/**
	 * Start any other program that speaks in the same way.
	 * @param command the program and its arguments
	 * @return the process
	 * @throws IOException if it cannot be started
	 */
	static JavaProcess start(List<String> command) throws IOException {
		return new JavaProcess(command, command.get(0));
	}

	/**
	 * Return what starts a process with this JDK and class path.
	 * @param main its class
	 * @param options of the JVM
	 * @param arguments of the class
	 * @return the command
	 */
	static List<String> command(Class<?> main, List<String> options, List<String> arguments) {
		List<String> command = new ArrayList<>();
		command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
		command.addAll(options);
		command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
		command.addAll(arguments);
		return command;
	}

	/**
	 * Send a line and wait for the answer.
	 * @param line the line
	 * @return the answer
	 * @throws IOException if the process is gone
	 */
	String ask(String line) throws IOException {
		this.process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
		this.process.getOutputStream().flush();
		return answer();
	}

	/**
	 * Wait for what the process writes of its own accord, once it is ready.
	 * @return the answer
	 * @throws IOException if the process is gone
	 */
	String answer() throws IOException {
		for (String line = this.output.readLine(); line != null; line = this.output.readLine()) {
			if (line.startsWith(ANSWER)) {
				return line.substring(ANSWER.length());
			}
			System.out.println(line);
		}
		throw new IOException(this.name + " has ended");
	}

	double processorSeconds() {
		return this.process.info().totalCpuDuration().orElse(Duration.ZERO).toNanos() / 1e9;
	}

	ResidentMemory residentMemory() {
		return new ResidentMemory(Long.toString(this.process.pid()));
	}

	@Override
	public void close() throws Exception {
		this.process.getOutputStream().close();
		this.process.waitFor();
	}

	/**
	 * Answer lines until there are no more. Called in the process itself.
	 * @param ready what to say first
	 * @param answers gives the answer to a line
	 * @throws Exception what an answer throws
	 */
	static void serve(String ready, Answers answers) throws Exception {
		PrintStream out = System.out;
		out.println(ANSWER + ready);
		out.flush();
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		for (String line = in.readLine(); line != null; line = in.readLine()) {
			out.println(ANSWER + answers.answer(line));
			out.flush();
		}
	}

	/**
	 * Gives answers.
	 */
	@FunctionalInterface
	interface Answers {

		String answer(String line) throws Exception;

	}

}
