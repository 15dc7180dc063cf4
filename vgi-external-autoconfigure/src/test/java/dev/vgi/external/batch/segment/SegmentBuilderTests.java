package dev.vgi.external.batch.segment;

import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.FragileType;
import dev.vgi.external.batch.SampleBatches;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link SegmentBuilder}, and for what fails in the middle of it.
 */
class SegmentBuilderTests {

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void batchThatDoesNotFitAnyMoreIsNotAppended() {
		try (AnnotatedBatch small = nothing(10);
				AnnotatedBatch large = nothing(Integer.MAX_VALUE - 20);
				SegmentBuilder builder = Objects
					.requireNonNull(SegmentBuilder.start(small, small, 1, this.allocator, null))) {
			assertThat(builder.append(large, 1)).isTrue();
			assertThat(builder.append(small, 1)).isFalse();
			try (AnnotatedBatch built = builder.build()) {
				assertThat(built.rowCount()).isEqualTo(Integer.MAX_VALUE);
			}
		}
	}

	private static AnnotatedBatch nothing(int rows) {
		return SampleBatches.batch(rows, List.of(new NullVector("nothing", rows)), BatchMetadata.empty());
	}

	@Test
	void segmentThatCannotBeBuiltLeavesNothing() {
		FragileType type = new FragileType();
		try (AnnotatedBatch batch = batch(type);
				SegmentBuilder builder = Objects
					.requireNonNull(SegmentBuilder.start(batch, batch, 1, this.allocator, null))) {
			type.setBroken(true);
			assertThatIllegalStateException().isThrownBy(builder::build).withMessage("broken");
			type.setBroken(false);
			try (AnnotatedBatch built = builder.build()) {
				assertThat(built.rowCount()).isEqualTo(2);
			}
		}
	}

	@Test
	void vectorThatCannotBeSharedOrCopiedLeavesNothing() {
		FragileType type = new FragileType();
		try (AnnotatedBatch batch = batch(type)) {
			Field field = batch.schema().getFields().get(1);
			FieldVector vector = batch.root().getVector(1);
			type.setBroken(true);
			assertThatIllegalStateException().isThrownBy(() -> VectorMemory.share(field, vector, this.allocator));
			assertThatIllegalStateException().isThrownBy(() -> VectorMemory.copy(field, vector, this.allocator));
		}
	}

	@Test
	void dictionariesThatAreNotCompleteLeaveNothing() {
		DictionaryEncoding encoding = new DictionaryEncoding(1, false, null);
		try (FieldVector values = SampleBatches.texts(this.allocator, "values", "a", "b")) {
			Dictionary first = new Dictionary(values, encoding);
			DictionaryProvider incomplete = new DictionaryProvider() {

				@Override
				public @Nullable Dictionary lookup(long id) {
					return (id == 1) ? first : null;
				}

				@Override
				public Set<Long> getDictionaryIds() {
					return new TreeSet<>(List.of(1L, 2L));
				}

			};
			assertThatExceptionOfType(NullPointerException.class)
				.isThrownBy(() -> Dictionaries.share(incomplete, this.allocator));
		}
	}

	private AnnotatedBatch batch(FragileType type) {
		IntVector numbers = new IntVector("number", this.allocator);
		numbers.setSafe(0, 7);
		numbers.setValueCount(1);
		return SampleBatches.batch(1, List.of(numbers, type.vector("fragile", 8, this.allocator)),
				BatchMetadata.empty());
	}

}
