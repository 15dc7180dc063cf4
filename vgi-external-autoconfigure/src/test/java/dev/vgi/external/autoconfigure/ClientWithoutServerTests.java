package dev.vgi.external.autoconfigure;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import dev.vgi.external.Pages;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * An application with the starter but without {@code spring-boot-starter-webmvc}, in a
 * JVM of its own, which calls a service.
 */
@Timeout(value = 150, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ClientWithoutServerTests {

	/**
	 * What {@code mvn dependency:build-classpath} says of the starter with that
	 * exclusion.
	 */
	private static final List<String> STARTER = List.of("arrow-format", "arrow-memory-core", "arrow-memory-unsafe",
			"arrow-vector", "commons-codec", "commons-logging", "flatbuffers-java", "httpcore5-5",
			"jackson-annotations", "jackson-core", "jackson-databind", "jackson-datatype-jsr310",
			"jakarta.annotation-api", "jspecify", "jul-to-slf4j", "log4j-api", "log4j-to-slf4j", "logback-classic",
			"logback-core", "lz4-java", "micrometer-commons", "micrometer-observation-1", "slf4j-api", "snakeyaml",
			"spring-aop", "spring-beans", "spring-boot-4", "spring-boot-autoconfigure-4", "spring-boot-http-client",
			"spring-boot-http-converter", "spring-boot-jackson-4", "spring-boot-restclient-4", "spring-boot-starter-4",
			"spring-boot-starter-jackson-4", "spring-boot-starter-logging", "spring-boot-starter-restclient",
			"spring-context", "spring-core", "spring-expression", "spring-web-", "zstd-jni");

	private static final List<String> ACTUATOR = List.of("spring-boot-starter-actuator", "spring-boot-actuator",
			"spring-boot-health", "spring-boot-micrometer-metrics", "spring-boot-micrometer-observation",
			"spring-boot-starter-micrometer-metrics", "micrometer-core", "micrometer-jakarta9", "HdrHistogram");

	private static final String OPEN = "--add-opens=java.base/java.nio=ALL-UNNAMED";

	private static final String[] RECEIVED = { "typed 200000", "exchange 200000", "rest 200000", "reader 200000",
			"counted 200000" };

	private static ConfigurableApplicationContext service;

	@TempDir
	private static Path folder;

	@BeforeAll
	static void start() throws Exception {
		Path types = Files.createDirectories(folder.resolve("types/dev/vgi/external/autoconfigure"));
		for (Path type : Pages.files(Path.of(location(ServerlessClient.class)), 99)
			.filter((file) -> file.getFileName().toString().startsWith("ServerlessClient"))
			.toList()) {
			Files.copy(type, types.resolve(type.getFileName()));
		}
		service = SpringApplication.run(Service.class, "--server.port=0", "--vgi.external.externalize-threshold=100KB",
				"--vgi.external.local.directory=" + folder.resolve("store"));
	}

	@AfterAll
	static void stop() {
		service.close();
	}

	@Test
	void callsAndExits() throws Exception {
		String output = run(STARTER, Map.of());
		assertThat(output).contains(RECEIVED)
			.contains("servlets false", "context AnnotationConfigApplicationContext",
					"Nothing is stored: there is no bucket, and no web server that could serve a local folder;")
			.doesNotContain(" WARN ", " ERROR ");
	}

	@Test
	void isMeasured() throws Exception {
		List<String> needed = new ArrayList<>(STARTER);
		needed.addAll(ACTUATOR);
		assertThat(run(needed, Map.of())).contains(RECEIVED)
			.contains("vgi.external.fetch 4", "vgi.external.upload 2")
			.doesNotContain(" WARN ", " ERROR ");
	}

	@Test
	void callsWithoutBootsJackson() throws Exception {
		List<String> needed = STARTER.stream()
			.filter((name) -> !name.matches("spring-boot-(starter-)?jackson.*"))
			.toList();
		assertThat(run(needed, Map.of())).contains(RECEIVED);
	}

	@Test
	void startsOnKubernetes() throws Exception {
		assertThat(run(STARTER, Map.of("KUBERNETES_SERVICE_HOST", "10.0.0.1", "KUBERNETES_SERVICE_PORT", "443")))
			.contains(RECEIVED);
	}

	@Test
	void classPathIsThatOfTheStarter() {
		assertThat(STARTER).allSatisfy((name) -> assertThat(classPath(List.of(name)).split(File.pathSeparator)).as(name)
			.hasSizeGreaterThan(2));
	}

	@Test
	void startIsRefusedIfBuffersAreClosed() throws Exception {
		assertThat(run(STARTER, Map.of(), 1, "--add-modules=java.base"))
			.contains("which this JVM has not opened to it.", "Start the JVM with")
			.contains("    --add-opens=java.base/java.nio=ALL-UNNAMED");
	}

	@Test
	void startIsRefusedWithoutAllocator() throws Exception {
		List<String> needed = STARTER.stream().filter((name) -> !name.equals("arrow-memory-unsafe")).toList();
		assertThat(run(needed, Map.of(), 1, OPEN)).contains("Apache Arrow finds no allocator on the class path.",
				"Add org.apache.arrow:arrow-memory-unsafe to the application.");
	}

	/**
	 * As arrow-memory-netty does on JDK 25.
	 */
	@Test
	void startIsRefusedIfTheAllocatorFails() {
		try (RootAllocator allocator = new RootAllocator() {

			@Override
			public ArrowBuf buffer(long size) {
				throw new ClassCastException("PooledDirectByteBuf");
			}

		}) {
			assertThatExceptionOfType(StartRefusedException.class)
				.isThrownBy(() -> VgiExternalAutoConfiguration.requireWorking(allocator))
				.withMessageContaining("does not work on this JVM");
		}
	}

	private static String run(List<String> needed, Map<String, String> environment) throws Exception {
		return run(needed, environment, 0, OPEN);
	}

	private static String run(List<String> needed, Map<String, String> environment, int exit, String flag)
			throws Exception {
		String url = "http://127.0.0.1:" + service.getEnvironment().getProperty("local.server.port");
		ProcessBuilder builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
				flag, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classPath(needed),
				ServerlessClient.class.getName(), "--spring.http.serviceclient.numbers.base-url=" + url,
				"--vgi.external.client.upload-threshold=100KB");
		builder.environment().remove("VGI_EXTERNAL_LOCAL_DIRECTORY");
		builder.environment().putAll(environment);
		// A file, so that a process that does not end fails the test.
		Path output = Files.createTempFile(folder, "client", ".txt");
		Process process = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
		try {
			boolean ended = process.waitFor(2, TimeUnit.MINUTES);
			String said = Files.readString(output, StandardCharsets.UTF_8);
			assertThat(ended).as(said).isTrue();
			assertThat(process.exitValue()).as(said).isEqualTo(exit);
			return said;
		}
		finally {
			process.destroyForcibly();
		}
	}

	// Of the tests only the application.
	private static String classPath(List<String> needed) throws Exception {
		return Stream
			.concat(Stream.of(folder.resolve("types").toString(), location(VgiClientAutoConfiguration.class)),
					Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
						.filter((entry) -> needed.stream().anyMatch(new File(entry).getName()::startsWith)))
			.collect(Collectors.joining(File.pathSeparator));
	}

	private static String location(Class<?> type) throws Exception {
		return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(excludeName = {
			"org.springframework.boot.security.autoconfigure.web.servlet.ServletWebSecurityAutoConfiguration",
			"org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterAutoConfiguration",
			"org.springframework.boot.security.autoconfigure.actuate.web.servlet.ManagementWebSecurityAutoConfiguration" })
	@Import(Controller.class)
	static class Service {

	}

	@RestController
	static class Controller implements ServerlessClient.Numbers {

		private final BufferAllocator allocator;

		Controller(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@Override
		public VectorSchemaRoot twice(VectorSchemaRoot numbers) {
			return ServerlessClient.numbers(this.allocator, numbers.getRowCount());
		}

		@Override
		public VectorSchemaRoot read(@PathVariable int rows) {
			return ServerlessClient.numbers(this.allocator, rows);
		}

		@PostMapping("/count")
		VectorSchemaRoot count(@RequestBody VectorSchemaRoot numbers) {
			VectorSchemaRoot count = ServerlessClient.numbers(this.allocator, 1);
			((BigIntVector) count.getVector(0)).set(0, numbers.getRowCount());
			return count;
		}

	}

}
