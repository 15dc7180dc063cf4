package dev.vgi.external.location;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Yields ascending numbers, batch by batch, from an allocator of its own. It must be
 * closed exactly once, as many readers of native code must.
 */
public class NumbersReader extends ArrowReader {

	/** The only column. */
	public static final Schema SCHEMA = new Schema(List.of(Field.nullable("n", new ArrowType.Int(64, true))));

	private final int batches;

	private final int rows;

	private final AtomicInteger loaded = new AtomicInteger();

	private final AtomicInteger closed = new AtomicInteger();

	private volatile boolean memoryReturned;

	/**
	 * Create a reader.
	 * @param batches number of batches
	 * @param rows rows of each batch, of 8 bytes plus one bit
	 */
	public NumbersReader(int batches, int rows) {
		super(new RootAllocator());
		this.batches = batches;
		this.rows = rows;
	}

	@Override
	public boolean loadNextBatch() throws IOException {
		int number = this.loaded.get();
		if (number == this.batches) {
			return false;
		}
		beforeBatch(number + 1);
		this.loaded.incrementAndGet();
		VectorSchemaRoot root = getVectorSchemaRoot();
		BigIntVector vector = (BigIntVector) root.getVector(0);
		vector.allocateNew(this.rows);
		for (int i = 0; i < this.rows; i++) {
			vector.set(i, (long) number * this.rows + i);
		}
		root.setRowCount(this.rows);
		return true;
	}

	/**
	 * Called before a batch is loaded.
	 * @param number 1 for the first one
	 * @throws IOException if it cannot be loaded
	 */
	protected void beforeBatch(int number) throws IOException {
	}

	/**
	 * Return how many batches were loaded.
	 * @return the number
	 */
	public int loaded() {
		return this.loaded.get();
	}

	/**
	 * Return whether the reader was closed once, and its memory is free.
	 * @return {@code false} as long as anything is left
	 */
	public boolean isDone() {
		return this.closed.get() == 1 && this.memoryReturned;
	}

	@Override
	public long bytesRead() {
		return 0;
	}

	@Override
	protected void closeReadSource() {
		if (this.closed.incrementAndGet() > 1) {
			throw new IllegalStateException("closed twice");
		}
		BufferAllocator own = this.allocator;
		own.close();
		this.memoryReturned = true;
	}

	@Override
	protected Schema readSchema() {
		return SCHEMA;
	}

}
