package dev.vgi.external.storage.custom;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.SignedUrlSettings;
import dev.vgi.external.storage.SignedUrlStorage;
import dev.vgi.external.storage.StorageKillsContract;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.web.client.PayloadUploader;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;

import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A service that is killed while others upload to its local store and fetch from it.
 */
class LocalServiceKillsContract extends StorageKillsContract {

	@Override
	protected List<String> command(int port, Path folder) {
		return List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
				"--add-opens=java.base/java.nio=ALL-UNNAMED", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
				"-cp", System.getProperty("java.class.path"), KilledService.class.getName(), "--server.port=" + port,
				"--server.address=127.0.0.1", "--vgi.external.storage=local",
				"--vgi.external.local.directory=" + folder.resolve("objects"), "--spring.main.banner-mode=off");
	}

	@Override
	protected ExternalStorage create(URI server, Path folder, TransferResources resources, Runnable asked,
			Duration timeout) throws Exception {
		URI container = server.resolve(LocalStorage.PATH);
		SignedLinkStorage signer = new SignedLinkStorage(resources.transport(), container,
				Files.readAllBytes(folder.resolve("objects").resolve(".signing-key")), Clock.systemUTC());
		SignedUrlSettings settings = SignedUrlSettings.of(container, "expires", "Signature")
			.withTimeout(timeout)
			.withRetryDelay(retryDelay());
		return new SignedUrlStorage("links", settings, resources.transport(), Clock.systemUTC()) {

			@Override
			protected URI sign(URI url, String method, Instant expires) {
				asked.run();
				return signer.sign(url, method, expires);
			}

		};
	}

	@Override
	protected Duration retryDelay() {
		// A service takes its time to start.
		return Duration.ofSeconds(3);
	}

	@Override
	protected Duration longestDowntime() {
		return Duration.ZERO;
	}

	@Override
	protected Runnable call(URI server, BufferAllocator allocator, LocationResolver resolver,
			TransferResources resources) {
		VgiClient client = new VgiClient.Builder(RestClient.builder(), allocator, resolver)
			.uploader(new PayloadUploader(resources, Duration.ofSeconds(20),
					new RetryPolicy(2, retryDelay(), resources.transport())))
			.baseUrl(server.toString())
			.uploadThreshold(1)
			.inlineOnUploadFailure(false)
			.build();
		return () -> {
			int rows = 400_000;
			BigIntVector numbers = new BigIntVector("n", allocator);
			numbers.allocateNew(rows);
			for (int i = 0; i < rows; i++) {
				numbers.set(i, i * 31L);
			}
			numbers.setValueCount(rows);
			try (AnnotatedBatch input = AnnotatedBatch.of(VectorSchemaRoot.of(numbers));
					AnnotatedBatch result = client.call("/negate", input, LogSink.discarding())) {
				BigIntVector negated = (BigIntVector) result.root().getVector("n");
				assertThat(negated.getValueCount()).isEqualTo(rows);
				for (int i = 0; i < rows; i++) {
					if (negated.get(i) != i * -31L) {
						throw new AssertionError("another value at " + i);
					}
				}
			}
		};
	}

	@Override
	protected Set<String> contents() {
		throw new UnsupportedOperationException("The local store deletes by age alone");
	}

	@Override
	protected boolean takesDeletions() {
		return false;
	}

	@Override
	protected int multipartSize() {
		return 8_000_000;
	}

}
