package dev.vgi.external.rpc.client;

import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.LogMessage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link RemoteLog}.
 */
@ExtendWith(OutputCaptureExtension.class)
class RemoteLogTests {

	private final RemoteLog log = new RemoteLog();

	@Test
	void writesAtTheLevelOfTheService(CapturedOutput output) {
		for (String level : List.of("ERROR", "WARN", "INFO", "NOTICE")) {
			this.log.log(new LogMessage(level, "text of " + level, Map.of("key", "value")));
		}
		assertThat(output.getAll().lines().filter((line) -> line.contains("text of"))).satisfiesExactly(
				(line) -> assertThat(line).contains("ERROR", "text of ERROR {key=value}"),
				(line) -> assertThat(line).contains("WARN"), (line) -> assertThat(line).contains("INFO"),
				(line) -> assertThat(line).contains("INFO", "text of NOTICE"));
	}

	@Test
	void neitherForgesLinesNorShowsSecrets(CapturedOutput output) {
		this.log.log(new LogMessage("INFO", "one\n2026-01-01 ERROR forged",
				Map.of("url", "https://storage.example/key?X-Amz-Signature=secret")));
		assertThat(output.getAll()).contains("one 2026-01-01 ERROR forged").doesNotContain("secret");
	}

	@ParameterizedTest
	@ValueSource(strings = { "\n", "\r", "\u0085", "\u2028", "\u2029", "\u009B31m", "\u001B[31m", "\u202E", "\u2066" })
	void staysInOneLineForEveryReaderOfTheLog(String odd, CapturedOutput output) {
		this.log.log(new LogMessage("INFO", "one" + odd + "two", Map.of()));
		assertThat(output.getAll()).contains("one " + odd.substring(1) + "two");
	}

}
