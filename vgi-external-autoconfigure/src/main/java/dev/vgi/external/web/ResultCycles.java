package dev.vgi.external.web;

import java.util.Iterator;
import java.util.NoSuchElementException;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.ResultBatches;
import org.jspecify.annotations.Nullable;

/**
 * The batches of a result set as cycles without logs. Only one is in memory: each is
 * closed before the next one is requested.
 */
final class ResultCycles implements Iterator<OutputCycle>, AutoCloseable {

	private final ResultBatches batches;

	private @Nullable AnnotatedBatch current;

	/** Whether the current batch was not returned yet. */
	private boolean ahead;

	ResultCycles(ResultBatches batches) {
		this.batches = batches;
	}

	@Override
	public boolean hasNext() {
		if (!this.ahead) {
			close();
			this.current = this.batches.next();
			this.ahead = this.current != null;
		}
		return this.ahead;
	}

	@Override
	public OutputCycle next() {
		if (!hasNext() || this.current == null) {
			throw new NoSuchElementException();
		}
		this.ahead = false;
		return OutputCycle.of(this.current);
	}

	@Override
	public void close() {
		if (this.current != null) {
			this.current.close();
			this.current = null;
		}
	}

}
