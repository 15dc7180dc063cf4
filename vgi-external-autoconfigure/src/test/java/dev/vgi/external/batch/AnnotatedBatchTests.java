package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;

import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
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

}
