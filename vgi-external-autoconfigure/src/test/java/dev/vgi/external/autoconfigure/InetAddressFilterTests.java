package dev.vgi.external.autoconfigure;

import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.http.client.InetAddressFilter;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * A service and its client in an application that admits this machine, but under one of
 * its addresses only.
 */
@SuppressWarnings("NullAway.Init")
class InetAddressFilterTests {

	private static final String REFUSAL = "the application's InetAddressFilter refuses all addresses of host 127.0.0.2";

	@TempDir
	private static Path folder;

	private static ConfigurableApplicationContext context;

	private static Loopback loopback;

	private final BufferAllocator allocator = context.getBean(BufferAllocator.class);

	@BeforeAll
	static void start() {
		context = SpringApplication.run(Application.class, "--server.port=0", "--server.address=127.0.0.1",
				"--spring.main.banner-mode=off", "--vgi.external.local.directory=" + folder,
				"--vgi.external.local.base-url=http://127.0.0.2:9", "--vgi.external.externalize-threshold=10KB",
				"--vgi.external.client.upload-threshold=10KB", "--vgi.external.url.allowed-hosts=127.0.0.2",
				"--vgi.external.url.allowed-schemes=http", "--vgi.external.client.url.allowed-hosts=127.0.0.2",
				"--vgi.external.client.url.allowed-schemes=http");
		int port = context.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
		loopback = new Loopback(port, "", context.getBean(BufferAllocator.class));
	}

	@AfterAll
	static void stop() {
		context.close();
	}

	@AfterEach
	void nothingIsLost() {
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	@Test
	void aPointerOfACallerIsRefused() {
		byte[] pointer;
		try (AnnotatedBatch rows = SampleBatches.numbers(this.allocator, 1);
				AnnotatedBatch batch = AnnotatedBatch.empty(rows.root().getSchema(),
						BatchMetadata.of(MetadataKeys.LOCATION, "http://127.0.0.2:9/o.arrow?secret"), this.allocator)) {
			pointer = Loopback.bytes(batch);
		}
		HttpResponse<byte[]> response = loopback.post("/rows", Loopback.ARROW, pointer);
		assertThat(response.statusCode()).isEqualTo(400);
		assertThat(new String(response.body(), StandardCharsets.UTF_8)).contains(REFUSAL, "url-rejected")
			.doesNotContain("secret");
	}

	@Test
	void aPointerOfAServiceIsRefused() {
		assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> service().zeros(20_000))
			.withMessageContaining(REFUSAL);
	}

	@Test
	void anUploadUrlOfAServiceIsRefused() {
		assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> service().length(new byte[20_000]))
			.withMessageContaining(REFUSAL);
	}

	@Test
	void whatIsAdmittedWorks() {
		assertThat(service().length(new byte[10])).isEqualTo(10);
	}

	private Zeros service() {
		VgiClient client = context.getBean(VgiClient.Builder.class).baseUrl(loopback.base()).build();
		return new RpcClients(client, this.allocator).createClient(Zeros.class);
	}

	/**
	 * The contract.
	 */
	@RpcService("Zeros")
	interface Zeros {

		@RpcMethod("length")
		long length(byte[] data);

		@RpcMethod("zeros")
		byte[] zeros(long length);

	}

	/**
	 * The application.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(Handlers.class)
	static class Application {

		@Bean
		InetAddressFilter onlyOneAddress() {
			return InetAddressFilter.not("127.0.0.2");
		}

	}

	/**
	 * Its handlers.
	 */
	@RestController
	static class Handlers implements Zeros {

		@Override
		public long length(byte[] data) {
			return data.length;
		}

		@Override
		public byte[] zeros(long length) {
			return new byte[(int) length];
		}

		@PostMapping("/rows")
		int rows(@RequestBody VectorSchemaRoot root) {
			return root.getRowCount();
		}

	}

}
