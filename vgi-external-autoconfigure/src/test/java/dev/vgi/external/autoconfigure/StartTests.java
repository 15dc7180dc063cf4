package dev.vgi.external.autoconfigure;

import java.io.File;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.SystemEnvironmentPropertySource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * What a user sees at the start of an application: a real start, in a process of its own
 * where that matters.
 */
@ExtendWith(OutputCaptureExtension.class)
class StartTests {

	private static final String S3 = "vgi.external.s3.bucket=a,spring.cloud.aws.region.static=eu-central-1,"
			+ "spring.cloud.aws.credentials.access-key=key,spring.cloud.aws.credentials.secret-key=secret";

	@TempDir
	private Path folder;

	@ParameterizedTest
	@CsvSource(delimiter = '|', value = {
			"vgi.external.storage=s3|storage is s3 but no bucket is set|Set vgi.external.s3.bucket",
			"vgi.external.storage=gcs|storage is gcs but no bucket is set|Set vgi.external.gcs.bucket",
			"vgi.external.s3.bucket=a,vgi.external.gcs.bucket=b|Both vgi.external.s3.bucket and vgi.external.gcs.bucket are set|Set vgi.external.storage to s3 or gcs",
			"spring.main.cloud-platform=kubernetes|on Kubernetes the local folder of one pod is out of reach|Set vgi.external.s3.bucket or vgi.external.gcs.bucket",
			"vgi.external.storage=tape|vgi.external.storage|The following values are valid",
			"vgi.external.compression.level=23|must be from 1 to 22|Update your application's configuration",
			"vgi.external.externalize-threshold=-1|vgi.external.externalize-threshold must be at least 0B|Update",
			"vgi.external.local.directory=pom.xml|pom.xml of 'vgi.external.local.directory' cannot be used|Set vgi.external.local.directory",
			"vgi.external.local.directory=pom.xml/store|of 'vgi.external.local.directory' cannot be used|Set vgi.external.local.directory",
			"vgi.external.local.url-expiry=1m,vgi.external.local.retention=2m|vgi.external.local.retention is shorter than vgi.external.upload-url.expiry|Set vgi.external.local.retention to",
			"vgi.external.http.ssl.bundle=none|The SSL bundle 'none' of vgi.external.http.ssl.bundle|Define the bundle below spring.ssl.bundle",
			"vgi.external.s3.bucket=a,vgi.external.s3.region=eu_1|vgi.external.s3.region must be a name|Update",
			"vgi.external.s3.bucket=a,vgi.external.s3.endpoint=minio:9000|vgi.external.s3.endpoint must be an absolute URL|Update",
			"S3,spring.cloud.aws.endpoint=minio:9000|spring.cloud.aws.endpoint is not a URL with a host|Set spring.cloud.aws.endpoint",
			"S3,spring.cloud.aws.s3.endpoint=http://my_minio:9000|spring.cloud.aws.s3.endpoint is not a URL with a host|Set spring.cloud.aws.s3.endpoint" })
	void failsWithADescriptionAndAnAction(String settings, String description, String action, CapturedOutput output) {
		List<String> arguments = new ArrayList<>(List.of("--server.port=0"));
		Arrays.stream(settings.replace("S3", S3).split(",")).map("--"::concat).forEach(arguments::add);
		Throwable failure = catchThrowable(
				() -> SpringApplication.run(Application.class, arguments.toArray(String[]::new)).close());
		assertThat(failure).isNotNull();
		assertThat(output).contains("APPLICATION FAILED TO START")
			.containsSubsequence("Description:", description, "Action:", action)
			.doesNotContain("	at ");
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', value = {
			"vgi.rpc.token-keys=planted5ec7e7|vgi.rpc.token-keys[0]: A token key must be 32 bytes",
			"vgi.rpc.tokenKeys[0]=planted5ec7e7|vgi.rpc.token-keys[0]: A token key must be 32 bytes",
			"vgi.rpc.token-keys[0]=VALID;vgi.rpc.token-keys[1]=planted5ec7e7|vgi.rpc.token-keys[1]: A token key",
			"vgi.rpc.token-keys=VALID,planted5ec7e7|vgi.rpc.token-keys[1]: A token key",
			"vgi.rpc.token-keys[0]=VALID;vgi.rpc.token-keys[2]=planted5ec7e7|vgi.rpc.token-keys[2]] were left unbound",
			"vgi.rpc.token-keys.a=planted5ec7e7|STARTED",
			"vgi.rpc.token-keys=VALID;vgi.rpc.token-ttl=0s|vgi.rpc.token-ttl must be from 1ms",
			"VGI_RPC_TOKENKEYS=planted5ec7e7|vgi.rpc.token-keys[0]: A token key must be 32 bytes",
			"VGI_RPC_TOKENKEYS_0=VALID;VGI_RPC_TOKENKEYS_1=planted5ec7e7|vgi.rpc.token-keys[1]: A token key",
			"VGI_RPC_TOKENKEYS_0=VALID;VGI_RPC_TOKENKEYS_2=planted5ec7e7|STARTED",
			"vgi.external.http.proxy.password=planted5ec7e7;vgi.external.http.proxy.host=a b|proxy.host must be a host name",
			"vgi.external.http.proxy.password=planted5ec7e7;vgi.external.http.proxy.port=x|proxy.port",
			"vgi.external.http.proxy.password[1]=planted5ec7e7;vgi.external.http.proxy.port=0|proxy.port must be",
			"VGI_EXTERNAL_HTTP_PROXY_PASSWORD=planted5ec7e7;VGI_EXTERNAL_HTTP_PROXY_PORT=0|proxy.port must be from 1 to 65535" })
	void showsNoSecret(String settings, String description, CapturedOutput output) {
		String valid = "0123456789abcdef".repeat(4);
		Map<String, Object> values = new HashMap<>();
		for (String setting : settings.replace("VALID", valid).split(";")) {
			values.put(setting.substring(0, setting.indexOf('=')), setting.substring(setting.indexOf('=') + 1));
		}
		SpringApplication application = new SpringApplication(Application.class);
		application
			.addInitializers((context) -> context.getEnvironment()
				.getPropertySources()
				.addFirst(settings.startsWith("VGI_")
						? new SystemEnvironmentPropertySource("test-systemEnvironment", values)
						: new MapPropertySource("test", values)));
		Throwable failure = catchThrowable(() -> application
			.run("--server.port=0", "--logging.level.org.springframework.boot=DEBUG",
					"--vgi.external.local.directory=" + this.folder)
			.close());
		StringWriter trace = new StringWriter();
		if (failure != null) {
			failure.printStackTrace(new PrintWriter(trace));
		}
		assertThat(trace.toString()).doesNotContain("planted5ec7e7").doesNotContain(valid);
		assertThat(output).doesNotContain("planted5ec7e7").doesNotContain(valid);
		if (!description.startsWith("STARTED")) {
			assertThat(output).contains("APPLICATION FAILED TO START").contains(description);
		}
	}

	@Test
	void withoutTheFlagOfArrowSaysWhichFlag() throws Exception {
		String output = start(System.getProperty("java.class.path"), List.of());
		assertThat(output).contains("APPLICATION FAILED TO START")
			.containsSubsequence("Description:", "off-heap memory", "Action:",
					"--add-opens=java.base/java.nio=ALL-UNNAMED", "Add-Opens: java.base/java.nio");
	}

	@Test
	void withoutAnAllocatorSaysWhatIsMissing() throws Exception {
		String output = start(classPathWithout("arrow-memory-unsafe"),
				List.of("--add-opens=java.base/java.nio=ALL-UNNAMED"));
		assertThat(output).contains("APPLICATION FAILED TO START")
			.containsSubsequence("Description:", "no allocator on the class path", "Action:",
					"Add org.apache.arrow:arrow-memory-unsafe")
			.doesNotContain("	at ");
	}

	@Test
	void resolvesOnlyWithoutAnySdkOnTheClassPath() throws Exception {
		String classPath = classPathWithout(
				"software/amazon/awssdk|io/awspring|com/google/cloud|com/google/api|org/gaul");
		assertThat(classPath).doesNotContain("awssdk", "awspring", "spring-cloud-gcp");
		String output = start(classPath, List.of("--add-opens=java.base/java.nio=ALL-UNNAMED"),
				"--vgi.external.storage=none");
		assertThat(output).contains("STARTED").doesNotContain("FAILED");
	}

	private static String classPathWithout(String folders) {
		return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
			.filter((entry) -> !entry.replace('\\', '/').matches(".*/(" + folders + ")/.*"))
			.collect(Collectors.joining(File.pathSeparator));
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
