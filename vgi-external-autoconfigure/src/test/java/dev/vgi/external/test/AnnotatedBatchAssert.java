package dev.vgi.external.test;

import dev.vgi.external.batch.AnnotatedBatch;
import org.jspecify.annotations.Nullable;

/**
 * Assertions about a batch with its metadata.
 */
public final class AnnotatedBatchAssert extends AbstractBatchesAssert<AnnotatedBatchAssert, AnnotatedBatch> {

	AnnotatedBatchAssert(@Nullable AnnotatedBatch actual) {
		super(actual, AnnotatedBatchAssert.class);
	}

	@Override
	Table read(AnnotatedBatch actual) {
		return Table.of(actual.root(), actual.dictionaries(), actual.metadata());
	}

}
