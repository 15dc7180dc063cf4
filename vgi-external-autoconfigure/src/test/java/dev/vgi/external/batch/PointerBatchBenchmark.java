package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.benchmark.Payloads;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * A pointer written and read, and by Arrow's own writer and reader the same batch without
 * rows and without the metadata that makes it a pointer.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.SECONDS)
public class PointerBatchBenchmark {

	private static final BatchMetadata METADATA = BatchMetadata
		.of(MetadataKeys.LOCATION,
				"https://bucket.s3.eu-central-1.amazonaws.com/vgi-rpc/0123456789abcdef0123456789abcdef.arrow"
						+ "?X-Amz-Signature=" + "0".repeat(64))
		.with(MetadataKeys.LOCATION_SHA256, "0".repeat(64));

	private final BufferAllocator allocator = new RootAllocator();

	private final VectorSchemaRoot root = Payloads.synthetic(this.allocator, 0);

	private final AnnotatedBatch pointer = AnnotatedBatch.of(this.root).withMetadata(METADATA);

	@Benchmark
	public BatchMetadata pointer() throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(this.pointer))) {
			stream.writeTo(Channels.newChannel(bytes));
		}
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes.toByteArray()), Long.MAX_VALUE,
				this.allocator)) {
			reader.nextStream();
			try (AnnotatedBatch batch = reader.next()) {
				if (batch == null || !batch.metadata().equals(METADATA)) {
					throw new IllegalStateException("The pointer got lost");
				}
				return batch.metadata();
			}
		}
	}

	@Benchmark
	public int stockBatch() throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		// Closing it would close the root, which is used again.
		ArrowStreamWriter writer = new ArrowStreamWriter(this.root, null, bytes);
		writer.start();
		writer.writeBatch();
		writer.end();
		try (ArrowStreamReader reader = new ArrowStreamReader(new ByteArrayInputStream(bytes.toByteArray()),
				this.allocator)) {
			if (!reader.loadNextBatch()) {
				throw new IllegalStateException("The batch got lost");
			}
			return reader.getVectorSchemaRoot().getRowCount();
		}
	}

	@TearDown
	public void close() {
		this.root.close();
		this.allocator.close();
	}

}
