package dev.vgi.external.autoconfigure;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.UploadUrlProvider;
import org.apache.arrow.vector.types.pojo.Schema;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.TransientNio2BlobStore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.services.s3.S3Client;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * What storage is reached and signed with is shown nowhere, though Actuator is told to
 * show all values and everything of ours is logged.
 */
@ExtendWith(OutputCaptureExtension.class)
class StorageSecretsTests {

	private static final String SECRET = "planted-secret-key";

	private static final String TOKEN = "planted-session-token";

	private static final String PASSWORD = "planted-proxy-password";

	private static final Schema SCHEMA = new Schema(List.of());

	private static final Pattern METER = Pattern.compile("\"(vgi\\.external[^\"]*)\"");

	private final HttpClient http = HttpClient.newHttpClient();

	private final StringBuilder seen = new StringBuilder();

	/** Levels outlive the application that sets them. */
	@AfterEach
	void beQuietAgain() {
		LoggingSystem logging = LoggingSystem.get(getClass().getClassLoader());
		logging.setLogLevel("dev.vgi", null);
		logging.setLogLevel("io.awspring", null);
	}

	@Test
	void keysOfS3AreNotShown(CapturedOutput output) throws Exception {
		S3Proxy server = S3Proxy.builder()
			.blobStore(new TransientNio2BlobStore())
			.endpoint(URI.create("http://127.0.0.1:0"))
			.awsAuthentication(AuthenticationType.AWS_V4, "access", SECRET)
			.metricsEnabled(false)
			.ignoreUnknownHeaders(true)
			.build();
		server.start();
		try (ConfigurableApplicationContext context = start("vgi.external.s3.bucket=batches",
				"vgi.external.s3.region=eu-central-1", "vgi.external.s3.endpoint=http://127.0.0.1:" + server.getPort(),
				"spring.cloud.aws.credentials.access-key=access", "spring.cloud.aws.credentials.secret-key=" + SECRET,
				"vgi.external.health.write-probe=true")) {
			context.getBean("vgiS3Client", S3Client.class).createBucket((create) -> create.bucket("batches"));
			look(context);
			assertThat(this.seen).contains("stored and fetched").contains("vgi.external.url.lifetime");
			context.getBean(ExternalStorage.class).upload(BytesPayload.random(100, 1), SCHEMA, null);
			server.stop();
			fail(context);
			look(context);
		}
		assertNothingShown(output);
	}

	@Test
	void wrongKeysOfS3AreNotShown(CapturedOutput output) throws Exception {
		S3Proxy server = S3Proxy.builder()
			.blobStore(new TransientNio2BlobStore())
			.endpoint(URI.create("http://127.0.0.1:0"))
			.awsAuthentication(AuthenticationType.AWS_V4, "access", "another secret")
			.metricsEnabled(false)
			.ignoreUnknownHeaders(true)
			.build();
		server.start();
		System.setProperty("aws.accessKeyId", "access");
		System.setProperty("aws.secretAccessKey", SECRET);
		System.setProperty("aws.sessionToken", TOKEN);
		try (ConfigurableApplicationContext context = start("vgi.external.s3.bucket=batches",
				"vgi.external.s3.region=eu-central-1",
				"vgi.external.s3.endpoint=http://127.0.0.1:" + server.getPort())) {
			fail(context);
			look(context);
			assertThat(this.seen).contains("DOWN");
		}
		finally {
			List.of("aws.accessKeyId", "aws.secretAccessKey", "aws.sessionToken").forEach(System::clearProperty);
			server.stop();
		}
		assertNothingShown(output);
	}

	@Test
	void passwordOfTheProxyIsNotShown(CapturedOutput output) throws Exception {
		try (ConfigurableApplicationContext context = start("vgi.external.s3.bucket=batches",
				"vgi.external.s3.region=eu-central-1", "vgi.external.s3.endpoint=http://127.0.0.1:1",
				"spring.cloud.aws.credentials.access-key=access", "spring.cloud.aws.credentials.secret-key=" + SECRET,
				"vgi.external.http.proxy.host=127.0.0.1", "vgi.external.http.proxy.port=1",
				"vgi.external.http.proxy.username=user", "vgi.external.http.proxy.password=" + PASSWORD)) {
			fail(context);
			look(context);
			assertThat(this.seen).contains("vgi.external.http.proxy.username");
		}
		assertNothingShown(output);
	}

