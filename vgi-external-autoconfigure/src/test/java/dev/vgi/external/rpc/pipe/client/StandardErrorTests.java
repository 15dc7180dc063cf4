package dev.vgi.external.rpc.pipe.client;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

import org.apache.commons.logging.LogFactory;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link StandardError}.
 */
class StandardErrorTests {

	@Test
	void theLastLinesAreKept() {
		StringBuilder text = new StringBuilder();
		for (int i = 1; i <= 30; i++) {
			text.append("line ").append(i).append('\n');
		}
		assertThat(lines(text + "and no end")).hasSize(20).startsWith("line 12").endsWith("line 30", "and no end");
	}

	@Test
	void aSecretBehindTheLongestLineIsNotShown() {
		String url = "https://bucket.example/key?X-Amz-Signature=" + "0123456789".repeat(10);
		for (int before : new int[] { 0, 4050, 4080, 4096, 5000 }) {
			assertThat(lines("x".repeat(before) + " " + url + "\nnext")).hasSize(2)
				.endsWith("next")
				.allSatisfy((line) -> assertThat(line).doesNotContain("0123"));
		}
	}

	private static List<String> lines(String text) {
		return StandardError
			.read(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)),
					LogFactory.getLog(StandardErrorTests.class), "model")
			.last(30_000);
	}

}
