package dev.vgi.external.autoconfigure;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;

import dev.vgi.external.Pages;
import dev.vgi.external.storage.ExternalStorage;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.TransientNio2BlobStore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.services.s3.S3Client;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The configuration of docs/production.md: an application starts with it and serves.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@ExtendWith(OutputCaptureExtension.class)
class ProductionPageTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private final HttpClient http = HttpClient.newHttpClient();

	@Test
	void servesWithTheConfigurationOfThePage(@TempDir Path folder, CapturedOutput output) throws Exception {
		String page = Pages.blocks(Pages.ROOT.resolve("docs/production.md")).get(0).text();
		// The store of this test knows no KMS.
		String settings = page.replaceAll("(?m)^      sse:\\n(?:        .*\\n)+", "");
		assertThat(settings.lines()).hasSize((int) page.lines().count() - 4);
		Files.writeString(folder.resolve("application.yml"), settings);
		S3Proxy store = S3Proxy.builder()
			.blobStore(new TransientNio2BlobStore())
			.endpoint(URI.create("http://127.0.0.1:0"))
			.awsAuthentication(AuthenticationType.AWS_V4, "access", "secret")
			.metricsEnabled(false)
			.ignoreUnknownHeaders(true)
			.build();
		store.start();
		try (ConfigurableApplicationContext context = SpringApplication.run(Application.class,
				"--spring.config.additional-location=file:" + folder + "/", "--server.port=0",
				"--management.server.port=0", "--FLIGHTS_TOKEN_KEYS=" + "ab".repeat(32),
				"--spring.cloud.aws.credentials.access-key=access", "--spring.cloud.aws.credentials.secret-key=secret",
				"--vgi.external.s3.endpoint=http://127.0.0.1:" + store.getPort())) {
			S3Client client = context.getBean("vgiS3Client", S3Client.class);
			client.createBucket((create) -> create.bucket("my-batches"));
			assertThat(context.getBean(ExternalStorage.class).describe()).contains("my-batches/flights/");
			String url = "http://127.0.0.1:" + context.getEnvironment().getProperty("local.server.port");
			HttpResponse<byte[]> numbers = get(url + "/numbers", ARROW);
			assertThat(numbers.statusCode()).isEqualTo(303);
			String location = numbers.headers().firstValue("Location").orElseThrow();
			assertThat(URI.create(location).getPath()).startsWith("/my-batches/flights/");
			assertThat(get(location, "*/*").statusCode()).isEqualTo(200);
			assertThat(get(url + "/livez", "*/*").statusCode()).isEqualTo(200);
			assertThat(get(url + "/readyz", "*/*").statusCode()).isEqualTo(200);
			assertThat(get(url + "/actuator/health", "*/*").statusCode()).isEqualTo(404);
			String actuator = "http://127.0.0.1:" + context.getEnvironment().getProperty("local.management.port")
					+ "/actuator";
			assertThat(get(actuator + "/health/storage", "*/*").statusCode()).isEqualTo(200);
			// To those who are nobody, figures and no locations.
			assertThat(new String(get(actuator + "/vgiexternal", "*/*").body()))
				.contains("\"budget\":{\"max\":536870912")
				.doesNotContain("my-batches");
			assertThat(get(actuator + "/vgiexternalpage", "*/*").statusCode()).isEqualTo(200);
		}
		finally {
			store.stop();
		}
		assertThat(output).contains("budget 512 MB; callers may send pointers to this storage and nobody else");
	}

	private HttpResponse<byte[]> get(String url, String accept) throws Exception {
		return this.http.send(HttpRequest.newBuilder(URI.create(url)).header("Accept", accept).build(),
				BodyHandlers.ofByteArray());
	}

	@Configuration(proxyBeanMethods = false)
	// Two servers are on the class path of the tests.
	@EnableAutoConfiguration(
			excludeName = "org.springframework.boot.jetty.autoconfigure.actuate.web.server.JettyServletManagementContextAutoConfiguration")
	@Import(Controller.class)
	static class Application {

	}

	@RestController
	static class Controller {

		private final BufferAllocator allocator;

		Controller(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@GetMapping("/numbers")
		VectorSchemaRoot numbers() {
			return ServerlessClient.numbers(this.allocator, 200_000);
		}

	}

}
