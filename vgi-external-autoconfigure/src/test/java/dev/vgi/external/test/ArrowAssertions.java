package dev.vgi.external.test;

import dev.vgi.external.batch.AnnotatedBatch;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.assertj.core.api.InstanceOfAssertFactory;
import org.jspecify.annotations.Nullable;

/**
 * Entry point of the assertions about Arrow data, beside AssertJ's own:
 * <pre class="code">
 * assertThat(root).hasRows(3)
 *     .column("delay").containsExactly(5, 12, null)
 *     .column("carrier").containsOnly("UA");
 * </pre>
 */
public final class ArrowAssertions {

	/** Vectors, for {@code asInstanceOf}. */
	public static final InstanceOfAssertFactory<VectorSchemaRoot, VectorSchemaRootAssert> VECTOR_SCHEMA_ROOT = new InstanceOfAssertFactory<>(
			VectorSchemaRoot.class, ArrowAssertions::assertThat);

	/** A batch, for {@code asInstanceOf}. */
	public static final InstanceOfAssertFactory<AnnotatedBatch, AnnotatedBatchAssert> ANNOTATED_BATCH = new InstanceOfAssertFactory<>(
			AnnotatedBatch.class, ArrowAssertions::assertThat);

	/** A reader, for {@code asInstanceOf}. */
	public static final InstanceOfAssertFactory<ArrowReader, ArrowReaderAssert> ARROW_READER = new InstanceOfAssertFactory<>(
			ArrowReader.class, ArrowAssertions::assertThat);

	/**
	 * The bytes of an Arrow stream, for {@code asInstanceOf}, such as
	 * {@code assertThat(mvc.get().uri("/flights")).body().asInstanceOf(ARROW_BODY)}.
	 */
	public static final InstanceOfAssertFactory<byte[], ArrowBodyAssert> ARROW_BODY = new InstanceOfAssertFactory<>(
			byte[].class, ArrowAssertions::assertThatBody);

	private ArrowAssertions() {
	}

	/**
	 * Assert about vectors without dictionary columns.
	 * @param actual borrowed
	 * @return the assertions
	 */
	public static VectorSchemaRootAssert assertThat(@Nullable VectorSchemaRoot actual) {
		return assertThat(actual, new MapDictionaryProvider());
	}

	/**
	 * Assert about vectors.
	 * @param actual borrowed
	 * @param dictionaries the dictionaries of its columns; borrowed
	 * @return the assertions
	 */
	public static VectorSchemaRootAssert assertThat(@Nullable VectorSchemaRoot actual,
			DictionaryProvider dictionaries) {
		return new VectorSchemaRootAssert(actual, dictionaries);
	}

	/**
	 * Assert about a batch.
	 * @param actual borrowed
	 * @return the assertions
	 */
	public static AnnotatedBatchAssert assertThat(@Nullable AnnotatedBatch actual) {
		return new AnnotatedBatchAssert(actual);
	}

	/**
	 * Assert about what a reader still has.
	 * @param actual borrowed
	 * @return the assertions
	 */
	public static ArrowReaderAssert assertThat(@Nullable ArrowReader actual) {
		return new ArrowReaderAssert(actual);
	}

	/**
	 * Assert about the bytes of an Arrow stream.
	 * @param actual the bytes, coded with zstd or gzip or not at all
	 * @return the assertions
	 */
	public static ArrowBodyAssert assertThatBody(byte @Nullable [] actual) {
		return new ArrowBodyAssert(actual);
	}

	/**
	 * Assert about what was stored.
	 * @param actual what {@link InMemoryStorage} has recorded
	 * @return the assertions
	 */
	public static RecordedUploadAssert assertThat(@Nullable RecordedUpload actual) {
		return new RecordedUploadAssert(actual);
	}

}
