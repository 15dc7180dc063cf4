package dev.vgi.external.location;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Batches that are all at hand.
 */
final class BatchList implements BatchSource {

	private final Schema schema;

	private final Deque<AnnotatedBatch> batches;

	/**
	 * Create a source.
	 * @param batches taken over
	 */
	BatchList(List<AnnotatedBatch> batches) {
		this.schema = batches.isEmpty() ? new Schema(List.of()) : batches.get(0).schema();
		this.batches = new ArrayDeque<>(batches);
	}

	@Override
	public Schema schema() {
		return this.schema;
	}

	@Override
	public @Nullable AnnotatedBatch next() {
		return this.batches.poll();
	}

	@Override
	public boolean isReady() {
		return true;
	}

	@Override
	public void close() {
		this.batches.forEach(AnnotatedBatch::close);
		this.batches.clear();
	}

}
