package dev.vgi.external.restart;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

import dev.vgi.external.restart.PlaceService.Place;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.web.client.PlainClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * An application that devtools restart, as a developer has it: the library is a jar, and
 * the application's classes are a folder, which is loaded anew.
 */
class RestartTests {

	private static final int RESTARTS = 2;

	/** They would change the settings of other tests if they were on the class path. */
	private static final Path DEVTOOLS = Path.of("target/devtools");

	private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	private final List<String> log = new ArrayList<>();

	@TempDir
	private Path work;

	private @Nullable Process process;

	private String base = "";

	@AfterEach
	void stop() throws InterruptedException {
		if (this.process != null) {
			this.process.destroyForcibly().waitFor();
		}
	}

	@Test
	@Timeout(value = 100, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void everythingWorksAgainAfterEachRestart() throws Exception {
		int port = freePort();
		this.base = "http://127.0.0.1:" + port;
		this.process = start(port);
		try (BufferedReader output = this.process.inputReader(StandardCharsets.UTF_8)) {
			awaitReady(output, 1);
			assertWorks();
			JsonNode vended = json("/vend");
			assertThat(put(vended.get(0), "abc")).isEqualTo(204);
			JsonNode unused = json("/vend");
			JsonNode before = json("/alive");
			for (int restart = 1; restart <= RESTARTS; restart++) {
				// Nothing but the trigger is no change.
				Files.writeString(this.work.resolve("classes/changed.txt"), "" + restart);
				Files.writeString(this.work.resolve("classes/.trigger"), "" + restart);
				awaitReady(output, 1 + restart);
				assertWorks();
			}
			assertThat(get(vended.get(1).asString()).body()).isEqualTo("abc");
			assertThat(put(unused.get(0), "def")).isEqualTo(204);
			Awaitility.await().untilAsserted(() -> {
				JsonNode alive = json("/alive");
				assertThat(alive.get("threads")).isEqualTo(before.get("threads"));
				assertThat(alive.get("bytes").asLong()).isZero();
				// The current one, and the one before, which the last request or its
				// container may still hold.
				assertThat(alive.get("loaders").asInt()).isLessThanOrEqualTo(2);
			});
			assertThat(this.log)
				.noneMatch((line) -> line.contains(" ERROR ") || line.contains("Exception") || line.contains("leak"));
		}
	}

	private void assertWorks() throws Exception {
		assertThat(get(this.base + "/self").body()).isEqualTo(new Place("here", List.of("a", "b"), 3) + " 300000");
		try (BufferAllocator allocator = new RootAllocator(); PlainClient plain = new PlainClient(allocator)) {
			PlaceService service = new RpcClients(plain.builder(this.base).build(), allocator)
				.createClient(PlaceService.class);
			assertThat(service.move(new Place("there", List.of(), 1), 1)).isEqualTo(new Place("there", List.of(), 2));
			assertThat(service.blank(new byte[300_000])).hasSize(300_000);
			try (ProducerStream<Void> numbers = service.count(3)) {
				int turns = 0;
				while (numbers.hasNext()) {
					numbers.next().close();
					turns++;
				}
				assertThat(turns).isEqualTo(4);
			}
		}
	}

	private Process start(int port) throws Exception {
		Path classes = this.work.resolve("classes");
		copyApplication(classes);
		List<String> classPath = new ArrayList<>(List.of(classes.toString()));
		for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
			if (entry.endsWith(".jar")) {
				// An application has one server.
				if (!entry.contains("/eclipse/jetty/") && !entry.contains("-jetty")) {
					classPath.add(entry);
				}
			}
			else if (Files.exists(Path.of(entry, "META-INF/spring",
					"org.springframework.boot.autoconfigure" + ".AutoConfiguration.imports"))) {
				classPath.add(jar(Path.of(entry)).toString());
			}
		}
		assertThat(DEVTOOLS).as("where Maven has put them").isDirectory();
		try (Stream<Path> jars = Files.list(DEVTOOLS)) {
			jars.forEach((jar) -> classPath.add(jar.toAbsolutePath().toString()));
		}
		Properties excluded = new Properties();
		try (InputStream in = RestartTests.class.getResourceAsStream("/application.properties")) {
			excluded.load(in);
		}
		// Spring's caches of types refer to them softly, which is no leak.
		return new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx512m",
				"-XX:SoftRefLRUPolicyMSPerMB=0", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp",
				String.join(File.pathSeparator, classPath), RestartedApplication.class.getName(),
				"--server.port=" + port, "--server.address=127.0.0.1",
				"--spring.autoconfigure.exclude=" + excluded.getProperty("spring.autoconfigure.exclude"),
				"--spring.docker.compose.enabled=false", "--spring.main.banner-mode=off",
				"--vgi.external.local.directory=" + this.work.resolve("store"),
				"--vgi.external.externalize-threshold=100KB", "--vgi.external.client.upload-threshold=100KB",
				"--spring.devtools.restart.trigger-file=.trigger", "--spring.devtools.restart.poll-interval=100ms",
				"--spring.devtools.restart.quiet-period=50ms", "--spring.devtools.livereload.enabled=false")
			.redirectErrorStream(true)
			.start();
	}

	private static void copyApplication(Path target) throws IOException, URISyntaxException {
		String folder = RestartTests.class.getPackageName().replace('.', '/');
		Path source = Path.of(RestartTests.class.getProtectionDomain().getCodeSource().getLocation().toURI())
			.resolve(folder);
		Path packageFolder = Files.createDirectories(target.resolve(folder));
		try (Stream<Path> files = Files.list(source)) {
			for (Path file : files.toList()) {
				if (!file.getFileName().toString().startsWith("RestartTests")) {
					Files.copy(file, packageFolder.resolve(file.getFileName()));
				}
			}
		}
		Files.createFile(target.resolve(".trigger"));
	}

	private Path jar(Path folder) throws IOException {
		Path jar = this.work.resolve("library.jar");
		try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar));
				Stream<Path> files = Files.walk(folder)) {
			for (Path file : files.filter(Files::isRegularFile).toList()) {
				out.putNextEntry(new ZipEntry(folder.relativize(file).toString()));
				Files.copy(file, out);
			}
		}
		return jar;
	}

	private void awaitReady(BufferedReader output, int number) throws IOException {
		String expected = RestartedApplication.READY + number;
		String line = output.readLine();
		while (line != null && !line.equals(expected)) {
			this.log.add(line);
			line = output.readLine();
		}
		assertThat(line).as(() -> String.join("\n", this.log)).isEqualTo(expected);
	}

	private JsonNode json(String path) throws Exception {
		return JsonMapper.shared().readTree(get(this.base + path).body());
	}

	private HttpResponse<String> get(String url) throws Exception {
		HttpResponse<String> response = this.http.send(HttpRequest.newBuilder(URI.create(url)).build(),
				BodyHandlers.ofString());
		assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
		return response;
	}

	private int put(JsonNode url, String body) throws Exception {
		return this.http
			.send(HttpRequest.newBuilder(URI.create(url.asString())).PUT(BodyPublishers.ofString(body)).build(),
					BodyHandlers.discarding())
			.statusCode();
	}

	private static int freePort() throws IOException {
		try (ServerSocket socket = new ServerSocket(0)) {
			return socket.getLocalPort();
		}
	}

}
