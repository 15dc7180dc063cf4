package dev.vgi.external.autoconfigure;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.SpringApplicationAotProcessor;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * An application that was processed ahead of time, without any setting, and is then
 * started with some: conditions were decided before.
 */
class AheadOfTimeTests {

	private static final String CREDENTIALS = "--spring.cloud.aws.credentials.access-key=key";

	private static final String SECRET = "--spring.cloud.aws.credentials.secret-key=secret";

	private static final String REGION = "--spring.cloud.aws.region.static=eu-central-1";

	@TempDir
	private static Path work;

	private static Path folder;

	@BeforeAll
	static void process() throws Exception {
		folder = work.resolve("store");
		process("local");
		process("s3", "--vgi.external.s3.bucket=at-build-time", REGION, CREDENTIALS, SECRET);
	}

	private static void process(String name, String... settings) throws Exception {
		Path sources = work.resolve(name).resolve("sources");
		Path classes = work.resolve(name).resolve("classes");
		List<String> arguments = new ArrayList<>(List.of(ProcessedApplication.class.getName(), sources.toString(),
				classes.toString(), classes.toString(), "dev.vgi", "processed"));
		arguments.addAll(List.of(settings));
		assertThat(java(System.getProperty("java.class.path"), List.of(), SpringApplicationAotProcessor.class.getName(),
				arguments))
			.doesNotContain("APPLICATION FAILED", "Exception in thread");
		JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
		try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8);
				Stream<Path> generated = Files.walk(sources)) {
			List<Path> units = generated.filter((file) -> file.toString().endsWith(".java")).toList();
			boolean compiled = compiler
				.getTask(null, files, null,
						List.of("-proc:none", "-nowarn", "-parameters", "-d", classes.toString(), "-classpath",
								classes + File.pathSeparator + System.getProperty("java.class.path")),
						null, files.getJavaFileObjectsFromPaths(units))
				.call();
			assertThat(compiled).isTrue();
		}
	}

	@Test
	void startsAsItWasProcessed() throws Exception {
		assertThat(start("local")).contains("STARTED");
		assertThat(start("s3", "--vgi.external.s3.bucket=another", REGION, CREDENTIALS, SECRET)).contains("STARTED");
	}

	@Test
	void aBucketThatIsSetLaterIsNotIgnored() throws Exception {
		assertThat(start("local", "--vgi.external.s3.bucket=late", REGION, CREDENTIALS, SECRET))
			.contains("APPLICATION FAILED TO START")
			.containsSubsequence("Description:", "select the storage s3", "ahead of time", "for the storage local",
					"Action:", "vgi.external.storage");
		assertThat(start("s3", "--vgi.external.storage=local")).contains("APPLICATION FAILED TO START")
			.containsSubsequence("Description:", "select the storage local", "for the storage s3");
	}

	@Test
	void whichClientAndWhetherAtAllAreDecidedAtTheStart() throws Exception {
		String output = start("s3", "--vgi.external.s3.bucket=late", REGION, CREDENTIALS, SECRET,
				"--vgi.external.s3.endpoint=http://late.example:9000", "--vgi.external.lifecycle.mode=none");
		assertThat(output).contains("STARTED").contains("late.example:9000");
		assertThat(start("local", "--vgi.external.enabled=false")).contains("STARTED").contains("inline");
	}

	private static String start(String name, String... settings) throws Exception {
		List<String> arguments = new ArrayList<>(
				List.of("--server.port=0", "--vgi.external.local.directory=" + folder));
		arguments.addAll(List.of(settings));
		return java(work.resolve(name).resolve("classes") + File.pathSeparator + System.getProperty("java.class.path"),
				List.of("-Dspring.aot.enabled=true"), ProcessedApplication.class.getName(), arguments);
	}

	private static String java(String classPath, List<String> jvmArguments, String main, List<String> arguments)
			throws Exception {
		List<String> command = new ArrayList<>(
				List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1",
						"--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp", classPath));
		command.addAll(jvmArguments);
		command.add(main);
		command.addAll(arguments);
		ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
		// The build sets a folder there, and this machine may know a region.
		builder.environment().keySet().removeIf((key) -> key.startsWith("VGI_") || key.startsWith("AWS_"));
		builder.environment().put("AWS_EC2_METADATA_DISABLED", "true");
		Process process = builder.start();
		try {
			String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
			assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
			return output;
		}
		finally {
			process.destroyForcibly();
		}
	}

}
