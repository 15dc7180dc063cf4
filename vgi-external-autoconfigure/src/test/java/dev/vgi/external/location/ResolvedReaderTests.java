package dev.vgi.external.location;

import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

/**
 * Tests for {@link ResolvedReader} on a real folder.
 */
class ResolvedReaderTests {

	@TempDir
	private Path folder;

	private final BufferAllocator allocator = new RootAllocator();

	private final TransferResources resources = TransferResources.create();

	private ExternalLocationConfig config;

	@BeforeEach
	void setUp() {
		this.config = ExternalLocationConfig.defaults()
			.withStorage(new LocalStorage(LocalStorageSettings.of(this.folder), () -> URI.create("http://127.0.0.1:1"),
					Clock.systemUTC()))
			.withExternalizeThreshold(0)
			.withUrlValidator(UrlValidator.acceptAll());
	}

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.resources.budget().inUse()).isZero();
		assertThat(this.resources.slabs().leasedSlabs()).isZero();
		this.resources.close();
		this.allocator.close();
	}

	private AnnotatedBatch stored(AnnotatedBatch batch) {
		return new Externalizer(this.config, this.resources, this.allocator)
			.externalize(new OutputCycle(List.of(new LogMessage("INFO", "log of the batch", Map.of())), batch))
			.data();
	}

	private ResolvedReader reader(AnnotatedBatch... batches) {
		return reader(LogSink.discarding(), batches);
	}

	private ResolvedReader reader(LogSink logs, AnnotatedBatch... batches) {
		ResolvedBatches resolved = new LocationResolver(this.config, this.resources)
			.ahead(new BatchList(List.of(batches)), this.allocator, logs, false);
		return new ResolvedReader(resolved, this.allocator);
	}

	static Stream<Function<BufferAllocator, AnnotatedBatch>> layouts() {
		return Stream.of((allocator) -> SampleBatches.flat(allocator, 37),
				(allocator) -> SampleBatches.flat(allocator, 0), (allocator) -> SampleBatches.nested(allocator, 23),
				(allocator) -> SampleBatches.nested(allocator, 0), SampleBatches::times, SampleBatches::runs,
				(allocator) -> SampleBatches.dictionaries(allocator, 12), SampleBatches::nestedDictionaries);
	}

	@ParameterizedTest
	@MethodSource("layouts")
	void everyLayoutIsLoadedInlineAndStored(Function<BufferAllocator, AnnotatedBatch> layout) throws Exception {
		List<Object> expected;
		try (AnnotatedBatch batch = layout.apply(this.allocator)) {
			expected = SampleBatches.values(batch);
		}
		try (ResolvedReader reader = reader(layout.apply(this.allocator), stored(layout.apply(this.allocator)),
				layout.apply(this.allocator))) {
			VectorSchemaRoot root = reader.getVectorSchemaRoot();
			for (int i = 0; i < 3; i++) {
				assertThat(reader.loadNextBatch()).isTrue();
				assertThat(reader.getVectorSchemaRoot()).isSameAs(root);
				MapDictionaryProvider dictionaries = new MapDictionaryProvider(
						reader.getDictionaryVectors().values().toArray(Dictionary[]::new));
				assertThat(SampleBatches.values(new AnnotatedBatch(root, dictionaries, BatchMetadata.empty())))
					.isEqualTo(expected);
				assertThat(reader.getDictionaryIds()).containsAll(dictionaries.getDictionaryIds());
			}
			assertThat(reader.loadNextBatch()).isFalse();
			assertThat(root.getRowCount()).isZero();
			assertThat(reader.loadNextBatch()).isFalse();
		}
	}

	@Test
	void valuesAreNotCopied() throws Exception {
		try (ResolvedReader reader = reader(SampleBatches.numbers(this.allocator, 100_000),
				SampleBatches.numbers(this.allocator, 100_000))) {
			long held = this.allocator.getAllocatedMemory();
			assertThat(reader.loadNextBatch()).isTrue();
			assertThat(this.allocator.getAllocatedMemory()).isEqualTo(held);
			assertThat(reader.bytesRead()).isGreaterThanOrEqualTo(800_000);
			assertThat(reader.loadNextBatch()).isTrue();
			assertThat(this.allocator.getAllocatedMemory()).isLessThanOrEqualTo(held / 2);
		}
	}

	@Test
	void dictionariesOfTheFirstBatchAreThereBeforeItIsLoaded() throws Exception {
		try (ResolvedReader reader = reader(texts(7, "a", "b"), stored(texts(7, "c")))) {
			assertThat(text(reader, 7)).isEqualTo("a");
			assertThat(reader.getVectorSchemaRoot().getRowCount()).isZero();
			assertThat(reader.loadNextBatch()).isTrue();
			assertThat(reader.getVectorSchemaRoot().getRowCount()).isEqualTo(2);
			assertThat(text(reader, 7)).isEqualTo("a");
			assertThat(reader.loadNextBatch()).isTrue();
			assertThat(text(reader, 7)).isEqualTo("c");
			assertThat(reader.loadNextBatch()).isFalse();
		}
	}

	@Test
	void storedStreamMayNumberItsDictionariesInAnotherWay() throws Exception {
		try (AnnotatedBatch pointer = stored(texts(9, "stored")); AnnotatedBatch inline = texts(7, "inline")) {
			AnnotatedBatch renumbered = inline.zeroRows(pointer.metadata(), this.allocator);
			try (ResolvedReader reader = reader(renumbered)) {
				assertThat(reader.loadNextBatch()).isTrue();
				assertThat(text(reader, 7)).isEqualTo("stored");
				assertThat(Objects.requireNonNull(reader.lookup(7)).getEncoding().getId()).isEqualTo(7);
			}
		}
	}

	@Test
	void failureIsNotTheEnd() throws Exception {
		AnnotatedBatch gone;
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 1)) {
			gone = batch.zeroRows(BatchMetadata.of(MetadataKeys.LOCATION, "http://127.0.0.1:1/vgi/objects/gone?secret"),
					this.allocator);
		}
		this.config = this.config.withMaxRetries(0);
		List<LogMessage> logs = new ArrayList<>();
		try (ResolvedReader reader = reader(logs::add, stored(SampleBatches.numbers(this.allocator, 5)), gone,
				SampleBatches.numbers(this.allocator, 5))) {
			assertThat(reader.loadNextBatch()).isTrue();
			assertThat(logs).hasSize(1);
			StorageUnavailableException failure = catchThrowableOfType(StorageUnavailableException.class,
					reader::loadNextBatch);
			assertThat(failure).isNotNull().hasMessageNotContaining("secret");
			assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(reader::loadNextBatch)
				.isSameAs(failure);
			assertThat(reader.getVectorSchemaRoot().getRowCount()).isZero();
		}
	}

	@Test
	void closedReaderLoadsNothing() throws Exception {
		ResolvedReader reader = reader(texts(7, "a"), texts(7, "b"));
		assertThat(reader.lookup(7)).isNotNull();
		reader.close();
		reader.close();
		assertThatIllegalStateException().isThrownBy(reader::loadNextBatch).withMessageContaining("closed");
		assertThatIllegalStateException().isThrownBy(reader::getDictionaryVectors).withMessageContaining("closed");
	}

	private static String text(ResolvedReader reader, long id) {
		return ((VarCharVector) Objects.requireNonNull(reader.lookup(id)).getVector()).getObject(0).toString();
	}

	private AnnotatedBatch texts(long id, String... texts) {
		VarCharVector values = new VarCharVector("values", this.allocator);
		DictionaryEncoding encoding = new DictionaryEncoding(id, false, new ArrowType.Int(32, true));
		IntVector indices = (IntVector) new Field("text", new FieldType(true, encoding.getIndexType(), encoding), null)
			.createVector(this.allocator);
		for (int i = 0; i < texts.length; i++) {
			values.setSafe(i, texts[i].getBytes());
			indices.setSafe(i, i);
		}
		values.setValueCount(texts.length);
		indices.setValueCount(texts.length);
		return new AnnotatedBatch(VectorSchemaRoot.of(indices),
				new MapDictionaryProvider(new Dictionary(values, encoding)), BatchMetadata.empty());
	}

}
