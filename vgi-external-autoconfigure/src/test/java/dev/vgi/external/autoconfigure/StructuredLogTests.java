package dev.vgi.external.autoconfigure;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.transport.FaultServer;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.logging.LoggingInitializationContext;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.boot.logging.LoggingSystemProperty;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.StandardEnvironment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * The lines of transfers in Boot's structured log, as an operator gets them.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@ExtendWith(OutputCaptureExtension.class)
class StructuredLogTests {

	private final BufferAllocator allocator = new RootAllocator();

	private byte[] object = {};

	private final FaultServer storage = new FaultServer((request, reply) -> {
		if (request.target().startsWith("/object")) {
			reply.object(this.object, "x-amz-request-id: request-7");
		}
		else {
			reply.head(503, "x-amz-request-id: request-8", "Content-Length: 0", "Retry-After: 60");
		}
	});

	@AfterEach
	void stop() {
		this.storage.close();
		this.allocator.close();
		// The next application of this process begins anew.
		System.clearProperty(LoggingSystemProperty.CONSOLE_STRUCTURED_FORMAT.getEnvironmentVariableName());
		LoggingSystem logging = LoggingSystem.get(getClass().getClassLoader());
		logging.cleanUp();
		logging.beforeInitialize();
		logging.initialize(new LoggingInitializationContext(new StandardEnvironment()), null, null);
		logging.cleanUp();
	}

	private void fetch(String path, String... arguments) {
		SpringApplication application = new SpringApplication(Application.class);
		application.setWebApplicationType(WebApplicationType.NONE);
		List<String> all = new ArrayList<>(
				List.of("--logging.structured.format.console=ecs", "--spring.main.banner-mode=off",
						"--vgi.external.storage=none", "--vgi.external.url.allowed-hosts=localhost",
						"--vgi.external.url.allowed-schemes=http", "--vgi.external.url.allow-private-addresses=true"));
		all.addAll(List.of(arguments));
		try (ConfigurableApplicationContext context = application.run(all.toArray(String[]::new));
				AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 100);
				AnnotatedBatch pointer = pointer(batch, this.storage.url(path + "?X-Amz-Signature=secret"))) {
			this.object = SampleBatches.stream(batch);
			context.getBean("vgiLocationResolver", LocationResolver.class)
				.resolve(pointer, this.allocator, LogSink.discarding())
				.close();
		}
	}

	private AnnotatedBatch pointer(AnnotatedBatch batch, URI location) {
		return batch.zeroRows(BatchMetadata.of(MetadataKeys.LOCATION, location.toString()), this.allocator);
	}

	private static JsonNode line(CapturedOutput output) {
		assertThat(output).doesNotContain("secret");
		List<JsonNode> lines = output.getOut()
			.lines()
			.filter((line) -> line.startsWith("{"))
			.map((line) -> JsonMapper.shared().readTree(line))
			.filter((line) -> "dev.vgi.external.transfer.Transfer".equals(line.at("/log/logger").asString("")))
			.toList();
		assertThat(lines).hasSize(1);
		return lines.get(0);
	}

	@Test
	void failedTransfer(CapturedOutput output) {
		assertThatExceptionOfType(VgiExternalException.class)
			.isThrownBy(() -> fetch("/busy", "--vgi.external.fetch.timeout=2s"));
		JsonNode line = line(output);
		assertThat(line.at("/log/level").asString()).isEqualTo("WARN");
		JsonNode fields = line.at("/vgi");
		assertThat(fields.at("/transfer/id").asString()).matches("[0-9a-f]{16}");
		assertThat(fields.at("/kind").asString()).isEqualTo("storage-unavailable");
		assertThat(fields.at("/direction").asString()).isEqualTo("fetch");
		assertThat(fields.at("/origin").asString()).isEqualTo(this.storage.url("").toString());
		assertThat(fields.at("/bytes").asLong(-1)).isZero();
		assertThat(fields.at("/attempt").asInt()).isEqualTo(1);
		assertThat(fields.at("/request/id").asString()).isEqualTo("request-8");
		assertThat(line.at("/message").asString()).startsWith("Fetch of " + this.storage.url("/busy") + " failed");
	}

	@Test
	void slowTransfer(CapturedOutput output) {
		fetch("/object", "--vgi.external.slow-transfer-threshold=1ns");
		JsonNode line = line(output);
		assertThat(line.at("/log/level").asString()).isEqualTo("INFO");
		JsonNode fields = line.at("/vgi");
		assertThat(fields.at("/transfer/id").asString()).matches("[0-9a-f]{16}");
		assertThat(fields.at("/kind").asString()).isEqualTo("success");
		assertThat(fields.at("/origin").asString()).isEqualTo(this.storage.url("").toString());
		assertThat(fields.at("/bytes").asLong()).isEqualTo(this.object.length);
		assertThat(fields.at("/attempt").asInt()).isEqualTo(1);
		assertThat(fields.at("/elapsed/ms").isNumber()).isTrue();
		assertThat(fields.at("/request/id").asString()).isEqualTo("request-7");
		assertThat(line.at("/message").asString()).startsWith("Fetch of " + this.storage.url("/object") + " took ");
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	static class Application {

	}

}
