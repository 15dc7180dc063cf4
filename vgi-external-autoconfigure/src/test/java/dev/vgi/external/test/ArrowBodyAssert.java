package dev.vgi.external.test;

import org.jspecify.annotations.Nullable;

/**
 * Assertions about the bytes of an Arrow stream, such as the body of a response. All its
 * batches are one table; its log batches are left out. The bytes may be coded with zstd
 * or gzip.
 */
public final class ArrowBodyAssert extends AbstractBatchesAssert<ArrowBodyAssert, byte[]> {

	ArrowBodyAssert(byte @Nullable [] actual) {
		super(actual, ArrowBodyAssert.class);
	}

	@Override
	Table read(byte[] actual) {
		return Table.of(actual);
	}

}
