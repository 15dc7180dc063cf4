package dev.vgi.external.storage.local;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.NumbersReader;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.transfer.RecordedEvents;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.TransferCancelledException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests of what is known about uploads to a {@link LocalStorage}, which knows nothing of
 * traces.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LocalTimelineTests {

	private final RecordedEvents recorded = new RecordedEvents();

	private final BufferAllocator allocator = new RootAllocator();

	private final TransferResources resources = TransferResources.create().withListener(this.recorded);

	@TempDir
	private Path directory;

	private Externalizer externalizer;

	@BeforeEach
	void create() {
		LocalStorage storage = new LocalStorage(
				new LocalStorageSettings(this.directory, false, Duration.ofHours(1), Duration.ofMinutes(15),
						Duration.ofMinutes(70), 100 << 20, 100 << 20),
				() -> URI.create("https://example.com"), new SteppedClock());
		this.externalizer = new Externalizer(ExternalLocationConfig.defaults()
			.withStorage(storage)
			.withCompression(new Compression(1, 0))
			.withInlineOnFailure(true), this.resources, this.allocator);
	}

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.recorded.transfers()).allMatch(RecordedEvents.Timeline::hasEnded);
		assertThat(this.resources.budget().inUse()).isZero();
		assertThat(this.resources.slabs().leasedSlabs()).isZero();
		this.resources.close();
		this.allocator.close();
	}

	@Test
	void plainObjectHasPhases() {
		assertThat(store(false)).isNotNull();
		RecordedEvents.Timeline timeline = this.recorded.only();
		long length = timeline.storedBytes();
		assertThat(timeline.withoutDigest()).containsExactly("size " + length + " null", "upload {", "} upload");
		assertThat(timeline.where((line) -> line.contains("digest"))).containsExactly("digest {", "} digest");
	}

	@Test
	void compressedObjectHasOnePhaseOfCodingHoweverManyPartsAreWritten() {
		assertThat(store(true)).isNotNull();
		RecordedEvents.Timeline timeline = this.recorded.only();
		long length = timeline.storedBytes();
		assertThat(timeline.withoutDigest()).containsExactly("coding {", "upload {", "size " + length + " zstd",
				"} coding", "} upload");
	}

	@Test
	void resultSetHasPhases() {
		assertThat(store(new NumbersReader(10, 100_000))).isNotNull();
		RecordedEvents.Timeline timeline = this.recorded.only();
		long length = timeline.storedBytes();
		assertThat(timeline.where((line) -> !line.contains("coding"))).containsExactly("upload {",
				"size " + length + " zstd", "} upload");
		// Twice for each batch, and for each part that it waits for.
		assertThat(timeline.where((line) -> line.contains("coding"))).hasSizeBetween(2, 2 * (10 + 3));
	}

	@ParameterizedTest
	@ValueSource(strings = { "coding {", "upload {" })
	void objectThatIsEndedLeavesNothing(String moment) throws Exception {
		this.recorded.onEvent((transfer, event) -> {
			if (event.equals(moment)) {
				transfer.end();
			}
		});
		assertEnded(() -> store(true));
	}

	@Test
	void resultSetThatIsEndedLeavesNothing() throws Exception {
		assertEnded(() -> store(new NumbersReader(1000, 100_000) {

			@Override
			protected void beforeBatch(int number) {
				if (number == 10) {
					LocalTimelineTests.this.recorded.only().transfer().end();
				}
			}

		}));
	}

	private void assertEnded(Runnable upload) throws IOException {
		assertThatExceptionOfType(TransferCancelledException.class).isThrownBy(upload::run)
			.withMessageContaining("was ended by an operator");
		assertThat(Thread.interrupted()).isFalse();
		try (Stream<Path> files = Files.list(this.directory)) {
			assertThat(files).allMatch((file) -> file.endsWith(UrlSigner.KEY_FILE));
		}
	}

	private @Nullable URI store(boolean compress) {
		int rows = 1_000_000;
		BigIntVector vector = new BigIntVector("n", this.allocator);
		vector.allocateNew(rows);
		for (int row = 0; row < rows; row++) {
			vector.set(row, row);
		}
		vector.setValueCount(rows);
		try (AnnotatedBatch batch = AnnotatedBatch.of(VectorSchemaRoot.of(vector))) {
			return this.externalizer.store(batch.schema(), List.of(batch), compress);
		}
	}

	private @Nullable URI store(NumbersReader numbers) {
		try (ReaderBatches batches = new ReaderBatches(numbers, this.allocator)) {
			return this.externalizer.store(batches, true, ResponseBudget.unlimited());
		}
	}

}
