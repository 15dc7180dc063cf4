package dev.vgi.external;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.batch.ForeignStreams;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A process that cannot load the native library of zstd, as where the temporary folder is
 * mounted noexec.
 */
@Timeout(120)
class ZstdNotLoadedTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	@TempDir
	private Path folder;

	@Test
	void everythingElseWorks() throws Exception {
		String output = start();
		assertThat(output).contains("announced: gzip\n", "zstd: 200 none\n", "zstd, gzip: 200 gzip\n",
				"sent in zstd: 415\n", "buffers in zstd: Not supported: ZSTD buffers in this process\n", "called: 7\n");
		assertThat(output.lines().filter((line) -> line.contains(" WARN ") && line.contains("zstd"))).singleElement()
			.asString()
			.contains("-DZstdTempFolder=", "noexec");
		assertThat(output).doesNotContain("UnsatisfiedLinkError: ", "NoClassDefFoundError");
	}

	@Test
	void whenObjectsAreToBeCompressedTheStartFails() throws Exception {
		assertThat(start("--vgi.external.compression.algorithm=zstd")).doesNotContain("announced")
			.containsSubsequence("APPLICATION FAILED TO START", "vgi.external.compression.algorithm is zstd",
					"-DZstdTempFolder=", "vgi.external.compression.algorithm=none");
	}

	private String start(String... settings) throws Exception {
		List<String> command = new ArrayList<>(
				List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
						"--add-opens=java.base/java.nio=ALL-UNNAMED", "-XX:TieredStopAtLevel=1",
						"-DZstdNativePath=" + this.folder.resolve("libzstd-jni.so"), "-cp",
						System.getProperty("java.class.path"), Application.class.getName(), "--server.port=0",
						"--server.address=127.0.0.1", "--vgi.external.local.directory=" + this.folder));
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

	@RpcService(name = "Lengths", version = "1.0.0")
	interface Lengths {

		@RpcMethod("length")
		long length(byte[] data);

	}

	/**
	 * Calls itself and prints what it gets.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(
			excludeName = { "org.springframework.boot.security.autoconfigure.SecurityAutoConfiguration",
					"org.springframework.boot.security.autoconfigure.web.servlet.ServletWebSecurityAutoConfiguration",
					"org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterAutoConfiguration",
					"org.springframework.boot.security.autoconfigure.UserDetailsServiceAutoConfiguration" })
	@Import(Handlers.class)
	public static class Application {

		public static void main(String[] arguments) throws Exception {
			try (ConfigurableApplicationContext context = SpringApplication.run(Application.class, arguments)) {
				URI url = URI
					.create("http://127.0.0.1:" + context.getEnvironment().getProperty("local.server.port") + "/rows");
				HttpClient http = HttpClient.newHttpClient();
				for (String accepted : List.of("zstd", "zstd, gzip")) {
					HttpResponse<byte[]> response = http.send(
							HttpRequest.newBuilder(url).header("Accept-Encoding", accepted).build(),
							BodyHandlers.ofByteArray());
					System.out.println("announced: " + response.headers().firstValue("VGI-Supported-Encodings").get());
					System.out.println(accepted + ": " + response.statusCode() + ' '
							+ response.headers().firstValue("Content-Encoding").orElse("none"));
				}
				System.out.println(
						"sent in zstd: " + http
							.send(HttpRequest.newBuilder(url.resolve("/length"))
								.header("Content-Type", ARROW)
								.header("Content-Encoding", "zstd")
								.POST(BodyPublishers.ofByteArray(new byte[100]))
								.build(), BodyHandlers.discarding())
							.statusCode());
				byte[] buffers = ForeignStreams.compressed(1, 0, 1, ForeignStreams.compressedBuffer(8, new byte[9]));
				System.out.println("buffers in zstd: " + http
					.send(HttpRequest.newBuilder(url.resolve("/length"))
						.header("Content-Type", ARROW)
						.POST(BodyPublishers.ofByteArray(buffers))
						.build(), BodyHandlers.ofString())
					.body()
					.replaceAll("(?s).*(Not supported: ZSTD buffers in this process).*", "$1"));
				VgiClient client = context.getBean(VgiClient.Builder.class)
					.baseUrl(url.resolve("/").toString().replaceAll("/$", ""))
					.build();
				System.out.println("called: "
						+ new RpcClients(client, context.getBean(BufferAllocator.class)).createClient(Lengths.class)
							.length(new byte[7]));
			}
		}

	}

	/**
	 * What there is to call.
	 */
	@RestController
	static class Handlers implements Lengths {

		private final BufferAllocator allocator;

		Handlers(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@GetMapping("/rows")
		VectorSchemaRoot rows() {
			BigIntVector vector = new BigIntVector("n", this.allocator);
			vector.allocateNew(1000);
			vector.setValueCount(1000);
			return new VectorSchemaRoot(List.of(vector));
		}

		@Override
		public long length(byte[] data) {
			return data.length;
		}

	}

}
