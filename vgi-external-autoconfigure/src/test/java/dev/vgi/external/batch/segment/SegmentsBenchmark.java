package dev.vgi.external.batch.segment;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.benchmark.Payloads;
import dev.vgi.external.memory.SlabPool;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.types.pojo.Schema;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Batches of 2 MB appended to a segment of 32 MB, and the same bytes copied, both into
 * memory that is used again.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.SECONDS)
public class SegmentsBenchmark {

	private static final int ROWS = Payloads.ROWS_4_MB / 2;

	private static final int BATCHES = 16;

	private final BufferAllocator allocator = new RootAllocator();

	private final VectorSchemaRoot root = Payloads.synthetic(this.allocator, ROWS);

	private final ArrowRecordBatch batch = new VectorUnloader(this.root).getRecordBatch();

	private final long batchSize = VectorMemory.size(this.root.getFieldVectors());

	private final ArrowBuf memory = this.allocator.buffer(BATCHES * this.batchSize);

	private final SlabPool slabs = new SlabPool(64 << 20, Duration.ofMinutes(10));

	@Setup
	public void check() {
		if (append() != BATCHES * ROWS) {
			throw new IllegalStateException("The segment is not complete");
		}
	}

	@Benchmark
	public int append() {
		try (Segments segments = new Segments(new ReaderBatches(new Repeating(), this.allocator),
				BATCHES * this.batchSize - 1_000_000, this.allocator, this.slabs)) {
			while (true) {
				try (AnnotatedBatch segment = segments.pull()) {
					if (segment != null) {
						return segment.rowCount();
					}
				}
			}
		}
	}

	@Benchmark
	public long copy() {
		long copied = 0;
		for (int i = 0; i < BATCHES; i++) {
			for (ArrowBuf buffer : this.batch.getBuffers()) {
				this.memory.setBytes(copied, buffer, 0, buffer.readableBytes());
				copied += buffer.readableBytes();
			}
		}
		return copied;
	}

	@TearDown
	public void close() {
		this.slabs.close();
		this.memory.close();
		this.batch.close();
		this.root.close();
		this.allocator.close();
	}

	/**
	 * Yields the batch again and again, without a copy.
	 */
	private final class Repeating extends ArrowReader {

		Repeating() {
			super(SegmentsBenchmark.this.allocator);
		}

		@Override
		public boolean loadNextBatch() throws IOException {
			ensureInitialized();
			loadRecordBatch(new VectorUnloader(SegmentsBenchmark.this.root).getRecordBatch());
			return true;
		}

		@Override
		protected Schema readSchema() {
			return SegmentsBenchmark.this.root.getSchema();
		}

		@Override
		public long bytesRead() {
			return 0;
		}

		@Override
		protected void closeReadSource() {
		}

	}

}
