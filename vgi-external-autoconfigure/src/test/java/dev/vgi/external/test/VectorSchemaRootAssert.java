package dev.vgi.external.test;

import dev.vgi.external.batch.BatchMetadata;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.jspecify.annotations.Nullable;

/**
 * Assertions about vectors.
 */
public final class VectorSchemaRootAssert extends AbstractTableAssert<VectorSchemaRootAssert, VectorSchemaRoot> {

	private final DictionaryProvider dictionaries;

	VectorSchemaRootAssert(@Nullable VectorSchemaRoot actual, DictionaryProvider dictionaries) {
		super(actual, VectorSchemaRootAssert.class);
		this.dictionaries = dictionaries;
	}

	@Override
	Table read(VectorSchemaRoot actual) {
		return Table.of(actual, this.dictionaries, BatchMetadata.empty());
	}

}