	@Test
	void signingKeyOfTheFolderIsNotShown(CapturedOutput output, @TempDir Path folder) throws Exception {
		byte[] key;
		try (ConfigurableApplicationContext context = start("vgi.external.local.directory=" + folder)) {
			key = Files.readAllBytes(folder.resolve(".signing-key"));
			context.getBean(ExternalStorage.class).upload(BytesPayload.random(100, 1), SCHEMA, null);
			look(context);
		}
		assertNothingShown(output);
		assertThat(this.seen + output.toString()).doesNotContain(HexFormat.of().formatHex(key))
			.doesNotContain(Base64.getEncoder().encodeToString(key))
			.doesNotContain(Base64.getUrlEncoder().withoutPadding().encodeToString(key))
			.doesNotContain(Arrays.toString(key));
	}

	@Test
	void keyOfGcsIsNotShown(CapturedOutput output) throws Exception {
		try (ConfigurableApplicationContext context = start("vgi.external.gcs.bucket=batches",
				"spring.cloud.gcp.project-id=project", "spring.cloud.gcp.storage.host=http://127.0.0.1",
				"spring.cloud.gcp.credentials.encoded-key=" + ServiceAccountKey.encoded(),
				"spring.cloud.gcp.storage.credentials.encoded-key=" + ServiceAccountKey.encoded())) {
			fail(context);
			look(context);
			assertThat(this.seen).contains("spring.cloud.gcp.credentials.encoded-key", "vgi.external.url.lifetime");
		}
		assertNothingShown(output);
		for (String text : List.of(this.seen.toString(), output.toString())) {
			assertThat(text).doesNotContain(ServiceAccountKey.encoded())
				.doesNotContain(ServiceAccountKey.privateKey())
				.doesNotContain("X-Goog-Signature=")
				.doesNotContain("Bearer ");
		}
	}

	private static ConfigurableApplicationContext start(String... settings) {
		List<String> arguments = new ArrayList<>(List.of("--server.port=0", "--server.address=127.0.0.1",
				"--management.endpoints.web.exposure.include=*", "--management.endpoint.env.show-values=always",
				"--management.endpoint.configprops.show-values=always",
				"--management.endpoint.health.show-details=always", "--vgi.external.health.cache=0s",
				"--vgi.external.upload.max-retries=0", "--logging.level.dev.vgi=trace",
				"--logging.level.io.awspring=debug"));
		Stream.of(settings).map((setting) -> "--" + setting).forEach(arguments::add);
		return new SpringApplication(Application.class).run(arguments.toArray(String[]::new));
	}

	private void fail(ConfigurableApplicationContext context) {
		ExternalStorage storage = context.getBean(ExternalStorage.class);
		for (int size : List.of(100, 9 << 20)) {
			assertThatExceptionOfType(VgiExternalException.class)
				.isThrownBy(() -> storage.upload(BytesPayload.random(size, 1), SCHEMA, null))
				.satisfies((ex) -> {
					StringWriter trace = new StringWriter();
					ex.printStackTrace(new PrintWriter(trace));
					this.seen.append(trace);
				});
		}
	}

	/** Take everything in that Actuator and our own objects say. */
	private void look(ConfigurableApplicationContext context) throws Exception {
		String actuator = "http://127.0.0.1:" + context.getEnvironment().getProperty("local.server.port")
				+ "/actuator/";
		Set<String> paths = new LinkedHashSet<>(List.of("env", "configprops", "health", "beans", "conditions",
				"mappings", "loggers", "threaddump", "info", "env/spring.cloud.aws.credentials.secret-key",
				"env/vgi.external.http.proxy.password", "configprops/vgi.external"));
		Matcher meters = METER.matcher(get(actuator + "metrics"));
		while (meters.find()) {
			paths.add("metrics/" + meters.group(1));
		}
		for (String path : paths) {
			this.seen.append(get(actuator + path));
		}
		assertThat(paths).hasSizeGreaterThan(15);
		for (String name : context.getBeanDefinitionNames()) {
			Object bean = context.getBean(name);
			if (bean.getClass().getName().startsWith("dev.vgi")) {
				this.seen.append(bean).append('\n');
			}
		}
		this.seen.append(context.getBean(UploadUrlProvider.class).generateUploadUrl(SCHEMA));
	}

	private String get(String url) throws Exception {
		HttpResponse<byte[]> response = this.http.send(HttpRequest.newBuilder(URI.create(url)).build(),
				HttpResponse.BodyHandlers.ofByteArray());
		return new String(response.body(), StandardCharsets.UTF_8);
	}

	private void assertNothingShown(CapturedOutput output) {
		assertThat(this.seen).contains("spring.cloud.aws", "vgi.external");
		for (String text : List.of(this.seen.toString(), output.toString())) {
			assertThat(text).doesNotContain(SECRET).doesNotContain(TOKEN).doesNotContain(PASSWORD);
			assertThat(text).doesNotContain("X-Amz-Signature=").doesNotContainIgnoringCase("&signature=");
		}
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	static class Application {

	}

}
