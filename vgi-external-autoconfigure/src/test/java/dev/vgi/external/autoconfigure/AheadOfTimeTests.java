package dev.vgi.external.autoconfigure;

import java.io.File;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
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

import dev.vgi.external.autoconfigure.actuate.TransfersDescriptor;
import dev.vgi.external.autoconfigure.actuate.VgiExternalEndpoint;
import dev.vgi.external.history.TransferTimeline;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.SpringApplicationAotProcessor;
import org.springframework.util.StringUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * An application that was processed ahead of time with few settings, and is then started
 * with others: conditions were decided before.
 */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class AheadOfTimeTests {

	private static final String CREDENTIALS = "--spring.cloud.aws.credentials.access-key=key";

	private static final String SECRET = "--spring.cloud.aws.credentials.secret-key=secret";

	private static final String REGION = "--spring.cloud.aws.region.static=eu-central-1";

	private static final String PROJECT = "--spring.cloud.gcp.project-id=project";

	private static final String PAGE = "--management.endpoints.web.exposure.include=*";

	@TempDir
	private static Path work;

	private static Path folder;

	@BeforeAll
	@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	static void process() throws Exception {
		folder = work.resolve("store");
		process("local", PAGE);
		process("s3", "--vgi.external.s3.bucket=at-build-time", REGION, CREDENTIALS, SECRET);
		process("gcs", "--vgi.external.gcs.bucket=at-build-time", PROJECT, account());
		process("stdio", "--vgi.rpc.stdio=true");
	}

	private static String account() {
		return "--spring.cloud.gcp.credentials.encoded-key=" + ServiceAccountKey.encoded();
	}

	private static void process(String name, String... settings) throws Exception {
		Path sources = work.resolve(name).resolve("sources");
		Path classes = classes(name);
		List<String> arguments = new ArrayList<>(List.of(ProcessedApplication.class.getName(), sources.toString(),
				classes.toString(), classes.toString(), "dev.vgi", "processed"));
		arguments.addAll(List.of(settings));
		assertThat(java(List.of(), System.getProperty("java.class.path"), SpringApplicationAotProcessor.class.getName(),
				arguments))
			.doesNotContain("APPLICATION FAILED", "Exception in thread");
		JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
		try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8);
				Stream<Path> generated = Files.walk(sources)) {
			List<Path> units = generated.filter((file) -> file.toString().endsWith(".java")).toList();
			boolean compiled = compiler
				.getTask(null, files, null, List.of("-proc:none", "-nowarn", "-parameters", "-d", classes.toString(),
						"-classpath", classPath(name)), null, files.getJavaFileObjectsFromPaths(units))
				.call();
			assertThat(compiled).isTrue();
		}
	}

	@Test
	void startsAsItWasProcessed() throws Exception {
		assertThat(start("s3", "--vgi.external.s3.bucket=another", REGION, CREDENTIALS, SECRET))
			.contains("Starting AOT-processed", "s3://another/", "STARTED");
		assertThat(start("gcs", "--vgi.external.gcs.bucket=another", PROJECT, account()))
			.contains("Starting AOT-processed", "gs://another/", "STARTED");
	}

	// Over HTTP and with a worker, which was processed too.
	@Test
	void servesAndCallsAsWithoutProcessing() throws Exception {
		String plain = work(List.of(), "plain");
		String processed = work(List.of("-Dspring.aot.enabled=true"), "local");
		assertThat(processed).contains("ANSWER peer 50004 HURRIED", "STREAM peer 3 of 3", "ANSWER model 50004 HURRIED",
				"STREAM model 3 of 3", "GET /plain plain", "GET /actuator/vgiexternal {\"budget\":",
				"GET /actuator/vgiexternalpage <!DOCTYPE html>", "\"status\":\"UP\"", "\"storage\":\"local\"",
				"STARTED");
		assertThat(processed.lines().filter((line) -> line.startsWith("GET /actuator/vgiexternal "))).singleElement()
			.asString()
			.contains("\"finished\":[{");
		// The worker's log is part of the application's.
		assertThat(StringUtils.countOccurrencesOf(processed, "Starting AOT-processed")).isEqualTo(2);
		assertThat(StringUtils.countOccurrencesOf(plain, "Starting AOT-processed")).isOne();
		assertThat(beans(processed)).isNotEmpty().isEqualTo(beans(plain));
	}

	private static String work(List<String> jvmArguments, String name) throws Exception {
		int port;
		try (ServerSocket free = new ServerSocket(0)) {
			port = free.getLocalPort();
		}
		List<String> worker = command(List.of("-Dspring.aot.enabled=true"), classPath("stdio"),
				ProcessedApplication.class.getName(), List.of("--vgi.rpc.stdio=true"));
		List<String> arguments = new ArrayList<>(
				List.of("--server.port=" + port, "--vgi.external.local.directory=" + folder, "--processed.calls=true",
						"--vgi.external.externalize-threshold=4KB", "--vgi.rpc.max-request-size=16KB",
						"--spring.docker.compose.enabled=false", PAGE,
						"--spring.http.serviceclient.peer.base-url=http://localhost:" + port));
		for (int i = 0; i < worker.size(); i++) {
			arguments.add("--vgi.rpc.workers.model.command[" + i + "]=" + worker.get(i));
		}
		return java(jvmArguments, classPath(name), ProcessedApplication.class.getName(), arguments);
	}

	private static List<String> beans(String output) {
		return output.lines().filter((line) -> line.startsWith("BEAN ")).sorted().toList();
	}

	@Test
	void hintsNameWhatIsReachedByReflection() throws Exception {
		String hints = Files
			.readString(classes("local").resolve("META-INF/native-image/dev.vgi/processed/reachability-metadata.json"));
		assertThat(Stream
			.of(TransfersDescriptor.class, TransferTimeline.class, VgiExternalEndpoint.Ended.class,
					VgiExternalProperties.Fetch.class, VgiWorkersProperties.Worker.class,
					ProcessedService.Question.class, ProcessedService.Tag.class, ProcessedService.Mood.class,
					ProcessedService.Head.class, ProcessedController.Position.class, ProcessedController.Place.class)
			.map((type) -> "\"" + type.getName() + "\"")).allSatisfy((name) -> assertThat(hints).contains(name));
		// The client of the group is a proxy of the JDK.
		assertThat(hints).contains("\"proxy\"").contains("actuate\\/page\\/*", "DefaultRestClient");
	}

	// What a cache of the JVM is made of, without a bucket.
	@Test
	void aTrainingRunEndsByItselfAndContactsNoStorage() throws Exception {
		try (ServerSocket storage = new ServerSocket(0)) {
			String output = java(List.of("-Dspring.aot.enabled=true", "-Dspring.context.exit=onRefresh"),
					classPath("s3"), ProcessedApplication.class.getName(),
					List.of("--server.port=0", "--vgi.external.s3.bucket=late", REGION, CREDENTIALS, SECRET,
							"--vgi.external.s3.endpoint=http://localhost:" + storage.getLocalPort()));
			assertThat(output).contains("Batches from 1 MB go to s3://late/").doesNotContain("STARTED", "ERROR");
			storage.setSoTimeout(1);
			assertThatExceptionOfType(SocketTimeoutException.class).isThrownBy(storage::accept);
		}
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
		return java(List.of("-Dspring.aot.enabled=true"), classPath(name), ProcessedApplication.class.getName(),
				arguments);
	}

	private static Path classes(String name) {
		return work.resolve(name).resolve("classes");
	}

	private static String classPath(String name) {
		return classes(name) + File.pathSeparator + System.getProperty("java.class.path");
	}

	private static List<String> command(List<String> jvmArguments, String classPath, String main,
			List<String> arguments) {
		List<String> command = new ArrayList<>(
				List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1",
						"-XX:+UseSerialGC", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp", classPath));
		command.addAll(jvmArguments);
		command.add(main);
		command.addAll(arguments);
		return command;
	}

	private static String java(List<String> jvmArguments, String classPath, String main, List<String> arguments)
			throws Exception {
		ProcessBuilder builder = new ProcessBuilder(command(jvmArguments, classPath, main, arguments))
			.redirectErrorStream(true);
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
