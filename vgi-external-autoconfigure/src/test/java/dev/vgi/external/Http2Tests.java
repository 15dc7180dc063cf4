package dev.vgi.external;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Version;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

import javax.net.ssl.SSLContext;

import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.client.PlainClient;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Calls, uploads and answers over HTTP/2, with Tomcat, which ends connections with too
 * many tiny frames, and the JDK's client, which makes them of bodies in unfit pieces.
 */
@Timeout(120)
class Http2Tests {

	private static final int TIMES = 20;

	private static final int LENGTH = 2_000_000;

	@TempDir
	private Path folder;

	private final BufferAllocator allocator = new RootAllocator();

	private @Nullable ConfigurableApplicationContext context;

	private @Nullable SSLContext trusting;

	private String url = "";

	@AfterEach
	void stop() {
		if (this.context != null) {
			this.context.close();
		}
		this.allocator.close();
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void largeArgumentsOfCallsArrive(boolean tls) throws Exception {
		start(tls);
		try (PlainClient plain = new PlainClient(this.allocator)) {
			for (int i = 0; i < TIMES; i++) {
				VgiClient client = plain.builder(this.url, new JdkClientHttpRequestFactory(connected())).build();
				Lengths service = new RpcClients(client, this.allocator).createClient(Lengths.class);
				assertThat(service.length(new byte[LENGTH])).isEqualTo(LENGTH);
			}
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void largeBatchesArriveAndReturn(boolean tls) throws Exception {
		ConfigurableApplicationContext context = start(tls);
		for (int i = 0; i < TIMES; i++) {
			RestClient client = context.getBean(RestClient.Builder.class)
				.requestFactory(new JdkClientHttpRequestFactory(connected()))
				.baseUrl(this.url)
				.build();
			try (VectorSchemaRoot sent = Application.rows(this.allocator)) {
				assertThat(client.post()
					.uri("/count")
					.contentType(ArrowStreamHttpMessageConverter.ARROW_STREAM)
					.body(sent)
					.retrieve()
					.body(Integer.class)).isEqualTo(LENGTH / 8);
			}
			VectorSchemaRoot received = client.get()
				.uri("/rows")
				.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
				.retrieve()
				.body(VectorSchemaRoot.class);
			assertThat(received).isNotNull();
			assertThat(received.getRowCount()).isEqualTo(LENGTH / 8);
			received.close();
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void largeObjectsAreStoredAndServed(boolean tls) throws Exception {
		start(tls);
		HttpClient http = connected();
		UploadUrl target;
		try (PlainClient plain = new PlainClient(this.allocator)) {
			target = plain.builder(this.url, new JdkClientHttpRequestFactory(http)).build().requestUploadUrls(1).get(0);
		}
		byte[] object = new byte[LENGTH];
		assertThat(http
			.send(HttpRequest.newBuilder(own(target.uploadUrl())).PUT(BodyPublishers.ofByteArray(object)).build(),
					BodyHandlers.discarding())
			.statusCode()).isEqualTo(204);
		HttpResponse<byte[]> served = http.send(HttpRequest.newBuilder(own(target.downloadUrl())).build(),
				BodyHandlers.ofByteArray());
		assertThat(served.version()).isEqualTo(Version.HTTP_2);
		assertThat(served.body()).hasSize(LENGTH);
	}

	// The same connection: a new one in the clear would ask for HTTP/2 with its upload,
	// and
	// Tomcat takes no body of this size along.
	private static URI own(URI url) {
		return URI.create(url.toString().replace("//127.0.0.1:", "//localhost:"));
	}

	private HttpClient connected() throws Exception {
		HttpClient.Builder builder = HttpClient.newBuilder();
		if (this.trusting != null) {
			builder.sslContext(this.trusting);
		}
		HttpClient http = builder.build();
		// In the clear the connection changes its protocol with the first answer.
		assertThat(http.send(HttpRequest.newBuilder(URI.create(this.url + "/hello")).build(), BodyHandlers.ofString())
			.version()).isEqualTo(Version.HTTP_2);
		return http;
	}

	private ConfigurableApplicationContext start(boolean tls) throws Exception {
		Stream<String> settings = Stream.of("--server.port=0", "--server.address=127.0.0.1",
				"--server.http2.enabled=true", "--spring.main.banner-mode=off", "--vgi.external.storage=local",
				"--vgi.external.externalize-threshold=100MB", "--vgi.external.local.directory=" + this.folder);
		if (tls) {
			this.trusting = Certificates.create(this.folder);
			settings = Stream.concat(settings,
					Stream.of("--server.ssl.key-store=file:" + this.folder.resolve("keystore"),
							"--server.ssl.key-store-password=" + Certificates.PASSWORD));
		}
		ConfigurableApplicationContext started = new SpringApplication(Application.class)
			.run(settings.toArray(String[]::new));
		this.context = started;
		this.url = (tls ? "https" : "http") + "://localhost:"
				+ started.getEnvironment().getProperty("local.server.port");
		return started;
	}

	@RpcService(name = "Lengths", version = "1.0.0")
	interface Lengths {

		@RpcMethod("length")
		long length(byte[] data);

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(
			excludeName = { "org.springframework.boot.security.autoconfigure.SecurityAutoConfiguration",
					"org.springframework.boot.security.autoconfigure.web.servlet.ServletWebSecurityAutoConfiguration",
					"org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterAutoConfiguration",
					"org.springframework.boot.security.autoconfigure.UserDetailsServiceAutoConfiguration" })
	@Import(Application.Handlers.class)
	static class Application {

		static VectorSchemaRoot rows(BufferAllocator allocator) {
			BigIntVector vector = new BigIntVector("n", allocator);
			vector.allocateNew(LENGTH / 8);
			vector.setValueCount(LENGTH / 8);
			return new VectorSchemaRoot(List.of(vector));
		}

		@RestController
		static class Handlers implements Lengths {

			private final BufferAllocator allocator;

			Handlers(BufferAllocator allocator) {
				this.allocator = allocator;
			}

			@GetMapping("/hello")
			String hello() {
				return "hello";
			}

			@PostMapping("/count")
			int count(@RequestBody VectorSchemaRoot root) {
				return root.getRowCount();
			}

			@GetMapping("/rows")
			VectorSchemaRoot rows() {
				return Application.rows(this.allocator);
			}

			@Override
			public long length(byte[] data) {
				return data.length;
			}

		}

	}

}
