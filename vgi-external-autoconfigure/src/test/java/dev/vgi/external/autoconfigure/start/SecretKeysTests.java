package dev.vgi.external.autoconfigure.start;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link SecretKeys}.
 */
class SecretKeysTests {

	@ParameterizedTest
	@ValueSource(strings = { "vgi.rpc.token-keys", "vgi.rpc.tokenKeys[0]", "VGI_RPC_TOKENKEYS", "VGI_RPC_TOKEN_KEYS_0",
			"vgi.external.http.proxy.password", "aws.secretAccessKey", "AWS_SESSION_TOKEN",
			"vgi.rpc.workers.first.environment.PASSWORD", "spring.cloud.gcp.credentials.encoded-key" })
	void secretsByWhateverName(String key) {
		assertThat(SecretKeys.contains(key)).isTrue();
	}

	@ParameterizedTest
	@ValueSource(strings = { "vgi.rpc.token-ttl", "vgi.external.http.proxy.username", "vgi.rpc.workers.first.command",
			"aws.accessKeyId", "spring.application.json", "" })
	void others(String key) {
		assertThat(SecretKeys.contains(key)).isFalse();
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			value = { "sun.java.command|com.example.Application --vgi.rpc.token-keys=secret",
					"JAVA_TOOL_OPTIONS|-Xmx1g -Daws.secretAccessKey=secret",
					"JDK_JAVA_OPTIONS|-Dvgi.rpc.workers.first.environment.PASSWORD=secret",
					"anything|{\"vgi.external.http.proxy.password\": \"secret\"}",
					"SPRING_APPLICATION_JSON|{\"vgi\": {\"rpc\": {\"prefix\": \"/x\", \"token-keys\": \"secret\"}}}",
					"spring.application.json|{}" })
	void carriersOfSecrets(String key, String value) {
		assertThat(SecretKeys.areCarriedBy(key, value)).isTrue();
	}

	@Test
	void othersCarryNone() {
		assertThat(SecretKeys.areCarriedBy("sun.java.command", "com.example.Application --server.port=0")).isFalse();
		assertThat(SecretKeys.areCarriedBy("any", null)).isFalse();
		assertThat(SecretKeys.areCarriedBy("any", 1)).isFalse();
	}

}
