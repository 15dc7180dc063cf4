package dev.vgi.external.autoconfigure;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * What a user sees at the start of an application: a real start, in a process of its own
 * where that matters.
 */
@ExtendWith(OutputCaptureExtension.class)
class StartTests {

	@TempDir
	private Path folder;

	@ParameterizedTest
	@CsvSource(delimiter = '|', value = {
			"vgi.external.storage=s3|storage is s3 but no bucket is set|Set vgi.external.s3.bucket",
			"vgi.external.storage=gcs|storage is gcs but no bucket is set|Set vgi.external.gcs.bucket",
			"vgi.external.s3.bucket=a,vgi.external.gcs.bucket=b|Both vgi.external.s3.bucket and vgi.external.gcs.bucket are set|Set vgi.external.storage to s3 or gcs",
			"spring.main.cloud-platform=kubernetes|on Kubernetes the local folder of one pod is out of reach|Set vgi.external.s3.bucket or vgi.external.gcs.bucket",
			"vgi.external.storage=tape|vgi.external.storage|The following values are valid",
			"vgi.external.compression.level=23|must be from 1 to 22|Update your application's configuration" })
	void failsWithADescriptionAndAnAction(String settings, String description, String action, CapturedOutput output) {
		List<String> arguments = new ArrayList<>(List.of("--server.port=0"));
		Arrays.stream(settings.split(",")).map("--"::concat).forEach(arguments::add);
		Throwable failure = catchThrowable(
				() -> SpringApplication.run(Application.class, arguments.toArray(String[]::new)).close());
		assertThat(failure).isNotNull();
		assertThat(output).contains("APPLICATION FAILED TO START")
			.containsSubsequence("Description:", description, "Action:", action);
	}

	@Test
	void withoutTheFlagOfArrowSaysWhichFlag() throws Exception {
		String output = start(System.getProperty("java.class.path"), List.of());
		assertThat(output).contains("APPLICATION FAILED TO START")
			.containsSubsequence("Description:", "off-heap memory", "Action:",
					"--add-opens=java.base/java.nio=ALL-UNNAMED", "Add-Opens: java.base/java.nio");
	}

	@Test
	void resolvesOnlyWithoutAnySdkOnTheClassPath() throws Exception {
		String classPath = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
			.filter((entry) -> !entry.replace('\\', '/')
				.matches(".*/(software/amazon/awssdk|io/awspring|com/google/cloud|com/google/api|org/gaul)/.*"))
			.collect(Collectors.joining(File.pathSeparator));
		assertThat(classPath).doesNotContain("awssdk", "awspring", "spring-cloud-gcp");
		String output = start(classPath, List.of("--add-opens=java.base/java.nio=ALL-UNNAMED"),
				"--vgi.external.storage=none");
		assertThat(output).contains("STARTED").doesNotContain("FAILED");
	}

	private String start(String classPath, List<String> jvmArguments, String... settings) throws Exception {
		List<String> command = new ArrayList<>(
				List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
		command.addAll(jvmArguments);
		command.addAll(List.of("-XX:TieredStopAtLevel=1", "-cp", classPath, Application.class.getName(),
				"--server.port=0", "--vgi.external.local.directory=" + this.folder));
		command.addAll(List.of(settings));
		Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
		try {
			String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
			assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
			return output;
		}
		finally {
			process.destroyForcibly();
		}
	}

	/**
	 * An application of nothing else.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	public static class Application {

		public static void main(String[] arguments) {
			SpringApplication.run(Application.class, arguments).close();
			System.out.println("STARTED");
		}

	}

}
