package dev.vgi.external.test;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Objects;

import org.apache.arrow.vector.ipc.ArrowReader;
import org.jspecify.annotations.Nullable;

/**
 * Assertions about a reader. {@link #nextBatch()} loads one batch; every other assertion
 * reads to the end, and is about all rows from the reader's position on. The reader is
 * not closed.
 */
public final class ArrowReaderAssert extends AbstractTableAssert<ArrowReaderAssert, ArrowReader> {

	ArrowReaderAssert(@Nullable ArrowReader actual) {
		super(actual, ArrowReaderAssert.class);
	}

	@Override
	Table read(ArrowReader actual) {
		return Table.rest(actual);
	}

	/**
	 * Verify that there is another batch, load it, and go on with it.
	 * @return assertions about the batch, which are valid until the next one is loaded
	 */
	public VectorSchemaRootAssert nextBatch() {
		isNotNull();
		ArrowReader reader = Objects.requireNonNull(this.actual);
		try {
			if (!reader.loadNextBatch()) {
				failWithMessage("%nExpected another batch but the reader is at its end");
			}
			return new VectorSchemaRootAssert(reader.getVectorSchemaRoot(), reader);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/**
	 * Verify that the reader is at its end.
	 * @return this assertion
	 */
	public ArrowReaderAssert hasNoMoreBatches() {
		isNotNull();
		try {
			if (Objects.requireNonNull(this.actual).loadNextBatch()) {
				failWithMessage("%nExpected no more batches but there is one of %s rows",
						this.actual.getVectorSchemaRoot().getRowCount());
			}
			return this;
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
