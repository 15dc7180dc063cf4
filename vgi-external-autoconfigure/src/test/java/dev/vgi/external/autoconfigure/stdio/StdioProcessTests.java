package dev.vgi.external.autoconfigure.stdio;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.rpc.pipe.TextPeer;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.ApplicationRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ApplicationListener;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * Processes that serve on their standard streams.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StdioProcessTests {

	private static final String STDIO = "--vgi.rpc.stdio=true";

	private final BufferAllocator allocator = new RootAllocator();

	private final List<Process> processes = new ArrayList<>();

	@TempDir
	private Path folder;

	@AfterEach
	void nothingIsLeft() {
		this.processes.forEach(Process::destroyForcibly);
		this.allocator.close();
	}

	@Test
	void servesUntilTheEndOfItsInputWhateverIsPrinted() throws Exception {
		Worker worker = start(Map.of(), STDIO, "--spring.main.web-application-type=servlet", "--server.port=0",
				"--spring.main.banner-mode=console");
		assertThat(worker.call("shout", "hello")).isEqualTo("HELLO");
		assertThat(worker.call("shout", "again")).isEqualTo("AGAIN");
		assertThat(worker.endOfInput()).isZero();
		assertThat(worker.restOfOutput()).isEmpty();
		assertThat(worker.errors())
			.contains(":: Spring Boot ::", "INFO", "printed hello", "printed again",
					"Batches travel inline: there is no bucket, and no web server", "input is -1", "runner has run")
			.doesNotContain("Tomcat", "Exception");
	}

	@Test
	void aConfigurationFileOrTheEnvironmentWillDo() throws Exception {
		Files.writeString(this.folder.resolve("application.yml"), "vgi.rpc.stdio: true");
		Worker byFile = start(Map.of(), "--spring.config.additional-location=" + this.folder + "/");
		Worker byEnvironment = start(Map.of("VGI_RPC_STDIO", "true"));
		for (Worker worker : List.of(byFile, byEnvironment)) {
			assertThat(worker.call("shout", "hello")).isEqualTo("HELLO");
			assertThat(worker.endOfInput()).isZero();
			assertThat(worker.restOfOutput()).isEmpty();
			assertThat(worker.errors()).contains(":: Spring Boot ::").doesNotContain("Tomcat");
		}
	}

	@Test
	void aStartThatFailsSaysSoOnStandardError() throws Exception {
		Worker worker = start(Map.of(), STDIO, "--vgi.external.storage=s3");
		assertThat(worker.endOfInput()).isOne();
		assertThat(worker.restOfOutput()).isEmpty();
		assertThat(worker.errors()).contains("APPLICATION FAILED TO START", "Set spring.cloud.aws.region.static");
	}

	@Test
	void onATerminalOneSentenceIsAllThereIs() throws Exception {
		Path script = Path.of("/usr/bin/script");
		assumeTrue(Files.isExecutable(script), "without 'script' there is no terminal");
		List<String> java = new ArrayList<>(command(Application.class, STDIO));
		java.replaceAll((argument) -> "'" + argument + "'");
		Process process = new ProcessBuilder(script.toString(), "-qec", String.join(" ", java), "/dev/null")
			.redirectErrorStream(true)
			.start();
		this.processes.add(process);
		String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
		assertThat(process.waitFor()).isEqualTo(2);
		assertThat(output).startsWith("With vgi.rpc.stdio=true this application serves a program").hasLineCount(1);
	}

	@Test
	void endsWithTheProcessThatStartedIt() throws Exception {
		// The shell holds the other end of the input.
		List<String> command = new ArrayList<>(List.of("/bin/sh", "-c",
				"mkfifo \"$0\"; \"$@\" <\"$0\" & exec 3>\"$0\"; echo $! >&2; read x", this.folder + "/input"));
		command.addAll(command(Application.class, STDIO));
		Process parent = new ProcessBuilder(command).start();
		this.processes.add(parent);
		ProcessHandle worker = ProcessHandle.of(Long.parseLong(parent.errorReader().readLine())).orElseThrow();
		String line;
		do {
			line = Objects.requireNonNull(parent.errorReader().readLine());
		}
		while (!line.contains("runner has run"));
		assertThat(worker.isAlive()).isTrue();
		parent.destroyForcibly();
		worker.onExit().get();
	}

	@Test
	void aRunningCallMayFinishWhenTheProcessIsStopped() throws Exception {
		Path gate = this.folder.resolve("gate");
		assertThat(new ProcessBuilder("mkfifo", gate.toString()).start().waitFor()).isZero();
		Worker worker = start(Map.of(), STDIO);
		worker.peer.send("shout_when_open", gate.toString());
		worker.awaitError("printed " + gate);
		worker.process.toHandle().destroy();
		worker.awaitError("closing");
		Files.writeString(gate, "open");
		assertThat(worker.peer.receive()).isEqualTo("OPEN");
		// 128 and the number of the signal, as for every JVM.
		assertThat(worker.process.waitFor()).isEqualTo(143);
		assertThat(worker.restOfOutput()).isEmpty();
		assertThat(worker.errors()).contains("bean destroyed").doesNotContain("Exception");
	}

	@Test
	void isStoppedWhileItWaitsForCalls() throws Exception {
		Worker worker = start(Map.of(), STDIO);
		assertThat(worker.call("shout", "hello")).isEqualTo("HELLO");
		worker.process.toHandle().destroy();
		assertThat(worker.process.waitFor()).isEqualTo(143);
		assertThat(worker.restOfOutput()).isEmpty();
		assertThat(worker.errors()).contains("bean destroyed").doesNotContain("Exception");
	}

	@Test
	void aHandlerThatLeavesItsThreadInterruptedDoesNotEndTheConnection() throws Exception {
		Worker worker = start(Map.of(), STDIO);
		assertThat(worker.call("interrupt", "this")).isEqualTo("this");
		assertThat(worker.call("shout", "again")).isEqualTo("AGAIN");
		assertThat(worker.endOfInput()).isZero();
	}

	private Worker start(Map<String, String> environment, String... arguments) throws IOException {
		ProcessBuilder builder = new ProcessBuilder(command(Application.class, arguments));
		builder.environment().keySet().removeIf((key) -> key.startsWith("VGI_") || key.startsWith("AWS_"));
		builder.environment().putAll(environment);
		Process process = builder.start();
		this.processes.add(process);
		return new Worker(process, this.allocator);
	}

	/** The command line of an application that is on the class path. */
	static List<String> command(Class<?> application, String... arguments) {
		List<String> command = new ArrayList<>(
				List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
		ManagementFactory.getRuntimeMXBean()
			.getInputArguments()
			.stream()
			.filter((argument) -> argument.startsWith("--add-opens"))
			.forEach(command::add);
		command.addAll(List.of("-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", System.getProperty("java.class.path"),
				application.getName()));
		command.addAll(List.of(arguments));
		return command;
	}

	/**
	 * A process and the bytes that go in and come out.
	 */
	private static final class Worker {

		private final Process process;

		private final Pipe pipe;

		private final TextPeer peer;

		private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();

		private final CompletableFuture<String> errors;

		Worker(Process process, BufferAllocator allocator) {
			this.process = process;
			this.pipe = Pipe.of(process.getInputStream(), process.getOutputStream());
			this.peer = new TextPeer(this.pipe, "Shouting", allocator);
			this.errors = CompletableFuture.supplyAsync(
					() -> process.errorReader().lines().peek(this.lines::add).collect(Collectors.joining("\n")));
		}

		String call(String method, String argument) throws IOException {
			return this.peer.call(method, argument);
		}

		void awaitError(String line) throws InterruptedException {
			while (!this.lines.take().contains(line)) {
				// The next one.
			}
		}

		int endOfInput() throws Exception {
			this.pipe.endOutput();
			assertThat(this.process.waitFor(1, TimeUnit.MINUTES)).isTrue();
			return this.process.exitValue();
		}

		byte[] restOfOutput() throws IOException {
			return this.process.getInputStream().readAllBytes();
		}

		String errors() throws Exception {
			return this.errors.get();
		}

	}

	/**
	 * What the application serves.
	 */
	@RpcService(name = "Shouting")
	public interface Shouting {

		@RpcMethod("shout")
		String shout(String text);

		@RpcMethod("shout_when_open")
		String shoutWhenOpen(String text) throws IOException;

		@RpcMethod("interrupt")
		String interrupt(String text);

	}

	/**
	 * Prints what it is asked to shout.
	 */
	@RestController
	static class ShoutingController implements Shouting {

		@Override
		public String shout(String text) {
			System.out.println("printed " + text);
			return text.toUpperCase(Locale.ROOT);
		}

		@Override
		public String shoutWhenOpen(String text) throws IOException {
			System.out.println("printed " + text);
			return Files.readString(Path.of(text)).toUpperCase(Locale.ROOT);
		}

		@Override
		public String interrupt(String text) {
			Thread.currentThread().interrupt();
			return text;
		}

	}

	/**
	 * An application of nothing else.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(ShoutingController.class)
	public static class Application {

		public static void main(String[] arguments) {
			SpringApplication.run(Application.class, arguments);
		}

		@Bean
		ApplicationRunner runner() {
			return (arguments) -> {
				System.out.println("input is " + System.in.read());
				System.out.println("runner has run");
			};
		}

		@Bean
		ApplicationListener<ContextClosedEvent> closing() {
			return (event) -> System.out.println("closing");
		}

		@Bean
		DisposableBean leaving() {
			return () -> System.out.println("bean destroyed");
		}

	}

}
