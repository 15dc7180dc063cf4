package dev.vgi.external;

import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

import javax.net.ssl.SSLContext;

import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.rpc.server.http.RpcSettings;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.SignedUrlSettings;
import dev.vgi.external.storage.gcs.GcsStorageSettings;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.storage.s3.S3Encryption;
import dev.vgi.external.storage.s3.S3StorageSettings;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.util.StringUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Every setting can be changed by its name, and changing it changes nothing else.
 */
class ConfigRecordTests {

	/** What the factories of defaults require. */
	private static final Set<String> REQUIRED = Set.of("directory", "bucket", "container", "expiresParameter",
			"signatureParameter", "prefix of RpcSettings", "serverId", "algorithm");

	@ParameterizedTest
	@MethodSource
	void everyComponentHasItsWither(Record defaults) throws Exception {
		for (RecordComponent component : defaults.getClass().getRecordComponents()) {
			String name = component.getName();
			if (REQUIRED.contains(name) || REQUIRED.contains(name + " of " + defaults.getClass().getSimpleName())) {
				continue;
			}
			Method wither = defaults.getClass().getMethod("with" + StringUtils.capitalize(name), component.getType());
			Object other = other(component, component.getAccessor().invoke(defaults));
			Object changed = wither.invoke(defaults, other);
			for (RecordComponent each : defaults.getClass().getRecordComponents()) {
				Object expected = each.getName().equals(name) ? other : each.getAccessor().invoke(defaults);
				assertThat(each.getAccessor().invoke(changed)).as(each.getName()).isEqualTo(expected);
			}
		}
	}

	static Stream<Record> everyComponentHasItsWither() {
		return Stream.of(ExternalLocationConfig.defaults(), FetchConfig.defaults(), Compression.defaults(),
				TransportSettings.defaults(), ReadLimits.defaults(), LocalStorageSettings.of(Path.of("folder")),
				S3StorageSettings.of("bucket"), S3Encryption.of("aws:kms"), GcsStorageSettings.of("bucket"),
				SignedUrlSettings.of(URI.create("https://files.example/"), "e", "s"),
				new RpcSettings("/vgi", "0123456789ab"));
	}

	private static Object other(RecordComponent component, Object value) throws Exception {
		Class<?> type = component.getType();
		if (type == boolean.class) {
			return !(boolean) value;
		}
		if (type == int.class) {
			return ((int) value > 1) ? (int) value - 1 : (int) value + 1;
		}
		if (type == long.class) {
			return (long) value + 1;
		}
		if (type == double.class) {
			return (double) value + 1;
		}
		if (type == Duration.class) {
			return ((Duration) value).plusMillis(1);
		}
		Map<Class<?>, Object> others = Map.of(Long.class, 1L, String.class, "other", Map.class, Map.of("a", "b"),
				FetchConfig.class, FetchConfig.defaults().withMaxRedirects(1), FetchConfig.Probe.class,
				FetchConfig.Probe.HEAD, Compression.class, Compression.defaults(), UrlValidator.class,
				UrlValidator.acceptAll(), ReadLimits.class, ReadLimits.defaults().withFields(1), S3Encryption.class,
				S3Encryption.of("AES256"), InetSocketAddress.class,
				InetSocketAddress.createUnresolved("proxy.example", 1));
		return (type == SSLContext.class) ? SSLContext.getDefault() : others.getOrDefault(type, new NoStorage());
	}

	@Test
	void objectsAreKeptAsLongAsTheirUrlsWork() {
		LocalStorageSettings settings = LocalStorageSettings.of(Path.of("objects"));
		assertThat(settings.withUrlExpiry(Duration.ofHours(2)).retention()).isEqualTo(Duration.ofMinutes(130));
		assertThat(settings.withUploadUrlExpiry(Duration.ofHours(3)).retention()).isEqualTo(Duration.ofMinutes(190));
		assertThat(settings.withRetention(Duration.ofDays(1)).withUrlExpiry(Duration.ofHours(2)).retention())
			.isEqualTo(Duration.ofDays(1));
	}

	/**
	 * A storage that is never used.
	 */
	private static final class NoStorage implements ExternalStorage {

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			throw new UnsupportedOperationException();
		}

		@Override
		public boolean isOwn(URI url) {
			return false;
		}

		@Override
		public String name() {
			return "none";
		}

	}

}
