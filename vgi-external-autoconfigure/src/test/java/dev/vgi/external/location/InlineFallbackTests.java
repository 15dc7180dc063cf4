package dev.vgi.external.location;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.observation.TransferMetrics;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.upload.Payload;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests of what an {@link Externalizer} does with batches that cannot be stored.
 */
@ExtendWith(OutputCaptureExtension.class)
class InlineFallbackTests {

	private final BufferAllocator allocator = new RootAllocator();

	private final TransferResources resources = TransferResources.create();

	private final SimpleMeterRegistry meters = new SimpleMeterRegistry();

	private final AtomicLong clock = new AtomicLong(Long.MAX_VALUE - 10);

	private VgiExternalException failure = new StorageUnavailableException("The bucket does not answer", 503, null);

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.resources.budget().inUse()).isZero();
		this.resources.close();
		this.allocator.close();
	}

	@Test
	void everyFallbackIsCountedAndOneAMinuteIsWarnedOf(CapturedOutput output) {
		Externalizer externalizer = externalizer(true);
		fallBack(externalizer);
		fallBack(externalizer);
		this.clock.addAndGet(Duration.ofSeconds(60).toNanos() - 1);
		fallBack(externalizer);
		assertThat(warnings(output)).isOne();
		this.clock.incrementAndGet();
		fallBack(externalizer);
		fallBack(externalizer);
		assertThat(warnings(output)).isEqualTo(2);
		assertThat(
				this.meters.get("vgi.external.inline.fallbacks").tag("kind", "storage-unavailable").counter().count())
			.isEqualTo(5);
	}

	@Test
	void streamOfAPlainCallerIsLeftInlineToo(CapturedOutput output) {
		try (AnnotatedBatch batch = numbers()) {
			assertThat(externalizer(true).store(batch.schema(), List.of(batch), false)).isNull();
			assertThat(warnings(output)).isOne();
			assertThatExceptionOfType(StorageUnavailableException.class)
				.isThrownBy(() -> externalizer(false).store(batch.schema(), List.of(batch), false));
		}
	}

	@Test
	void withoutItTheCallFails() {
		OutputCycle cycle = OutputCycle.of(numbers());
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> externalizer(false).externalize(cycle));
		assertThat(this.meters.find("vgi.external.inline.fallbacks").counters()).isEmpty();
	}

	@Test
	void whoeverInterruptsAnUploadGetsNoBatchInstead(CapturedOutput output) {
		this.failure = new TransferCancelledException("The upload was interrupted");
		OutputCycle cycle = OutputCycle.of(numbers());
		assertThatExceptionOfType(TransferCancelledException.class)
			.isThrownBy(() -> externalizer(true).externalize(cycle));
		assertThat(this.meters.find("vgi.external.inline.fallbacks").counters()).isEmpty();
		assertThat(warnings(output)).isZero();
	}

	private void fallBack(Externalizer externalizer) {
		try (OutputCycle cycle = OutputCycle.of(numbers())) {
			assertThat(externalizer.externalize(cycle)).isSameAs(cycle);
			assertThat(cycle.data().rowCount()).isEqualTo(100);
		}
	}

	private static long warnings(CapturedOutput output) {
		return output.toString().lines().filter((line) -> line.contains("Batches travel inline")).count();
	}

	private AnnotatedBatch numbers() {
		BigIntVector vector = new BigIntVector("n", this.allocator);
		vector.allocateNew(100);
		for (int i = 0; i < 100; i++) {
			vector.set(i, i);
		}
		vector.setValueCount(100);
		return AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
	}

	private Externalizer externalizer(boolean inline) {
		ExternalLocationConfig config = ExternalLocationConfig.defaults()
			.withStorage(new DeadStorage())
			.withExternalizeThreshold(1)
			.withInlineOnFailure(inline);
		TransferResources resources = this.resources
			.withListener(new TransferMetrics(this.meters, this.resources.budget(), this.allocator));
		return new Externalizer(config, resources, this.allocator, this.clock::get);
	}

	private final class DeadStorage implements ExternalStorage {

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			throw InlineFallbackTests.this.failure;
		}

		@Override
		public boolean isOwn(URI url) {
			return false;
		}

		@Override
		public String name() {
			return "dead";
		}

	}

}
