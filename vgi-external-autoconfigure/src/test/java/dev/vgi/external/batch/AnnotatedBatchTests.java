package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

class AnnotatedBatchTests {

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void emptyBatchHasEmptyDictionaries() {
		try (AnnotatedBatch batch = SampleBatches.nestedDictionaries(this.allocator);
				AnnotatedBatch empty = batch.zeroRows(BatchMetadata.of("a", "b"), this.allocator)) {
			assertThat(empty.schema()).isEqualTo(batch.schema());
			assertThat(empty.rowCount()).isZero();
			assertThat(empty.dictionaries().getDictionaryIds()).containsExactlyInAnyOrder(2L, 40L);
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(empty)));
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
					this.allocator)) {
				reader.nextStream();
				try (AnnotatedBatch read = SampleBatches.next(reader)) {
					assertThat(read.metadata().get("a")).isEqualTo("b");
				}
			}
			Schema schema = batch.schema();
			assertThatIllegalArgumentException()
				.isThrownBy(() -> AnnotatedBatch.empty(schema, BatchMetadata.empty(), this.allocator));
		}
	}

	@Test
	void batchMovesToOtherMetadata() {
		AnnotatedBatch batch = SampleBatches.dictionaries(this.allocator, 3);
		AnnotatedBatch moved = batch.withMetadata(BatchMetadata.of("key", "value"));
		batch.close();
		assertThat(SampleBatches.values(moved)).hasSize(7);
		assertThatIllegalStateException().isThrownBy(() -> batch.withMetadata(BatchMetadata.of("key", "value")));
		moved.close();
		moved.close();
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	@Test
	void pointerIsABatchWithoutRowsThatHasALocation() {
		BatchMetadata location = BatchMetadata.of(MetadataKeys.LOCATION, "https://host/key");
		try (AnnotatedBatch rows = SampleBatches.numbers(this.allocator, 1).withMetadata(location);
				AnnotatedBatch pointer = rows.zeroRows(location, this.allocator);
				AnnotatedBatch none = rows.zeroRows(BatchMetadata.empty(), this.allocator)) {
			assertThat(rows.isPointer()).isFalse();
			assertThat(pointer.isPointer()).isTrue();
			assertThat(none.isPointer()).isFalse();
		}
	}

	@Test
	void sizeIsThatOfValuesAndDictionaries() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 100)) {
			assertThat(batch.bufferSize()).as("values and validity").isEqualTo(800 + 13);
		}
		StructVector struct = StructVector.empty("s", this.allocator);
		struct.addOrGet("x", FieldType.nullable(SampleBatches.INT32), IntVector.class);
		struct.allocateNew();
		try (AnnotatedBatch batch = SampleBatches.batch(100, List.of(struct), BatchMetadata.empty())) {
			assertThat(batch.bufferSize()).as("with its members").isEqualTo(13 + 400 + 13);
		}
		DictionaryEncoding encoding = new DictionaryEncoding(1, false, null);
		MapDictionaryProvider dictionaries = new MapDictionaryProvider();
		dictionaries.put(new Dictionary(SampleBatches.texts(this.allocator, "texts", "four", "more"), encoding));
		IntVector indices = new IntVector("c", new FieldType(true, SampleBatches.INT32, encoding), this.allocator);
		indices.allocateNew(2);
		AnnotatedBatch bare = SampleBatches.batch(2, List.of(indices), BatchMetadata.empty());
		try (AnnotatedBatch batch = new AnnotatedBatch(bare.root(), dictionaries, BatchMetadata.empty())) {
			assertThat(batch.bufferSize()).as("indices, then texts").isEqualTo((8 + 1) + (8 + 12 + 1));
		}
	}

	@Test
	void chargeEndsOnceWhenTheBatchIsFreed() {
		AtomicInteger discharged = new AtomicInteger();
		AnnotatedBatch plain = SampleBatches.numbers(this.allocator, 3);
		AnnotatedBatch charged = new AnnotatedBatch(plain.root(), plain.dictionaries(), plain.metadata(), () -> {
			assertThat(this.allocator.getAllocatedMemory()).as("freed before").isZero();
			discharged.incrementAndGet();
		});
		AnnotatedBatch moved = charged.withMetadata(BatchMetadata.empty());
		charged.close();
		assertThat(discharged).hasValue(0);
		moved.close();
		moved.close();
		assertThat(discharged).hasValue(1);
	}

	@Test
	void decodedBatchIsClosed() {
		AnnotatedBatch batch = SampleBatches.dictionaries(this.allocator, 3);
		try (VectorSchemaRoot decoded = batch.decode(this.allocator)) {
			assertThat(decoded.getRowCount()).isEqualTo(3);
			assertThatIllegalStateException().isThrownBy(() -> batch.decode(this.allocator))
				.withMessageContaining("closed");
			assertThatIllegalStateException().isThrownBy(() -> batch.withMetadata(BatchMetadata.empty()))
				.withMessageContaining("closed");
		}
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	@Test
	void batchWithoutItsDictionaryIsClosedByTheFailureToDecodeIt() {
		DictionaryEncoding encoding = new DictionaryEncoding(1, false, null);
		IntVector indices = new IntVector("c", new FieldType(true, SampleBatches.INT32, encoding), this.allocator);
		indices.allocateNew(2);
		AnnotatedBatch batch = SampleBatches.batch(2, List.of(indices), BatchMetadata.empty());
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> batch.decode(this.allocator))
			.withMessage("There is no dictionary 1");
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

}
