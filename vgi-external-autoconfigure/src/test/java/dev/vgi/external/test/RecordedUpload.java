package dev.vgi.external.test;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.assertj.core.api.AssertProvider;
import org.jspecify.annotations.Nullable;

/**
 * An object that {@link InMemoryStorage} holds. AssertJ's own {@code assertThat} knows
 * it, too.
 */
public final class RecordedUpload implements AssertProvider<RecordedUploadAssert> {

	private final String key;

	private final byte[] bytes;

	private final @Nullable String contentCoding;

	RecordedUpload(String key, byte[] bytes, @Nullable String contentCoding) {
		this.key = key;
		this.bytes = bytes;
		this.contentCoding = contentCoding;
	}

	/**
	 * Return the name of the object.
	 * @return the last segment of its URL's path
	 */
	public String key() {
		return this.key;
	}

	/**
	 * Return how large it is.
	 * @return bytes as they are stored, coded or not
	 */
	public long size() {
		return this.bytes.length;
	}

	/**
	 * Return how the bytes are coded.
	 * @return such as {@code zstd}, or {@code null}
	 */
	public @Nullable String contentCoding() {
		return this.contentCoding;
	}

	/**
	 * Return the stored bytes.
	 * @return a copy, still coded
	 */
	public byte[] bytes() {
		return this.bytes.clone();
	}

	byte[] content() {
		return this.bytes;
	}

	/**
	 * Return the schema of the stored batches.
	 * @return the schema in memory format
	 */
	public Schema schema() {
		return Table.of(this.bytes).schema();
	}

	/**
	 * Return how many rows the stored batches have together.
	 * @return the number
	 */
	public long rowCount() {
		return Table.of(this.bytes).rowCount();
	}

	/**
	 * Decode the stored batches, without log batches.
	 * @param allocator the owner of the batches
	 * @return the batches, which the caller closes
	 */
	public List<AnnotatedBatch> batches(BufferAllocator allocator) {
		List<AnnotatedBatch> batches = new ArrayList<>();
		try {
			Table.read(this.bytes, allocator, (reader) -> {
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					if (BatchKind.of(batch.rowCount(), batch.metadata()) == BatchKind.LOG) {
						batch.close();
					}
					else {
						batches.add(batch);
					}
				}
			});
			return batches;
		}
		catch (RuntimeException | Error ex) {
			batches.forEach(AnnotatedBatch::close);
			throw ex;
		}
	}

	@Override
	public RecordedUploadAssert assertThat() {
		return new RecordedUploadAssert(this);
	}

	@Override
	public String toString() {
		return this.key + " (" + this.bytes.length + " bytes, "
				+ Objects.requireNonNullElse(this.contentCoding, "not coded") + ")";
	}

}
