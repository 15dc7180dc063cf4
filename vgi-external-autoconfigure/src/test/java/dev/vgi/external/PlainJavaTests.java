package dev.vgi.external;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The program of docs/plain-java.md in a JVM whose class path has nothing of Spring but
 * its core.
 */
class PlainJavaTests {

	private static final List<String> NEEDED = List.of("arrow-", "flatbuffers", "jackson-", "zstd-jni", "httpcore5",
			"spring-core", "commons-logging", "jspecify", "slf4j-api", "logback");

	@TempDir
	private Path folder;

	@Test
	void programRunsWithoutSpring() throws Exception {
		String classPath = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
			.filter((entry) -> new File(entry).isDirectory()
					|| NEEDED.stream().anyMatch(new File(entry).getName()::startsWith))
			.collect(Collectors.joining(File.pathSeparator));
		assertThat(classPath).doesNotContain("spring-boot-", "spring-context-", "spring-web-", "spring-beans-");
		Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
				"--add-opens=java.base/java.nio=ALL-UNNAMED", "-Xshare:auto", "-cp", classPath,
				PlainJava.class.getName(), this.folder.toString())
			.redirectErrorStream(true)
			.start();
		try {
			String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
			assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
			assertThat(output).contains("sent 0 rows", "received 200000 rows");
			assertThat(process.exitValue()).isZero();
		}
		finally {
			process.destroyForcibly();
		}
	}

	@Test
	void pageShowsThisProgram() throws Exception {
		String source = Files
			.readString(Path.of("src", "test", "java", PlainJava.class.getName().replace('.', '/') + ".java"));
		String page = Files.readString(Path.of("..", "docs", "plain-java.md"));
		String program = region(source, "program");
		assertThat(page).contains(program);
		assertThat(program.lines().map(String::strip).filter((line) -> !line.isEmpty() && !line.startsWith("//")))
			.hasSizeLessThanOrEqualTo(20);
	}

	private static String region(String source, String name) {
		String[] parts = source.split("\\t*// \\[" + name + "]\\n");
		assertThat(parts).hasSize(3);
		return parts[1].stripTrailing().stripIndent();
	}

}
