package dev.vgi.external.autoconfigure;

import java.util.Map;
import java.util.Objects;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * A value that cannot be used fails where it is bound, and the failure names the key that
 * was set: neither a field of Java nor another key. Numbers are in {@link RangesTests}.
 */
class BadPropertiesTests {

	@ParameterizedTest
	@CsvSource(delimiter = '|', value = { "vgi.external.compression.level|23", "vgi.external.compression.workers|65",
			"vgi.external.fetch.chunk-size|2GB", "vgi.external.fetch.chunk-size|0",
			"vgi.external.fetch.parallel-threshold|0", "vgi.external.fetch.max-parallel-requests|0",
			"vgi.external.fetch.timeout|0s", "vgi.external.fetch.max-fetch-size|0",
			"vgi.external.fetch.max-decompressed-size|0", "vgi.external.fetch.speculative-retry-multiplier|0.5",
			"vgi.external.upload.timeout|0s", "vgi.external.upload.part-size|6GB",
			"vgi.external.http.connect-timeout|0s", "vgi.external.http.read-timeout|0s",
			"vgi.external.http.max-connections|0", "vgi.external.memory.budget|0",
			"vgi.external.memory.max-per-request|0", "vgi.external.health.timeout|0s", "vgi.external.memory.budget|3",
			"vgi.external.memory.max-per-request|1", "vgi.external.fetch.max-parallel-requests|2147483647",
			"vgi.external.fetch.timeout|300000d", "vgi.external.retry-delay|300000d", "vgi.rpc.token-ttl|300000d",
			"vgi.external.url.allowed-hosts|https://storage.example",
			"vgi.external.url.allowed-hosts|storage.example:70000",
			"vgi.external.client.url.allowed-hosts|[2001:db8::1]:0",
			"vgi.external.client.url.allowed-hosts|*.storage.*", "vgi.external.url.allowed-schemes|ftp",
			"vgi.external.client.url.allowed-schemes|s3", "vgi.external.s3.prefix|/a", "vgi.external.s3.prefix|a//b",
			"vgi.external.gcs.prefix|../a", "vgi.external.gcs.presign-expiry|8d", "vgi.external.s3.presign-expiry|8d",
			"vgi.external.gcs.bucket|gs://batches", "vgi.external.s3.bucket|s3://batches",
			"vgi.external.s3.bucket|batches/of/mine", "vgi.rpc.prefix|vgi", "vgi.rpc.prefix|/vgi/",
			"vgi.external.local.directory|file:store", "vgi.rpc.prefix|/{name}", "vgi.rpc.prefix|/**",
			"vgi.rpc.prefix|/a b", "vgi.rpc.prefix|/a?b", "vgi.rpc.prefix|//a" })
	void whatCannotBeUsedNamesItsKey(String key, String value) {
		assertNamed(key, value);
	}

	private static void assertNamed(String key, String value) {
		Binder binder = new Binder(new MapConfigurationPropertySource(Map.of(key, value)));
		Throwable failure = key.startsWith("vgi.rpc")
				? catchThrowable(() -> binder.bind("vgi.rpc", VgiRpcProperties.class))
				: catchThrowable(() -> binder.bind("vgi.external", VgiExternalProperties.class));
		assertThat(failure).isNotNull();
		Throwable root = failure;
		while (root.getCause() != null) {
			root = root.getCause();
		}
		assertThat(root).isInstanceOf(IllegalArgumentException.class);
		assertThat(Objects.requireNonNull(root.getMessage())).startsWith(key);
	}

}
