package dev.vgi.external;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The programs of docs/plain-java.md in JVMs whose class path has nothing of Spring but
 * what they need.
 */
class PlainJavaTests {

	private static final List<String> NEEDED = List.of("arrow-", "flatbuffers", "jackson-", "zstd-jni", "httpcore5",
			"spring-core", "commons-logging", "jspecify", "slf4j-api", "logback");

	@TempDir
	private Path folder;

	@Test
	void programRunsWithoutSpring() throws Exception {
		String classPath = classPath(NEEDED);
		assertThat(classPath).doesNotContain("spring-boot-", "spring-context-", "spring-web-", "spring-beans-");
		List<String> command = java(classPath, PlainJava.class.getName());
		command.add(this.folder.toString());
		assertThat(run(command)).contains("sent 0 rows", "received 200000 rows");
	}

	@Test
	void workersAreCalledWithoutAnApplicationContext() throws Exception {
		List<String> needed = new ArrayList<>(NEEDED);
		needed.addAll(List.of("spring-web-", "spring-context-", "spring-aop-", "spring-beans-"));
		String classPath = classPath(needed);
		assertThat(classPath).doesNotContain("spring-boot-", "spring-webmvc-");
		List<String> command = java(classPath, PlainWorker.class.getName());
		command.addAll(java(classPath, "dev.vgi.external.rpc.pipe.client.FakeService"));
		assertThat(run(command)).contains("the score is 2.5");
	}

	private static String classPath(List<String> needed) {
		return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
			.filter((entry) -> new File(entry).isDirectory()
					|| needed.stream().anyMatch(new File(entry).getName()::startsWith))
			.collect(Collectors.joining(File.pathSeparator));
	}

	private static List<String> java(String classPath, String program) {
		return new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
				"--add-opens=java.base/java.nio=ALL-UNNAMED", "-Xshare:auto", "-cp", classPath, program));
	}

	private static String run(List<String> command) throws Exception {
		Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
		try {
			String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
			assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
			assertThat(process.exitValue()).as(output).isZero();
			return output;
		}
		finally {
			process.destroyForcibly();
		}
	}

	/**
	 * What the page shows is short. That it is this is a matter of DocumentedCodeTests.
	 */
	@ParameterizedTest
	@ValueSource(classes = { PlainJava.class, PlainWorker.class })
	void programIsShort(Class<?> type) throws Exception {
		String source = Files.readString(Path.of("src", "test", "java", type.getName().replace('.', '/') + ".java"));
		String[] parts = source.split("\\t*// \\[program]\\n");
		assertThat(parts).hasSize(3);
		assertThat(parts[1].lines().map(String::strip).filter((line) -> !line.isEmpty() && !line.startsWith("//")))
			.hasSizeLessThanOrEqualTo(20);
	}

}
